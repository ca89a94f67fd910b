"""Statements as spans: what the database was asked within a trace, how long it took, and how many rows it gave.

A statement's text is written only where content is captured in full, and its values never are. Attributes are those of
OpenTelemetry's semantic conventions for databases.
"""

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Self

from psycopg import AsyncCursor, Error
from psycopg.abc import Params
from psycopg.sql import Composable

from common import telemetry
from common.span import Span

_OPERATION = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|MERGE|TRUNCATE|CALL)\b", re.IGNORECASE)
_TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE|JOIN|TRUNCATE|CALL)\s+(?:ONLY\s+)?"?([a-z_][\w.]*)', re.IGNORECASE)


class TracedCursor(AsyncCursor[Any]):
    """psycopg's cursor, whose statements are spans of the trace that is running."""

    async def execute(self, query: Any, params: Params | None = None, **options: Any) -> Self:
        """See AsyncCursor."""
        with _span(query) as span:
            await super().execute(query, params, **options)
            if self.rowcount >= 0:
                span.set("db.response.returned_rows", self.rowcount)
        return self

    async def executemany(self, query: Any, params_seq: Iterable[Params], *, returning: bool = False) -> None:
        """See AsyncCursor."""
        with _span(query) as span:
            await super().executemany(query, params_seq, returning=returning)
            span.set("db.response.returned_rows", max(0, self.rowcount))


@contextmanager
def _span(query: Any) -> Generator[Span]:
    tracing = telemetry.current()
    if tracing is None:
        yield telemetry.NO_SPAN
        return
    text = _text(query)
    summary = summary_of(text)
    if summary is None:
        yield telemetry.NO_SPAN
        return
    operation, table = summary
    attributes = {
        "db.system.name": "postgresql",
        "db.operation.name": operation,
        "db.collection.name": table,
        "db.query.summary": f"{operation} {table}",
    }
    span = tracing.client_span(f"{operation} {table}", attributes)
    if span.captured == "full":
        span.set("db.query.text", text)
    try:
        yield span
    except Error as error:
        # Not its message: that may quote the values.
        span.set("error.type", type(error).__name__)
        span.set("db.response.status_code", error.sqlstate)
        span.fail(type(error).__name__)
        raise
    finally:
        span.end()


@lru_cache(maxsize=1024)
def summary_of(statement: str) -> tuple[str, str] | None:
    """Operation and first table; None for what touches no table, such as the settings of a transaction."""
    operation, table = _OPERATION.search(statement), _TABLE.search(statement)
    return (operation[1].upper(), table[1]) if operation and table else None


def _text(query: Any) -> str:
    if isinstance(query, Composable):
        return query.as_string(None)
    return query.decode("utf-8", "replace") if isinstance(query, bytes) else str(query)
