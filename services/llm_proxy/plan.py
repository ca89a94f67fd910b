"""The configuration compiled once per reload into plain objects: what a request looks at costs no validation."""

import json
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from llm_proxy import prices
from llm_proxy.config import Endpoint as EndpointSettings
from llm_proxy.config import Model as ModelSettings
from llm_proxy.config import Operation, PoolConfig, Space
from llm_proxy.config import Timeouts as TimeoutSettings
from llm_proxy.failures import RetryBudget
from llm_proxy.keys import Key, KeyRing
from llm_proxy.prices import Price
from llm_proxy.state import State

if TYPE_CHECKING:
    from llm_proxy.waiting import Waiter

PATHS: dict[Operation, str] = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "responses": "/responses",
    "embeddings": "/embeddings",
    "rerank": "/rerank",
}
assert set(PATHS) == set(get_args(Operation))


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds."""

    first_token_s: float
    inter_chunk_s: float
    total_s: float


@dataclass(slots=True, eq=False)
class Endpoint:
    """One endpoint of one model, ready to be called. `model` is the name to send, as JSON; None: as asked."""

    name: str
    model_name: str
    kind: Literal["openai", "azure"]
    urls: dict[Operation, str]
    """The full URL of each operation."""
    model: bytes | None
    timeouts: Timeouts
    price: Price
    price_line: bytes
    priority: int
    weight: float
    stand_in: bool
    """Whether it only answers in the place of others."""
    state: State

    @property
    def auth(self) -> tuple[str, str] | None:
        """The header that carries its key as it is now; None when it needs none."""
        return self.state.key.header


Group = tuple[Endpoint, ...]


@dataclass(slots=True)
class ModelState:
    """What outlives a reload of one model: its retries left and who waits for it, by lane."""

    retries: RetryBudget
    interactive: "deque[Waiter]" = field(default_factory=deque["Waiter"])
    batch: "deque[Waiter]" = field(default_factory=deque["Waiter"])


@dataclass(slots=True, eq=False)
class ModelPlan:
    """One model. Groups are its endpoints by priority, the lowest number first."""

    name: str
    endpoints: Group
    groups: tuple[Group, ...]
    embedding_groups: tuple[Group, ...]
    """Only endpoints of one embedding space; where none is declared, only the first endpoint."""
    timeouts: Timeouts
    default_max_tokens: int
    most_output_tokens: int
    price: Price
    """None of its endpoints is dearer."""
    larger: "ModelPlan | None"
    hedge: bool
    slice_inputs: int
    slices_at_once: int
    state: ModelState


@dataclass(slots=True, eq=False)
class Plan:
    """One configuration in force."""

    config: PoolConfig
    hash: str
    models: dict[str, ModelPlan]


class Compiler:
    """Makes plans, and keeps what outlives them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.keys = KeyRing(clock)
        self._endpoints: dict[tuple[str, str, str], State] = {}
        self._models: dict[str, ModelState] = {}

    def compile(self, config: PoolConfig, hash: str = "", share: int = 1) -> Plan:
        """The plan of this configuration; limits are those of one of `share` copies of the pool."""
        models = {name: self._model(config, name, model, share) for name, model in config.models.items()}
        for name, model in config.models.items():
            models[name].larger = models.get(model.larger) if model.larger else None
        in_use = {id(endpoint.state) for model in models.values() for endpoint in model.endpoints}
        self._endpoints = {place: state for place, state in self._endpoints.items() if id(state) in in_use}
        self.keys.keep(state.key for state in self._endpoints.values())
        # A model that left keeps those who wait for it until they are answered: its queue is theirs, not the plan's.
        self._models = {name: state for name, state in self._models.items() if name in models}
        return Plan(config, hash, models)

    def looked(self, keys: Iterable[Key]) -> None:
        """These keys changed: their endpoints may be usable again."""
        changed = {id(key) for key in keys}
        for state in self._endpoints.values():
            if id(state.key) in changed:
                state.look()

    def _model(self, config: PoolConfig, name: str, model: ModelSettings, share: int) -> ModelPlan:
        endpoints = tuple(self._endpoint(config, name, model, endpoint, share) for endpoint in model.endpoints)
        state = self._models.get(name)
        if state is None:
            retries = RetryBudget(config.retry.share, config.retry.reserve, self._clock())
            state = self._models[name] = ModelState(retries)
        state.retries.share = config.retry.share
        state.retries.reserve = config.retry.reserve
        groups = _by_priority(endpoints)
        declared = [endpoint.space or model.space for endpoint in model.endpoints]
        return ModelPlan(
            name=name,
            endpoints=endpoints,
            groups=groups,
            embedding_groups=groups if all(declared) else ((groups[0][0],),),
            timeouts=_timeouts(model.timeouts),
            default_max_tokens=model.default_max_tokens,
            most_output_tokens=model.most_output_tokens,
            price=prices.dearest([endpoint.price for endpoint in endpoints]),
            larger=None,
            hedge=model.hedge,
            slice_inputs=model.slicing.inputs,
            slices_at_once=model.slicing.at_once,
            state=state,
        )

    def _endpoint(
        self, config: PoolConfig, name: str, model: ModelSettings, settings: EndpointSettings, share: int
    ) -> Endpoint:
        place = (name, settings.name, settings.url)
        key = self.keys.of(name, settings)
        state = self._endpoints.get(place)
        if state is None:
            state = self._endpoints[place] = State(name, settings.name, key, self._clock)
        state.key = key
        state.limit(settings.limits, share)
        state.look()
        price = prices.price_of(config.prices, name, settings.price)
        return Endpoint(
            name=settings.name,
            model_name=name,
            kind=settings.kind,
            urls={operation: url_of(settings, name, operation) for operation in PATHS},
            model=json.dumps(settings.model).encode() if settings.model and settings.model != name else None,
            timeouts=_timeouts(settings.timeouts or model.timeouts),
            price=price,
            price_line=price.line(config.prices.currency),
            priority=settings.priority,
            weight=settings.weight,
            # Alone it stands in for nobody.
            stand_in=settings.stand_in and any(not other.stand_in for other in model.endpoints),
            state=state,
        )


def url_of(endpoint: EndpointSettings, model: str, operation: Operation) -> str:
    """Where an operation is served: Azure has the deployment in its path, but for responses."""
    path = PATHS[operation]
    if endpoint.kind == "openai":
        return endpoint.url + path
    deployment = "" if operation == "responses" else f"/deployments/{endpoint.model or model}"
    return f"{endpoint.url}/openai{deployment}{path}?api-version={endpoint.api_version}"


def space_of(model: ModelSettings, endpoint: EndpointSettings, name: str) -> Space | None:
    """The embedding space that an endpoint declares, completed by what the model's says."""
    space = endpoint.space or model.space
    if space is None:
        return None
    weights = space.model or (model.space.model if model.space else None) or endpoint.model or name
    return Space(model=weights, version=space.version, dimension=space.dimension)


def _by_priority(endpoints: Group) -> tuple[Group, ...]:
    priorities = sorted({endpoint.priority for endpoint in endpoints})
    return tuple(tuple(e for e in endpoints if e.priority == priority) for priority in priorities)


def _timeouts(settings: TimeoutSettings) -> Timeouts:
    return Timeouts(settings.first_token_s, settings.inter_chunk_s, settings.total_s)
