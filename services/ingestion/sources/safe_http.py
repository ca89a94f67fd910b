"""HTTP for sources: every wait has a deadline, every body a bound, every address and redirect is looked at first."""

import asyncio
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp
from yarl import URL

from ingestion.failures import Reason, size
from ingestion.sources.addresses import GuardedResolver, RefusedAddress, is_allowed
from ingestion.sources.kind import Unreadable

AGENT = "Fairlead"
MOST_REDIRECTS = 5
PIECE_BYTES = 1 << 16
CONNECT_S = 10.0


class Gone(Unreadable):
    """The server says that there is no such page: then it is not unknown but gone."""


@dataclass(frozen=True)
class Answer:
    """What came back. `body` is None when it was written to a file, or when nothing has changed."""

    url: URL
    """Where it came from in the end."""
    changed: bool
    version: str | None
    """What to ask with the next time: `etag:…` or `modified:…`."""
    content_type: str
    body: bytes | None = None
    bytes: int = 0
    charset: str | None = None


Allow = Callable[[URL], str | None]
"""Why a redirect may not be followed; None when it may."""


class SafeHttp:
    """A client for one look at one source."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        private: bool,
        request_s: float,
        look_s: float,
        delay_s: float,
        headers: dict[str, str],
        origin: URL,
    ) -> None:
        self._session = session
        self._private = private
        self._request_s = request_s
        self._ends = time.monotonic() + look_s
        self._headers = headers
        self._origin = origin.origin()
        self._next: dict[str, float] = {}
        self.delay_s = delay_s

    @property
    def out_of_time(self) -> bool:
        """Whether the look's deadline has passed: nothing more will be fetched."""
        return time.monotonic() >= self._ends

    async def get(
        self,
        url: URL,
        *,
        largest: int,
        into: Path | None = None,
        known: str | None = None,
        allow: Allow = lambda _: None,
    ) -> Answer:
        """The document at `url`, at most `largest` bytes of it unpacked; `known` is the version that we have.

        Raises Unreadable, and Gone for 404 and 410.
        """
        try:
            async with asyncio.timeout(max(0.0, self._ends - time.monotonic())):
                return await self._follow(url, largest, into, known, allow)
        except TimeoutError:
            raise Unreadable(Reason.TIMEOUT, f"{shown(url)} did not answer in time.") from None
        except aiohttp.ClientError as error:
            if isinstance(getattr(error, "os_error", None), RefusedAddress):
                raise _refused(url) from None
            why = type(error).__name__.removeprefix("Client")
            raise Unreadable(Reason.UNREACHABLE, f"{shown(url)} cannot be reached ({why}).") from None
        except (ValueError, zlib.error):
            raise Unreadable(Reason.HTTP_ERROR, f"{shown(url)} answered with what is no valid HTTP.") from None

    async def _follow(self, url: URL, largest: int, into: Path | None, known: str | None, allow: Allow) -> Answer:
        seen: set[URL] = set()
        while True:
            self._check(url)
            seen.add(url)
            await self._wait_turn(url)
            headers = {"Accept-Encoding": "gzip, deflate", **_conditions(known)}
            if url.origin() == self._origin:
                headers |= self._headers
            async with (
                asyncio.timeout(self._request_s),
                self._session.get(url, headers=headers, allow_redirects=False) as response,
            ):
                if response.status not in (301, 302, 303, 307, 308):
                    return await _answer(response, url, largest, into)
                url = _target(response, url)
            if url in seen:
                raise Unreadable(Reason.REFUSED_REDIRECT, f"{shown(url)} redirects in a circle.")
            if len(seen) > MOST_REDIRECTS:
                raise Unreadable(Reason.REFUSED_REDIRECT, f"{shown(url)} comes after too many redirects.")
            problem = allow(url)
            if problem:
                raise Unreadable(Reason.REFUSED_REDIRECT, f"A redirect leads to {shown(url)}: {problem}.")

    def _check(self, url: URL) -> None:
        if url.scheme not in ("http", "https") or not url.host or url.user or url.password:
            raise Unreadable(Reason.REFUSED_ADDRESS, f"{shown(url)} is not a plain http or https address.")
        host = url.host
        looks_numeric = ":" in host or host.replace(".", "").isdigit()
        if looks_numeric and not is_allowed(host, private=self._private):
            raise _refused(url)

    async def _wait_turn(self, url: URL) -> None:
        """Leave a pause between two requests to a host."""
        host = url.host or ""
        now = time.monotonic()
        turn = max(now, self._next.get(host, now))
        self._next[host] = turn + self.delay_s
        await asyncio.sleep(turn - now)


@asynccontextmanager
async def opened(
    *, private: bool, request_s: float, look_s: float, delay_s: float, headers: dict[str, str], origin: URL
) -> AsyncGenerator[SafeHttp]:
    """A client whose connections are closed at the end."""
    guard = GuardedResolver(private=private)
    connector = aiohttp.TCPConnector(
        resolver=guard, socket_factory=guard.open_socket, use_dns_cache=False, limit_per_host=2
    )
    session = aiohttp.ClientSession(
        connector=connector,
        # Nothing of the environment: a proxy would resolve names for us, unseen.
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=request_s),
        headers={"User-Agent": f"{AGENT} (document index)", "Accept": "*/*"},
        max_line_size=16_384,
        max_field_size=16_384,
    )
    async with session:
        yield SafeHttp(
            session,
            private=private,
            request_s=request_s,
            look_s=look_s,
            delay_s=delay_s,
            headers=headers,
            origin=origin,
        )


def shown(url: URL) -> str:
    """An address in a message: without user and query, which may carry a key."""
    port = f":{url.explicit_port}" if url.explicit_port else ""
    return f"{url.scheme}://{url.host or ''}{port}{url.path}"[:300]


def _version(headers: Mapping[str, str]) -> str | None:
    etag, modified = headers.get("ETag"), headers.get("Last-Modified")
    return f"etag:{etag}"[:500] if etag else f"modified:{modified}"[:500] if modified else None


def _conditions(known: str | None) -> dict[str, str]:
    kind, _, value = (known or "").partition(":")
    names = {"etag": "If-None-Match", "modified": "If-Modified-Since"}
    return {names[kind]: value} if kind in names and value.isprintable() and value.isascii() else {}


def _target(response: aiohttp.ClientResponse, url: URL) -> URL:
    location = response.headers.get("Location", "")
    if not location:
        raise Unreadable(Reason.HTTP_ERROR, f"{shown(url)} redirects to nowhere.")
    return url.join(URL(location)).with_fragment(None)


async def _answer(response: aiohttp.ClientResponse, url: URL, largest: int, into: Path | None) -> Answer:
    content_type = response.content_type.lower()
    version = _version(response.headers)
    if response.status == HTTPStatus.NOT_MODIFIED:
        return Answer(url, False, version, content_type)
    if response.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise Gone(Reason.HTTP_ERROR, f"{shown(url)} is not there ({response.status}).")
    if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise Unreadable(Reason.FORBIDDEN, f"{shown(url)} may not be read ({response.status}).")
    if response.status != HTTPStatus.OK:
        busy = response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status == HTTPStatus.TOO_MANY_REQUESTS
        # "Come back later" is honoured by the next look, not by waiting here.
        reason = Reason.UNREACHABLE if busy else Reason.HTTP_ERROR
        raise Unreadable(reason, f"{shown(url)} answered with {response.status}.")
    count = 0
    pieces: list[bytes] = []
    with into.open("wb") if into else nullcontext() as file:
        async for piece in _unpacked(response, url):
            count += len(piece)
            if count > largest:
                # The rest is not read: a body may have no end.
                response.close()
                raise Unreadable(Reason.TOO_LARGE, f"{shown(url)} is larger than the limit of {size(largest)}.")
            if file is None:
                pieces.append(piece)
            else:
                await asyncio.to_thread(file.write, piece)
    return Answer(url, True, version, content_type, None if into else b"".join(pieces), count, response.charset)


async def _unpacked(response: aiohttp.ClientResponse, url: URL) -> AsyncIterator[bytes]:
    """The body in pieces of a bounded size, however small it was packed."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        async for piece in response.content.iter_chunked(PIECE_BYTES):
            yield piece
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise Unreadable(Reason.HTTP_ERROR, f"{shown(url)} is packed as {encoding[:40]}, which we did not ask for.")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    async for packed in response.content.iter_chunked(PIECE_BYTES):
        rest = packed
        while rest:
            yield unpacker.decompress(rest, PIECE_BYTES)
            rest = unpacker.unconsumed_tail
    if not unpacker.eof:
        raise Unreadable(Reason.HTTP_ERROR, f"{shown(url)} broke off.")


def _refused(url: URL) -> Unreadable:
    return Unreadable(
        Reason.REFUSED_ADDRESS,
        f"{shown(url)} has an address that is not public; set allow_private for a source inside your own network.",
    )
