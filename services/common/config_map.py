"""ConfigMaps by the cluster's API, over plain HTTP: look, get, watch and patch, each with a deadline.

Blocking, for threads; `docs/decisions/0010-plain-http-to-the-kubernetes-api.md` says why not the client library.
"""

import base64
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args
from urllib.parse import urlencode, urlsplit

from common.api_server import ApiServer
from common.config_texts import ConfigTexts
from common.yaml_text import ConfigError

Reason = Literal["connection", "timeout", "unauthorized", "forbidden", "not_found", "gone", "conflict", "answer"]
REASONS = get_args(Reason)
_BY_STATUS: Mapping[int, Reason] = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    410: "gone",
}
CONNECT_S = 3.0
REQUEST_S = 5.0
# A ConfigMap holds 1 MiB; as JSON, with what Kubernetes notes beside it, it can be several times that.
LARGEST_ANSWER = 16 * 1024 * 1024
# A server that is gone without a word is noticed after about 25 s.
KEEPALIVE = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))


class ApiFailure(Exception):
    """The API server did not do what was asked; `reason` is one of a few words, for metrics."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


@dataclass(frozen=True)
class ConfigMap:
    """One ConfigMap as it was at `version`."""

    name: str
    uid: str
    version: str
    data: Mapping[str, str] = field(default_factory=dict[str, str])
    binary: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, item: Any) -> "ConfigMap":
        """From the API's object; raises ApiFailure for anything else."""
        version = version_of(item)
        try:
            about = item["metadata"]
            data, binary = (dict[str, str](item.get(part) or ()) for part in ("data", "binaryData"))
            return cls(about["name"], about.get("uid", ""), version, data, binary)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ApiFailure("answer", "the API server's answer is no ConfigMap") from error

    def texts(self) -> ConfigTexts:
        """Its keys, as the mounted folder shows them; raises ConfigError."""
        files = dict(self.data)
        for key, coded in self.binary.items():
            try:
                files[key] = base64.b64decode(coded).decode()
            except ValueError:
                raise ConfigError("the value is not UTF-8 text", key) from None
        return ConfigTexts.of(files)


def version_of(item: Any) -> str:
    """The version of an object or a list of the API's; raises ApiFailure."""
    try:
        return str(item["metadata"]["resourceVersion"])
    except (KeyError, TypeError) as error:
        raise ApiFailure("answer", "the API server's answer has no resourceVersion") from error


class ConfigMapApi:
    """The ConfigMaps of this pod's namespace; every call blocks, and `abort` ends them all from another thread."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._open: set[http.client.HTTPConnection] = set()
        self._ended = False

    def look(self, name: str) -> tuple[str, ConfigMap | None]:
        """The version to watch from, and the ConfigMap of that name, None when there is none; raises ApiFailure."""
        with self._asked("GET", _only(name), REQUEST_S) as answer:
            found = _json(_whole(answer))
        items: list[Any] = found.get("items") or []
        return version_of(found), ConfigMap.of(items[0]) if items else None

    def get(self, name: str) -> ConfigMap:
        """The ConfigMap; raises ApiFailure (`not_found` where there is none)."""
        with self._asked("GET", f"/{name}", REQUEST_S) as answer:
            return ConfigMap.of(_json(_whole(answer)))

    def patch(self, name: str, data: Mapping[str, str], version: str) -> None:
        """Set these keys of the ConfigMap if it still has that version; raises ApiFailure (`conflict` if not)."""
        body = json.dumps({"metadata": {"resourceVersion": version}, "data": dict(data)}).encode()
        with self._asked("PATCH", f"/{name}", REQUEST_S, body) as answer:
            _whole(answer)

    def events(self, name: str, version: str, seconds: int) -> Iterator[tuple[str, Any]]:
        """What happens to the ConfigMap after `version`, each kind with its object, for so many seconds.

        A connection that breaks off ends them early. Raises ApiFailure; `gone` when the server no longer knows what
        happened since then.
        """
        path = _only(name, watch="1", resourceVersion=version, allowWatchBookmarks="true", timeoutSeconds=str(seconds))
        # The server ends the stream after `seconds`; one that does not is not alive.
        with self._asked("GET", path, seconds + REQUEST_S) as answer:
            while line := answer.readline(LARGEST_ANSWER):
                if not line.endswith(b"\n"):
                    raise ApiFailure("connection", "the watch broke off")
                event = _json(line)
                kind, item = str(event.get("type")), event.get("object")
                if kind == "ERROR":
                    code = cast(dict[str, Any], item).get("code") if isinstance(item, dict) else None
                    raise ApiFailure("gone" if code == 410 else "answer", f"the watch ended with {code}")
                yield kind, item

    def abort(self) -> None:
        """End what is open, and refuse what is asked from now on."""
        self._ended = True
        for connection in tuple(self._open):
            _cut(connection)

    @contextmanager
    def _asked(
        self, method: str, path: str, within_s: float, body: bytes | None = None
    ) -> Generator[http.client.HTTPResponse]:
        late = threading.Event()
        try:
            connection = self._connection()
            headers = {"accept": "application/json", "authorization": f"Bearer {self._server.token()}"}
            address = f"/api/v1/namespaces/{self._server.namespace()}/configmaps{path}"
        except OSError as error:
            raise ApiFailure("connection", f"no service account to ask with: {error}") from None
        if body is not None:
            headers["content-type"] = "application/merge-patch+json"
        timer = threading.Timer(within_s, lambda: (late.set(), _cut(connection)))
        timer.daemon = True
        self._open.add(connection)
        try:
            connection.connect()
            _keep_alive(connection)
            if self._ended:
                raise ApiFailure("connection", "this process ends")
            timer.start()
            connection.request(method, address, body, headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise ApiFailure(_BY_STATUS.get(answer.status, "answer"), _said(answer))
            yield answer
        except (OSError, http.client.HTTPException, ApiFailure) as error:
            if late.is_set() or isinstance(error, TimeoutError):
                raise ApiFailure("timeout", f"no answer within {within_s:g} s") from None
            if isinstance(error, ApiFailure):
                raise
            raise ApiFailure("connection", f"no connection: {error or type(error).__name__}") from None
        finally:
            timer.cancel()
            self._open.discard(connection)
            connection.close()
        if late.is_set():
            raise ApiFailure("timeout", f"not ended within {within_s:g} s")

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._server.url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            tls = self._server.tls() or ssl.create_default_context()
            return http.client.HTTPSConnection(host, parts.port, timeout=CONNECT_S, context=tls)
        return http.client.HTTPConnection(host, parts.port, timeout=CONNECT_S)


def _only(name: str, **more: str) -> str:
    """The query that picks the ConfigMap of that name, which is how a Role for one name allows list and watch."""
    return "?" + urlencode({"fieldSelector": f"metadata.name={name}", **more})


def _keep_alive(connection: http.client.HTTPConnection) -> None:
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE:
        if hasattr(socket, name):
            connection.sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    # From here on the timer is the deadline.
    connection.sock.settimeout(None)


def _cut(connection: http.client.HTTPConnection) -> None:
    """Wake whoever reads from it."""
    sock = cast("socket.socket | None", connection.sock)
    if sock is not None:
        try:
            # Not TLS's own, which would take the layer from under the reader.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        except OSError:
            return


def _whole(answer: http.client.HTTPResponse) -> bytes:
    body = answer.read(LARGEST_ANSWER)
    if answer.length:
        raise ApiFailure("connection", "the answer broke off")
    return body


def _said(answer: http.client.HTTPResponse) -> str:
    """The status, and what the API says of it."""
    try:
        message = json.loads(answer.read(64 * 1024)).get("message", "")
    except (ValueError, AttributeError):
        message = ""
    return f"HTTP {answer.status}" + (f": {message[:300]}" if isinstance(message, str) and message else "")


def _json(text: bytes) -> Any:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ApiFailure("answer", "the API server's answer is not whole JSON") from error
    if not isinstance(found, dict):
        raise ApiFailure("answer", "the API server's answer is no object")
    return cast(dict[str, Any], found)
