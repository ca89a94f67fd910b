"""What is counted stays what is there: under random changes, under many writers at once, and when tampered with."""

import asyncio
import random

import psycopg
import pytest

from conftest import Database
from integration.vector_store.shelf import EAST, NORTH, SERVICE, WEST, Shelf, passage
from vector_store.errors import NotFoundError
from vector_store.models import Counts
from vector_store.operations import verify_all

WORDS = ["harbour", "quay", "berth", "pilot", "anchor", "tide", "the", "Häfen", "rope-walk", "b2b"]
DIRECTIONS = [NORTH, EAST, WEST]


class Ledger:
    """What should be in the stores: for each store and file the texts of its chunks."""

    def __init__(self, shelf: Shelf, seed: int) -> None:
        self.shelf = shelf
        self.rng = random.Random(seed)
        self.stores: dict[str, dict[str, list[str]]] = {}

    async def change(self) -> None:
        """One random change, noted."""
        if len(self.stores) < 2:
            self.stores[await self.shelf.store()] = {}
        store = self.rng.choice(list(self.stores))
        files = self.stores[store]
        action = self.rng.choices(
            ("put", "rewrite", "empty", "detach", "delete file", "attach elsewhere", "delete store"),
            weights=(8, 6, 2, 2, 2, 3, 1),
        )[0]
        if action == "put" or not files:
            files[await self.shelf.attach(store)] = []
            await self._write(store, list(files)[-1])
            return
        file = self.rng.choice(list(files))
        match action:
            case "rewrite":
                await self._write(store, file)
            case "empty":
                assert await self.shelf.engine.delete(SERVICE, store, file) == len(files[file])
                files[file] = []
            case "detach":
                await self.shelf.catalog.detach(SERVICE, store, file)
                del files[file]
            case "delete file":
                await self.shelf.catalog.delete_file(SERVICE, file)
                for others in self.stores.values():
                    others.pop(file, None)
            case "attach elsewhere":
                other = self.rng.choice(list(self.stores))
                await self.shelf.catalog.attach(SERVICE, other, file)
                self.stores[other].setdefault(file, [])
                await self._write(other, file)
            case _:
                await self.shelf.catalog.delete_store(SERVICE, store)
                del self.stores[store]

    async def _write(self, store: str, file: str) -> None:
        texts = [" ".join(self.rng.choices(WORDS, k=self.rng.randint(1, 12))) for _ in range(self.rng.randint(0, 5))]
        chunks = [passage(text, *self.rng.sample(DIRECTIONS, self.rng.randint(0, 2))) for text in texts]
        await self.shelf.write(store, file, chunks)
        self.stores[store][file] = texts

    async def check(self) -> None:
        for store, files in self.stores.items():
            assert await self.shelf.engine.verify(SERVICE, store) == []
            found = await self.shelf.engine.count(SERVICE, store)
            assert found.chunks == sum(map(len, files.values()))
            for file, texts in files.items():
                assert [chunk.text for chunk in await self.shelf.engine.read(SERVICE, store, file)] == texts


@pytest.mark.parametrize("seed", range(4))
async def test_random_changes_keep_every_count_exact(shelf: Shelf, database: Database, seed: int) -> None:
    ledger = Ledger(shelf, seed)
    for _ in range(15):
        for _ in range(4):
            await ledger.change()
        await ledger.check()
    for store in list(ledger.stores):
        await shelf.catalog.delete_store(SERVICE, store)
    with psycopg.connect(database.owner_url) as conn:
        for table in ("chunks", "chunk_terms", "term_counts", "store_counts", "store_files", "vectors_1"):
            assert conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,), table


async def test_many_writers_of_one_store_neither_wait_in_a_circle_nor_miscount(shelf: Shelf) -> None:
    """Rewriting, deleting and deleting everywhere at once; a deadlock would raise here."""
    stores = [await shelf.store() for _ in range(2)]
    files = [await shelf.put(stores[0], passage("harbour")) for _ in range(12)]
    for file in files:
        await shelf.catalog.attach(SERVICE, stores[1], file)

    async def work(worker: int) -> None:
        rng = random.Random(worker)
        for _ in range(12):
            store, file = rng.choice(stores), rng.choice(files[:8])
            if rng.random() < 0.15:
                await shelf.engine.delete(SERVICE, store, file)
            words = rng.sample(WORDS, 6)
            await shelf.write(store, file, [passage(" ".join(words), NORTH), passage(words[0], EAST)])

    async def remove() -> None:
        for file in files[8:]:
            await shelf.catalog.delete_file(SERVICE, file)

    async with asyncio.TaskGroup() as tasks:
        for worker in range(8):
            tasks.create_task(work(worker))
        tasks.create_task(remove())
    for store in stores:
        assert await shelf.engine.verify(SERVICE, store) == []


async def test_a_store_deleted_under_its_writers_leaves_nothing(shelf: Shelf, database: Database) -> None:
    store = await shelf.store()
    files = [await shelf.attach(store) for _ in range(6)]

    async def write(file: str) -> None:
        try:
            for _ in range(10):
                await shelf.write(store, file, [passage("harbour quay", NORTH)])
        except NotFoundError:
            return

    async with asyncio.TaskGroup() as tasks:
        for file in files:
            tasks.create_task(write(file))
        tasks.create_task(shelf.catalog.delete_store(SERVICE, store))
    with psycopg.connect(database.owner_url) as conn:
        for table in ("chunks", "chunk_terms", "term_counts", "store_counts", "store_files"):
            assert conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,), table


@pytest.mark.parametrize(
    ("tampering", "what"),
    [
        ("DELETE FROM chunks WHERE position = 0", "words without their chunk"),
        ("DELETE FROM vectors_1", "files with another number of vectors than noted"),
        ("UPDATE term_counts SET chunks = chunks + 1 WHERE term = 'quay'", "term counts that are wrong"),
        ("DELETE FROM term_counts WHERE term = 'quay'", "term counts that are wrong"),
        ("UPDATE store_counts SET length = length + 1", "languages with wrong totals"),
        ("UPDATE store_files SET chunk_count = 5", "chunks of its files"),
        ("UPDATE store_files SET fingerprint = NULL", "files with chunks but without a fingerprint"),
        ("DELETE FROM chunk_terms", "chunks without their words"),
        (
            "UPDATE chunks SET text = 'harbour pilot' WHERE position = 0",
            "chunks whose words are not those of their text",
        ),
        ("UPDATE chunk_terms SET length = length + 1", "chunks whose words are not those of their text"),
        ("UPDATE store_files SET usage_bytes = usage_bytes + 1", "files of another size than noted"),
        ("UPDATE vectors_1 SET tenant = 'elsewhere'", "rows of another tenant"),
        ("UPDATE chunk_terms SET tenant = 'elsewhere'", "rows of another tenant"),
        ("UPDATE vectors_1 SET chunk_no = 999 WHERE chunk_no = 1", "vectors without their chunk"),
        ("UPDATE chunks SET store_file_no = 2 WHERE position = 1", "files with another number of chunks than noted"),
        ("UPDATE chunk_terms SET store_file_no = 2", "words without their chunk"),
        ("UPDATE stores SET space_no = NULL", "vectors of another space than the store has"),
    ],
)
async def test_verify_says_what_does_not_agree(shelf: Shelf, database: Database, tampering: str, what: str) -> None:
    store = await shelf.store()
    await shelf.put(store, passage("harbour quay", NORTH), passage("quay", EAST))
    await shelf.attach(store)
    assert await shelf.engine.count(SERVICE, store) == Counts(1, 2, 2)
    assert await verify_all(database.owner_url, None) == []
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        conn.execute(tampering.encode())
    found = await verify_all(database.owner_url, None)
    assert what in [discrepancy.what for discrepancy in found]
    if "tenant" not in what:  # a tenant's own verify cannot see another's rows
        assert await shelf.engine.verify(SERVICE, store) == found
