"""Connections to upstreams: kept alive per origin, bounded in number, watched by one clock, TLS always verified."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from llm_proxy.http_connection import Connection, UpstreamBroken

# How late a deadline may be noticed. Looking at every open call this often costs next to nothing.
SWEEP_S = 0.05
CONNECT_S = 5.0
# Per origin. More calls than this wait for a connection, inside their own deadline.
MOST_CONNECTIONS = 1024
MOST_IDLE = 128
# Common servers close an idle connection after 60 or 75 s; one of ours must not be older.
LONGEST_IDLE_S = 50.0


class Origin(NamedTuple):
    """Where a connection goes."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        """The origin of a URL that the configuration has checked."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, parts.hostname or "", port)

    @property
    def host_header(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


class Patience(NamedTuple):
    """How long a call may take: seconds to the first byte and between two; the end on the loop's clock."""

    first_s: float
    gap_s: float
    end_by: float


@dataclass
class _Connections:
    """Those of one origin."""

    idle: deque[Connection] = field(default_factory=deque[Connection])
    open: set[Connection] = field(default_factory=set[Connection])
    opening: int = 0
    waiters: "deque[asyncio.Future[None]]" = field(default_factory=deque)


class UpstreamClient:
    """All connections of the process. Made inside the running loop."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._tls = tls
        self._origins: dict[Origin, _Connections] = {}
        self._busy: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def exchange(
        self, origin: Origin, head: bytes, body: bytes, patience: Patience, *, whole: bool
    ) -> Connection:
        """Send a request and wait for the head of its answer, or for all of it; the caller must call `done`.

        A kept connection that the upstream closed while the request was on its way is replaced by a fresh one, once,
        and only when no byte of an answer came. Raises UpstreamBroken.
        """
        connections = self._origins.get(origin)
        if connections is None:
            connections = self._origins[origin] = _Connections()
        connection = self._kept(connections)
        kept = connection is not None
        while True:
            if connection is None:
                connection = await self._fresh(origin, connections, patience)
            self._busy.add(connection)
            if self._timer is None:
                self._sweep()
            try:
                connection.begin(
                    head,
                    body,
                    whole=whole,
                    first_s=patience.first_s,
                    gap_s=patience.gap_s,
                    end_by=patience.end_by,
                )
                await connection.reached()
            except UpstreamBroken as broken:
                connection.done()
                if not kept or broken.answered or broken.fault != "closed":
                    raise
                connection, kept = None, False
            except BaseException:
                connection.done()
                raise
            else:
                return connection

    def open_connections(self) -> int:
        """How many there are, busy or idle."""
        return sum(len(connections.open) for connections in self._origins.values())

    def close(self) -> None:
        """Close everything."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for connections in self._origins.values():
            for connection in tuple(connections.open):
                connection.close()

    def _kept(self, connections: _Connections) -> Connection | None:
        idle = connections.idle
        while idle:
            # The one used last: the others age and are closed.
            connection = idle.pop()
            if not connection.lost and connection.transport is not None and not connection.transport.is_closing():
                return connection
        return None

    async def _fresh(self, origin: Origin, connections: _Connections, patience: Patience) -> Connection:
        by = min(patience.end_by, self._loop.time() + min(CONNECT_S, patience.first_s))
        try:
            async with asyncio.timeout_at(by):
                while len(connections.open) + connections.opening >= MOST_CONNECTIONS:
                    waiter: asyncio.Future[None] = self._loop.create_future()
                    connections.waiters.append(waiter)
                    await waiter
                    if (connection := self._kept(connections)) is not None:
                        return connection
                connections.opening += 1
                try:
                    return await self._connect(origin, connections)
                finally:
                    connections.opening -= 1
        except TimeoutError:
            raise UpstreamBroken("timeout", "no connection in time") from None
        except ssl.SSLError as error:
            raise UpstreamBroken("tls", f"TLS failed: {error.reason or 'handshake'}") from None
        except OSError as error:
            raise UpstreamBroken("connect", f"no connection: {type(error).__name__}") from None

    async def _connect(self, origin: Origin, connections: _Connections) -> Connection:
        tls = None
        if origin.scheme == "https":
            if self._tls is None:
                self._tls = ssl.create_default_context()
            tls = self._tls

        def freed(connection: Connection, reusable: bool) -> None:
            self._busy.discard(connection)
            if not reusable or self._closed:
                connections.open.discard(connection)
            elif len(connections.idle) >= MOST_IDLE:
                connection.close()
                connections.open.discard(connection)
            else:
                connection.idle_since = self._loop.time()
                connections.idle.append(connection)
            while connections.waiters:
                waiter = connections.waiters.popleft()
                if not waiter.done():
                    waiter.set_result(None)
                    break

        _, connection = await self._loop.create_connection(
            lambda: Connection(self._loop, freed),
            origin.host,
            origin.port,
            ssl=tls,
            server_hostname=origin.host if tls else None,
        )
        connections.open.add(connection)
        return connection

    def _sweep(self) -> None:
        """End what is over its time; runs while there is anything to watch."""
        now = self._loop.time()
        for connection in tuple(self._busy):
            if connection.deadline <= now:
                connection.expire()
        watched = bool(self._busy)
        for origin, connections in tuple(self._origins.items()):
            idle = connections.idle
            while idle and now - idle[0].idle_since > LONGEST_IDLE_S:
                idle.popleft().close()
            watched = watched or bool(connections.open)
            if not connections.open and not connections.opening and not connections.waiters:
                # An origin that left the configuration must not be remembered for ever.
                del self._origins[origin]
        self._timer = self._loop.call_later(SWEEP_S, self._sweep) if watched and not self._closed else None


@asynccontextmanager
async def upstream_client() -> AsyncGenerator[UpstreamClient]:
    """A client for as long as the context is open."""
    client = UpstreamClient()
    try:
        yield client
    finally:
        client.close()


async def fetch(
    url: str,
    *,
    headers: Mapping[str, str],
    within_s: float,
    form: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> bytes:
    """A page of another service, with a connection of its own; with a `form` it is posted.

    Raises OSError when there is no answer, or another than 200, within the time.
    """
    loop = asyncio.get_running_loop()
    origin, parts = Origin.of(url), urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    body = b"" if form is None else urlencode(form).encode()
    given = {"host": origin.host_header, "accept": "application/json", **headers, "content-length": str(len(body))}
    if form is not None:
        given["content-type"] = "application/x-www-form-urlencoded"
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    head = f"{'GET' if form is None else 'POST'} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")
    client = UpstreamClient(tls)
    try:
        patience = Patience(within_s, within_s, loop.time() + within_s)
        connection = await client.exchange(origin, head, body, patience, whole=True)
        answer = await connection.whole()
        connection.done()
    except UpstreamBroken as broken:
        raise OSError(broken.detail) from None
    finally:
        client.close()
    if connection.status != 200:
        raise OSError(f"HTTP {connection.status}")
    return answer
