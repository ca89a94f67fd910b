"""JSON logs on stdout, one object a line, carrying the trace and request they belong to; no content by default."""

import logging
import sys
from contextvars import ContextVar
from typing import Any

from opentelemetry import trace

# structlog imports rich, where it is installed, for colourful logs that no service writes: a fifth of a fast start.
_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]
try:
    import structlog
finally:
    if _rich is None:
        del sys.modules["rich"]
    else:
        sys.modules["rich"] = _rich

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def setup(service: str, level: str) -> None:
    """Send structlog and the standard library's loggers through one JSON renderer."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_context(service),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # These say at INFO what metrics already count.
    for noisy in ("uvicorn.access", "httpx", "procrastinate", "psycopg.pool", "watchfiles"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    for own_handlers in ("uvicorn", "uvicorn.error"):
        logging.getLogger(own_handlers).handlers = []
        logging.getLogger(own_handlers).propagate = True


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose events are `log.info("what_happened", key=value)`."""
    return structlog.stdlib.get_logger(name)


def _add_context(service: str) -> Any:
    def add(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        event["service"] = service
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            event["trace_id"] = f"{context.trace_id:032x}"
            event["span_id"] = f"{context.span_id:016x}"
        rid = request_id.get()
        if rid is not None:
            event["request_id"] = rid
        return event

    return add
