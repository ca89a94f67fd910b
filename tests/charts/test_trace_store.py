"""The trace store's own start script with a real MLflow and Postgres: authentication, passwords, the experiment."""

import base64
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest

from common.trace_experiment import tags
from conftest import PostgresServer, free_port
from vector_store.databases import ensure_database

SERVE = Path(__file__).parents[2] / "charts" / "trace-store" / "files" / "serve.py"
START_S = 180
EXPERIMENT = "/api/2.0/mlflow/experiments/get?experiment_id=0"


@dataclass
class Secrets:
    """Folders as the mounted Secrets are."""

    database: Path
    trace_store: Path

    def password(self, password: str) -> str:
        """Write it; the Authorization header for it."""
        header = "Basic " + base64.b64encode(f"fairlead:{password}".encode()).decode()
        for key, value in {"username": "fairlead", "password": password, "authorization": header}.items():
            (self.trace_store / key).write_text(value)
        return header


@pytest.fixture
def secrets(tmp_path: Path, postgres_server: PostgresServer) -> Secrets:
    made = Secrets(tmp_path / "database", tmp_path / "trace-store")
    made.database.mkdir()
    made.trace_store.mkdir()
    (made.trace_store / "flask-secret-key").write_text("a-key-of-a-test")
    mlflow = postgres_server.roles.mlflow
    name = f"mlflow_{free_port()}"
    ensure_database(postgres_server.superuser_url, name, mlflow)
    (made.database / "mlflow-url").write_text(postgres_server.url(name, mlflow))
    return made


@contextmanager
def serving(secrets: Secrets, folder: Path) -> Iterator[str]:
    port = free_port()
    environment = os.environ | {
        "FAIRLEAD_DATABASE_SECRET": str(secrets.database),
        "FAIRLEAD_TRACE_STORE_SECRET": str(secrets.trace_store),
        "FAIRLEAD_AUTH_CONFIG": str(folder / "auth.ini"),
        "FAIRLEAD_ARTIFACTS": str(folder / "artifacts"),
        "FAIRLEAD_HOST": "127.0.0.1",
        "FAIRLEAD_PORT": str(port),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    log = folder / "mlflow.log"
    with log.open("ab") as stream:
        server = subprocess.Popen([sys.executable, str(SERVE)], env=environment, stdout=stream, stderr=stream)
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + START_S
        while True:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            try:
                if httpx.get(f"{url}/health").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


def set_up(url: str, secrets: Secrets, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {
        "FAIRLEAD_MLFLOW_URL": url,
        "FAIRLEAD_MLFLOW_AUTHORIZATION_FILE": str(secrets.trace_store / "authorization"),
    }
    command = [sys.executable, "-m", "observability", "experiment", "--wait", "5", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_it_asks_who_is_there_and_gets_its_experiment(secrets: Secrets, tmp_path: Path) -> None:
    old = secrets.password("first-%-pass:word")
    with serving(secrets, tmp_path) as url:
        assert httpx.get(url + EXPERIMENT).status_code == 401
        assert httpx.post(f"{url}/v1/traces", headers={"x-mlflow-experiment-id": "0"}).status_code == 401
        for _ in range(2):
            done = set_up(url, secrets)
            assert (done.returncode, done.stdout) == (0, "Traces go to the experiment fairlead, number 0.\n"), (
                done.stderr
            )
        found = httpx.get(url + EXPERIMENT, headers={"authorization": old}).json()["experiment"]
        assert found["name"] == "fairlead"
        assert {tag["key"]: tag["value"] for tag in found["tags"]} == tags()

        other = set_up(url, secrets, "--number", "7")
        assert other.returncode == 1
        assert "has the number 0, not 7" in other.stderr

    new = secrets.password("second-password")
    with serving(secrets, tmp_path) as url:
        assert httpx.get(url + EXPERIMENT, headers={"authorization": old}).status_code == 401
        kept = httpx.get(url + EXPERIMENT, headers={"authorization": new}).json()["experiment"]
        assert kept["name"] == "fairlead"


def test_a_missing_key_is_named(secrets: Secrets, tmp_path: Path) -> None:
    environment = os.environ | {
        "FAIRLEAD_DATABASE_SECRET": str(secrets.database),
        "FAIRLEAD_TRACE_STORE_SECRET": str(secrets.trace_store),
        "FAIRLEAD_AUTH_CONFIG": str(tmp_path / "auth.ini"),
    }
    done = subprocess.run(
        [sys.executable, str(SERVE)], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "put the key username into the Secret" in done.stderr
