"""The whole platform as `make run` starts it, in a folder and on ports of its own."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from conftest import free_port

ROOT = Path(__file__).parents[2]
PORTS = ("ORCHESTRATOR", "LLM_PROXY", "LOCAL_MODELS", "INGESTION", "MLFLOW", "POSTGRES")
# The first start lays a database out and embeds the samples; a slow machine may need a while for both.
START_S = 240.0
STOP_S = 90.0


@dataclass(frozen=True)
class RunningPlatform:
    """A platform that is up; `folder` holds its data."""

    folder: Path
    ports: dict[str, int]

    @property
    def address(self) -> str:
        """Where the chat page is."""
        return f"http://127.0.0.1:{self.ports['ORCHESTRATOR_PORT']}/"

    @property
    def api(self) -> str:
        """The base URL for OpenAI's clients."""
        return f"{self.address}v1"

    @property
    def tunables(self) -> Path:
        """The file that retunes the orchestrator."""
        return self.folder / "config" / "orchestrator.yaml"

    @property
    def key(self) -> str:
        """The key to sign in with, where keys are needed."""
        return (self.folder / "secrets" / "user-key").read_text(encoding="utf-8").strip()


def free_ports() -> dict[str, int]:
    """A free port for each component, by the variable that says so."""
    return {f"{name}_PORT": free_port() for name in PORTS}


@asynccontextmanager
async def running(folder: Path, ports: dict[str, int], **settings: str) -> AsyncIterator[RunningPlatform]:
    """Start it on the samples, or on what is in `folder` from before; stop it at the end, and insist that it ends well.

    `settings` are those of `make run`: AUTH="keys", TRACING="off"…
    """
    wanted = {"DOCS": str(ROOT / "samples"), "FAIRLEAD_DATA": str(folder)} | settings
    environment = os.environ | wanted | {name: str(port) for name, port in ports.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "standalone", cwd=ROOT, env=environment, stdout=PIPE, stderr=STDOUT
    )
    said: list[str] = []
    reading = asyncio.create_task(_read(process, said))
    try:
        await asyncio.wait_for(_ready(process, said), START_S)
        yield RunningPlatform(folder, ports)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        code = await asyncio.wait_for(process.wait(), STOP_S)
        await reading
    assert code == 0, "\n".join(said)


async def _read(process: Process, said: list[str]) -> None:
    """Keep what it says; nobody reading would stop it."""
    assert process.stdout is not None
    async for line in process.stdout:
        said.append(line.decode(errors="replace").rstrip())


async def _ready(process: Process, said: list[str]) -> None:
    while not any(line.startswith("Ready in") for line in said):
        assert process.returncode is None, "the platform did not start:\n" + "\n".join(said)
        await asyncio.sleep(0.05)
