"""`traced`: a function, or a block, as a step of the trace that is running; outside of one it runs as if untraced."""

import inspect
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast, overload

from common import telemetry
from common.span import LONGEST_CONTENT, Span
from common.telemetry import NO_SPAN, Kind

P = ParamSpec("P")
R = TypeVar("R")


class Traced:
    """What `traced` gives: a decorator, and a context manager for one block at a time."""

    def __init__(self, name: str | None, kind: Kind, content: bool) -> None:
        self._name = name
        self._kind: Kind = kind
        self._content = content
        self._span: Span | None = None

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function as a step of whoever calls it."""
        name = self._name or getattr(function, "__name__", type(function).__name__)
        steps = _Steps(name, self._kind, inspect.signature(function) if self._content else None)
        for fits, wrapped in _WRAPPED:
            if fits(function):
                return cast("Callable[P, R]", wrapped(function, steps))
        return cast("Callable[P, R]", _function(function, steps))

    def __enter__(self) -> Span:
        """Begin the step."""
        self._span = _begun(self._name or "step", self._kind).__enter__()
        return self._span

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the step."""
        if self._span is not None:
            self._span.__exit__(kind, error, at)


@overload
def traced(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def traced(name: str | None = None, /, kind: Kind = "CHAIN", *, content: bool = True) -> Traced: ...
def traced(
    function: Callable[P, R] | str | None = None, /, kind: Kind = "CHAIN", *, content: bool = True
) -> Callable[P, R] | Traced:
    """As `@traced`, `@traced("name", "TOOL")` or `with traced("name") as span`.

    Functions, coroutines, generators and async generators alike; a generator's step lasts until it is exhausted or
    closed. Arguments and result are the step's input and output where content is captured, unless `content` is False.
    """
    if callable(function):
        return Traced(None, kind, content)(function)
    return Traced(function, kind, content)


@dataclass(frozen=True)
class _Steps:
    """The steps that calls of one function are."""

    name: str
    kind: Kind
    signature: inspect.Signature | None

    def begun(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Span:
        span = _begun(self.name, self.kind)
        if self.signature is not None and span.captures:
            try:
                given = self.signature.bind(*args, **kwargs).arguments
            except TypeError:  # the function itself says it best
                given = {}
            span.input({name: value for name, value in given.items() if name not in ("self", "cls")})
        return span

    def ended(self, span: Span, result: Any) -> None:
        if self.signature is not None and span.captures:
            span.output(result)

    @contextmanager
    def streaming(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Generator["_Said"]:
        """The step of a generator: never current while its reader has the word."""
        span = self.begun(args, kwargs)
        said = _Said(span, self.kind, time.perf_counter())
        try:
            yield said
        except Exception as error:
            span.fail(error)
            raise
        finally:
            self.ended(span, said.whole())
            span.end()


class _Said:
    """What a generator has given so far, as much of it as its span can hold."""

    def __init__(self, span: Span, kind: Kind, began: float) -> None:
        self.span = span
        self._kind = kind
        self._began = began
        self._items: list[Any] = []
        self._chars = 0
        self._first = True

    def add(self, item: Any) -> None:
        if self._first:
            self._first = False
            if self._kind == "LLM":
                self.span.set("gen_ai.response.time_to_first_chunk", time.perf_counter() - self._began)
        if self.span.captures and self._chars <= LONGEST_CONTENT:
            self._items.append(item)
            self._chars += len(item) if isinstance(item, str) else 1

    def whole(self) -> Any:
        """One text when it was given in pieces, else the list."""
        return "".join(self._items) if all(isinstance(item, str) for item in self._items) else self._items


def _function(function: Callable[..., Any], steps: _Steps) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with steps.begun(args, kwargs) as span:
            result = function(*args, **kwargs)
            steps.ended(span, result)
        return result

    return call


def _coroutine(function: Callable[..., Any], steps: _Steps) -> Callable[..., Any]:
    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        with steps.begun(args, kwargs) as span:
            result = await function(*args, **kwargs)
            steps.ended(span, result)
        return result

    return call


def _generator(function: Callable[..., Any], steps: _Steps) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with steps.streaming(args, kwargs) as said:
            source: Generator[Any, Any, Any] = function(*args, **kwargs)
            go_on: Callable[[Any], Any] = source.send
            value: Any = None
            try:
                while True:
                    with said.span.running():
                        item = go_on(value)
                    said.add(item)
                    try:
                        go_on, value = source.send, (yield item)
                    except Exception as error:  # noqa: BLE001 - thrown in by the reader, for the generator to handle
                        go_on, value = source.throw, error
            except StopIteration as end:
                return end.value
            finally:
                with said.span.running():
                    source.close()

    return call


def _async_generator(function: Callable[..., Any], steps: _Steps) -> Callable[..., Any]:
    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with steps.streaming(args, kwargs) as said:
            source: AsyncGenerator[Any, Any] = function(*args, **kwargs)
            go_on: Callable[[Any], Any] = source.asend
            value: Any = None
            try:
                while True:
                    with said.span.running():
                        item = await go_on(value)
                    said.add(item)
                    try:
                        go_on, value = source.asend, (yield item)
                    except Exception as error:  # noqa: BLE001 - thrown in by the reader, for the generator to handle
                        go_on, value = source.athrow, error
            except StopAsyncIteration:
                return
            finally:
                with said.span.running():
                    await source.aclose()

    return call


_WRAPPED = (
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.isgeneratorfunction, _generator),
    (inspect.iscoroutinefunction, _coroutine),
)


def _begun(name: str, kind: Kind) -> Span:
    tracing = telemetry.current()
    return NO_SPAN if tracing is None else tracing.span(name, kind)
