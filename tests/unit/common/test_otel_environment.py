"""OpenTelemetry's environment variables do what its documentation says."""

from typing import Any

import pytest
from pydantic import SecretStr

from common.otel_environment import Bounds, OtelEnvironment, Receiver
from common.settings import ServiceSettings
from common.telemetry import Telemetry

E = "OTEL_EXPORTER_OTLP_ENDPOINT"
T = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    ("environment", "settings", "receiver"),
    [
        ({}, {}, None),
        ({E: "http://c:4318"}, {}, Receiver("http://c:4318/v1/traces")),
        ({E: "http://c:4318/", T: "http://t/x"}, {}, Receiver("http://t/x")),
        ({E: "http://c:4318"}, {"otlp_endpoint": "http://f/v1/traces"}, Receiver("http://f/v1/traces")),
        ({E: "http://c", "OTEL_SDK_DISABLED": "TRUE"}, {}, None),
        ({E: "http://c", "OTEL_SDK_DISABLED": "yes"}, {}, Receiver("http://c/v1/traces")),
        ({E: "http://c", "OTEL_TRACES_EXPORTER": "none"}, {}, None),
        ({E: "http://c", "OTEL_TRACES_EXPORTER": "console"}, {}, Receiver("http://c/v1/traces")),
        (
            {E: "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "A=b%20c, d = e"},
            {},
            Receiver("http://c/v1/traces", {"a": "b c", "d": "e"}),
        ),
        (
            {E: "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "a=b", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "c=d"},
            {},
            Receiver("http://c/v1/traces", {"c": "d"}),
        ),
        ({E: "http://c"}, {"otlp_headers": SecretStr("f=g")}, Receiver("http://c/v1/traces", {"f": "g"})),
        (
            {E: "http://c", "OTEL_EXPORTER_OTLP_TIMEOUT": "3", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"},
            {},
            Receiver("http://c/v1/traces", {}, 3.0, gzip=True),
        ),
        ({E: "http://c", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, {}, Receiver("http://c/v1/traces")),
    ],
)
def test_where_spans_go(environment: dict[str, str], settings: dict[str, Any], receiver: Receiver | None) -> None:
    assert OtelEnvironment(environment).receiver(ServiceSettings(**settings)) == receiver


def test_how_they_wait() -> None:
    assert OtelEnvironment({}).bounds() == Bounds()
    said = {
        "OTEL_BSP_MAX_QUEUE_SIZE": "10",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "20",
        "OTEL_BSP_SCHEDULE_DELAY": "250",
    }
    assert OtelEnvironment(said).bounds() == Bounds(spans=10, batch=10, every_s=0.25)


def test_the_sdk_reads_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OTEL_SERVICE_NAME": "mine",
        "OTEL_RESOURCE_ATTRIBUTES": "team=search",
        "OTEL_TRACES_SAMPLER": "always_off",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "3",
    }.items():
        monkeypatch.setenv(name, value)
    tracing = Telemetry(ServiceSettings(service="test"))
    resource = tracing._provider.resource.attributes
    assert (resource["service.name"], resource["team"]) == ("mine", "search")
    with tracing.root_span("chat", {}) as root:
        assert not root._otel.is_recording()
    monkeypatch.delenv("OTEL_TRACES_SAMPLER")
    with Telemetry(ServiceSettings(service="test")).root_span("chat", {}) as root:
        root.set("long", "abcdef")
        assert root._otel.attributes["long"] == "abc"  # pyright: ignore
