"""Statements to a real Postgres are spans of the trace they run in; their text and values stay out of it."""

import asyncio
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from psycopg import errors, sql

from common.observing import ContentTunables
from common.postgres import open_pool, tenant_transaction
from common.settings import ServiceSettings
from common.sql_spans import summary_of
from common.telemetry import Telemetry
from conftest import Database
from fakes.traces import TraceReceiver, attributes

SECRET = "the keeper's own words"


async def traced_statements(database: Database, **content: Any) -> list[SentSpan]:
    async with TraceReceiver().running() as receiver, open_pool(database.owner_url) as pool:
        tracing = Telemetry(ServiceSettings(service="test", otlp_endpoint=receiver.url))
        tracing.capture(ContentTunables.model_validate(content))
        async with pool.connection() as connection:
            await connection.execute("CREATE TABLE notes (words text PRIMARY KEY)")
        with tracing.root_span("visit", {}):
            async with tenant_transaction(pool, "a") as connection:
                cursor = connection.cursor()
                await cursor.executemany("INSERT INTO notes VALUES (%s)", [(SECRET,), ("more",)])
                await connection.execute(sql.SQL("SELECT * FROM {} -- {}").format(sql.Identifier("notes"), SECRET))
                rows = await (
                    await connection.execute(b"SELECT words FROM notes WHERE words = %s", (SECRET,))
                ).fetchall()
                assert rows == [(SECRET,)]
            with pytest.raises(errors.UniqueViolation):
                async with tenant_transaction(pool, "a") as connection:
                    await connection.execute("INSERT INTO notes VALUES (%s)", (SECRET,))
        await asyncio.to_thread(tracing.close)
        return receiver.spans


async def test_statements_are_spans_without_their_text(database: Database) -> None:
    *statements, root = await traced_statements(database)
    assert root.name == "visit"
    assert [span.name for span in statements] == ["INSERT notes", "SELECT notes", "SELECT notes", "INSERT notes"]
    assert {(span.parent_span_id, span.kind) for span in statements} == {(root.span_id, SentSpan.SPAN_KIND_CLIENT)}
    asked = attributes(statements[2])
    assert asked.pop("fairlead.capture") == "redacted"
    assert asked == {
        "db.system.name": "postgresql",
        "db.operation.name": "SELECT",
        "db.collection.name": "notes",
        "db.query.summary": "SELECT notes",
        "db.response.returned_rows": 1,
    }
    refused = statements[3]
    assert refused.status.code == Status.STATUS_CODE_ERROR
    assert attributes(refused)["error.type"] == "UniqueViolation"
    assert attributes(refused)["db.response.status_code"] == "23505"
    assert SECRET.encode() not in b"".join(span.SerializeToString() for span in [*statements, root])


async def test_with_all_content_the_text_is_there_and_the_values_are_not(database: Database) -> None:
    spans = await traced_statements(database, capture="full")
    assert attributes(spans[2])["db.query.text"] == "SELECT words FROM notes WHERE words = %s"
    assert SECRET not in str(attributes(spans[0]))


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ("SELECT set_config('fairlead.tenant', %s, true)", None),
        ("BEGIN", None),
        ("SET LOCAL hnsw.ef_search = 40", None),
        ("WITH best AS (SELECT id FROM vectors) SELECT * FROM best JOIN chunks USING (id)", ("SELECT", "vectors")),
        ("UPDATE feedback_outbox SET due_at = now()", ("UPDATE", "feedback_outbox")),
        ("insert into audit (id) values (%s)", ("INSERT", "audit")),
        ("DELETE FROM ONLY public.files", ("DELETE", "public.files")),
    ],
)
def test_a_statement_goes_by_what_it_does_to_which_table(statement: str, summary: tuple[str, str] | None) -> None:
    assert summary_of(statement) == summary
