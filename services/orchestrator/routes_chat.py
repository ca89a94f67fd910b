"""`/v1/chat/completions`: a question in, a cited answer out, whole or streamed."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from common.auth import CallerDep
from common.deadline import Deadline
from common.errors import UNHANDLED, ApiError
from common.logs import get_logger
from common.pool_client import PoolRejected, PoolUnavailable
from orchestrator.answering import Stream, StreamResponse, unless_gone
from orchestrator.chat_answer import ChatAnswer, error_event
from orchestrator.chat_request import ChatRequest
from orchestrator.failures import HANDLED, as_api_error
from orchestrator.resources import ResourcesDep

router = APIRouter()
log = get_logger("chat")


@router.post("/v1/chat/completions")
async def chat_completions(body: ChatRequest, request: Request, caller: CallerDep, held: ResourcesDep) -> Response:
    """Answer the last user message from the documents."""
    config = held.live.current
    ask = body.ask(caller, config, Deadline.from_headers(request.headers, config.value.deadline_s))
    shape = ChatAnswer(ask.application)
    if not body.stream:
        answer = await unless_gone(request, held.pipeline.answer(ask, request.headers))
        return JSONResponse(shape.whole(answer))
    stream = Stream(lambda on_text: held.pipeline.answer(ask, request.headers, on_text))
    try:
        # What fails before the first word is answered with its own status, as if nothing had been streamed.
        first = await unless_gone(request, stream.first())
    except BaseException:
        await stream.close()
        raise
    include_usage = body.stream_options is not None and body.stream_options.include_usage
    events = _events(stream, shape, first, include_usage)
    return StreamResponse(events, stream)


async def _events(stream: Stream, shape: ChatAnswer, first: str | None, include_usage: bool) -> AsyncIterator[bytes]:
    """The stream's events: text, then exactly one end, which is the whole answer's or an error's."""
    yield shape.first()
    if first:
        yield shape.text(first)
        async for piece in stream.rest():
            yield shape.text(piece)
    try:
        answer = await stream.result()
    except Exception as error:
        if not isinstance(error, (ApiError, *HANDLED)):
            UNHANDLED.labels("orchestrator").inc()
            log.exception("answer_failed", error=type(error).__name__)
        yield error_event(_broken_off(error))
    else:
        yield shape.last(answer, include_usage)


def _broken_off(error: Exception) -> ApiError:
    if isinstance(error, PoolUnavailable | PoolRejected):
        message = "The answer broke off: the language model ended before it was complete."
        return ApiError(502, message, code="answer_incomplete")
    if isinstance(error, (ApiError, *HANDLED)):
        return as_api_error(error)
    return ApiError(500, "Something went wrong on our side; the request id helps us find it.")
