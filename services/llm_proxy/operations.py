"""The pool's own pages, without a framework: probes, metrics, configuration, models, and why a call would go where."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import msgspec

from common.deadline import Deadline
from common.errors import ApiError, invalid, not_found, respond
from common.exposition import exposed
from common.health import Health
from common.live_config import LiveConfig
from common.metrics import METHODS, OTHER
from llm_proxy import body as bodies
from llm_proxy.admission import Ask
from llm_proxy.config import PoolConfig
from llm_proxy.plan import PATHS
from llm_proxy.proxy import DEFAULT_DEADLINE_S, OPERATIONS, Proxy, read_head, request_id

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

JSON = "application/json"
MODELS = "/v1/models"


class Operations:
    """Answers what is not a model call."""

    def __init__(self, proxy: Proxy, live: LiveConfig[PoolConfig], health: Health) -> None:
        self._proxy = proxy
        self._live = live
        self._health = health
        self._pages = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/healthz": self._healthz,
            "/metrics": self._metrics,
            "/v1/config": self._config,
            MODELS: self._models,
        }

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer; unknown paths are refused in the API's shape."""
        headers = read_head(scope)
        named = request_id(headers)
        began = time.perf_counter()
        try:
            status, content_type, body = await self._page(scope, headers, receive)
        except ApiError as error:
            self._count(scope, error.status, began)
            error.headers.setdefault("x-request-id", named)
            await respond(error, scope, receive, send)
            return
        self._count(scope, status, began)
        start = [
            (b"content-type", content_type.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", named.encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": start})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _count(self, scope: "Scope", status: int, began: float) -> None:
        path, method = scope["path"], scope["method"]
        route = path if path in self._pages or path in OPERATIONS or path == "/explain" else OTHER
        if path.startswith(MODELS + "/"):
            route = MODELS + "/{model}"
        meters = self._proxy.meters.route(route, method if method in METHODS else OTHER, status)
        meters.requests.inc()
        meters.seconds.observe(time.perf_counter() - began)

    async def _page(self, scope: "Scope", headers: dict[str, str], receive: "Receive") -> tuple[int, str, bytes]:
        path, method = scope["path"], scope["method"]
        if path == "/explain":
            allowed = ("POST",)
            page = None
        elif path in OPERATIONS:
            allowed, page = ("POST",), None
        elif path in self._pages:
            allowed, page = ("GET", "HEAD"), self._pages[path]
        elif path.startswith(MODELS + "/"):
            allowed, page = ("GET", "HEAD"), self._model
        else:
            raise ApiError(404, f"Unknown path: {method} {path[:200]}", code="unknown_url")
        if method not in allowed:
            message = f"Method {method} is not allowed on {path[:200]}"
            raise ApiError(405, message, code="method_not_allowed", headers={"allow": ", ".join(allowed)})
        if page is None:
            return await self._explain(scope, headers, receive)
        return await page(scope, headers)

    async def _livez(self, _: "Scope", __: dict[str, str]) -> tuple[int, str, bytes]:
        return 200, JSON, b'{"state":"ok"}'

    async def _readyz(self, _: "Scope", __: dict[str, str]) -> tuple[int, str, bytes]:
        reasons = self._health.unready_reasons()
        return 503 if reasons else 200, JSON, _json({"ready": not reasons, "reasons": reasons})

    async def _healthz(self, _: "Scope", __: dict[str, str]) -> tuple[int, str, bytes]:
        report = await self._health.report()
        return 503 if report["state"] == "down" else 200, JSON, _json(report)

    async def _metrics(self, scope: "Scope", _: dict[str, str]) -> tuple[int, str, bytes]:
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        return 200, *exposed(accept.decode("latin-1"))

    async def _config(self, _: "Scope", headers: dict[str, str]) -> tuple[int, str, bytes]:
        self._proxy.auth.authenticate(headers)
        return 200, JSON, _json(self._live.status())

    async def _models(self, _: "Scope", headers: dict[str, str]) -> tuple[int, str, bytes]:
        data = [self._shown(name) for name in self._usable(headers)]
        return 200, JSON, _json({"object": "list", "data": data})

    async def _model(self, scope: "Scope", headers: dict[str, str]) -> tuple[int, str, bytes]:
        name = unquote(scope["path"].removeprefix(MODELS + "/"))
        usable = self._usable(headers)
        if name not in usable:
            raise not_found(f"The model {name[:80]!r} does not exist. There are: {', '.join(sorted(usable))}", "model")
        return 200, JSON, _json(self._shown(name))

    async def _explain(self, scope: "Scope", headers: dict[str, str], receive: "Receive") -> tuple[int, str, bytes]:
        """Each endpoint that could serve the request in the body, and why it would or would not; nothing is sent."""
        caller = self._proxy.auth.authenticate(headers)
        operation = parse_qs(scope["query_string"].decode("latin-1")).get("operation", ["chat"])[0]
        if operation not in PATHS:
            raise invalid(f"operation: must be one of {', '.join(PATHS)}", "operation")
        body = await self._proxy.body(headers, receive)
        seen = bodies.peek(body)
        deadline = Deadline.from_headers(headers, DEFAULT_DEADLINE_S)
        max_tokens = 0 if operation in ("embeddings", "rerank") else seen.answer_tokens
        tokens = bodies.prompt_tokens(body)
        ask = Ask(seen.model, operation, tokens, max_tokens, caller.lane, caller, deadline)
        candidates = self._proxy.admission.router.explain(ask)
        shown = {
            "model": seen.model,
            "operation": operation,
            "lane": caller.lane,
            "prompt_tokens": tokens,
            "max_tokens": max_tokens,
            "config_hash": self._live.current.hash,
            "candidates": [asdict(candidate) for candidate in candidates],
        }
        return 200, JSON, _json(shown)

    def _usable(self, headers: dict[str, str]) -> list[str]:
        """The names of the models that the caller may ask."""
        caller = self._proxy.auth.authenticate(headers)
        return self._proxy.admission.callers.may_use(caller)

    def _shown(self, name: str) -> dict[str, Any]:
        created = int(self._live.current.loaded_at)
        return {"id": name, "object": "model", "created": created, "owned_by": "fairlead"}


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)
