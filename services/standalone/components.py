"""The platform's parts as commands: what each is told by its environment, and in which order they stop."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from standalone import config_files, observers, wal_archive
from standalone.data_folder import Home
from standalone.postgres import DataFolder, server_url
from standalone.process import Command
from standalone.settings import StandaloneSettings
from vector_store.databases import Role, Roles

# Open answers get this long at the end; a person who pressed Ctrl-C waits for them.
DRAIN_S = 5
STOP_TIMEOUT_S = DRAIN_S + 5.0
# Nothing here calls home.
QUIET_MLFLOW: Mapping[str, str] = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # With each kind of model in a trace MLflow would fetch a price list from GitHub; empty: it takes its bundled one.
    "MLFLOW_MODEL_CATALOG_URI": "",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
LOCAL_HOSTS = "localhost,localhost:*,127.0.0.1,127.0.0.1:*,[::1],[::1]:*"


# Packages with commands for a person, by the service whose configuration they read.
PACKAGES: Mapping[str, str] = {
    "ingestion": "ingestion",
    "vector_store": "orchestrator",
    "observability": "orchestrator",
    "evaluation": "orchestrator",
}


@dataclass(frozen=True)
class Components:
    """Every command of one start."""

    settings: StandaloneSettings
    home: Home
    folder: Path

    @property
    def postgres_data(self) -> DataFolder:
        """The database server's data folder."""
        archive = self.settings.wal_archive
        extra = {} if archive is None else wal_archive.settings(archive.absolute())
        return DataFolder(self.home.postgres, self.settings.postgres_port, self.home.secret("postgres"), extra)

    @property
    def roles(self) -> Roles:
        """The database roles, their passwords made at the first start."""
        names = ("fairlead_owner", "fairlead_app", "mlflow")
        return Roles(*(Role(name, self.home.secret(f"postgres-{name}")) for name in names))

    def environment(self) -> dict[str, str]:
        """What every service is told."""
        inherited = {
            name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
        }
        return inherited | {
            "PYTHONUNBUFFERED": "1",
            "FAIRLEAD_HOST": "127.0.0.1",
            "FAIRLEAD_AUTH": self.settings.auth,
            "FAIRLEAD_KEYS_FILE": str(self.home.secrets / "keys.json"),
            "FAIRLEAD_SERVICE_KEY_FILE": str(self.home.secrets / "service-key"),
            "FAIRLEAD_LAST_GOOD_DIR": str(self.home.last_good),
            "FAIRLEAD_DATABASE_URL": self.database_url(self.roles.app),
            "FAIRLEAD_OBJECTS_URL": self.home.objects.as_uri(),
            "FAIRLEAD_POOL_URL": f"http://127.0.0.1:{self.settings.llm_proxy_port}/v1",
            "FAIRLEAD_ENVIRONMENT": os.environ.get("FAIRLEAD_ENVIRONMENT", "local"),
            "FAIRLEAD_COMMIT": os.environ.get("FAIRLEAD_COMMIT") or commit(self.folder),
            "FAIRLEAD_DRAIN_S": str(DRAIN_S),
            **self._collected(),
        }

    def postgres(self) -> Command:
        """The database server: ends last; SIGINT lets it finish, SIGQUIT ends it at once and it recovers next time."""
        return Command(
            "postgres",
            self.postgres_data.server_command(),
            layer=0,
            stop_signal=signal.SIGINT,
            hurry_signal=signal.SIGQUIT,
            stop_timeout_s=30.0,
        )

    def local_models(self) -> Command:
        """Embeddings and offline answers."""
        return self._service("local-models", self.settings.local_models_port, 3)

    def llm_proxy(self) -> Command:
        """The pool; its configuration names the service key by this variable."""
        key = {"FAIRLEAD_SERVICE_KEY": self.home.secret("service-key")}
        return self._service("llm-proxy", self.settings.llm_proxy_port, 4, key)

    def ingestion(self) -> Command:
        """The worker that keeps documents in step."""
        return self._service("ingestion", self.settings.ingestion_port, 5)

    def orchestrator(self, experiment: str | None) -> Command:
        """Answers; traced into the MLflow experiment of that number, if there is one."""
        traced: dict[str, str] = {}
        if experiment is not None:
            mlflow = f"http://127.0.0.1:{self.settings.mlflow_port}"
            traced = {
                "FAIRLEAD_MLFLOW_URL": mlflow,
                "FAIRLEAD_TRACE_URL": f"{mlflow}/#/experiments/{experiment}/traces/tr-{{trace_id}}",
            }
            if self.settings.observe != "full":
                traced["FAIRLEAD_OTLP_ENDPOINT"] = f"{mlflow}/v1/traces"
                traced["FAIRLEAD_OTLP_HEADERS"] = f"x-mlflow-experiment-id={experiment}"
        return self._service("orchestrator", self.settings.orchestrator_port, 5, traced)

    def trace_buffer(self) -> Command:
        """What holds traces that are not stored, for a day."""
        promoted = f"http://127.0.0.1:{self.settings.collector_promoted_port}/v1/traces"
        return Command(
            "trace-buffer",
            [sys.executable, "-m", "observability", "buffer"],
            {"FAIRLEAD_PORT": str(self.settings.trace_buffer_port), "FAIRLEAD_PROMOTED_ENDPOINT": promoted},
            layer=1,
            stop_timeout_s=STOP_TIMEOUT_S,
        )

    def collector(self, experiment: str) -> Command:
        """What traces go through on their way into that experiment."""
        return observers.collector(self.settings, self.home, experiment)

    def prometheus(self) -> Command:
        """What keeps the metrics and evaluates the alerts."""
        return observers.prometheus(self.settings, self.home, self.folder)

    def tool(self, package: str, arguments: Sequence[str]) -> Command:
        """`python -m <package> ARGUMENTS…` as the services see this installation; its schema as the owner does."""
        service = PACKAGES[package]
        environment = self.environment() | {
            "FAIRLEAD_CONFIG_FILE": str(config_files.file(self.home.config, service)),
            "FAIRLEAD_DATABASE_OWNER_URL": self.owner_url,
        }
        if self.settings.tracing == "on":
            environment["FAIRLEAD_MLFLOW_URL"] = f"http://127.0.0.1:{self.settings.mlflow_port}"
        return Command(package, [sys.executable, "-m", package, *arguments], environment)

    def mlflow(self) -> Command:
        """The trace store."""
        environment = {
            **QUIET_MLFLOW,
            "MLFLOW_BACKEND_STORE_URI": self.mlflow_database_url.replace("postgresql:", "postgresql+psycopg:", 1),
            "MLFLOW_SERVER_ALLOWED_HOSTS": os.environ.get("MLFLOW_SERVER_ALLOWED_HOSTS", LOCAL_HOSTS),
        }
        arguments = ["--port", str(self.settings.mlflow_port), "--artifacts", str(self.home.artifacts)]
        return Command("mlflow", [sys.executable, "-m", "standalone.mlflow_server", *arguments], environment, layer=1)

    def _collected(self) -> dict[str, str]:
        """Where every service sends its spans when there is a collector."""
        if self.settings.observe != "full":
            return {}
        return {"FAIRLEAD_OTLP_ENDPOINT": f"http://127.0.0.1:{self.settings.collector_port}/v1/traces"}

    @property
    def owner_url(self) -> str:
        """The database as its owner, who alone may change the schema."""
        return self.database_url(self.roles.owner)

    @property
    def mlflow_database_url(self) -> str:
        """MLflow's own database."""
        return self.database_url(self.roles.mlflow, "mlflow")

    def database_url(self, role: Role, database: str = "fairlead") -> str:
        """A database as that role sees it."""
        return server_url(self.settings.postgres_port, database, role.name, role.password)

    def _service(self, name: str, port: int, layer: int, extra: Mapping[str, str] | None = None) -> Command:
        environment = {"FAIRLEAD_PORT": str(port), **(extra or {})}
        if name in config_files.NAMES:
            environment["FAIRLEAD_CONFIG_FILE"] = str(config_files.file(self.home.config, name))
        module = name.replace("-", "_")
        return Command(name, [sys.executable, "-m", module], environment, layer=layer, stop_timeout_s=STOP_TIMEOUT_S)


def commit(folder: Path) -> str:
    """The commit that is checked out, for the provenance on traces; `unknown` outside a clone."""
    git = shutil.which("git")
    if git is None or not (folder / ".git").exists():
        return "unknown"
    done = subprocess.run(
        [git, "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False, timeout=10
    )
    return done.stdout.strip() or "unknown"
