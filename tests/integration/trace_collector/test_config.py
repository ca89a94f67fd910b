"""The collector itself accepts its configuration files in every combination that is meant to be used."""

import os
import subprocess
from itertools import combinations
from pathlib import Path

import pytest

from integration.trace_collector.collector_process import command, needs_collector

pytestmark = needs_collector
BACKENDS = ("mlflow", "langfuse", "otlp")
SEVERAL = [names for count in (1, 2, 3) for names in combinations(BACKENDS, count)]
TOLD = {"FAIRLEAD_LANGFUSE_AUTH": "cGs6c2s=", "FAIRLEAD_OTLP_BACKEND_URL": "http://tempo:4318"}


def validate(tmp_path: Path, *files: str | Path, **told: str) -> "subprocess.CompletedProcess[str]":
    program, *arguments = command(files)
    environment = os.environ | TOLD | {"FAIRLEAD_COLLECTOR_DATA": str(tmp_path)} | told
    return subprocess.run(
        [program, "validate", *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("backends", SEVERAL, ids="+".join)
@pytest.mark.parametrize("buffer", [(), ("buffer",)], ids=["without buffer", "with buffer"])
def test_one_tier_with_any_backends(tmp_path: Path, backends: tuple[str, ...], buffer: tuple[str, ...]) -> None:
    done = validate(tmp_path, "redaction", "base", "sampling", *buffer, *backends)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_first_of_two_tiers(tmp_path: Path) -> None:
    done = validate(tmp_path, "redaction", "base", "agent")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_second_of_two_tiers(tmp_path: Path) -> None:
    done = validate(tmp_path, "redaction", "base", "sampling", "from-agents", "buffer", "mlflow")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_mistake_would_be_seen(tmp_path: Path) -> None:
    assert "forward/kept" in validate(tmp_path, "redaction", "base", "sampling").stderr, "no backend"
    done = validate(tmp_path, "redaction", "base", "sampling", "mlflow", FAIRLEAD_TRACES_KEPT_PERCENT="many")
    assert done.returncode != 0
    assert "sampling_percentage" in done.stderr
