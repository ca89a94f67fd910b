"""Not being able to tell is neither a yes nor a no."""

import pytest
from typer.testing import CliRunner

from conftest import free_port
from observability.cli import app


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_without_prometheus_it_cannot_tell(arguments: list[str]) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    done = CliRunner().invoke(app, ["reconcile", "--prometheus", address, "--patience", "0", *arguments])
    assert done.exit_code == 2
    assert f"Prometheus at {address} does not answer (ClientConnectorError)" in done.stderr
    assert done.stdout == ""
