"""What every service has from `create_app`: probes, metrics, request ids, one error shape, limits."""

import asyncio
from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest
from fastapi import APIRouter, FastAPI, UploadFile
from pydantic import BaseModel

from common.app import create_app
from common.auth import CallerDep
from common.errors import invalid, not_implemented
from common.settings import ServiceSettings

routes = APIRouter()


class Message(BaseModel):
    role: str


class Question(BaseModel):
    messages: list[Message]


@routes.post("/v1/ask")
async def ask(question: Question, caller: CallerDep) -> dict[str, str]:
    return {"role": question.messages[0].role, "tenant": caller.tenant}


@routes.post("/v1/upload")
async def upload(file: UploadFile) -> int:
    return len(await file.read())


@routes.get("/broken")
async def broken() -> None:
    raise RuntimeError("password=hunter2")


@routes.get("/refused")
async def refused() -> None:
    raise invalid("the reason", "the.field")


@routes.get("/later")
async def later() -> None:
    raise not_implemented("/later")


@pytest.fixture
async def app() -> FastAPI:
    settings = ServiceSettings(service="test", max_body_bytes=1024)
    return create_app(settings, routers=[routes], body_limits={"/v1/upload": 1024 * 1024})


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_probes_do_not_depend_on_dependencies(app: FastAPI, client: httpx.AsyncClient) -> None:
    async def down() -> None:
        raise ConnectionError("postgresql://user:secret@host")

    app.state.health.add("database", down, critical=True)
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200
    report = await client.get("/healthz")
    assert report.status_code == 503
    body = report.json()
    assert body["state"] == "down"
    assert body["degraded"] == ["database"]
    assert body["dependencies"]["database"]["problem"] == "ConnectionError"
    assert "secret" not in report.text


async def test_a_part_that_may_fail_leaves_the_service_degraded(app: FastAPI, client: httpx.AsyncClient) -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    app.state.health.add("reranker", hangs, critical=False, timeout_s=0.01)
    report = await client.get("/healthz")
    assert report.status_code == 200
    assert report.json()["state"] == "degraded"
    assert report.json()["dependencies"]["reranker"]["problem"] == "no answer in time"


async def test_draining_and_unfit_services_are_not_ready(app: FastAPI, client: httpx.AsyncClient) -> None:
    app.state.health.ready_when("schema", lambda: "migration 3 is missing")
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == {"schema": "migration 3 is missing"}
    app.state.health.draining = True
    assert "draining" in (await client.get("/readyz")).json()["reasons"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "param", "words"),
    [
        ("GET", "/nothing", None, 404, None, "Unknown path: GET /nothing"),
        ("DELETE", "/v1/ask", None, 405, None, "not allowed"),
        ("POST", "/v1/ask", b'{"messages": [', 400, None, "not valid JSON"),
        ("POST", "/v1/ask", b"{}", 400, "messages", "Field required"),
        ("POST", "/v1/ask", b'{"messages": [{"role": 1}]}', 400, "messages[0].role", "valid string"),
        ("POST", "/v1/ask", b'"' + b"x" * 2000 + b'"', 413, None, "over the limit of 1024 bytes"),
        ("GET", "/refused", None, 400, "the.field", "the reason"),
        ("GET", "/later", None, 501, None, "not available"),
        ("GET", "/broken", None, 500, None, "went wrong on our side"),
    ],
)
async def test_every_error_has_openais_shape(
    client: httpx.AsyncClient, method: str, path: str, body: bytes | None, status: int, param: str | None, words: str
) -> None:
    answer = await client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == param
    assert words in error["message"]
    assert "hunter2" not in answer.text
    assert answer.headers["x-request-id"]


async def test_a_body_that_grows_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100

    answer = await client.post("/v1/ask", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "request_too_large"


async def test_uploads_have_their_own_limit(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/upload", files={"file": b"x" * 50_000})).json() == 50_000
    assert (await client.post("/v1/upload", files={"file": b"x" * 2_000_000})).status_code == 413


async def test_a_sane_request_id_is_kept_and_another_replaced(client: httpx.AsyncClient) -> None:
    kept = await client.get("/livez", headers={"x-request-id": "abc-1"})
    assert kept.headers["x-request-id"] == "abc-1"
    replaced = await client.get("/livez", headers={"x-request-id": 'a"\x7f{}'})
    assert replaced.headers["x-request-id"].startswith("req_")


async def test_metrics_count_by_route_not_by_path(client: httpx.AsyncClient) -> None:
    for number in range(20):
        await client.get(f"/random/{number}")
    await client.get("/broken")
    text = (await client.get("/metrics")).text
    assert "/random" not in text
    assert 'fairlead_http_requests_total{method="GET",route="other",service="test",status="404"}' in text
    assert 'fairlead_http_requests_total{method="GET",route="/broken",service="test",status="500"}' in text
    assert 'fairlead_unhandled_errors_total{service="test"}' in text
