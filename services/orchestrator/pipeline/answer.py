"""The pipeline: runs the steps over one question under one deadline, in one trace."""

import asyncio
from collections.abc import Mapping

from common import exemplars
from common.deadline import timed_out
from common.errors import ApiError, unavailable
from common.metrics import counter, histogram
from common.pseudonym import pseudonym
from common.settings import ServiceSettings
from common.telemetry import Span
from orchestrator import costs
from orchestrator.pipeline import prompt
from orchestrator.pipeline.ask import Answer, Ask
from orchestrator.pipeline.run import OnText, Parts, Run, finished
from orchestrator.pipeline.steps import STEPS

ANSWERS = counter(
    "answers_total",
    "Questions by what became of them: answered, not_answered (the documents do not say), degraded, failed, refused "
    "(too many at once), rejected (it cannot be asked), cancelled (the client left)",
    ["outcome"],
    at_zero=("answered", "not_answered", "degraded", "failed", "refused", "rejected", "cancelled"),
)
GROUNDING = histogram(
    "answer_grounding_ratio",
    "How much of an answer the passages that it cites support",
    buckets=tuple(tenth / 10 for tenth in range(11)),
)
CITATIONS = histogram("answer_citations", "Citations of an answer", buckets=(0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 50))


class Pipeline:
    """Answers questions. One per process."""

    def __init__(self, parts: Parts, settings: ServiceSettings, most_at_once: int) -> None:
        self._parts = parts
        self._most_at_once = most_at_once
        self._open = 0
        self._provenance = {
            "fairlead.commit": settings.commit,
            "fairlead.image_digest": settings.image_digest,
            "fairlead.environment": settings.environment,
        }

    async def answer(self, ask: Ask, headers: Mapping[str, str], on_text: OnText | None = None) -> Answer:
        """The answer to `ask`; its text goes to `on_text` as it becomes final. `headers` name the caller's trace.

        Raises ApiError (400 for what cannot be asked, 404 for an unknown store, 503 for too many at once, 504 for a
        passed deadline), the store's own errors, and PoolUnavailable or PoolRejected once `on_text` has been called.
        """
        if self.saturated():
            ANSWERS.labels("refused").inc()
            raise unavailable("Too many questions are being answered at the moment.")
        self._open += 1
        try:
            return await self._answer(Run(ask, self._parts, on_text), headers)
        finally:
            self._open -= 1

    def saturated(self) -> str | None:
        """Why no further question can be taken now; None when it can."""
        return f"{self._open} answers are in the making" if self._open >= self._most_at_once else None

    async def _answer(self, run: Run, headers: Mapping[str, str]) -> Answer:
        ask = run.ask
        with self._parts.telemetry.root_span("answer", headers, tenant=ask.caller.tenant) as root:
            exemplars.name_trace(root.trace_id)
            self._describe(root, run)
            try:
                answer = await self._steps(run, root)
            except asyncio.CancelledError:
                ANSWERS.labels("cancelled").inc()
                root.set("fairlead.outcome", "cancelled")
                raise
            except Exception as error:
                # What cannot be asked is the caller's affair and none of the service's level.
                outcome = "rejected" if isinstance(error, ApiError) and error.status < 500 else "failed"
                ANSWERS.labels(outcome).inc()
                root.set("fairlead.outcome", outcome)
                raise
            finally:
                costs.of_answer(ask, run.spent, root)
            outcome = "degraded" if answer.degraded else "answered" if answer.answered else "not_answered"
            ANSWERS.labels(outcome).inc()
            CITATIONS.observe(len(answer.citations), exemplars.current())
            if answer.grounding is not None:
                GROUNDING.observe(answer.grounding, exemplars.current())
            self._conclude(root, run, answer, outcome)
            await self._parts.callbacks.on_response(ask, answer)
        return answer

    async def _steps(self, run: Run, root: Span) -> Answer:
        limit = run.ask.deadline.timeout()
        try:
            async with limit:
                for step in STEPS:
                    await step(run)
        except TimeoutError:
            if limit.expired():
                raise timed_out() from None
            raise
        return finished(run, root.trace_id)

    def _describe(self, root: Span, run: Run) -> None:
        ask = run.ask
        for key, value in self._provenance.items():
            root.set(key, value)
        tags = {
            "fairlead.application": ask.application,
            "fairlead.config_hash": ask.config.hash,
            "fairlead.prompt.version": run.tunables.prompt_version,
            "fairlead.prompt.hash": prompt.fingerprint(run.tunables.system_prompt, run.tunables.prompt_template),
            "fairlead.tenant": ask.caller.tenant,
            "fairlead.user": pseudonym(ask.caller.tenant, ask.user) if ask.user else None,
        }
        for key, value in tags.items():
            root.tag(key, value)
        root.set("gen_ai.prompt.name", "answer")
        root.set("gen_ai.conversation.id", ask.session)
        root.set("session.id", ask.session)
        root.set("user.id", ask.user)
        # In the shape of a chat, which trace stores preview as the question alone.
        root.input({"messages": [{"role": "user", "content": ask.question}]})
        root.request(ask.as_request())

    def _conclude(self, root: Span, run: Run, answer: Answer, outcome: str) -> None:
        root.tag("fairlead.outcome", outcome)
        root.set("fairlead.degraded", list(answer.degraded))
        root.set("fairlead.index_snapshot", run.snapshot)
        root.set("fairlead.grounding", answer.grounding)
        root.output({"choices": [{"message": {"role": "assistant", "content": answer.text}}]})
        root.ok()
