"""Starts the platform's parts, everything at once that can be, and says when each is ready."""

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from standalone import documents, experiment, loopback, model_check, postgres
from standalone.components import Components
from standalone.display import Display
from standalone.errors import StartRefused
from standalone.process import Command
from standalone.supervisor import Supervisor
from vector_store import databases
from vector_store.errors import SchemaError
from vector_store.migrations import migrate

READY_TIMEOUT_S = 120.0
# The first time, schemas are made table by table, which a slow disk makes slow.
FIRST_TIME_TIMEOUT_S = 300.0
# When indexing takes longer than this, it is said that one need not wait for it.
MANY_DOCUMENTS_S = 6.0


class StartUp:
    """One start of the whole platform."""

    def __init__(
        self,
        components: Components,
        supervisor: Supervisor,
        display: Display,
        usable: Callable[[documents.Found, bool], None],
    ) -> None:
        self._components = components
        self._supervisor = supervisor
        self._display = display
        self._settings = components.settings
        self._usable = usable
        self._waiting: list[str] = []

    async def run(self) -> None:
        """Start everything and wait until it is ready; `usable` is called as soon as questions can be asked.

        It is given what became of the documents, and whether traces can be looked at already.
        """
        parts, ports = self._components, self._settings
        async with asyncio.TaskGroup() as group:
            models = (
                group.create_task(self._serve(parts.local_models(), ports.local_models_port)),
                group.create_task(self._serve(parts.llm_proxy(), ports.llm_proxy_port)),
            )
            await self._postgres()
            if ports.observe == "full":
                group.create_task(self._serve(parts.prometheus(), ports.prometheus_port, "/-/ready"))
            # MLflow takes longest, so the rest waits for it only where it must: at the first start.
            traced = group.create_task(self._mlflow()) if ports.tracing == "on" else None
            known = await asyncio.to_thread(experiment.known, parts.mlflow_database_url) if traced else None
            indexing = group.create_task(self._schema_and_workers())
            if traced and known is None:
                known = await traced
            if known and ports.observe == "full":
                group.create_task(self._serve(parts.collector(known), ports.collector_health_port, "/"))
            await self._serve(parts.orchestrator(known), ports.orchestrator_port)
            await asyncio.gather(indexing, *models)
            found = await self._documents()
            if model_check.wanted(ports):
                await self._model()
            self._usable(found, traced is None or traced.done())

    async def _postgres(self) -> None:
        data = self._components.postgres_data
        with self._awaiting("postgres"):
            began = time.monotonic()
            made = await asyncio.to_thread(data.initialise)
            await asyncio.to_thread(data.clear_earlier_server)
            server = await self._supervisor.start(self._components.postgres())

            async def accepts() -> bool:
                return data.is_ready(server.pid)

            await server.ready(accepts, READY_TIMEOUT_S)
            await asyncio.to_thread(self._databases, data)
        self._display.ready("postgres", time.monotonic() - began, "a new database" if made else "")

    def _databases(self, data: postgres.DataFolder) -> None:
        roles = self._components.roles
        databases.ensure_roles(data.url("postgres"), roles)
        databases.ensure_database(data.url("postgres"), "fairlead", roles.owner, users=(roles.app,))
        databases.ensure_database(data.url("postgres"), "mlflow", roles.mlflow)
        databases.ensure_vector(data.url("fairlead"))

    async def _schema_and_workers(self) -> None:
        began = time.monotonic()
        with self._awaiting("schema"):
            try:
                # As `python -m vector_store migrate` does, without starting another Python for it.
                applied = await migrate(self._components.owner_url)
            except SchemaError as error:
                raise StartRefused(str(error)) from error
        self._display.ready("schema", time.monotonic() - began, f"{len(applied)} migrations" if applied else "")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._serve(self._components.ingestion(), self._settings.ingestion_port))
            if self._settings.observe == "full":
                group.create_task(self._serve(self._components.trace_buffer(), self._settings.trace_buffer_port))

    async def _mlflow(self) -> str:
        """Start the trace store; the number of the experiment that traces go to."""
        await self._serve(self._components.mlflow(), self._settings.mlflow_port, "/health", FIRST_TIME_TIMEOUT_S)
        return await experiment.ensure(self._settings.mlflow_port)

    async def _documents(self) -> documents.Found:
        began = time.monotonic()
        patience = asyncio.create_task(self._ask_already())
        try:
            with self._awaiting("documents"):
                found = await documents.indexed(self._components, self._display.documents)
        finally:
            patience.cancel()
        self._display.ready("documents", time.monotonic() - began, found.summary())
        for reason in found.reasons:
            self._display.line(f"      left out: {reason}", style="yellow")
        if not found.completed and not found.left_out:
            self._display.line(f"      nothing to answer from yet: put {documents.KINDS} files there", style="yellow")
        return found

    async def _ask_already(self) -> None:
        """Many documents take minutes; nobody needs to wait for the last one."""
        await asyncio.sleep(MANY_DOCUMENTS_S)
        address = f"http://127.0.0.1:{self._settings.orchestrator_port}/"
        self._display.line(f"    what is indexed so far can be asked already: {address}")

    async def _model(self) -> None:
        began = time.monotonic()
        with self._awaiting("model"):
            problem = await model_check.problem(self._components)
        if problem is None:
            self._display.ready("model", time.monotonic() - began, f"{self._settings.model} answers")
        else:
            self._display.line(
                f"  ! {self._settings.model} at {self._settings.model_url} does not answer ({problem})", style="yellow"
            )
            self._display.line("    Until it does, the offline model answers where it can.", style="yellow")

    async def _serve(
        self, command: Command, port: int, path: str = "/readyz", timeout_s: float = READY_TIMEOUT_S
    ) -> None:
        """Start a service and wait until it says that it is ready."""
        with self._awaiting(command.name):
            child = await self._supervisor.start(command)
            seconds = await child.ready(lambda: loopback.answers(port, path), timeout_s)
        self._display.ready(command.name, seconds, f"http://127.0.0.1:{port}")

    @contextmanager
    def _awaiting(self, name: str) -> Generator[None]:
        self._waiting.append(name)
        self._display.waiting(self._waiting)
        try:
            yield
        finally:
            self._waiting.remove(name)
            if self._waiting:
                self._display.waiting(self._waiting)
            else:
                self._display.clear()
