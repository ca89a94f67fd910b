"""Command line: prepare, migrate, verify, prove erasure, read the audit log. As the owner, over all tenants."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Column, Table

from common.settings import ServiceSettings
from vector_store import prepare_cli
from vector_store.audit import AuditFilter, list_events, prune
from vector_store.erasure import erased as prove_erased
from vector_store.errors import NotFoundError, StoreError
from vector_store.fields import MAX_PAGE
from vector_store.migrations import migrate as apply_migrations
from vector_store.objects import Objects
from vector_store.operations import owner, repair_all, store_sizes, table_sizes, verify_all

T = TypeVar("T")
WIDTH = 160
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

app.command()(prepare_cli.prepare)
app.command()(prepare_cli.check)

OwnerUrl = Annotated[
    str | None,
    typer.Option("--url", help="Postgres URL of the owner role; default: FAIRLEAD_DATABASE_OWNER_URL."),
]
ObjectsUrl = Annotated[
    str | None,
    typer.Option("--objects", help="Where file bytes lie, to look for them too; default: FAIRLEAD_OBJECTS_URL."),
]


@app.callback()
def main() -> None:
    """The store's schema and contents."""


@app.command()
def migrate(url: OwnerUrl = None) -> None:
    """Bring the schema up to this version."""
    applied = _run(apply_migrations(_owner_url(url)))
    for name in applied:
        print(f"applied {name}")
    print("The schema is up to date." if applied else "The schema was up to date.")


@app.command()
def verify(
    url: OwnerUrl = None,
    objects_url: ObjectsUrl = None,
    deep: Annotated[bool, typer.Option("--deep", help="Read all bytes and compare their SHA-256.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be made anew from what is right.")] = False,
) -> None:
    """Recount everything that is kept in two places; exit code 1 if anything does not agree."""
    objects = objects_url or ServiceSettings(service="vector-store").objects_url
    if deep and objects is None:
        _fail("--deep reads the files' bytes: say where they lie with --objects or FAIRLEAD_OBJECTS_URL.")
    found = _run(verify_all(_owner_url(url), _objects(objects), deep=deep))
    for discrepancy in found:
        print(discrepancy)
    if repair and found:
        for mended in _run(repair_all(_owner_url(url), _objects(objects))):
            print(f"mended: {mended}")
    if found:
        raise typer.Exit(1)
    print("Documents, chunks, vectors and word counts agree" + (", and every file has its bytes." if objects else "."))


@app.command()
def erased(
    file_id: Annotated[str, typer.Argument(help="The id of a file that was deleted.")],
    url: OwnerUrl = None,
    objects_url: ObjectsUrl = None,
    wait: Annotated[float, typer.Option(min=0, help="Longest wait until nothing is left, in seconds.")] = 0,
) -> None:
    """Prove that a deleted file is gone from every table and from object storage: exit code 1 if not, 2 if unknown."""
    objects = _objects(objects_url or ServiceSettings(service="vector-store").objects_url)
    if objects is None:
        _fail("FAIRLEAD_OBJECTS_URL is not set: say where file bytes lie, or give --objects.")
    try:
        left = asyncio.run(prove_erased(_owner_url(url), objects, file_id, wait))
    except NotFoundError:
        print(f"No file {file_id} is known, nor was one deleted: there is nothing to prove.", file=sys.stderr)
        raise typer.Exit(2) from None
    except StoreError as error:
        _fail(str(error))
    for remnant in left:
        print(f"still there: {remnant}")
    if left:
        raise typer.Exit(1)
    print(f"Nothing is left of {file_id}: no row in any table, no job, no word counted, no byte stored.")


@app.command()
def audit(
    url: OwnerUrl = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, such as file.delete or file.*")] = None,
    store: Annotated[str | None, typer.Option(help="Only what concerns this store.")] = None,
    file: Annotated[str | None, typer.Option(help="Only what concerns this file.")] = None,
    key: Annotated[str | None, typer.Option(help="Only what this key did or was done to it.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only from then on (UTC).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many, the newest.")] = 1000,
) -> None:
    """Who did what, the newest first, as JSON lines."""
    moment = None if since is None else since.replace(tzinfo=UTC)
    chosen = AuditFilter(action=action, store_id=store, file_id=file, key_id=key, since=moment)
    _run(_print_audit(_owner_url(url), tenant, chosen, limit))


@app.command("audit-retention")
def audit_retention(
    days: Annotated[int, typer.Option(min=1, max=36_500, help="What is older is removed.")],
    url: OwnerUrl = None,
) -> None:
    """Remove old rows of the audit log, and the notes of files deleted before then."""
    print(f"Rows older than {days} days removed: {_run(_prune(_owner_url(url), days)):,}")


@app.command()
def stats(url: OwnerUrl = None) -> None:
    """How much each store and each table holds."""
    owner_url = _owner_url(url)
    stores = Table("tenant", "store", "id", "model", *_numbers("files", "failed", "chunks", "vectors", "words", "size"))
    for row in _run(store_sizes(owner_url)):
        counts = [f"{row[name]:,}" for name in ("files", "failed", "chunks", "vectors", "words")]
        stores.add_row(row["tenant"], row["name"], row["id"], row["model"] or "-", *counts, _size(row["bytes"]))
    tables = Table("table", "embedding space", *_numbers("data", "indexes"))
    for row in _run(table_sizes(owner_url)):
        tables.add_row(row["name"], row["space"], _size(row["data"]), _size(row["indexes"]))
    # Without a terminal to fit into, nothing is cut.
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(stores)
    console.print(tables)


async def _print_audit(owner_url: str, tenant: str | None, chosen: AuditFilter, limit: int) -> None:
    after: str | None = None
    async with owner(owner_url) as conn:
        while limit > 0:
            page = await list_events(conn, tenant, chosen, min(limit, MAX_PAGE), "desc", after)
            for event in page.data:
                print(json.dumps(asdict(event) | {"at": event.at.isoformat()}, ensure_ascii=False))
            limit -= len(page.data)
            after = page.last_id
            if not page.has_more:
                return


async def _prune(owner_url: str, days: int) -> int:
    async with owner(owner_url) as conn:
        return await prune(conn, days)


def _numbers(*names: str) -> list[Column]:
    return [Column(name, justify="right") for name in names]


def _size(count: int) -> str:
    """Bytes as people read them: 1.5 MB."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def _objects(url: str | None) -> Objects | None:
    if url is None:
        return None
    try:
        return Objects(url)
    except StoreError as error:
        _fail(str(error))


def _owner_url(given: str | None) -> str:
    if given:
        return given
    configured = ServiceSettings(service="vector-store").database_owner_url
    if configured is None:
        _fail("FAIRLEAD_DATABASE_OWNER_URL is not set: give the Postgres URL of the owner role, or --url.")
    return configured.get_secret_value()


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except StoreError as error:
        _fail(str(error))


def _fail(reason: str) -> NoReturn:
    print(reason, file=sys.stderr)
    raise typer.Exit(1)
