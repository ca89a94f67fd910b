"""What is asked of the pool, what an answer used, and what a request has tried so far."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from common.authenticator import Caller
from common.deadline import Deadline
from common.key_file import Lane
from llm_proxy.config import Operation

if TYPE_CHECKING:
    from llm_proxy.plan import Endpoint, ModelPlan


@dataclass(slots=True)
class Ask:
    """One request. `prompt_tokens` is an estimate: a quarter of the prompt's bytes, rounded up."""

    model: str
    operation: Operation
    prompt_tokens: int
    max_tokens: int | None
    lane: Lane
    caller: Caller
    deadline: Deadline


@dataclass(slots=True)
class Usage:
    """Tokens that an endpoint says it counted; `cached_tokens` are part of `prompt_tokens`."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(slots=True)
class Tried:
    """The course of one request: the model it is at, the endpoints that are out for it, the calls that failed.

    Make one per request and hand it to every `reserve` and `wait`. It keeps the configuration that the request began
    on, so that a reload in the middle changes nothing for it.
    """

    model: "ModelPlan | None" = None
    endpoints: "list[Endpoint]" = field(default_factory=list["Endpoint"])
    calls: int = 0
    broken: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """What `explain` says of one endpoint."""

    model: str
    endpoint: str
    priority: int
    chosen: bool
    reason: str
    free_in_s: float | None
    """Seconds until it may be taken: 0 now; None when no time is known (a key that is out)."""
    in_flight: int
    use: float
    """The fullest of its limits, 0 to 1."""
    latency_s: float
    breaker: str
