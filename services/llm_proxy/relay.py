"""Takes one request to the endpoints until one answers: whole, or as a stream that is never begun twice."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from common.errors import ApiError
from llm_proxy import judgement
from llm_proxy.addressing import Targets
from llm_proxy.admission import Ask, Endpoint, Failure, Next, Reservation, Router, Tried, Usage
from llm_proxy.body import Body
from llm_proxy.http_client import Patience, UpstreamClient
from llm_proxy.http_connection import Connection, UpstreamBroken
from llm_proxy.judgement import Verdict
from llm_proxy.observation import Course
from llm_proxy.outlet import DONE, Outlet
from llm_proxy.sse import EndlessLine, EventStream

# Events without content are held back so that another endpoint may still answer, but not for ever: a caller whose
# model thinks for minutes must see that the connection lives.
LONGEST_HOLD_S = 5.0
LONGEST_HOLD_BYTES = 16 * 1024 * 1024
UNKNOWN_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What every request uses."""

    router: Router
    client: UpstreamClient
    targets: Targets


@dataclass(frozen=True, slots=True)
class Served:
    """A whole answer and where it came from."""

    verdict: Verdict
    endpoint: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Relay:
    """One request. `passed` are the lines of the head that go to every endpoint."""

    __slots__ = ("_ask", "_body", "_course", "_loop", "_parts", "_passed", "places", "tried", "waits")

    def __init__(self, parts: Parts, course: Course, ask: Ask, body: Body, passed: bytes) -> None:
        self._parts = parts
        self._course = course
        self._ask = ask
        self._body = body
        self._passed = passed
        self._loop = asyncio.get_running_loop()
        self.tried = Tried()
        self.places: list[Endpoint] = []
        """Where it is waiting for an answer now."""
        self.waits = False

    def could_begin(self) -> bool:
        """Whether there is an endpoint that it has not tried."""
        model = self.tried.model
        return model is not None and bool(self._parts.router.left(self._ask, self.tried, model))

    async def whole(self) -> Served:
        """The first whole answer that the caller should see; raises ApiError."""
        self.waits = True
        try:
            served = await self._until_answered(None)
        finally:
            self.waits = False
        assert served is not None
        return served

    async def stream(self, outlet: Outlet) -> Served | None:
        """Pass the first stream with content on. Served without a stream: the caller gets that instead.

        Raises ApiError, also after the stream has begun: it then is the stream's one terminal error.
        """
        return await self._until_answered(outlet)

    async def _until_answered(self, outlet: Outlet | None) -> Served | None:
        while True:
            place = await self._place()
            began = time.perf_counter()
            try:
                if outlet is None:
                    verdict, headers = await self._ask_whole(place)
                else:
                    verdict, headers = await self._stream_from(place, outlet)
                if verdict is None:
                    return None
                if verdict.failure is None:
                    place.succeeded(time.perf_counter() - began)
                    self._course.answered(place.endpoint, verdict.usage)
                    return Served(verdict, place.endpoint.name, headers)
                then = self._failed(place, verdict)
            finally:
                place.release()
            if then is Next.STOP:
                return Served(self._last_word(verdict), place.endpoint.name, headers)

    # One call.

    async def _place(self) -> Reservation:
        place = self._parts.router.reserve(self._ask, self.tried)
        if place is None:
            began = time.perf_counter()
            try:
                place = await self._parts.router.wait(self._ask, self.tried)
            finally:
                self._course.queued(self._ask.lane, time.perf_counter() - began)
        self.places = [place.endpoint]
        self._course.chosen(place.endpoint)
        return place

    async def _send(self, place: Reservation, *, whole: bool) -> Connection:
        """The endpoint's answer up to its head, or all of it; raises UpstreamBroken."""
        endpoint, ask = place.endpoint, self._ask
        auth = place.auth
        name = endpoint.model
        if name is None and place.model.name != ask.model:
            name = b'"%s"' % place.model.name.encode()
        body = self._body.renamed(name)
        target = self._parts.targets.of(endpoint.urls[ask.operation])
        left = ask.deadline.remaining()
        head = b"%s%scontent-length: %d\r\nx-request-deadline-ms: %d\r\n%s\r\n" % (
            target.head,
            f"{auth[0]}: {auth[1]}\r\n".encode("latin-1") if auth else b"",
            len(body),
            max(1, int(left * 1000)),
            self._passed,
        )
        timeouts = endpoint.timeouts
        patience = Patience(timeouts.first_token_s, timeouts.inter_chunk_s, self._loop.time() + left)
        began = time.perf_counter()
        try:
            return await self._parts.client.exchange(target.origin, head, body, patience, whole=whole)
        finally:
            self._course.upstream_s += time.perf_counter() - began

    async def _ask_whole(self, place: Reservation) -> tuple[Verdict | None, Mapping[str, str]]:
        try:
            connection = await self._send(place, whole=True)
        except UpstreamBroken as broken:
            return judgement.of_broken(broken), {}
        try:
            headers = connection.headers
            place.learn(headers)
            return judgement.of_answer(connection.status, headers, await connection.whole()), headers
        finally:
            connection.done()

    async def _stream_from(self, place: Reservation, outlet: Outlet) -> tuple[Verdict | None, Mapping[str, str]]:
        """A verdict when no stream was begun; None when one was, and has ended well. Raises ApiError when it broke."""
        began = time.perf_counter()
        try:
            connection = await self._send(place, whole=False)
        except UpstreamBroken as broken:
            return judgement.of_broken(broken), {}
        headers = connection.headers
        try:
            place.learn(headers)
            if connection.status != 200 or not headers.get("content-type", "").startswith("text/event-stream"):
                try:
                    return judgement.of_answer(connection.status, headers, await connection.whole()), headers
                except UpstreamBroken as broken:
                    return judgement.of_broken(broken), {}
            events = EventStream()
            held = await self._until_content(connection, events)
            if isinstance(held, Verdict):
                return held, headers
            first_s = time.perf_counter() - began
            place.succeeded(first_s)
            self._course.began(place.endpoint, first_s)
            await outlet.begin(place.endpoint.name, headers)
            await outlet.piece(held)
            await self._pass_on(place, connection, events, outlet)
        finally:
            connection.done()
        return None, headers

    async def _until_content(self, connection: Connection, events: EventStream) -> bytes | Verdict:
        """What came up to the first content, or why this stream is not worth beginning."""
        held: list[bytes] = []
        size = 0
        began = self._loop.time()
        while True:
            try:
                piece = await self._piece(connection)
                events.feed(piece)
            except UpstreamBroken as broken:
                return judgement.of_broken(broken)
            except EndlessLine:
                return Verdict(Failure.MALFORMED, "an endless line")
            if events.failed is not None:
                return judgement.of_error_code(events.failed, judgement.retry_after(connection.headers))
            if events.malformed:
                return Verdict(Failure.MALFORMED, "not server-sent events")
            held.append(piece)
            size += len(piece)
            if events.begun:
                return b"".join(held)
            if not piece:
                return self._empty(b"".join(held), events)
            if size > LONGEST_HOLD_BYTES or self._loop.time() - began > LONGEST_HOLD_S:
                events.begun = True
                return b"".join(held)

    @staticmethod
    def _empty(held: bytes, events: EventStream) -> Verdict:
        """A stream that ended without content."""
        ending = events.ending()
        if ending == "cut":
            return Verdict(Failure.NETWORK, "the stream ended before its content")
        if ending == "reason":
            held += DONE
        usage = events.usage()
        return Verdict(Failure.EMPTY, "an empty stream", usage, None, 200, held, "text/event-stream")

    async def _pass_on(self, place: Reservation, connection: Connection, events: EventStream, outlet: Outlet) -> None:
        """The rest of a stream that has begun."""
        detail = "it ended early"
        failure = Failure.NETWORK
        try:
            while piece := await self._piece(connection):
                events.feed(piece)
                await outlet.piece(piece)
            ending = events.ending()
        except UpstreamBroken as broken:
            verdict = judgement.of_broken(broken)
            failure, detail = verdict.failure or Failure.NETWORK, verdict.detail
            # Everything may have come all the same, with only the end of the connection missing.
            ending = events.ending()
        except EndlessLine:
            failure, detail, ending = Failure.MALFORMED, "an endless line", "cut"
        usage = events.usage() or Usage(self._ask.prompt_tokens, events.events)
        if ending in ("cut", "error"):
            self._course.spent(place.endpoint, usage)
        else:
            self._course.answered(place.endpoint, usage)
        if ending == "cut":
            self._failed(place, Verdict(failure, detail))
            raise ApiError(502, f"The answer broke off: {detail}.", code="stream_broken")
        if ending == "error":
            self._failed(place, Verdict(Failure.SERVER_ERROR, "an error event in the stream"))
        await outlet.end(b"\n\n" + DONE if ending == "reason" else b"")

    async def _piece(self, connection: Connection) -> bytes:
        began = time.perf_counter()
        try:
            return await connection.piece()
        finally:
            self._course.upstream_s += time.perf_counter() - began

    # What follows from it.

    def _failed(self, place: Reservation, verdict: Verdict) -> Next:
        assert verdict.failure is not None
        then = place.failed(verdict.failure, verdict.retry_after_s)
        self._course.failed(place.endpoint, verdict.failure, verdict.detail, then.value)
        return then

    def _last_word(self, verdict: Verdict) -> Verdict:
        """What the caller gets of the last failure: the endpoint's own words where they are about the request."""
        if verdict.presentable:
            return verdict
        name = self._ask.model
        if not self._ask.deadline.remaining():
            raise ApiError(504, "The deadline passed before the answer was complete.", code="deadline_exceeded")
        if verdict.failure is Failure.LIMITED:
            raise limited(name, self._free_in_s())
        outcome = (verdict.failure or Failure.NETWORK).value.replace("_", " ")
        status = 504 if verdict.failure is Failure.TIMEOUT else 502
        message = f"No endpoint of the model {name} answered (the last: {outcome})."
        raise ApiError(status, message, code="upstream_timeout" if status == 504 else "upstream_failed")

    def _free_in_s(self) -> float:
        candidates = self._parts.router.explain(self._ask)
        waits = [candidate.free_in_s for candidate in candidates if candidate.free_in_s is not None]
        return min(waits, default=UNKNOWN_WAIT_S) or UNKNOWN_WAIT_S


def limited(model: str, wait_s: float) -> ApiError:
    """429 with the time after which trying again makes sense."""
    milliseconds = max(1, int(wait_s * 1000))
    headers = {"retry-after": str(-(-milliseconds // 1000)), "retry-after-ms": str(milliseconds)}
    message = f"Every endpoint of the model {model} is at its limit."
    return ApiError(429, message, code="rate_limit_exceeded", headers=headers)
