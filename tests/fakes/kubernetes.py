"""ConfigMaps of a cluster's API as a small real HTTP server: list, get, watch and patch, and every way they fail."""

import json
import ssl
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

NAMESPACE = "fairlead-test"


class Cluster:
    """The state, and what tests do to it. Every method may be called from any thread."""

    def __init__(self, account: Path) -> None:
        self.account = account
        self.url = ""
        self.requests: list[tuple[str, str]] = []
        self.watched_from: list[str] = []
        self.tokens = {"first-token"}
        # Answers by verb (`list`, `get`, `watch`, `patch`) instead of the usual one: a status, or `hang` or `drop`.
        self.faults: dict[str, int | str] = {}
        self._changed = threading.Condition()
        self._version = 100
        self._forgotten = 0
        self._there: dict[str, dict[str, Any]] = {}
        self._events: list[tuple[int, str, dict[str, Any]]] = []
        self._streams = 0
        self._cut = 0
        self.ended = False
        account.mkdir(exist_ok=True)
        (account / "namespace").write_text(NAMESPACE)
        (account / "token").write_text("first-token")

    def put(self, name: str, data: Mapping[str, str], **more: Any) -> str:
        """Create or replace; its version."""
        with self._changed:
            before = self._there.get(name)
            uid = before["metadata"]["uid"] if before else str(uuid.uuid4())
            return self._store("MODIFIED" if before else "ADDED", name, uid, {"data": dict(data), **more})

    def delete(self, name: str) -> None:
        with self._changed:
            gone = self._there.pop(name)
            self._version += 1
            gone = gone | {"metadata": gone["metadata"] | {"resourceVersion": str(self._version)}}
            self._events.append((self._version, "DELETED", gone))
            self._changed.notify_all()

    def data(self, name: str) -> dict[str, str]:
        with self._changed:
            return dict(self._there[name].get("data") or {})

    def forget(self) -> None:
        """Forget what happened so far, as etcd's compaction does: who watches from before gets 410."""
        with self._changed:
            self._version += 1
            self._forgotten = self._version
            self._events.clear()

    def forget_before(self, version: str) -> None:
        """The same, but who knows this version may go on."""
        with self._changed:
            self._forgotten = int(version)

    def bookmark(self) -> str:
        """Tell all watchers how far they are: the version."""
        with self._changed:
            self._version += 1
            item = {"kind": "ConfigMap", "metadata": {"resourceVersion": str(self._version)}}
            self._events.append((self._version, "BOOKMARK", item))
            self._changed.notify_all()
            return str(self._version)

    def cut(self) -> None:
        """Break every open watch off."""
        with self._changed:
            self._cut += 1
            self._changed.notify_all()

    def watching(self) -> int:
        """Streams that are open now."""
        with self._changed:
            return self._streams

    def count(self, verb: str, name: str | None = None) -> int:
        """How often it was asked for, of that ConfigMap alone or of any."""
        return sum(1 for each, whose in self.requests if each == verb and name in (None, whose))

    def conflict_once(self, name: str, data: Mapping[str, str]) -> None:
        """Someone else writes between the next look at it and the write that follows."""
        self._between = (name, dict(data))

    _between: tuple[str, dict[str, str]] | None = None

    def _store(self, kind: str, name: str, uid: str, content: dict[str, Any]) -> str:
        self._version += 1
        about = {"name": name, "namespace": NAMESPACE, "uid": uid, "resourceVersion": str(self._version)}
        self._there[name] = {"metadata": about, **content}
        self._events.append((self._version, kind, self._there[name]))
        self._changed.notify_all()
        return str(self._version)

    # What the server answers with: a status and an object.

    def listed(self, name: str) -> tuple[int, Any]:
        with self._changed:
            items = [self._there[name]] if name in self._there else []
            return 200, {"kind": "ConfigMapList", "metadata": {"resourceVersion": str(self._version)}, "items": items}

    def got(self, name: str) -> tuple[int, Any]:
        with self._changed:
            if name not in self._there:
                return 404, _status(404, f'configmaps "{name}" not found')
            return 200, self._there[name]

    def patched(self, name: str, body: Any) -> tuple[int, Any]:
        with self._changed:
            if self._between is not None and self._between[0] == name:
                between, self._between = self._between[1], None
                self._store("MODIFIED", name, self._there[name]["metadata"]["uid"], {"data": between})
            if name not in self._there:
                return 404, _status(404, "not found")
            there = self._there[name]
            if body["metadata"].get("resourceVersion") not in (None, there["metadata"]["resourceVersion"]):
                return 409, _status(409, "the object has been modified")
            data = {**(there.get("data") or {}), **body["data"]}
            kept = {key: value for key, value in data.items() if value is not None}
            self._store("MODIFIED", name, there["metadata"]["uid"], {"data": kept})
            return 200, self._there[name]

    def watched(self, name: str, version: int, seconds: float) -> Iterator[dict[str, Any]]:
        with self._changed:
            cut = self._cut
            self._streams += 1
        try:
            at = version
            while True:
                with self._changed:
                    if at < self._forgotten:
                        yield {"type": "ERROR", "object": _status(410, "too old resource version")}
                        return
                    new = [event for event in self._events if event[0] > at]
                    if not new and not self._changed.wait(seconds):
                        return
                    if self._cut != cut or self.ended:
                        raise ConnectionAbortedError
                for number, kind, item in new:
                    at = number
                    if kind == "BOOKMARK" or item["metadata"]["name"] == name:
                        yield {"type": kind, "object": item}
        finally:
            with self._changed:
                self._streams -= 1


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is none."""


@dataclass
class _Server:
    cluster: Cluster
    hanging: threading.Event = field(default_factory=threading.Event)


def _handler(server: _Server) -> type[BaseHTTPRequestHandler]:
    cluster = server.cluster

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            base = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
            name = query.get("fieldSelector", "").removeprefix("metadata.name=") or parts.path.removeprefix(f"{base}/")
            assert parts.path.startswith(base), self.path
            verb = "watch" if "watch" in query else "list" if "fieldSelector" in query else "get"
            if not self._refused(verb, name):
                if verb == "watch":
                    cluster.watched_from.append(query["resourceVersion"])
                    self._stream(name, int(query["resourceVersion"]), float(query["timeoutSeconds"]))
                else:
                    self._answer(*(cluster.listed(name) if verb == "list" else cluster.got(name)))

        def do_PATCH(self) -> None:
            assert self.headers["content-type"] == "application/merge-patch+json"
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            name = self.path.rpartition("/")[2]
            if not self._refused("patch", name):
                self._answer(*cluster.patched(name, body))

        def _refused(self, verb: str, name: str) -> bool:
            cluster.requests.append((verb, name))
            fault = cluster.faults.get(verb)
            token = (self.headers["authorization"] or "").removeprefix("Bearer ")
            if token not in cluster.tokens:
                self._answer(401, _status(401, "Unauthorized"))
            elif fault == "drop":
                self.close_connection = True
            elif fault == "hang":
                server.hanging.wait(60)
                self.close_connection = True
            elif fault == "half":
                self.send_response(200)
                self.send_header("content-length", "1000")
                self.end_headers()
                self.wfile.write(b'{"metadata"')
                self.close_connection = True
            elif fault == "nonsense":
                self._answer(200, ["not", "what", "was", "asked"])
            elif isinstance(fault, int):
                self._answer(fault, _status(fault, f"{verb} of {name} is not allowed"))
            else:
                return False
            return True

        def _answer(self, status: int, content: Any) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self, name: str, version: int, seconds: float) -> None:
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self.close_connection = True
            try:
                for event in cluster.watched(name, version, seconds):
                    line = json.dumps(event).encode() + b"\n"
                    # In two pieces, as a network may.
                    for piece in (line[:40], line[40:]):
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                return

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    return Handler


def _status(code: int, message: str) -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "message": message, "code": code}


@contextmanager
def cluster(folder: Path, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Cluster]:
    """A cluster whose service account lies in `folder`."""
    made = Cluster(folder / "account")
    state = _Server(made)
    server = _Quiet(("127.0.0.1", port), _handler(state))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    made.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.ended = True
        made.cut()
        state.hanging.set()
        server.shutdown()
        server.server_close()
        thread.join()
