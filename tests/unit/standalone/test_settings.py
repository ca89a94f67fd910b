"""What `make run` is told is checked before anything starts, and refused in a sentence that names the variable."""

from pathlib import Path

import pytest

from standalone.errors import StartRefused
from standalone.settings import StandaloneSettings


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"docs": "/no/such/folder"}, "DOCS=/no/such/folder is not a folder"),
        ({"model_url": "https://api.example.com/v1"}, "MODEL_URL needs MODEL"),
        ({"model_url": "api.example.com", "model": "m"}, "MODEL_URL=api.example.com is no URL"),
        ({"model_url": "https://", "model": "m"}, "MODEL_URL=https:// is no URL"),
        ({"model_url": "http://host:port/v1", "model": "m"}, "is no URL"),
        ({"model": "m"}, "without MODEL_URL"),
        (
            {"model_url": "https://a.example/v1", "model": "m", "model_key_file": "/no/such/key"},
            "MODEL_KEY_FILE=/no/such/key cannot be read",
        ),
        ({"mlflow_port": 8080}, "two components have the same port"),
        ({"observe": "full", "prometheus_port": 8888}, "COLLECTOR_METRICS_PORT=8888"),
        ({"observe": "full", "tracing": "off"}, "OBSERVE=full needs the trace store"),
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(StartRefused) as refused:
        StandaloneSettings.model_validate(given)
    assert said in str(refused.value)


def test_without_traces_the_trace_stores_port_does_not_matter() -> None:
    assert "MLFLOW_PORT" not in StandaloneSettings.model_validate({"tracing": "off", "mlflow_port": 8080}).ports()


def test_settings_come_from_the_names_that_make_hands_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCS", str(tmp_path))
    monkeypatch.setenv("TRACING", "off")
    monkeypatch.setenv("ORCHESTRATOR_PORT", "18080")
    monkeypatch.setenv("AUTH", "")
    settings = StandaloneSettings()
    assert (settings.docs, settings.tracing, settings.orchestrator_port) == (tmp_path, "off", 18080)
    assert settings.auth == "none"


def test_the_observers_ports_matter_only_with_them() -> None:
    without = StandaloneSettings.model_validate({"prometheus_port": 8888}).ports()
    assert not [name for name in without if name.startswith(("COLLECTOR", "PROMETHEUS"))]
    assert StandaloneSettings.model_validate({"observe": "full"}).ports()["COLLECTOR_PORT"] == 4318
