"""JSON logs on stdout, one object a line, carrying the trace and request they belong to; no content, no secrets."""

import logging
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from opentelemetry import trace

from common.redaction import Redactor, default

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

# How much each word of the tunables lets through.
LEVELS: Mapping[str, int] = {"minimal": logging.WARNING, "standard": logging.INFO, "extended": logging.DEBUG}
# Written by this module, not by whoever logs.
_OURS = frozenset({"level", "logger", "timestamp", "service", "trace_id", "span_id"})
# These say at INFO what metrics already count.
_NOISY = ("uvicorn.access", "httpx", "procrastinate", "psycopg.pool", "watchfiles")

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def setup(service: str, level: str) -> None:
    """Send structlog and the standard library's loggers through one JSON renderer."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_context(service),
        structlog.processors.format_exc_info,
        _REDACTION,
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
                structlog.processors.JSONRenderer(ensure_ascii=False, default=_REDACTION.other),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    follow("auto", {}, level)
    for own_handlers in ("uvicorn", "uvicorn.error"):
        logging.getLogger(own_handlers).handlers = []
        logging.getLogger(own_handlers).propagate = True


def follow(level: str, modules: Mapping[str, str], otherwise: str) -> None:
    """Log as much as these words of the tunables say, from now on; `auto` is `otherwise`, a level of Python's logging.

    `modules` are named as in `logger` of their lines.
    """
    least = LEVELS.get(level, logging.getLevelNamesMapping()[otherwise])
    logging.getLogger().setLevel(least)
    wanted = {name: max(logging.WARNING, least) for name in _NOISY}
    wanted |= {name: LEVELS[word] for name, word in modules.items()}
    for name in wanted.keys() | _set_before:
        logging.getLogger(name).setLevel(wanted.get(name, logging.NOTSET))
    _set_before.clear()
    _set_before.update(wanted)


def redact_with(redactor: Redactor) -> None:
    """Use more patterns than the built-in ones from now on."""
    _REDACTION.redactor = redactor


class _Redaction:
    """Takes secrets out of what is logged, whoever wrote it."""

    def __init__(self) -> None:
        self.redactor = default()

    def __call__(self, _: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        for name, value in event.items():
            if name not in _OURS and not name.startswith("_"):
                event[name] = self.redactor.value(value)
        return event

    def other(self, value: object) -> str:
        """What JSON has no form for, such as an exception."""
        return self.redactor.text(str(value))


# Python's logging is one for the whole process, so is its state here.
_REDACTION = _Redaction()
_set_before: set[str] = set()


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
