"""What is put into images beside the services: the picked packages, the entrypoint, the bill of materials."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
IMAGE = ROOT / "services/image"


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("service", "packages", "port"),
    [
        ("llm-proxy", {"common", "llm_proxy", "image"}, "8081"),
        ("ingestion", {"common", "ingestion", "vector_store", "image"}, "8083"),
    ],
)
def test_an_image_has_its_service_s_packages_alone(service: str, packages: set[str], port: str, tmp_path: Path) -> None:
    done = run(str(IMAGE / "pick.py"), service, "services", str(tmp_path / "app"))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "app").iterdir()} == packages
    assert (tmp_path / "app/image/port").read_text() == port
    started = run(str(tmp_path / "app/image/start.py"), "--help", PYTHONPATH=str(tmp_path / "app"))
    if service == "llm-proxy":
        assert "python -m llm_proxy" in started.stdout


def test_the_entrypoint_runs_another_package_of_the_image(tmp_path: Path) -> None:
    run(str(IMAGE / "pick.py"), "orchestrator", "services", str(tmp_path / "app"))
    done = run(str(tmp_path / "app/image/start.py"), "-m", "vector_store", "--help", PYTHONPATH=str(tmp_path / "app"))
    assert "migrate" in done.stdout


def test_a_service_that_is_none_is_refused(tmp_path: Path) -> None:
    done = run(str(IMAGE / "pick.py"), "nothing", "services", str(tmp_path / "app"))
    assert "there is no service nothing" in done.stderr


def test_the_bill_names_every_python_package_with_its_licence() -> None:
    bill = json.loads(run(str(IMAGE / "inventory.py"), "an-image").stdout)
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "an-image")
    found = {part["name"]: part for part in bill["components"]}
    assert found["aiohttp"]["purl"].startswith("pkg:pypi/aiohttp@")
    assert "Apache" in found["aiohttp"]["licenses"][0]["license"]["name"]
