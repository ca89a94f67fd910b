"""OpenTelemetry's own environment variables, where the platform has to read them itself.

The SDK reads the rest: OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and its argument, OTEL_PROPAGATORS,
OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT. Units are those of the Python SDK: timeouts of exporters in seconds, OTEL_BSP_* in
milliseconds. Source: the environment variable pages of the OpenTelemetry specification and of the Python SDK.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar
from urllib.parse import unquote

from common.logs import get_logger
from common.settings import ServiceSettings

log = get_logger("telemetry")
EXPORT_TIMEOUT_S = 5.0
# The receiver may take these again; anything else it would refuse once more.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
N = TypeVar("N", int, float)


@dataclass(frozen=True)
class Receiver:
    """Where spans go and how. Times in seconds."""

    url: str
    headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    timeout_s: float = 5.0
    gzip: bool = False


@dataclass(frozen=True)
class Bounds:
    """What waits at most, and how it is taken."""

    spans: int = 4096
    bytes: int = 64 * 1024 * 1024
    batch: int = 256
    every_s: float = 1.0


class OtelEnvironment:
    """What they say. A value that cannot be used is named in the log and ignored, as the specification asks."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    @property
    def sdk_disabled(self) -> bool:
        """OTEL_SDK_DISABLED."""
        return self._text("OTEL_SDK_DISABLED").lower() == "true"

    @property
    def service_name(self) -> str:
        """OTEL_SERVICE_NAME; empty when not said."""
        return self._text("OTEL_SERVICE_NAME")

    @property
    def most_attributes(self) -> int | None:
        """OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, or the limit for all kinds of attributes."""
        for name in ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"):
            if self._text(name):
                return self._number(name, 0) or None
        return None

    def receiver(self, settings: ServiceSettings) -> Receiver | None:
        """Where spans go: Fairlead's settings, else OTEL_EXPORTER_OTLP_*; None when nothing is to be sent."""
        exporter = self._text("OTEL_TRACES_EXPORTER") or "otlp"
        if exporter not in ("otlp", "none"):
            log.warning("otel_variable_ignored", variable="OTEL_TRACES_EXPORTER", reason="only otlp and none are known")
        if self.sdk_disabled or exporter == "none":
            return None
        url = settings.otlp_endpoint or self._text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        if not url and (base := self._text("OTEL_EXPORTER_OTLP_ENDPOINT")):
            url = base.rstrip("/") + "/v1/traces"
        if not url:
            return None
        given = settings.otlp_headers.get_secret_value() if settings.otlp_headers else ""
        headers = given or self._either("HEADERS")
        timeout_s = self._number(self._named("TIMEOUT"), EXPORT_TIMEOUT_S) or EXPORT_TIMEOUT_S
        return Receiver(url, pairs(headers), timeout_s, self._either("COMPRESSION") == "gzip")

    def bounds(self, usual: Bounds | None = None) -> Bounds:
        """OTEL_BSP_*: how many spans wait and are sent at once, where they say something else than usual."""
        usual = usual or Bounds()
        spans = max(1, self._number("OTEL_BSP_MAX_QUEUE_SIZE", usual.spans))
        batch = max(1, self._number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", usual.batch))
        every_s = max(0.01, self._number("OTEL_BSP_SCHEDULE_DELAY", usual.every_s * 1000) / 1000)
        return replace(usual, spans=spans, batch=min(batch, spans), every_s=every_s)

    def _text(self, name: str) -> str:
        return self._environment.get(name, "").strip()

    def _named(self, what: str) -> str:
        """The variable for traces where it is set, else the one for every signal."""
        for_traces = f"OTEL_EXPORTER_OTLP_TRACES_{what}"
        return for_traces if self._text(for_traces) else f"OTEL_EXPORTER_OTLP_{what}"

    def _either(self, what: str) -> str:
        return self._text(self._named(what))

    def _number(self, name: str, usual: N) -> N:
        text = self._text(name)
        if not text:
            return usual
        try:
            value = type(usual)(text)
        except ValueError:
            value = None
        if value is None or value < 0:
            log.warning("otel_variable_ignored", variable=name, reason="not a number of 0 or more")
            return usual
        return value


def pairs(text: str) -> dict[str, str]:
    """`name=value,name=value` with percent escapes, as OTEL_EXPORTER_OTLP_HEADERS has it; names in lower case."""
    split = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in split}
