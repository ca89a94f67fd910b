"""What is asked and what is answered: the two ends of the pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from common.auth import Caller
from common.deadline import Deadline
from common.live_config import Snapshot
from orchestrator.pipeline.citations import Citation
from orchestrator.pipeline.passages import Passage
from orchestrator.tunables import OrchestratorTunables

FinishReason = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True)
class Message:
    """An earlier turn of the conversation."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True)
class Ask:
    """One question, everything that shapes its answer, and the configuration that was in force when it came.

    `store_ids` empty means the application's stores; None elsewhere means what the tunables say.
    """

    question: str
    caller: Caller
    application: str
    config: Snapshot[OrchestratorTunables]
    deadline: Deadline
    history: tuple[Message, ...] = ()
    instructions: str = ""
    store_ids: tuple[str, ...] = ()
    filters: Mapping[str, Any] | None = None
    top_k: int | None = None
    score_threshold: float | None = None
    keyword_weight: float | None = None
    rewrite: bool | None = None
    rerank: bool | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict[str, Any])
    session: str | None = None
    user: str | None = None

    def as_request(self) -> dict[str, Any]:
        """The body of `/v1/chat/completions` that asks the same again."""
        turns = [{"role": message.role, "content": message.content} for message in self.history]
        told = [{"role": "system", "content": self.instructions}] if self.instructions else []
        ranking: dict[str, Any] = {"score_threshold": self.score_threshold}
        if self.keyword_weight is not None:
            ranking["hybrid_search"] = {
                "text_weight": self.keyword_weight,
                "embedding_weight": 1 - self.keyword_weight,
            }
        body: dict[str, Any] = {
            "model": self.application,
            "messages": [*told, *turns, {"role": "user", "content": self.question}],
            "vector_store_ids": list(self.store_ids) or None,
            "filters": self.filters,
            "max_num_results": self.top_k,
            "ranking_options": {key: value for key, value in ranking.items() if value is not None} or None,
            "fairlead": {"rewrite": self.rewrite, "rerank": self.rerank},
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            **self.sampling,
        }
        return {key: value for key, value in body.items() if value is not None}


@dataclass(frozen=True)
class Usage:
    """Tokens as the model counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Both together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class Answer:
    """The whole answer. `degraded` names the steps that could not do their part; `answered` is False for a plain no."""

    text: str
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    usage: Usage
    finish_reason: FinishReason
    answered: bool
    grounding: float | None
    degraded: tuple[str, ...]
    trace_id: str
    config_hash: str
    model: str
