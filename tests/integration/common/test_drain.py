"""A process that is told to end finishes what it has begun."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

SERVICE = """
import asyncio, sys
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from common.app import create_app, serve
from common.settings import ServiceSettings

routes = APIRouter()

@routes.get("/stream")
async def stream():
    async def pieces():
        for number in range(20):
            yield f"{number} "
            await asyncio.sleep(0.05)
    return StreamingResponse(pieces())

settings = ServiceSettings(service="test", port=int(sys.argv[1]))
serve(create_app(settings, routers=[routes]), settings)
"""


@pytest.fixture
def service(tmp_path: Path, free_tcp_port: int) -> Iterator["subprocess.Popen[bytes]"]:
    (tmp_path / "service.py").write_text(SERVICE)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, str(tmp_path / "service.py"), str(free_tcp_port)], stdout=log)
    yield process
    process.kill()
    process.wait()


def test_an_open_stream_ends_whole_after_sigterm(service: "subprocess.Popen[bytes]", free_tcp_port: int) -> None:
    base = f"http://127.0.0.1:{free_tcp_port}"
    wait_until_live(base)
    with httpx.stream("GET", f"{base}/stream", timeout=30) as response:
        pieces = response.iter_text()
        text = next(pieces)
        service.send_signal(signal.SIGTERM)
        text += "".join(pieces)
    assert text.split() == [str(number) for number in range(20)]
    assert service.wait(timeout=30) == 0


def wait_until_live(base: str) -> None:
    transport = httpx.HTTPTransport(retries=0)
    with httpx.Client(transport=transport) as client:
        for _ in range(600):
            try:
                client.get(f"{base}/livez")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
    raise AssertionError("the service did not start")
