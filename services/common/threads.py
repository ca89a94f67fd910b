"""Threads that go on in the trace, the log context and the deadline of whoever gave them their work."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class ContextThreads(ThreadPoolExecutor):
    """A thread pool whose work runs in a copy of its caller's context variables; Python's own starts with none."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See ThreadPoolExecutor."""
        work: Callable[..., Any] = copy_context().run
        return super().submit(work, fn, *args, **kwargs)
