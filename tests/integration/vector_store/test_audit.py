"""The audit log: written with what it tells of, never changed, read by tenant, cleared by its owner."""

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import errors

from common.postgres import Pool, tenant_transaction
from conftest import Database
from integration.vector_store.shelf import NORTH, READER, SERVICE, Shelf, passage
from integration.vector_store.test_cli import run
from vector_store.audit import Audit, AuditFilter
from vector_store.audit_events import AuditEvent
from vector_store.catalog import Catalog
from vector_store.errors import NotFoundError, QuotaError
from vector_store.models import Quota, Scope

CLERK = Scope("harbour", None, "key_1", "clerk")


@pytest.fixture
def audit(pool: Pool) -> Audit:
    return Audit(pool)


async def actions(audit: Audit, chosen: AuditFilter | None = None) -> list[str]:
    page = await audit.list_events(SERVICE, chosen or AuditFilter(), limit=100, order="asc")
    return [event.action for event in page.data]


async def test_every_change_is_in_the_log_with_its_key(catalog: Catalog, audit: Audit) -> None:
    store = (await catalog.create_store(CLERK, "papers")).id
    await catalog.update_store(CLERK, store, name="old papers")
    file = (await catalog.create_file(CLERK, filename="a", bytes=7, sha256="0", object_key="k")).id
    await catalog.attach(CLERK, store, file)
    await catalog.set_attributes(CLERK, store, file, {"n": 1})
    await catalog.detach(CLERK, store, file)
    await catalog.delete_file(CLERK, file)
    await catalog.delete_store(CLERK, store)
    events = (await audit.list_events(SERVICE, AuditFilter(), limit=100, order="asc")).data
    assert [(event.action, event.store_id, event.file_id) for event in events] == [
        ("store.create", store, None),
        ("store.update", store, None),
        ("file.upload", None, file),
        ("store_file.attach", store, file),
        ("store_file.update", store, file),
        ("store_file.detach", store, file),
        ("file.delete", None, file),
        ("store.delete", store, None),
    ]
    assert {(event.key_id, event.key_name) for event in events} == {("key_1", "clerk")}
    assert events[2].details == {"bytes": 7}
    assert "papers" not in str([event.details for event in events]), "names are content too"


async def test_what_was_refused_is_not_in_the_log(catalog: Catalog, audit: Audit) -> None:
    with pytest.raises(NotFoundError):
        await catalog.delete_file(CLERK, "file-none")
    with pytest.raises(QuotaError):
        await catalog.create_file(CLERK, filename="a", bytes=7, sha256="0", object_key="k", quota=Quota(bytes=6))
    assert await actions(audit) == []


async def test_the_log_is_read_in_pages_without_overlap(audit: Audit) -> None:
    events = [AuditEvent("harbour", "store.search", "key_1", store_id=f"vs_{n % 2}") for n in range(25)]
    assert await audit.add("harbour", events) == 25
    assert await audit.add("harbour", events) == 0, "written again, kept once"
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await audit.list_events(READER, AuditFilter(store_id="vs_1"), limit=5, after=after)
        seen += [event.id for event in page.data]
        after = page.last_id
        if not page.has_more:
            break
    assert seen == sorted((event.id for event in events if event.store_id == "vs_1"), reverse=True)
    assert len(seen) == 12


async def test_the_log_is_filtered(audit: Audit) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=9)
    await audit.add("harbour", [AuditEvent("harbour", "file.upload", "key_1", id="audit_1", at=long_ago)])
    await audit.add("harbour", [AuditEvent("harbour", "file.delete", "key_2", id="audit_2", file_id="file-2")])
    await audit.add(
        "harbour", [AuditEvent("harbour", "key.revoke", "operator", id="audit_3", details={"key": "key_2"})]
    )
    assert await actions(audit, AuditFilter(action="file.*")) == ["file.upload", "file.delete"]
    assert await actions(audit, AuditFilter(action="file.delete")) == ["file.delete"]
    assert await actions(audit, AuditFilter(file_id="file-2")) == ["file.delete"]
    assert await actions(audit, AuditFilter(key_id="key_2")) == ["file.delete", "key.revoke"]
    assert await actions(audit, AuditFilter(by="key_2")) == ["file.delete"]
    assert await actions(audit, AuditFilter(since=datetime.now(UTC) - timedelta(days=1))) == [
        "file.delete",
        "key.revoke",
    ]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_log SET key_id = 'somebody else'", "DELETE FROM audit_log", "TRUNCATE audit_log",
     "UPDATE deleted_files SET store_nos = '{}'", "DELETE FROM deleted_files", "UPDATE tenant_usage SET bytes = 0"],
)  # fmt: skip
async def test_the_application_only_adds(pool: Pool, audit: Audit, statement: str) -> None:
    await audit.add("harbour", [AuditEvent("harbour", "file.upload", "key_1")])
    with pytest.raises(errors.InsufficientPrivilege):
        async with tenant_transaction(pool, "harbour") as conn:
            await conn.execute(statement.encode())


async def test_the_command_prints_json_lines_and_retention_clears(
    shelf: Shelf, audit: Audit, database: Database
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=400)
    await audit.add("elsewhere", [AuditEvent("elsewhere", "file.upload", "key_9", id="audit_0", at=long_ago)])
    store = await shelf.store()
    file = await shelf.put(store, passage("harbour", NORTH))
    await shelf.catalog.delete_file(CLERK, file)
    lines = [json.loads(line) for line in run(database, "audit", "--tenant", "harbour").stdout.splitlines()]
    assert [line["action"] for line in lines] == ["file.delete", "store_file.attach", "file.upload", "store.create"]
    assert (lines[0]["key_id"], lines[0]["file_id"]) == ("key_1", file)
    assert len(run(database, "audit", "--action", "file.*", "--limit", "2").stdout.splitlines()) == 2

    assert run(database, "audit-retention", "--days", "365").stdout == "Rows older than 365 days removed: 1\n"
    assert run(database, "audit", "--tenant", "elsewhere").stdout == ""
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        conn.execute("UPDATE audit_log SET at = now() - interval '3 days'")
        conn.execute("UPDATE deleted_files SET deleted_at = now() - interval '3 days'")
    assert run(database, "audit-retention", "--days", "2").returncode == 0
    assert run(database, "audit").stdout == ""
    assert run(database, "erased", file, "--objects", "file:///tmp").returncode == 2, "its note is cleared as well"
