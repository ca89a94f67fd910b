"""The hot path: a raw ASGI application in front of the service's own routes."""

import asyncio
import json
import math
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from common.authenticator import Authenticator
from common.deadline import Deadline, timed_out
from common.errors import ApiError, error_body, invalid, not_found, respond, too_large
from common.live_config import LiveConfig
from common.logs import get_logger
from common.metrics import counter, histogram
from llm_proxy.config import Endpoint, Model, PoolConfig
from llm_proxy.endpoints import KEY_REST_S, Endpoints
from llm_proxy.upstream import PASSED_BACK, Call, Failed, send

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

log = get_logger("proxy")
REQUESTS = counter("pool_requests_total", "Requests by what the caller saw", ["model", "outcome"])
CALLS = counter("pool_upstream_calls_total", "Calls to endpoints by outcome", ["model", "endpoint", "outcome"])
FIRST_BYTE = histogram("pool_first_byte_seconds", "Until an endpoint's answer began", ["model", "endpoint"])

PATHS = frozenset({"/chat/completions", "/completions", "/embeddings", "/rerank", "/responses"})
PREFIX = "/v1"
MOST_CALLS = 3
LONGEST_WAIT_SLICE_S = 1.0
DONE = b"data: [DONE]"


class Peek(msgspec.Struct):
    """What the pool reads of a body; the rest passes through untouched."""

    model: str
    stream: bool = False


class Pool:
    """Takes the model calls; everything else goes to `inner`."""

    def __init__(self, inner: "ASGIApp", live: LiveConfig[PoolConfig], auth: Authenticator, largest_body: int) -> None:
        self.inner = inner
        self.live = live
        self.auth = auth
        self.largest_body = largest_body
        self.endpoints = Endpoints()
        self.session: aiohttp.ClientSession | None = None
        self._decoder = msgspec.json.Decoder(Peek)

    async def __call__(self, scope: "Scope", receive: "Receive", send_: "Send") -> None:
        """Serve a model call, or pass the request on."""
        path = scope["path"] if scope["type"] == "http" else ""
        if scope["type"] != "http" or scope["method"] != "POST" or path.removeprefix(PREFIX) not in PATHS:
            await self.inner(scope, receive, send_)
            return
        answer = Answer(send_)
        model = "unknown"
        try:
            headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
            caller = self.auth.authenticate(headers)
            body = await self._body(headers, receive)
            peek = self._peek(body)
            config = self.live.current.value
            model_config = config.models.get(peek.model)
            if model_config is None:
                known = ", ".join(sorted(config.models))
                raise not_found(f"The model {peek.model[:80]!r} does not exist. There are: {known}", "model")
            model = peek.model
            deadline = Deadline.from_headers(headers, model_config.timeouts.total_s)
            passed = {name: headers[name] for name in ("traceparent", "tracestate", "x-request-id") if name in headers}
            passed["content-type"] = "application/json"
            passed["x-fairlead-lane"] = caller.lane
            call = Call(path.removeprefix(PREFIX), passed, model_config.timeouts, deadline)
            await self._until_gone(receive, self._serve(model, model_config, call, body, answer))
            REQUESTS.labels(model, "ok" if answer.whole else "cut").inc()
        except ApiError as error:
            REQUESTS.labels(model, str(error.status)).inc()
            if answer.begun:
                await answer.end_in_error(error)
            else:
                await respond(error, scope, receive, send_)
        except ClientGone:
            REQUESTS.labels(model, "client_gone").inc()

    async def _serve(self, name: str, model: Model, call: Call, body: bytes, answer: "Answer") -> None:
        tried: set[str] = set()
        last: Failed | None = None
        while len(tried) < MOST_CALLS:
            endpoint = next((e for e in self.endpoints.in_order(name, model) if e.name not in tried), None)
            if endpoint is None:
                wait = self.endpoints.earliest(name, model)
                if last is not None and last.outcome != "limited":
                    break
                if not wait or wait >= call.deadline.remaining():
                    raise limited(max(wait, 0.001))
                await asyncio.sleep(min(wait, LONGEST_WAIT_SLICE_S))
                tried.clear()
                continue
            tried.add(endpoint.name)
            try:
                await self._attempt(name, endpoint, call, body, answer)
            except Failed as failed:
                last = failed
                self._judge(name, endpoint, failed)
            else:
                return
            finally:
                self.endpoints.publish(name, model)
            if not call.deadline.remaining():
                raise timed_out()
        detail = last.outcome.replace("_", " ") if last else "none could be tried"
        raise ApiError(502, f"No endpoint of the model {name} answered (the last: {detail}).", code="upstream_failed")

    async def _attempt(self, name: str, endpoint: Endpoint, call: Call, body: bytes, answer: "Answer") -> None:
        assert self.session is not None
        began = time.perf_counter()
        response = await send(self.session, call, endpoint, renamed(body, endpoint))
        FIRST_BYTE.labels(name, endpoint.name).observe(time.perf_counter() - began)
        state = self.endpoints.of(name, endpoint)
        try:
            await answer.relay(response, call, endpoint.name)
        finally:
            response.close()
        state.succeeded()
        CALLS.labels(name, endpoint.name, str(response.status)).inc()

    def _judge(self, name: str, endpoint: Endpoint, failed: Failed) -> None:
        CALLS.labels(name, endpoint.name, failed.outcome).inc()
        log.warning("endpoint_failed", model=name, endpoint=endpoint.name, outcome=failed.outcome, detail=failed.detail)
        state = self.endpoints.of(name, endpoint)
        if failed.outcome == "limited":
            state.set_aside(failed.retry_after_s, "limited")
        elif failed.outcome in ("key_refused", "key_missing"):
            state.set_aside(KEY_REST_S, failed.outcome)
        else:
            state.failed()

    async def _until_gone(self, receive: "Receive", work: Any) -> None:
        """Run `work`, cancelled when the caller leaves: nobody pays for an answer that nobody reads."""
        serving = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({serving, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                raise ClientGone
            await serving
        finally:
            for task in (serving, leaving):
                task.cancel()
            await asyncio.gather(serving, leaving, return_exceptions=True)

    async def _body(self, headers: dict[str, str], receive: "Receive") -> bytes:
        message = f"The request body is over the limit of {self.largest_body} bytes."
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > self.largest_body:
            raise too_large(message, headers={"connection": "close"})
        parts: list[bytes] = []
        size = 0
        while True:
            part = await receive()
            if part["type"] == "http.disconnect":
                raise ClientGone
            parts.append(part.get("body", b""))
            size += len(parts[-1])
            if size > self.largest_body:
                raise too_large(message, headers={"connection": "close"})
            if not part.get("more_body"):
                return b"".join(parts)

    def _peek(self, body: bytes) -> Peek:
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise invalid(f"The body is not right: {error}", "model" if "model" in str(error) else None) from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise invalid(f"The body is not valid JSON: {error}", code="invalid_json") from None


class ClientGone(Exception):
    """The caller closed the connection."""


class Answer:
    """The answer on its way to the caller: begun once, ended once."""

    def __init__(self, send_: "Send") -> None:
        self._send = send_
        self.begun = False
        self.whole = False
        self.streaming = False

    async def relay(self, response: aiohttp.ClientResponse, call: Call, endpoint: str) -> None:
        """Pass the endpoint's answer on, byte by byte. Raises Failed while nothing has been sent yet."""
        content_type = response.headers.get("content-type", "application/json")
        self.streaming = content_type.startswith("text/event-stream")
        tail = b""
        while True:
            limit = min(call.timeouts.inter_chunk_s, call.deadline.remaining())
            try:
                piece = await asyncio.wait_for(response.content.readany(), limit)
            except TimeoutError:
                raise self._broken(Failed("timeout", "the stream stalled")) from None
            except (aiohttp.ClientError, OSError) as error:
                raise self._broken(Failed("network", type(error).__name__)) from None
            if not piece:
                break
            if not self.begun:
                await self._begin(response, endpoint)
            tail = (tail + piece)[-64:]
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        if self.streaming and DONE not in tail and call.path != "/responses":
            raise self._broken(Failed("network", "the stream ended early"))
        if not self.begun:
            await self._begin(response, endpoint)
        await self._send({"type": "http.response.body", "body": b""})
        self.whole = True

    async def _begin(self, response: aiohttp.ClientResponse, endpoint: str) -> None:
        kept = {name: response.headers[name] for name in PASSED_BACK if name in response.headers}
        headers = [(name.encode(), value.encode("latin-1")) for name, value in kept.items()]
        headers.append((b"x-fairlead-endpoint", endpoint.encode()))
        self.begun = True
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})

    def _broken(self, failed: Failed) -> Exception:
        """Before the first byte another endpoint may be tried; after it there is one truthful end."""
        return (
            failed if not self.begun else ApiError(502, f"The answer broke off: {failed.detail}.", code="stream_broken")
        )

    async def end_in_error(self, error: ApiError) -> None:
        """End a begun answer: a stream by one error event, anything else by cutting the connection."""
        if not self.streaming:
            raise ConnectionResetError(error.message)
        event = b"data: " + json.dumps(error_body(error)).encode() + b"\n\n"
        await self._send({"type": "http.response.body", "body": b"\n\n" + event})


def renamed(body: bytes, endpoint: Endpoint) -> bytes:
    """The body with the endpoint's own name of the model."""
    if endpoint.model is None:
        return body
    fields: dict[str, msgspec.Raw] = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    fields["model"] = msgspec.Raw(msgspec.json.encode(endpoint.model))
    return msgspec.json.encode(fields)


def limited(wait_s: float) -> ApiError:
    """429 with the time after which trying again makes sense."""
    headers = {"retry-after": str(math.ceil(wait_s)), "retry-after-ms": str(math.ceil(wait_s * 1000))}
    return ApiError(429, "Every endpoint of this model is at its limit.", code="rate_limit_exceeded", headers=headers)


async def _disconnected(receive: "Receive") -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
