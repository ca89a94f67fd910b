"""The HTTP client of sources against servers that mean harm: everything ends, and with its reason."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from fakes.site import Site
from ingestion.sources.kind import Unreadable
from ingestion.sources.safe_http import MOST_REDIRECTS, Answer, Gone, SafeHttp, opened


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().running() as site:
        yield site


@asynccontextmanager
async def client(origin: str = "http://127.0.0.1", **options: Any) -> AsyncIterator[SafeHttp]:
    settings: dict[str, Any] = {"private": True, "request_s": 20, "look_s": 60, "delay_s": 0, "headers": {}}
    async with opened(**(settings | options), origin=URL(origin)) as http:
        yield http


async def get(url: str, largest: int = 100_000, **options: Any) -> Answer:
    async with client(url, **options) as http:
        return await http.get(URL(url), largest=largest)


async def refused(url: str, **options: Any) -> str:
    with pytest.raises(Unreadable) as caught:
        await get(url, **options)
    return str(caught.value.reason)


async def test_a_page_comes_with_its_version_and_is_not_sent_twice(site: Site) -> None:
    site.pages["/a"] = "text"
    async with client() as http:
        first = await http.get(URL(f"{site.url}/a"), largest=100)
        second = await http.get(URL(f"{site.url}/a"), largest=100, known=first.version)
    assert (first.body, first.changed, second.changed) == (b"text", True, False)
    assert site.answered == [("/a", 200), ("/a", 304)]


async def test_private_addresses_are_refused_unless_allowed(site: Site) -> None:
    site.pages["/"] = "secret"
    assert await refused(site.url, private=False) == "refused_address"
    assert site.requests == []
    assert (await get(site.url)).body == b"secret"


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]"])
async def test_this_machine_is_refused_however_it_is_written(site: Site, host: str) -> None:
    reason = await refused(f"http://{host}:{site.port}/", private=False)
    assert reason in ("refused_address", "unreachable")
    assert site.requests == []


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]/", "http://0.0.0.0/"]
)
async def test_the_clouds_metadata_is_refused_even_where_private_addresses_are_allowed(url: str) -> None:
    assert await refused(url) == "refused_address"


async def test_a_name_that_resolves_to_a_private_address_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, ["127.0.0.1"])
    assert await refused(f"http://docs.example:{site.port}/", private=False) == "refused_address"
    assert site.requests == []


async def test_a_public_address_among_private_ones_does_not_help(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, ["93.184.216.34", "127.0.0.1"])
    assert await refused(f"http://docs.example:{site.port}/", private=False) == "refused_address"
    assert site.requests == []


async def test_a_name_is_resolved_once_and_the_connection_goes_there(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.pages["/"] = "text"
    asked = answer_with(monkeypatch, ["127.0.0.1"])
    answer = await get(f"http://docs.example:{site.port}/")
    assert answer.body == b"text" and asked == ["docs.example"]
    assert site.requests[0].host == f"docs.example:{site.port}"


async def test_a_redirect_to_a_refused_address_is_not_followed(site: Site) -> None:
    site.redirect("/", "http://169.254.169.254/latest/meta-data")
    assert await refused(site.url) == "refused_address"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/", "gopher://x/", "http://a:b@127.0.0.1/"])
async def test_a_redirect_to_what_is_not_http_is_not_followed(site: Site, target: str) -> None:
    site.redirect("/", target)
    assert await refused(site.url) == "refused_address"


async def test_redirects_in_a_circle_end(site: Site) -> None:
    site.redirect("/a", "/b")
    site.redirect("/b", "/a")
    assert await refused(f"{site.url}/a") == "refused_redirect"
    assert site.paths() == ["/a", "/b"]


async def test_redirects_without_end_end(site: Site) -> None:
    for number in range(50):
        site.redirect(f"/{number}", f"/{number + 1}")
    assert await refused(f"{site.url}/0") == "refused_redirect"
    assert len(site.requests) == MOST_REDIRECTS + 1


async def test_a_credential_is_not_sent_to_another_host(site: Site) -> None:
    async with Site().running() as other:
        other.pages["/"] = "elsewhere"
        site.redirect("/", other.url + "/")
        answer = await get(site.url, headers={"Authorization": "Bearer secret"})
    assert answer.body == b"elsewhere"
    assert site.requests[0].headers["Authorization"] == "Bearer secret"
    assert "Authorization" not in other.requests[0].headers


async def test_a_body_without_end_is_cut(site: Site) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 1 << 30:
            await response.write(b"x" * 65_536)
            sent += 65_536
        return response

    site.handlers["/"] = endless
    assert await refused(site.url, largest=1_000_000) == "file_too_large"
    assert sent < 1 << 28


async def test_a_packed_body_is_bounded_by_its_unpacked_size(site: Site, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(200_000_000))

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    site.handlers["/"] = answer
    assert len(bomb) < 1_000_000
    async with client() as http:
        with pytest.raises(Unreadable) as caught:
            await http.get(URL(site.url), largest=1_000_000, into=tmp_path / "body")
    assert caught.value.reason == "file_too_large"
    assert (tmp_path / "body").stat().st_size <= 1_000_000


async def test_a_packed_body_is_unpacked(site: Site) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=gzip.compress(b"text" * 100_000), headers={"Content-Encoding": "gzip"})

    site.handlers["/"] = answer
    assert (await get(site.url, largest=1_000_000)).body == b"text" * 100_000


async def test_a_body_that_drips_meets_the_deadline(site: Site) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await site.stopped.wait()
        return response

    site.handlers["/"] = drip
    assert await refused(site.url, request_s=0.3) == "timeout"


async def test_nothing_is_asked_after_the_looks_deadline(site: Site) -> None:
    site.pages["/"] = "text"
    assert await refused(site.url, look_s=0.0) == "timeout"
    assert site.requests == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "forbidden"), (403, "forbidden"), (429, "unreachable"), (418, "http_error"), (500, "unreachable")],
)
async def test_failures_by_status(site: Site, status: int, reason: str) -> None:
    site.fail("/", status)
    assert await refused(site.url) == reason


@pytest.mark.parametrize("status", [404, 410])
async def test_what_is_not_there_is_gone(site: Site, status: int) -> None:
    site.fail("/", status)
    with pytest.raises(Gone):
        await get(site.url)


async def test_what_is_no_http_is_an_error_not_a_crash() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\xff not http at all\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await refused(f"http://127.0.0.1:{port}/") == "unreachable"


def answer_with(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> list[str]:
    """Have names resolve to these; returns the names that were asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked
