"""One run of the pipeline: what the steps need, what they hand on to one another, and how each is timed and traced."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from common import exemplars, spending
from common.logs import get_logger
from common.metrics import counter, histogram
from common.pool_client import PoolClient, PoolRejected, PoolUnavailable
from common.spending import Spending
from common.telemetry import Kind, Span, Telemetry
from orchestrator.pipeline.ask import Answer, Ask, FinishReason, Message, Usage
from orchestrator.pipeline.callbacks import Callbacks
from orchestrator.pipeline.citations import Citation
from orchestrator.pipeline.marks import MarkFilter
from orchestrator.pipeline.passages import Passage
from orchestrator.pipeline.prompt import NO_ANSWER
from orchestrator.pipeline.ranking import Ranking
from orchestrator.tunables import OrchestratorTunables
from vector_store.catalog import Catalog
from vector_store.engine import ChunkStore
from vector_store.models import EmbeddingSpace, Hit, Scope, Store, Vectors

log = get_logger("pipeline")
STEP_SECONDS = histogram("step_seconds", "Time in each step of the answer pipeline", ["step"])
FIRST_TEXT_SECONDS = histogram(
    "answer_first_text_seconds", "From the question to the first text of its answer, as whoever asked sees it"
)
DEGRADED = counter(
    "degraded_total",
    "Answers and searches in which a step could not do its part",
    ["step", "reason"],
    at_zero=[(name, "PoolUnavailable") for name in ("rewrite", "embed", "rerank", "generate")],
)

# What a call to the pool may fail with; every step that makes one has its own way to go on without.
POOL_FAILURES = (PoolUnavailable, PoolRejected)

OnText = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Parts:
    """What the steps work with; made once per process."""

    pool: PoolClient
    catalog: Catalog
    chunks: ChunkStore
    telemetry: Telemetry
    callbacks: Callbacks


@dataclass
class Run:
    """The state of one answer on its way through the steps."""

    ask: Ask
    parts: Parts
    on_text: OnText | None = None
    question: str = ""
    history: tuple[Message, ...] = ()
    query: str = ""
    stores: tuple[Store, ...] = ()
    vector: Vectors | None = None
    space: EmbeddingSpace | None = None
    hits: tuple[Hit, ...] = ()
    snapshot: str = ""
    passages: tuple[Passage, ...] = ()
    messages: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    draft: MarkFilter = field(default_factory=lambda: MarkFilter(()))
    usage: Usage = field(default_factory=Usage)
    finish_reason: FinishReason = "stop"
    citations: tuple[Citation, ...] = ()
    grounding: float | None = None
    degraded: list[str] = field(default_factory=list[str])
    first_text_at: float | None = None
    began: float = field(default_factory=time.perf_counter)
    """When the question came, by the clock of `first_text_at`."""
    spent: Spending = field(default_factory=spending.begin)

    @property
    def tunables(self) -> OrchestratorTunables:
        """The configuration that was in force when the question came."""
        return self.ask.config.value

    @property
    def scope(self) -> Scope:
        """Whose documents may be seen."""
        return Scope(self.ask.caller.tenant, self.ask.caller.groups)

    @property
    def top_k(self) -> int:
        """How many passages may go into the prompt."""
        return self.ask.top_k or self.tunables.top_k

    @property
    def rewriting(self) -> bool:
        """Whether the question is to be rewritten: only a follow-up can need it."""
        return bool(self.history) and (self.tunables.rewrite if self.ask.rewrite is None else self.ask.rewrite)

    @property
    def reranking(self) -> bool:
        """Whether the passages are to be put in order by the rerank model."""
        return self.tunables.rerank if self.ask.rerank is None else self.ask.rerank

    @property
    def ranking(self) -> Ranking:
        """How hits become passages."""
        asked, tunables = self.ask.score_threshold, self.tunables
        return Ranking(self.top_k, self.reranking, tunables.score_threshold if asked is None else asked, tunables)

    def degrade(self, step: str, span: Span, error: Exception) -> None:
        """Note that `step` could not do its part; the answer goes on and says so."""
        reason = type(error).__name__
        self.degraded.append(step)
        DEGRADED.labels(step, reason).inc()
        span.fail(error)
        log.warning("degraded", step=step, reason=reason, error=str(error))

    async def say(self, text: str) -> None:
        """Pass final text on to whoever is listening."""
        if not text:
            return
        if self.first_text_at is None:
            self.first_text_at = time.perf_counter()
            FIRST_TEXT_SECONDS.observe(self.first_text_at - self.began, exemplars.current())
        if self.on_text is not None:
            await self.on_text(text)


@dataclass(frozen=True)
class Step:
    """One step: its name in spans, metrics and `degraded`, its kind, whether it takes part, and what it does."""

    name: str
    kind: Kind
    when: Callable[[Run], bool]
    do: Callable[[Run, Span], Awaitable[None]]

    async def __call__(self, run: Run) -> None:
        """Do it, in one span, timed."""
        if not self.when(run):
            return
        began = time.perf_counter()
        try:
            with run.parts.telemetry.span(self.name, self.kind) as span:
                await self.do(run, span)
        finally:
            STEP_SECONDS.labels(self.name).observe(time.perf_counter() - began, exemplars.current())


def step(
    kind: Kind, *, when: Callable[[Run], bool] = lambda _: True
) -> Callable[[Callable[[Run, Span], Awaitable[None]]], Step]:
    """Make a step of a function; its name is the function's."""

    def make(do: Callable[[Run, Span], Awaitable[None]]) -> Step:
        return Step(do.__name__, kind, when, do)

    return make


def finished(run: Run, trace_id: str) -> Answer:
    """The answer that the run has come to."""
    return Answer(
        text=run.draft.text,
        citations=run.citations,
        passages=run.passages,
        usage=run.usage,
        finish_reason=run.finish_reason,
        answered=NO_ANSWER not in run.draft.text and "generate" not in run.degraded,
        grounding=run.grounding,
        degraded=tuple(run.degraded),
        trace_id=trace_id,
        config_hash=run.ask.config.hash,
        model=run.ask.application,
    )
