"""Kills workers and Postgres at random moments while documents are uploaded; a ledger shows what became of each.

    make chaos-ingest ARGS="--kills 100 --seed 1"

Real Postgres with durable writes, the orchestrator's API, two workers; only the models are scripted. Documents whose
upload and attachment were answered are acknowledged: none may be lost, doubled, changed or stuck, or the exit code is
1.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import aiohttp
import psycopg
import typer
from rich.console import Console
from rich.table import Table

from common.postgres import open_pool
from evaluation.platform import free_port
from standalone.postgres import DataFolder, new_password, server_url
from vector_store.catalog import Catalog
from vector_store.databases import Role, Roles, ensure_database, ensure_roles, ensure_vector
from vector_store.migrations import migrate
from vector_store.models import Scope
from vector_store.postgres_engine import PostgresChunkStore

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))
from fakes.pool import FakePool  # noqa: E402 - the tests' folder is no package

SCOPE = Scope("default", None)
WORKERS = 2
UPLOADERS = 4
LONGEST_PAUSE_S = 1.0
READY_S = 90.0
# Nothing moved for so long after the last kill: what is left is stuck.
STILL_S = 90.0
PARAGRAPH = "Line {0} leads from bollard {0} to cleat {0} and is checked at every tide by watch {1}. "
console = Console(width=120)


@dataclass
class Process:
    """A process that is started again after each kill."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    ready_url: str = ""
    running: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.command,
                env=os.environ | self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """As the kernel would: it and all that it started, without a word."""
        if self.running is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait()


@dataclass
class Ledger:
    """What was acknowledged, and what was done to the platform meanwhile."""

    texts: dict[str, str] = field(default_factory=dict[str, str])
    """By the id of each acknowledged file."""
    unanswered: int = 0
    kills: Counter[str] = field(default_factory=Counter[str])


@dataclass
class Platform:
    """Everything that runs."""

    folder: Path
    data: DataFolder
    app_url: str
    owner_url: str
    postgres: Process
    workers: list[Process]
    api: Process

    @property
    def url(self) -> str:
        return self.api.ready_url.removesuffix("/readyz")


@asynccontextmanager
async def platform(folder: Path, models_url: str) -> AsyncGenerator[Platform]:
    data = DataFolder(folder / "postgres", free_port(), new_password(), {"shared_buffers": "128MB"})
    data.initialise()
    roles = Roles(*(Role(name, new_password()) for name in ("fairlead_owner", "fairlead_app", "mlflow")))
    owner_url, app_url = (server_url(data.port, "fairlead", r.name, r.password) for r in (roles.owner, roles.app))
    postgres = Process("postgres", data.server_command(), {}, folder / "postgres.log")
    postgres.start()
    await until_postgres(data)
    ensure_roles(data.url("postgres"), roles)
    ensure_database(data.url("postgres"), "fairlead", roles.owner, users=(roles.app,))
    ensure_vector(data.url("fairlead"))
    await migrate(owner_url)
    shared = {
        "FAIRLEAD_DATABASE_URL": app_url,
        "FAIRLEAD_OBJECTS_URL": (folder / "objects").as_uri(),
        "FAIRLEAD_POOL_URL": models_url,
        "FAIRLEAD_HEARTBEAT_S": "0.5",
        "FAIRLEAD_STALLED_AFTER_S": "3",
    }

    def service(package: str, name: str) -> Process:
        port = free_port()
        environment = {**shared, "FAIRLEAD_PORT": str(port)}
        command = [sys.executable, "-m", package]
        return Process(name, command, environment, folder / f"{name}.log", f"http://127.0.0.1:{port}/readyz")

    made = Platform(
        folder,
        data,
        app_url,
        owner_url,
        postgres,
        [service("ingestion", f"worker {n + 1}") for n in range(WORKERS)],
        service("orchestrator", "orchestrator"),
    )
    try:
        for process in (made.api, *made.workers):
            process.start()
        await until_ready(made.api)
        yield made
    finally:
        for process in (made.api, *made.workers, made.postgres):
            process.kill()


async def until_postgres(data: DataFolder) -> None:
    """Until it takes connections; after a kill it replays its log first."""
    until = time.monotonic() + READY_S
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(data.url("postgres"), connect_timeout=2)
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)
        else:
            await connection.close()
            return


async def until_ready(process: Process) -> None:
    until = time.monotonic() + READY_S
    async with aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientError, OSError):
                async with session.get(process.ready_url) as response:
                    if response.status == 200:
                        return
            if time.monotonic() > until:
                raise RuntimeError(f"{process.name} did not become ready:\n{process.log.read_text()[-2000:]}")
            await asyncio.sleep(0.05)


async def new_store(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.post(f"{url}/v1/vector_stores", json={}) as response:
        return (await response.json())["id"]


async def upload(session: aiohttp.ClientSession, url: str, store_id: str, number: int, ledger: Ledger) -> None:
    """One document; it is acknowledged when both requests were answered with 200."""
    text = "\n\n".join(PARAGRAPH.format(f"{number}.{part}", number) * 6 for part in range(4))
    form = aiohttp.FormData({"purpose": "assistants"})
    form.add_field("file", text.encode(), filename=f"line-{number}.txt", content_type="text/plain")
    try:
        async with session.post(f"{url}/v1/files", data=form) as response:
            response.raise_for_status()
            file_id = (await response.json())["id"]
        body = {"file_id": file_id}
        async with session.post(f"{url}/v1/vector_stores/{store_id}/files", json=body) as response:
            response.raise_for_status()
        ledger.texts[file_id] = text
    except (aiohttp.ClientError, TimeoutError, OSError):
        ledger.unanswered += 1
        await asyncio.sleep(0.2)


async def upload_on(url: str, store_id: str, first: int, ledger: Ledger) -> None:
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        number = first
        while True:
            await upload(session, url, store_id, number, ledger)
            number += UPLOADERS


async def kill_on(made: Platform, kills: int, seed: int, ledger: Ledger) -> None:
    """Kill one after the other, each started again at once."""
    moments = random.Random(seed)
    for number in range(kills):
        await asyncio.sleep(moments.random() * LONGEST_PAUSE_S)
        victim = moments.choice([*made.workers, made.postgres])
        victim.kill()
        ledger.kills[victim.name] += 1
        if victim is made.postgres:
            made.data.clear_earlier_server()
            victim.start()
            await until_postgres(made.data)
        else:
            victim.start()
        if (number + 1) % 10 == 0:
            console.print(f"{number + 1} kills, {len(ledger.texts)} documents acknowledged")


async def settled(made: Platform, store_id: str) -> Counter[str]:
    """The files' states once none is in progress, or once nothing has moved for a long time."""
    seen: Counter[str] = Counter()
    since = time.monotonic()
    async with open_pool(made.app_url, max_size=2) as pool:
        while True:
            counts = (await Catalog(pool).get_store(SCOPE, store_id)).file_counts
            now = Counter(completed=counts.completed, failed=counts.failed, in_progress=counts.in_progress)
            if now != seen:
                seen, since = now, time.monotonic()
            if not counts.in_progress or time.monotonic() - since > STILL_S:
                return now
            await asyncio.sleep(0.5)


async def judged(made: Platform, store_id: str, ledger: Ledger) -> dict[str, list[str]]:
    """What is wrong, by kind: ids of acknowledged files, and what does not agree in the index."""
    wrong: dict[str, list[str]] = {"lost": [], "doubled or changed": [], "stuck": [], "failed": [], "disagrees": []}
    async with open_pool(made.app_url, max_size=2) as pool:
        catalog, chunks = Catalog(pool), PostgresChunkStore(pool)
        for file_id, text in ledger.texts.items():
            try:
                file = await catalog.get_store_file(SCOPE, store_id, file_id)
            except Exception as error:  # noqa: BLE001 - whatever it is, the file cannot be read back
                wrong["lost"].append(f"{file_id}: {type(error).__name__}")
                continue
            if file.status != "completed":
                wrong["failed" if file.status == "failed" else "stuck"].append(file_id)
                continue
            indexed = " ".join(chunk.text for chunk in await chunks.read(SCOPE, store_id, file_id))
            if indexed.split() != text.split():
                wrong["doubled or changed"].append(file_id)
        wrong["disagrees"] = [str(each) for each in await chunks.verify(SCOPE, store_id)]
        async with pool.connection() as connection:
            rows = await connection.execute(
                "SELECT id::text FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND scheduled_at IS NULL"
            )
            wrong["stuck"] += [f"job {row[0]}" for row in await rows.fetchall()]
    return wrong


async def run(kills: int, seed: int, file: Path | None) -> int:
    with tempfile.TemporaryDirectory(prefix="fairlead-chaos-") as name:
        folder, ledger = Path(name), Ledger()
        async with FakePool(remembers=False).running() as models, platform(folder, models.url) as made:
            store_id = await new_store(made.url)
            uploads = [asyncio.create_task(upload_on(made.url, store_id, n, ledger)) for n in range(UPLOADERS)]
            try:
                await kill_on(made, kills, seed, ledger)
            finally:
                for task in uploads:
                    task.cancel()
                await asyncio.gather(*uploads, return_exceptions=True)
            states = await settled(made, store_id)
            wrong = await judged(made, store_id, ledger)
    told = {
        "seed": seed,
        "kills": dict(ledger.kills),
        "acknowledged": len(ledger.texts),
        "requests without an answer": ledger.unanswered,
        "states": dict(states),
        "wrong": wrong,
    }
    if file is not None:
        file.write_text(json.dumps({**told, "files": sorted(ledger.texts)}, indent=2) + "\n")
    table = Table("", "", title=f"{kills} kills, seed {seed}", show_header=False)
    table.add_row("killed", ", ".join(f"{name} {count} ×" for name, count in sorted(ledger.kills.items())))
    table.add_row("acknowledged documents", str(len(ledger.texts)))
    table.add_row("requests without an answer", str(ledger.unanswered))
    for kind, found in wrong.items():
        table.add_row(kind, str(len(found)) + (f": {', '.join(found[:3])}" if found else ""))
    console.print(table)
    return 1 if any(wrong.values()) or not ledger.texts else 0


def main(
    kills: Annotated[int, typer.Option(help="How many.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the moments and the victims.")] = 1,
    ledger: Annotated[Path | None, typer.Option(help="Write what was found here, as JSON.")] = None,
) -> None:
    """Kill and judge."""
    raise typer.Exit(asyncio.run(run(kills, seed, ledger)))


if __name__ == "__main__":
    typer.run(main)
