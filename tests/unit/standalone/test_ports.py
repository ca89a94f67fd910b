"""A port in use is named with its holder and with the variable that changes it."""

import os
import socket
from collections.abc import Iterator

import pytest

from standalone import ports
from standalone.errors import StartRefused

# Two listeners (ports 8080 and 5433), and a connection to 8080 that is no listener.
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41234 1 0000000000000000
   1: 0100007F:1539 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 55555 1 0000000000000000
   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 66666 1 0000000000000000
"""


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_only_listeners_hold_a_port() -> None:
    assert ports.listeners(TABLE, 8080) == ["41234"]
    assert ports.listeners(TABLE, 9999) == []


def test_the_holder_of_a_port_is_named(taken: int) -> None:
    with pytest.raises(StartRefused) as refused:
        ports.require_free({"MLFLOW_PORT": taken})
    assert f"port {taken} is in use by" in str(refused.value)
    assert f"(process {os.getpid()})" in str(refused.value)
    assert "make run MLFLOW_PORT=" in str(refused.value)


def test_every_taken_port_is_told_at_once(taken: int) -> None:
    with pytest.raises(StartRefused) as refused:
        ports.require_free({"MLFLOW_PORT": taken, "ORCHESTRATOR_PORT": taken})
    assert len(str(refused.value).splitlines()) == 2


def test_free_ports_pass() -> None:
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        free = finder.getsockname()[1]
    ports.require_free({"MLFLOW_PORT": free})
