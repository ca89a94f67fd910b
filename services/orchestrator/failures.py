"""What can go wrong behind the API, in the words and statuses that its callers get."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from obstore.exceptions import BaseError as ObjectsError
from psycopg import InterfaceError, OperationalError
from psycopg.errors import DiskFull
from starlette.requests import ClientDisconnect

from common.errors import ApiError, error_body, invalid, not_found, unavailable
from common.logs import get_logger
from common.metrics import counter
from common.pool_client import PoolRejected, PoolUnavailable
from orchestrator.answering import client_gone
from orchestrator.quotas import REFUSED
from vector_store.errors import ConflictError, InvalidError, NotFoundError, QuotaError, SpaceMismatchError

log = get_logger("failures")
STORE_FAILURES = counter("store_failures_total", "Requests that failed because the store could not be asked", ["error"])

# Psycopg raises these for a server that is away, a pool that is empty and a statement that took too long.
STORE_DOWN = (OperationalError, InterfaceError)
# Object storage: away, full, or too slow.
OBJECTS_DOWN = (ObjectsError, TimeoutError)
HANDLED = (
    NotFoundError,
    InvalidError,
    ConflictError,
    SpaceMismatchError,
    QuotaError,
    PoolUnavailable,
    PoolRejected,
    ClientDisconnect,
    *STORE_DOWN,
    *OBJECTS_DOWN,
)


def as_api_error(error: Exception) -> ApiError:
    """The answer to a failure of one of the `HANDLED` kinds."""
    match error:
        case ApiError():
            return error
        case NotFoundError():
            if error.kind not in _ID_FIELDS:  # bytes that are gone from object storage: their key is our own affair
                return not_found("The file's content is gone.", "file_id")
            return not_found(str(error), _ID_FIELDS[error.kind])
        case InvalidError():
            return invalid(str(error), error.param)
        case ConflictError() | SpaceMismatchError():
            return ApiError(409, str(error), code="conflict")
        case QuotaError():
            REFUSED.labels(error.limit).inc()
            # Not 429: clients would try again and again what only a deletion or a larger quota helps.
            return ApiError(403, str(error), type="insufficient_quota", param=error.limit, code="quota_exceeded")
        case PoolRejected():
            given = error.error
            return ApiError(
                error.status, str(error), type=given.get("type"), param=given.get("param"), code=given.get("code")
            )
        case PoolUnavailable():
            return unavailable("The language models cannot be reached at the moment.", error.retry_after_s or 1.0)
        case ClientDisconnect():
            return client_gone()
        case _ if _full(error):
            STORE_FAILURES.labels("StorageFull").inc()
            log.error("storage_full", error=type(error).__name__, reason=str(error))
            # Not 503: asked again, it would fail again, until someone makes room.
            return ApiError(507, "There is no room left to store this.", type="server_error", code="storage_full")
        case _:
            STORE_FAILURES.labels(type(error).__name__).inc()
            log.error("store_failed", error=type(error).__name__, reason=str(error))
            return unavailable("The document store cannot be reached at the moment.")


def _full(error: Exception) -> bool:
    """The database's disk or the file store's; the latter says so in words alone."""
    return isinstance(error, DiskFull) or (isinstance(error, ObjectsError) and _NO_ROOM in str(error))


def install(app: FastAPI) -> None:
    """Answer these failures wherever a route meets them."""

    async def answer(_: Request, error: Exception) -> JSONResponse:
        known = as_api_error(error)
        return JSONResponse(error_body(known), status_code=known.status, headers=known.headers)

    for kind in HANDLED:
        app.add_exception_handler(kind, answer)


_NO_ROOM = "No space left on device"
# The path parameters under which callers know these things.
_ID_FIELDS = {
    "vector store": "vector_store_id",
    "file": "file_id",
    "vector store file": "file_id",
    "vector store file batch": "batch_id",
}
