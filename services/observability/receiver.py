"""`POST /v1/traces`: takes from the collector, as OTLP/HTTP in protobuf, the traces that were not kept."""

import asyncio
import hmac

from fastapi import APIRouter, Depends, Request, Response
from psycopg import Error as PostgresError
from psycopg_pool import PoolTimeout

from common.errors import ApiError, invalid, unavailable
from common.settings import ServiceSettings
from observability.buffer import TraceBuffer
from observability.piece import BadBatch, decompressed, pieces

PATH = "/v1/traces"
PROTOBUF = "application/x-protobuf"

router = APIRouter()


def only_the_collector(request: Request) -> None:
    """FastAPI dependency. It holds traces of all tenants, so no key of a tenant opens it: the services' own does."""
    settings: ServiceSettings = request.app.state.settings
    if settings.auth == "none":
        return
    given = request.headers.get("authorization", "").partition(" ")[2].strip()
    if not hmac.compare_digest(given.encode(), (settings.service_key() or "").encode()):
        raise ApiError(401, "The key is not that of FAIRLEAD_SERVICE_KEY_FILE.", code="invalid_api_key")


@router.post(PATH, dependencies=[Depends(only_the_collector)])
async def take(request: Request) -> Response:
    """Hold a batch. 503 asks the collector to send it again, any 4xx would make no difference the next time."""
    buffer: TraceBuffer = request.app.state.buffer
    settings: ServiceSettings = request.app.state.settings
    if request.headers.get("content-type", "").partition(";")[0].strip() != PROTOBUF:
        raise ApiError(415, f"Send spans as {PROTOBUF}.", param="content-type")
    body, encoding = await request.body(), request.headers.get("content-encoding")
    try:
        found = await asyncio.to_thread(lambda: pieces(decompressed(body, encoding, settings.max_body_bytes)))
    except BadBatch as error:
        raise invalid(str(error)) from None
    try:
        await buffer.hold(found)
    except (PostgresError, PoolTimeout) as error:
        raise unavailable(f"The database cannot be reached ({type(error).__name__}).") from None
    return Response(media_type=PROTOBUF)
