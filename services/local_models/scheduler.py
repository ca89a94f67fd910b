"""Which tokens go through the model next: small slices of every request, questions first, batch work last.

Everything here runs on the event loop but `_infer`, which runs in as many threads as there are cores and one more:
that one is kept for questions, so that a search never waits for an ingest's slice to end (the kernel then shares the
cores). Slices this small lose no throughput: the model is as quick on 512 tokens as on 5,000.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np

from common.errors import ApiError
from common.key_file import Lane
from common.logs import get_logger
from common.metrics import counter, gauge, histogram
from local_models.encoder import Encoder

log = get_logger("scheduler")
TEXTS = counter("local_models_texts_total", "Texts through the model", ["encoder", "lane"])
TOKENS = counter("local_models_tokens_total", "Tokens through the model", ["encoder", "lane"])
BATCH_SIZE = histogram("local_models_batch_texts", "Texts in one pass", ["encoder"], (1, 2, 4, 8, 16, 32, 64, 128, 256))
WAIT_SECONDS = histogram("local_models_queue_wait_seconds", "From arrival to the first pass", ["lane"])
INFER_SECONDS = histogram("local_models_inference_seconds", "One pass of the model", ["encoder"])
QUEUED = gauge("local_models_queued_tokens", "Tokens that wait for their pass", ["lane"])
REFUSED = counter("local_models_refused_total", "Requests refused because the queue was full", ["lane"])
ABANDONED = counter("local_models_abandoned_total", "Requests whose caller left before the end", ["lane"])

SLICE_TOKENS = 512
# A search question and its like: at most this many tokens in all.
QUESTION_TOKENS = 128
# The largest request (2048 texts of 256 tokens) fits twice.
QUEUE_TOKENS = 2 * 2048 * 256
# Before anything was measured: what one core of the slowest machine we know does.
FIRST_RATE = 3000.0
RATE_SMOOTHING = 0.1

R = TypeVar("R")
Reduce = Callable[[np.ndarray], Any]


@dataclass(eq=False)
class _Job:
    encoder: Encoder
    sequences: Sequence[Sequence[int]]
    reduce: Reduce
    lane: Lane
    done: asyncio.Future[list[Any]]
    pending: list[int]
    results: list[Any]
    missing: int
    arrived: float = field(default_factory=time.monotonic)
    started: bool = False

    def queued_tokens(self) -> int:
        return sum(len(self.sequences[place]) for place in self.pending)


@dataclass(frozen=True)
class _Slice:
    encoder: Encoder
    parts: list[tuple[_Job, int]]
    question: bool


class Scheduler:
    """Runs token sequences through encoders in `cores` threads. Close it after the last `run` has ended."""

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._threads = ThreadPoolExecutor(cores + 1, thread_name_prefix="inference")
        # In the order of service: short interactive requests, other interactive ones, batch.
        self._questions: deque[_Job] = deque()
        self._interactive: deque[_Job] = deque()
        self._batch: deque[_Job] = deque()
        self._queued: dict[Lane, int] = {"interactive": 0, "batch": 0}
        self._running = 0
        self._question_running = False
        self._rate = FIRST_RATE

    async def run(
        self, encoder: Encoder, sequences: Sequence[Sequence[int]], reduce: Callable[[np.ndarray], R], lane: Lane
    ) -> list[R]:
        """`reduce(hidden states)` of each sequence, in their order; `reduce` runs in an inference thread.

        Cancelling the caller drops what has not begun. Raises ApiError 429 when too much is waiting.
        """
        if not sequences:
            return []
        tokens = sum(map(len, sequences))
        if self._queued[lane] + tokens > QUEUE_TOKENS:
            REFUSED.labels(lane).inc()
            raise self._full(lane)
        job = _Job(
            encoder=encoder,
            sequences=sequences,
            reduce=reduce,
            lane=lane,
            done=asyncio.get_running_loop().create_future(),
            pending=sorted(range(len(sequences)), key=lambda place: len(sequences[place])),
            results=[None] * len(sequences),
            missing=len(sequences),
        )
        queue = self._queue_for(job, tokens)
        queue.append(job)
        self._count(lane, tokens)
        self._dispatch()
        try:
            return cast(list[R], await job.done)
        except asyncio.CancelledError:
            ABANDONED.labels(lane).inc()
            raise
        finally:
            if job.pending:  # cancelled or failed half-way
                self._count(lane, -job.queued_tokens())
                job.pending.clear()
                queue.remove(job)

    def saturated(self) -> str | None:
        """Why no further question should come here; None while there is room."""
        full = self._queued["interactive"] > QUEUE_TOKENS // 2
        return f"{self._queued['interactive']} tokens are waiting" if full else None

    def close(self) -> None:
        """Let the passes that run end; nothing else may be waiting."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _queue_for(self, job: _Job, tokens: int) -> deque[_Job]:
        if job.lane == "batch":
            return self._batch
        return self._questions if tokens <= QUESTION_TOKENS else self._interactive

    def _count(self, lane: Lane, tokens: int) -> None:
        self._queued[lane] += tokens
        QUEUED.labels(lane).set(self._queued[lane])

    def _full(self, lane: Lane) -> ApiError:
        wait_s = max(1, round(self._queued[lane] / self._rate))
        message = f"Too many tokens are waiting for the model; try again in {wait_s} s."
        return ApiError(429, message, code="queue_full", headers={"retry-after": str(wait_s)})

    def _dispatch(self) -> None:
        loop = asyncio.get_running_loop()
        while (slice_ := self._next()) is not None:
            if slice_.question:
                self._question_running = True
            else:
                self._running += 1
            for job in {part[0] for part in slice_.parts}:
                if not job.started:
                    job.started = True
                    WAIT_SECONDS.labels(job.lane).observe(time.monotonic() - job.arrived)
            passed = loop.run_in_executor(self._threads, _infer, slice_)
            passed.add_done_callback(lambda done, slice_=slice_: self._finish(slice_, done))

    def _next(self) -> _Slice | None:
        if self._running < self._cores:
            for queue in (self._questions, self._interactive, self._batch):
                if queue:
                    return self._take(queue, question=False)
        elif self._questions and not self._question_running:
            return self._take(self._questions, question=True)
        return None

    def _take(self, queue: deque[_Job], *, question: bool) -> _Slice:
        """The longest texts of the first request, then of those behind it, as long as the slice has room.

        People take turns. Batches end one after the other: side by side all of them would end late, and on a slow
        machine none before its deadline.
        """
        encoder = queue[0].encoder
        parts: list[tuple[_Job, int]] = []
        longest = 0
        while queue and queue[0].encoder is encoder:
            job = queue[0]
            while job.pending:
                length = max(longest, len(job.sequences[job.pending[-1]]))
                if parts and length * (len(parts) + 1) > SLICE_TOKENS:
                    if queue is not self._batch:
                        queue.rotate(-1)  # the next slice begins with another request
                    return _Slice(encoder, parts, question)
                longest = length
                place = job.pending.pop()
                parts.append((job, place))
                self._count(job.lane, -len(job.sequences[place]))
            queue.popleft()
        return _Slice(encoder, parts, question)

    def _finish(self, slice_: _Slice, passed: "asyncio.Future[tuple[list[Any], float]]") -> None:
        if slice_.question:
            self._question_running = False
        else:
            self._running -= 1
        if passed.cancelled():
            return
        error = passed.exception()
        if error is not None:
            log.error("inference_failed", encoder=slice_.encoder.name, error=str(error))
            for job, _ in slice_.parts:
                if not job.done.done():
                    job.done.set_exception(error)
        else:
            results, seconds = passed.result()
            self._record(slice_, seconds)
            for (job, place), result in zip(slice_.parts, results, strict=True):
                job.results[place] = result
                job.missing -= 1
                if job.missing == 0 and not job.done.done():
                    job.done.set_result(job.results)
        self._dispatch()

    def _record(self, slice_: _Slice, seconds: float) -> None:
        name = slice_.encoder.name
        BATCH_SIZE.labels(name).observe(len(slice_.parts))
        INFER_SECONDS.labels(name).observe(seconds)
        total = 0
        for job, place in slice_.parts:
            tokens = len(job.sequences[place])
            total += tokens
            TEXTS.labels(name, job.lane).inc()
            TOKENS.labels(name, job.lane).inc(tokens)
        self._rate += RATE_SMOOTHING * (total * self._cores / max(seconds, 1e-6) - self._rate)


def _infer(slice_: _Slice) -> tuple[list[Any], float]:
    began = time.perf_counter()
    hidden = slice_.encoder.hidden([job.sequences[place] for job, place in slice_.parts])
    results = [job.reduce(states) for (job, _), states in zip(slice_.parts, hidden, strict=True)]
    return results, time.perf_counter() - began
