"""Exemplars: the trace of the request that is being served, beside what is measured of it."""

from contextvars import ContextVar

# One mapping for each request: whoever measures in its tasks reads what the code that began the trace has put there,
# and so does the middleware around them, when the trace has ended.
_of_request: ContextVar[dict[str, str] | None] = ContextVar("exemplar", default=None)


def begin() -> dict[str, str]:
    """A request begins; gives the exemplar that its trace will be named in."""
    exemplar: dict[str, str] = {}
    _of_request.set(exemplar)
    return exemplar


def name_trace(trace_id: str) -> None:
    """The request's trace, as 32 hexadecimal digits, once it has begun."""
    exemplar = _of_request.get()
    if exemplar is None:
        exemplar = begin()
    exemplar["trace_id"] = trace_id


def current() -> dict[str, str] | None:
    """For `observe(…, exemplar=current())`; None where there is no trace."""
    return _of_request.get() or None
