"""What `OBSERVE=full` adds: the trace collector and Prometheus, found on PATH and told about this installation."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from standalone.data_folder import Home
from standalone.errors import StartRefused
from standalone.process import Command
from standalone.settings import StandaloneSettings

COLLECTOR_CONFIG = Path(__file__).parents[2] / "charts" / "trace-collector" / "config"
CONFIGS = ("redaction", "base", "sampling", "buffer", "mlflow")
# They make the sampler say beside every span by which rule it was kept, and count spans as it counts traces.
FEATURE_GATES = (
    "processor.tailsamplingprocessor.recordpolicy",
    "processor.tailsamplingprocessor.metricstatcountspanssampled",
)
# The collector's contrib distribution goes by either name.
PROGRAMS = {
    "OpenTelemetry Collector (its contrib distribution)": (
        ("otelcol", "otelcol-contrib"),
        "https://github.com/open-telemetry/opentelemetry-collector-releases/releases",
    ),
    "Prometheus": (("prometheus",), "https://prometheus.io/download/"),
}
SCRAPE_EVERY = "5s"


def require_installed() -> None:
    """Raise StartRefused that says where to get what is not on PATH."""
    lacking = [
        f"{title} is needed by OBSERVE=full and there is no `{names[0]}` on PATH: take it from {source}, put it on "
        "PATH, or leave OBSERVE=full away"
        for title, (names, source) in PROGRAMS.items()
        if program(names) is None
    ]
    if lacking:
        raise StartRefused("\n".join(lacking))


def program(names: tuple[str, ...]) -> str | None:
    """The first of these programs that is on PATH."""
    return next((found for name in names if (found := shutil.which(name))), None)


def collector(settings: StandaloneSettings, home: Home, experiment: str) -> Command:
    """The trace collector, sending to the MLflow of this installation."""
    names, _ = PROGRAMS["OpenTelemetry Collector (its contrib distribution)"]
    configs = [f"--config={COLLECTOR_CONFIG / f'{name}.yaml'}" for name in CONFIGS]
    environment = {
        "FAIRLEAD_COLLECTOR_HOST": "127.0.0.1",
        "FAIRLEAD_COLLECTOR_DATA": str(home.collector),
        "FAIRLEAD_MLFLOW_URL": f"http://127.0.0.1:{settings.mlflow_port}",
        "FAIRLEAD_MLFLOW_EXPERIMENT": experiment,
        "FAIRLEAD_TRACE_BUFFER_URL": f"http://127.0.0.1:{settings.trace_buffer_port}",
        "FAIRLEAD_SERVICE_KEY": home.secret("service-key"),
    }
    for name in ("port", "grpc_port", "promoted_port", "metrics_port", "spanmetrics_port", "health_port"):
        environment[f"FAIRLEAD_COLLECTOR_{name.upper()}"] = str(getattr(settings, f"collector_{name}"))
    arguments = [program(names) or names[0], *configs, f"--feature-gates={','.join(FEATURE_GATES)}"]
    # Ends after the services, whose last spans it takes, and before the trace store.
    return Command("otelcol", arguments, environment, layer=2, stop_timeout_s=15.0)


def prometheus(settings: StandaloneSettings, home: Home, folder: Path) -> Command:
    """Prometheus over every service, with the rules of the checkout in `folder`."""
    home.prometheus.mkdir(exist_ok=True)
    config = home.prometheus / "prometheus.yaml"
    config.write_text(yaml.safe_dump(scraping(settings, folder), sort_keys=False), encoding="utf-8")
    arguments = [
        program(("prometheus",)) or "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={home.prometheus / 'data'}",
        "--storage.tsdb.retention.time=15d",
        "--storage.tsdb.retention.size=2GB",
        f"--web.listen-address=127.0.0.1:{settings.prometheus_port}",
        "--web.enable-lifecycle",
        "--enable-feature=exemplar-storage",
    ]
    return Command("prometheus", arguments, layer=2, stop_timeout_s=15.0)


def scraping(settings: StandaloneSettings, folder: Path) -> dict[str, Any]:
    """Prometheus' configuration: a job for each service, and every rule file of the checkout."""
    jobs = {
        "orchestrator": settings.orchestrator_port,
        "llm-proxy": settings.llm_proxy_port,
        "local-models": settings.local_models_port,
        "ingestion": settings.ingestion_port,
        "trace-buffer": settings.trace_buffer_port,
        "otelcol": settings.collector_metrics_port,
        "otelcol-spanmetrics": settings.collector_spanmetrics_port,
        "prometheus": settings.prometheus_port,
    }
    return {
        "global": {
            "scrape_interval": SCRAPE_EVERY,
            "evaluation_interval": SCRAPE_EVERY,
            # Native histograms where there are any, and the classic buckets that rules are written for.
            "scrape_native_histograms": True,
            "always_scrape_classic_histograms": True,
        },
        "rule_files": [str(path) for path in rule_files(folder)],
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for name, port in jobs.items()
        ],
    }


def rule_files(folder: Path) -> Iterator[Path]:
    """The rule files below `charts/*/alerts`; their unit tests, which have no groups, are none."""
    for path in sorted(folder.absolute().glob("charts/*/alerts/*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and "groups" in content:
            yield path
