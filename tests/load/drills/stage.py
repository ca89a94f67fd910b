"""The platform of the drills: `make run OBSERVE=full AUTH=keys` in a folder of its own, under hurried rules."""

import asyncio
import os
import re
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from conftest import free_port
from drills import hurried_rules
from standalone.components import Components
from standalone.data_folder import Home
from standalone.settings import StandaloneSettings

ROOT = Path(__file__).parents[3]
START_S = 300
STOP_S = 120
ANSWER_S = 60
OPEN_ANSWERS = 8
QUESTION = "Which knot makes a fixed loop?"


@dataclass
class Stage:
    """A platform that is up, and what a drill may do with it."""

    folder: Path
    ports: dict[str, int]
    pid: int
    session: aiohttp.ClientSession
    store: str = ""
    """The id of the store that the samples are in."""

    @property
    def home(self) -> Home:
        """Its data."""
        return Home(self.folder / "data")

    @property
    def documents(self) -> Path:
        """The folder that its first source reads."""
        return self.folder / "documents"

    @property
    def database(self) -> str:
        """The URL of its database, as the superuser sees it."""
        named = {name.lower(): port for name, port in self.ports.items()}
        settings = StandaloneSettings.model_validate({"observe": "full", "auth": "keys", **named})
        return Components(settings, self.home, ROOT).postgres_data.url("fairlead")

    @property
    def key(self) -> str:
        """A key of the tenant whose documents the samples are."""
        return (self.home.secrets / "user-key").read_text(encoding="utf-8").strip()

    def url(self, service: str) -> str:
        """Where a service listens."""
        return f"http://127.0.0.1:{self.ports[f'{service}_PORT']}"

    async def post(self, path: str, body: Any, service: str = "ORCHESTRATOR", **headers: str) -> tuple[int, Any]:
        """Status and decoded answer; 0 where none came in time."""
        headers = {"authorization": f"Bearer {self.key}"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                self.session.post(self.url(service) + path, json=body, headers=headers) as answer,
            ):
                return answer.status, await answer.json(content_type=None)
        except (TimeoutError, aiohttp.ClientError, ValueError):
            return 0, None

    async def ask(self, times: int = 1, at_once: int = 2) -> list[tuple[int, Any]]:
        """Ask the same question so often."""
        turns = asyncio.Semaphore(at_once)

        async def one() -> tuple[int, Any]:
            async with turns:
                body = {"messages": [{"role": "user", "content": QUESTION}]}
                return await self.post("/v1/chat/completions", body)

        return await asyncio.gather(*(one() for _ in range(times)))

    async def search(self, query: str, times: int = 1, **more: Any) -> None:
        """Search the store of the samples so often."""
        for _ in range(times):
            await self.post(f"/v1/vector_stores/{self.store}/search", {"query": query, **more})

    @contextmanager
    def edited(self, service: str, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        """A service's tunables are different for a while."""
        path = self.home.config / f"{service}.yaml"
        before = path.read_text(encoding="utf-8")
        values = yaml.safe_load(before)
        change(values)
        _replace(path, yaml.safe_dump(values, sort_keys=False))
        try:
            yield
        finally:
            _replace(path, before)

    @contextmanager
    def halted(self, *words: str) -> Iterator[None]:
        """Every process of the platform whose command line has all these words stands still for a while."""
        pids = self.pids(*words)
        assert pids, f"no process of the platform has {words} in its command line"
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def pids(self, *words: str) -> list[int]:
        """The platform's processes with these words in their command lines."""
        return [pid for pid in _descendants(self.pid) if all(word in _command(pid) for word in words)]

    async def state_of(self, alert: str) -> tuple[str, str]:
        """Whether the alert is `firing`, `pending` or `quiet`, and what it says."""
        async with self.session.get(f"{self.url('PROMETHEUS')}/api/v1/alerts") as answer:
            alerts = (await answer.json())["data"]["alerts"]
        states = {
            each["state"]: each["annotations"]["summary"] for each in alerts if each["labels"]["alertname"] == alert
        }
        return next(((state, states[state]) for state in ("firing", "pending") if state in states), ("quiet", ""))

    async def retarget(self, job: str, *ports: int) -> None:
        """Prometheus scrapes these ports as well, as instances of the job."""
        config = self._config()
        (scraped,) = (each for each in config["scrape_configs"] if each["job_name"] == job)
        scraped["static_configs"][0]["targets"] += [f"127.0.0.1:{port}" for port in ports]
        await self._reconfigured(config)

    async def hurry(self, eased: Mapping[str, Mapping[str, str]]) -> None:
        """Prometheus evaluates the hurried rules from now on."""
        files = hurried_rules.write(ROOT, self.folder / "rules", eased)
        await self._reconfigured(self._config() | {"rule_files": [str(file) for file in files]})

    def _config(self) -> dict[str, Any]:
        return yaml.safe_load((self.home.prometheus / "prometheus.yaml").read_text(encoding="utf-8"))

    async def _reconfigured(self, config: dict[str, Any]) -> None:
        (self.home.prometheus / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        async with self.session.post(f"{self.url('PROMETHEUS')}/-/reload") as answer:
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def set_up() -> AsyncIterator[Stage]:
    """Start the platform on free ports with the samples in it; stop it at the end."""
    ports = {name: free_port() for name in StandaloneSettings.model_validate({"observe": "full"}).ports()}
    with tempfile.TemporaryDirectory(prefix="fairlead-drill-") as name:
        folder = Path(name)
        shutil.copytree(ROOT / "samples", folder / "documents")
        settings = {
            "FAIRLEAD_DATA": str(folder / "data"),
            "DOCS": str(folder / "documents"),
            "OBSERVE": "full",
            "AUTH": "keys",
            "FAIRLEAD_MAX_OPEN_ANSWERS": str(OPEN_ANSWERS),
        }
        environment = os.environ | settings | {port: str(number) for port, number in ports.items()}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "standalone"), cwd=ROOT, env=environment, stdout=PIPE, stderr=STDOUT
        )
        assert process.stdout is not None
        said: list[str] = []
        try:
            async with asyncio.timeout(START_S):
                async for line in process.stdout:
                    said.append(line.decode(errors="replace"))
                    if "Ctrl-C stops everything" in said[-1]:
                        break
                else:
                    sys.exit(f"the platform did not start:\n{''.join(said)}")
            reading = asyncio.create_task(process.stdout.read())
            async with aiohttp.ClientSession(trust_env=False) as session:
                stage = Stage(folder, ports, process.pid, session)
                headers = {"authorization": f"Bearer {stage.key}"}
                async with session.get(stage.url("ORCHESTRATOR") + "/v1/vector_stores", headers=headers) as answer:
                    (store,) = (await answer.json())["data"]
                stage.store = store["id"]
                yield stage
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.wait(), STOP_S)
        await reading


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _descendants(pid: int) -> Iterator[int]:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from _descendants(int(child))


def _command(pid: int) -> str:
    return re.sub(r"\0", " ", Path(f"/proc/{pid}/cmdline").read_text())
