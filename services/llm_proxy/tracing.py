"""Spans of requests when there is a receiver for them; without one, not even the SDK is imported."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from common.settings import ServiceSettings


class SpanLike(Protocol):
    """What the pool writes to a span: `common.telemetry.Span`."""

    def set(self, key: str, value: Any) -> None:
        """Set one attribute."""
        ...

    def event(self, name: str, **attributes: Any) -> None:
        """Note something that happened at this moment."""
        ...

    def fail(self, reason: BaseException | str) -> None:
        """Mark the request as failed."""
        ...


class Tracing:
    """The tracer, when tracing is on."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.on = settings.otlp_endpoint is not None
        self._telemetry: Any = None
        if self.on:
            # The SDK and its exporter take half as long to import as all the rest of the pool.
            from common import telemetry  # noqa: PLC0415

            self._telemetry = telemetry.Telemetry(settings)
            self._headers = telemetry.trace_headers

    @contextmanager
    def request(self, operation: str, model: str, headers: Mapping[str, str]) -> Generator[SpanLike]:
        """The span of one request."""
        kind = "EMBEDDING" if operation == "embeddings" else "RERANKER" if operation == "rerank" else "LLM"
        with self._telemetry.root_span(
            f"{operation} {model}",
            headers,
            kind,
            **{"gen_ai.operation.name": operation, "gen_ai.request.model": model, "gen_ai.provider.name": "fairlead"},
        ) as span:
            yield span

    def headers(self) -> dict[str, str]:
        """`traceparent` for the endpoint, inside a span."""
        return self._headers()

    def close(self) -> None:
        """Send what is queued."""
        if self._telemetry is not None:
            self._telemetry.close()
