"""What keeps the platform from starting is told in one clear sentence, with exit code 1 and no process left."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import free_port

ROOT = Path(__file__).parents[3]


def start(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    ports = {f"{name}_PORT": str(free_port()) for name in ("ORCHESTRATOR", "LLM_PROXY", "LOCAL_MODELS", "INGESTION")}
    ports |= {"POSTGRES_PORT": str(free_port()), "MLFLOW_PORT": str(free_port())}
    return subprocess.run(
        [sys.executable, "-m", "standalone"],
        cwd=folder,
        env=os.environ | ports | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def the_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What was said; nothing else may have been, least of all a traceback."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        said = the_sentence(start(tmp_path, MLFLOW_PORT=str(port)))
    assert f"port {port} is in use by" in said
    assert f"process {os.getpid()}" in said
    assert "MLFLOW_PORT=" in said


def test_programs_that_are_not_installed(tmp_path: Path) -> None:
    (tmp_path / "prometheus").touch(mode=0o755)
    observers = ("PROMETHEUS", "TRACE_BUFFER", "COLLECTOR", "COLLECTOR_GRPC", "COLLECTOR_PROMOTED")
    observers += ("COLLECTOR_METRICS", "COLLECTOR_SPANMETRICS", "COLLECTOR_HEALTH")
    ports = {f"{name}_PORT": str(free_port()) for name in observers}
    said = the_sentence(start(tmp_path, OBSERVE="full", PATH=str(tmp_path), **ports))
    assert "there is no `otelcol` on PATH: take it from https://" in said


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    said = the_sentence(start(tmp_path, FAIRLEAD_DATA="/sys/fairlead"))  # not even by root
    assert said.startswith("/sys/fairlead may not be written")
    assert "FAIRLEAD_DATA=" in said


@pytest.mark.parametrize(
    ("python", "said"),
    [("no-such-python", "there is no no-such-python: install one"), ("false", "")],
    ids=["no Python", "the bootstrap fails"],
)
def test_make_runs_nothing_without_its_environment(python: str, said: str) -> None:
    done = subprocess.run(
        ["make", "run", f"PYTHON={python}"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert "Fairlead ·" not in done.stdout


def test_a_file_where_the_data_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / ".fairlead").write_text("")
    assert ".fairlead cannot be written" in the_sentence(start(tmp_path))


def test_an_unknown_value(tmp_path: Path) -> None:
    assert the_sentence(start(tmp_path, AUTH="maybe")).startswith("AUTH=maybe: ")
    assert the_sentence(start(tmp_path, ORCHESTRATOR_PORT="eighty")).startswith("ORCHESTRATOR_PORT=eighty: ")


def test_documents_that_are_not_there(tmp_path: Path) -> None:
    assert "DOCS=/no/such/folder is not a folder" in the_sentence(start(tmp_path, DOCS="/no/such/folder"))


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs util-linux's unshare for a small disk of its own")
def test_a_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f"mount -t tmpfs -o size=16m tmpfs {disk} && exec {sys.executable} -m standalone"
    namespace = [
        "unshare",
        "--mount",
        *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]),
        "sh",
        "-c",
        script,
    ]
    done = subprocess.run(
        namespace,
        cwd=tmp_path,
        env=os.environ | {"FAIRLEAD_DATA": str(disk / "data")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this machine allows no mounts in a namespace")
    said = the_sentence(done)
    assert "MB free" in said
    assert "free some space" in said


def test_stopping_what_does_not_run_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "standalone", "stop"]
    assert subprocess.run(command, cwd=tmp_path, check=False, timeout=60).returncode == 0
