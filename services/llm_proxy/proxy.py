"""The hot path: one request from its head to the end of its answer. Everything else is `operations`."""

import asyncio
import os
import re
import time
from typing import TYPE_CHECKING, Any

from common.authenticator import LANE_HEADER, Authenticator
from common.deadline import HEADER as DEADLINE_HEADER
from common.deadline import Deadline
from common.errors import UNHANDLED, ApiError, not_found, respond, too_large
from common.logs import get_logger
from llm_proxy import body as bodies
from llm_proxy import slices
from llm_proxy.admission import Admission, Ask
from llm_proxy.config import Operation
from llm_proxy.hedge import Hedger
from llm_proxy.http_server import CONNECTION, CYCLE, CallerConnection, ClientGone
from llm_proxy.observation import REQUESTS, Course, Meters
from llm_proxy.outlet import Outlet
from llm_proxy.plan import PATHS
from llm_proxy.relay import Parts, Relay, Served
from llm_proxy.tracing import Tracing

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

log = get_logger("proxy")
PREFIX = "/v1"
OPERATIONS: dict[str, Operation] = {PREFIX + path: operation for operation, path in PATHS.items()}
DEFAULT_DEADLINE_S = 300.0
UNKNOWN = "unknown"

# What of a request's head is read; the rest is never decoded.
_READ = {
    name.encode(): name
    for name in (
        "authorization",
        "content-length",
        "traceparent",
        "tracestate",
        "x-request-id",
        LANE_HEADER,
        DEADLINE_HEADER,
    )
}
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_SANE_TRACE = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,511}")


class Proxy:
    """Serves model calls."""

    def __init__(self, admission: Admission, auth: Authenticator, tracing: Tracing, largest_body: int) -> None:
        self.admission = admission
        self.auth = auth
        self.tracing = tracing
        self.largest_body = largest_body
        self.parts: Parts | None = None
        self.meters = Meters()
        self._hedger = Hedger()

    async def __call__(self, operation: Operation, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serve one call. A caller who leaves cancels it, and with it the call to the endpoint."""
        began = time.perf_counter()
        connection: CallerConnection = scope[CONNECTION]
        task = asyncio.current_task()
        assert task is not None
        gone = False

        def on_gone() -> None:
            nonlocal gone
            gone = True
            task.cancel()

        course = Course(self.meters, UNKNOWN, "", None, "")
        outcome: str | None = None
        try:
            headers = read_head(scope)
            course.request_id = request_id(headers)
            outlet = Outlet(
                scope,
                send,
                course,
                began,
                show=self.admission.plan.config.metrics.answer_headers,
                responses=operation == "responses",
            )
            try:
                caller = self.auth.authenticate(headers)
                body = await self.body(headers, receive)
                connection.on_gone = on_gone
                await self._serve(operation, headers, caller, body, course, outlet)
            except ApiError as error:
                outcome = str(error.status)
                await self._refuse(error, course, outlet, scope, receive, send)
        except ClientGone:
            outcome = "client_gone"
        except asyncio.CancelledError:
            if not gone:
                raise
            task.uncancel()
            outcome = "client_gone"
        except Exception as error:
            # Nothing of it reaches the caller; an answer that has begun is cut by the server.
            outcome = "500"
            course.status = course.status if course.answered_with_head else 500
            UNHANDLED.labels("llm-proxy").inc()
            log.exception("unhandled", error=type(error).__name__, request_id=course.request_id)
            if course.answered_with_head:
                raise
            await respond(ApiError(500, "Something went wrong on our side."), scope, receive, send)
        finally:
            connection.on_gone = None
            meters = self.meters.model(course.model)
            if outcome is None:
                meters.ok.inc()
            else:
                REQUESTS.labels(course.model, outcome).inc()
            total_s = time.perf_counter() - began
            meters.added.observe(total_s - course.upstream_s - course.queued_s)
            route = self.meters.route(scope["path"], "POST", course.status)
            route.requests.inc()
            route.seconds.observe(total_s, course.exemplar)

    async def _serve(
        self,
        operation: Operation,
        headers: dict[str, str],
        caller: Any,
        body: bytes,
        course: Course,
        outlet: Outlet,
    ) -> None:
        plan = self.admission.plan
        seen = bodies.peek(body)
        model = plan.models.get(seen.model)
        total_s = model.timeouts.total_s if model is not None else DEFAULT_DEADLINE_S
        ask = Ask(
            seen.model,
            operation,
            bodies.prompt_tokens(body),
            0 if operation in ("embeddings", "rerank") else seen.answer_tokens,
            caller.lane,
            caller,
            Deadline.from_headers(headers, total_s),
        )
        lease = self.admission.callers.admit(ask)
        if lease is None:
            lease = await self.admission.callers.fund(ask)
        try:
            if model is None:
                raise not_found(f"The model {seen.model[:80]!r} does not exist.", "model")
            course.model = model.name
            course.currency = plan.config.prices.currency
            if self.tracing.on:
                course.span = self.tracing.begin(operation, model.name, plan.hash, headers)
                headers |= course.span.headers()
            await self._answer(ask, seen.stream is True, headers, body, course, outlet)
        except Exception as error:
            if course.span is not None:
                course.span.fail(str(error) if isinstance(error, ApiError) else type(error).__name__)
            raise
        finally:
            if course.span is not None:
                self.tracing.end(course.span)
            lease.settle(course.usage, course.cost)

    async def _answer(
        self, ask: Ask, stream: bool, headers: dict[str, str], body: bytes, course: Course, outlet: Outlet
    ) -> None:
        assert self.parts is not None
        parts, passed = self.parts, _passed(headers, course.request_id, ask.lane)
        plan = self.admission.plan
        model = plan.models[ask.model]
        if stream:
            served = await Relay(parts, course, ask, bodies.divided(body), passed).stream(outlet)
            if served is None:
                return
        elif ask.operation == "embeddings" and (cut := slices.sliced(body, model.slice_inputs)) is not None:

            def make(part: Ask, piece: bodies.Body) -> Relay:
                return Relay(parts, course, part, piece, passed)

            served = await slices.embedded(ask, cut, model.slices_at_once, make)
        else:
            divided = bodies.divided(body)
            if self._hedger.allows(ask, model, plan.config.hedge):
                served = await self._hedger.first_of_two(
                    ask, model, plan.config.hedge, lambda: Relay(parts, course, ask, divided, passed)
                )
            else:
                served = await Relay(parts, course, ask, divided, passed).whole()
        await self._deliver(served, course, outlet)

    async def _deliver(self, served: Served, course: Course, outlet: Outlet) -> None:
        if served.verdict.content_type.startswith("text/event-stream"):
            await outlet.begin(served.endpoint, served.headers)
            await outlet.end(served.verdict.body)
        else:
            await outlet.whole(served.verdict, served.endpoint, served.headers)
        if served.verdict.failure is not None and course.span is not None:
            course.span.fail(served.verdict.detail)

    async def _refuse(
        self, error: ApiError, course: Course, outlet: Outlet, scope: "Scope", receive: "Receive", send: "Send"
    ) -> None:
        if outlet.begun:
            if not outlet.ended:
                await outlet.fail(error)
            return
        course.status = error.status
        error.headers.setdefault("x-request-id", course.request_id)
        if course.calls:
            error.headers.setdefault("x-fairlead-attempts", str(course.calls))
        if scope[CYCLE].more_body:
            scope[CONNECTION].refuse(error)
        else:
            await respond(error, scope, receive, send)

    async def body(self, headers: dict[str, str], receive: "Receive") -> bytes:
        """The whole body, refused as soon as it is known to be over the limit; raises ApiError 413 or ClientGone."""
        declared = headers.get("content-length")
        if declared is not None and int(declared) > self.largest_body:
            raise self._too_large()
        part = await receive()
        if part["type"] == "http.disconnect":
            raise ClientGone
        if not part.get("more_body"):
            body = part.get("body", b"")
            if len(body) > self.largest_body:
                raise self._too_large()
            return body
        pieces = [part.get("body", b"")]
        size = len(pieces[0])
        while part.get("more_body"):
            part = await receive()
            if part["type"] == "http.disconnect":
                raise ClientGone
            pieces.append(part.get("body", b""))
            size += len(pieces[-1])
            if size > self.largest_body:
                raise self._too_large()
        return b"".join(pieces)

    def _too_large(self) -> ApiError:
        # What of the body is unread makes the connection useless for a next request.
        message = f"The request body is over the limit of {self.largest_body} bytes."
        return too_large(message, headers={"connection": "close"})


def read_head(scope: "Scope") -> dict[str, str]:
    """The headers that the pool reads, by lower-case name."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        known = _READ.get(name)
        if known is not None:
            found[known] = value.decode("latin-1")
    return found


def request_id(headers: dict[str, str]) -> str:
    """The caller's own id for the request when it is a sane one, else a new one."""
    given = headers.get("x-request-id")
    if given is not None and _SANE_ID.fullmatch(given):
        return given
    return "req_" + os.urandom(12).hex()


def _passed(headers: dict[str, str], request_id: str, lane: str) -> bytes:
    """The lines of the head that every endpoint gets."""
    lines = f"x-request-id: {request_id}\r\nx-fairlead-lane: {lane}\r\n"
    for name in ("traceparent", "tracestate"):
        if (value := headers.get(name)) is not None and _SANE_TRACE.fullmatch(value):
            lines += f"{name}: {value}\r\n"
    return lines.encode("latin-1")
