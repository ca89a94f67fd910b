"""The question that is asked after a deployment: the chart's own script against answers of every kind."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from charts.rendering import needs_helm, render

pytestmark = needs_helm
GOOD: dict[str, Any] = {
    "choices": [{"message": {"content": "Fourteen days [1]."}}],
    "citations": [{"filename": "policy.md"}],
    "degraded": [],
}


class Server(ThreadingHTTPServer):
    """Answers with `replies` one after another, the last one for good; keeps what it was asked."""

    replies: list[tuple[int, Any]]
    asked: list[tuple[str, dict[str, Any]]]
    health: dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.headers["authorization"], {"path": self.path} | body))
        replies = self.server.replies
        status, reply = replies.pop(0) if len(replies) > 1 else replies[0]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(reply).encode())

    def do_GET(self) -> None:
        self.server.asked.append(("", {"path": self.path}))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.health).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as served:
        served.replies, served.asked, served.health = [(200, GOOD)], [], {"state": "ok", "degraded": []}
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def smoke(server: Server, patience_s: float = 0, **values: Any) -> subprocess.CompletedProcess[str]:
    """Run the Job's command as the chart renders it, against this server."""
    jobs = render("orchestrator", values={"smoke": values}).of("Job")
    container = next(j for j in jobs if j["metadata"]["name"].endswith("-smoke"))["spec"]["template"]["spec"][
        "containers"
    ][0]
    environment = {each["name"]: each.get("value", "fl-key\n") for each in container["env"]}
    environment |= {"SMOKE_URL": f"http://127.0.0.1:{server.server_port}", "SMOKE_PATIENCE_S": str(patience_s)}
    command = [sys.executable, *container["command"][1:]]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_real_answer_passes(server: Server) -> None:
    done = smoke(server, question="How long is the notice period?", application="handbook", needsCitation=True)
    assert done.returncode == 0, done.stderr
    assert "Fourteen days" in done.stdout
    ((key, asked),) = server.asked
    assert key == "Bearer fl-key"
    assert asked["path"] == "/v1/chat/completions"
    assert asked["model"] == "handbook"
    assert asked["messages"] == [{"role": "user", "content": "How long is the notice period?"}]


def test_no_application_means_the_default_one(server: Server) -> None:
    assert smoke(server).returncode == 0
    assert "model" not in server.asked[0][1]


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ((503, {"error": {"message": "the store is away"}}), "status 503"),
        ((200, GOOD | {"degraded": ["generate"]}), "degraded"),
        ((200, GOOD | {"choices": [{"message": {"content": ""}}]}), "empty"),
        ((200, GOOD | {"citations": []}), "cites nothing"),
        ((200, ["nothing"]), "no answer of Fairlead's"),
    ],
    ids=["error", "degraded", "empty", "no-citation", "nonsense"],
)
def test_a_bad_answer_fails_and_says_why(server: Server, reply: tuple[int, Any], problem: str) -> None:
    server.replies = [reply]
    done = smoke(server, needsCitation=True)
    assert done.returncode != 0
    assert problem in done.stderr
    assert "fl-key" not in done.stdout + done.stderr


def test_a_service_that_comes_up_late_is_waited_for(server: Server) -> None:
    server.replies = [(503, {"error": {}}), (200, GOOD)]
    assert smoke(server, patience_s=30).returncode == 0
    assert len(server.asked) == 2


NOTHING_YET = (404, {"error": {"message": "There is no vector store named default yet.", "code": "not_found"}})


def test_a_platform_without_documents_passes_when_every_part_is_well(server: Server) -> None:
    server.replies = [NOTHING_YET]
    assert smoke(server).returncode == 0
    server.health = {"state": "degraded", "degraded": ["pool"]}
    done = smoke(server)
    assert done.returncode != 0
    assert "pool" in done.stderr


@pytest.mark.parametrize("values", [{"needsCitation": True}, {"application": "handbook"}])
def test_without_documents_what_needs_them_fails(server: Server, values: dict[str, Any]) -> None:
    server.replies = [NOTHING_YET]
    assert smoke(server, **values).returncode != 0
