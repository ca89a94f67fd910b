"""A small Git server over HTTP for a cluster of one's own: Argo CD reads from it what `make up` pushed.

It serves /srv/git through `git http-backend`; the first push makes a repository. There are no accounts: it must only be
reachable from inside the cluster, which its Service and a port-forward see to.
"""

import os
import re
import subprocess
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(os.environ.get("GIT_ROOT", "/srv/git"))
NAME = re.compile(r"/([a-z0-9-]{1,64}\.git)(/.*)")
LARGEST_BODY = 512 * 1024 * 1024
TIMEOUT_S = 120


class Handler(BaseHTTPRequestHandler):
    """One request of Git's smart protocol."""

    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_S

    def do_GET(self) -> None:
        """What clients fetch, and /healthz."""
        if self.path == "/healthz":
            self._reply(HTTPStatus.OK, [], b"ok\n")
        else:
            self._backend(b"")

    def do_POST(self) -> None:
        """Negotiation and packs."""
        try:
            self._backend(self._body())
        except ValueError as error:
            self._reply(HTTPStatus.BAD_REQUEST, [], f"{error}\n".encode())

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            parts: list[bytes] = []
            while size := int(self.rfile.readline(32).split(b";")[0], 16):
                if size + sum(map(len, parts)) > LARGEST_BODY:
                    raise ValueError("the pack is too large")
                parts.append(self.rfile.read(size))
                self.rfile.readline(8)
            self.rfile.readline(8)
            return b"".join(parts)
        size = int(self.headers.get("content-length", 0))
        if not 0 <= size <= LARGEST_BODY:
            raise ValueError("the pack is too large")
        return self.rfile.read(size)

    def _backend(self, body: bytes) -> None:
        url = urlsplit(self.path)
        named = NAME.fullmatch(url.path)
        if named is None or ".." in url.path:
            self._reply(HTTPStatus.NOT_FOUND, [], b"say /NAME.git\n")
            return
        repository = ROOT / named[1]
        if not repository.exists() and "git-receive-pack" in self.path:
            subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", repository], check=True)
            subprocess.run(["git", "-C", repository, "config", "http.receivepack", "true"], check=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/tmp",  # noqa: S108 - the only folder that may be written
            "GIT_PROJECT_ROOT": str(ROOT),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "REMOTE_ADDR": self.client_address[0],
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False, timeout=TIMEOUT_S
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode("latin-1").split("\r\n") if ": " in line]
        status = next((int(value.split()[0]) for name, value in headers if name.lower() == "status"), 200)
        if done.returncode and not done.stdout:
            status, content = 500, done.stderr
        self._reply(status, [(n, v) for n, v in headers if n.lower() not in ("status", "content-length")], content)

    def _reply(self, status: int, headers: list[tuple[str, ...]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """One line per request, without what probes ask."""
        if self.path != "/healthz":
            sys.stderr.write(f"{format % args}\n")


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(os.environ.get("LISTEN_PORT", "8080"))), Handler).serve_forever()
