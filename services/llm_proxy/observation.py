"""What operators see of a request: metrics, the headers of the answer, the events of its span. Never its text."""

from dataclasses import dataclass, field
from typing import Any

from common.logs import get_logger
from common.metrics import HTTP_REQUESTS, HTTP_SECONDS, counter, histogram, powers
from llm_proxy.admission import Endpoint, Failure, Usage
from llm_proxy.tracing import Span

log = get_logger("proxy")
# There from a model's first request on, so that the first of each is an increase.
FAILED = ("429", "502", "504")
SERVICE = "llm-proxy"

REQUESTS = counter("pool_requests_total", "Requests by what the caller saw", ["model", "outcome"])
CALLS = counter("pool_upstream_calls_total", "Calls to endpoints by outcome", ["model", "endpoint", "outcome"])
FIRST_BYTE = histogram("pool_first_byte_seconds", "Until the first content of an answer", ["model", "endpoint"])
TOKENS = counter("pool_tokens_total", "Tokens as endpoints counted them", ["model", "endpoint", "kind"])
COST = counter("pool_cost_total", "Cost by the price table, in its currency", ["model", "endpoint", "currency"])
QUEUE_WAIT = histogram("pool_queue_wait_seconds", "Waited for an endpoint with room", ["model", "lane"])
HEDGES = counter("pool_hedges_total", "Second calls for slow first ones, by which answered", ["model", "winner"])
ADDED = histogram(
    "pool_added_seconds",
    "Time spent in the pool itself: neither waiting for an endpoint nor for its answer",
    ["model"],
    buckets=powers(-14, 0),
)


@dataclass(slots=True)
class EndpointMeters:
    """The series of one endpoint, looked up once."""

    first_byte: Any
    answered: Any
    read: Any
    written: Any
    cost: Any


@dataclass(slots=True)
class ModelMeters:
    """The series of one model, looked up once."""

    ok: Any
    added: Any


@dataclass(slots=True)
class RouteMeters:
    """The series of one route, looked up once."""

    requests: Any
    seconds: Any


@dataclass
class Meters:
    """All series that the hot path touches. Names come from the configuration, so their number is bounded."""

    _endpoints: dict[tuple[str, str, str], EndpointMeters] = field(
        default_factory=dict[tuple[str, str, str], EndpointMeters]
    )
    _models: dict[str, ModelMeters] = field(default_factory=dict[str, ModelMeters])
    _routes: dict[tuple[str, str, int], RouteMeters] = field(default_factory=dict[tuple[str, str, int], RouteMeters])

    def endpoint(self, endpoint: Endpoint, currency: str) -> EndpointMeters:
        """The endpoint's series."""
        place = endpoint.model_name, endpoint.name
        meters = self._endpoints.get((*place, currency))
        if meters is None:
            meters = self._endpoints[*place, currency] = EndpointMeters(
                FIRST_BYTE.labels(*place),
                CALLS.labels(*place, "ok"),
                TOKENS.labels(*place, "prompt"),
                TOKENS.labels(*place, "completion"),
                COST.labels(*place, currency),
            )
        return meters

    def route(self, route: str, method: str, status: int) -> RouteMeters:
        """The series of one route of ours, as every service has them."""
        meters = self._routes.get((route, method, status))
        if meters is None:
            meters = self._routes[route, method, status] = RouteMeters(
                HTTP_REQUESTS.labels(SERVICE, route, method, str(status)), HTTP_SECONDS.labels(SERVICE, route)
            )
        return meters

    def model(self, name: str) -> ModelMeters:
        """The model's series."""
        meters = self._models.get(name)
        if meters is None:
            meters = self._models[name] = ModelMeters(REQUESTS.labels(name, "ok"), ADDED.labels(name))
            for outcome in FAILED:
                REQUESTS.labels(name, outcome)
        return meters


@dataclass(slots=True)
class Course:
    """What happened to one request, as far as anybody may know."""

    meters: Meters
    model: str
    request_id: str
    span: Span | None
    currency: str
    calls: int = 0
    upstream_s: float = 0.0
    queued_s: float = 0.0
    answered_with_head: bool = False
    """Whether the head of an answer has gone to the caller."""
    stand_in: bool = False
    """Whether an endpoint answers that only stands in for others."""
    price_line: bytes = b""
    """Price of the endpoint that answers, for whoever adds up what a request of theirs costs."""
    status: int = 499
    """Of the answer; 499 remains when the caller left before it began."""
    usage: Usage | None = None
    cost: float | None = None
    """What is settled with the caller's limits in the end."""

    @property
    def exemplar(self) -> dict[str, str] | None:
        """The trace that goes with what is measured."""
        return None if self.span is None else {"trace_id": self.span.trace_id}

    def queued(self, lane: str, seconds: float) -> None:
        """It waited for an endpoint."""
        self.queued_s += seconds
        QUEUE_WAIT.labels(self.model, lane).observe(seconds, self.exemplar)
        if self.span is not None:
            self.span.event("queued", lane=lane, seconds=round(seconds, 4))

    def chosen(self, endpoint: Endpoint) -> None:
        """A call begins."""
        self.calls += 1
        self.stand_in = endpoint.stand_in
        self.price_line = endpoint.price_line
        if self.span is not None:
            self.span.event("endpoint chosen", endpoint=endpoint.name, model=endpoint.model_name, call=self.calls)

    def began(self, endpoint: Endpoint, first_s: float) -> None:
        """The content of a stream began after so long."""
        self.meters.endpoint(endpoint, self.currency).first_byte.observe(first_s, self.exemplar)
        if self.span is not None:
            self.span.event("first content", endpoint=endpoint.name, seconds=round(first_s, 4))

    def failed(self, endpoint: Endpoint, failure: Failure, detail: str, then: str) -> None:
        """A call failed."""
        CALLS.labels(endpoint.model_name, endpoint.name, failure.value).inc()
        log.warning(
            "endpoint_failed",
            model=endpoint.model_name,
            endpoint=endpoint.name,
            outcome=failure.value,
            detail=detail,
            then=then,
            request_id=self.request_id,
        )
        if self.span is not None:
            self.span.event("endpoint failed", endpoint=endpoint.name, outcome=failure.value, detail=detail, then=then)

    def answered(self, endpoint: Endpoint, usage: Usage | None) -> None:
        """A call ended well; without a usage the caller's estimate stays."""
        self.meters.endpoint(endpoint, self.currency).answered.inc()
        self.spent(endpoint, usage)

    def spent(self, endpoint: Endpoint, usage: Usage | None) -> None:
        """What a call used, whether it ended well or not."""
        if usage is None:
            return
        meters = self.meters.endpoint(endpoint, self.currency)
        if usage.prompt_tokens:
            meters.read.inc(usage.prompt_tokens)
        if usage.completion_tokens:
            meters.written.inc(usage.completion_tokens)
        cost = endpoint.price.cost(usage)
        if cost:
            meters.cost.inc(cost)
        if self.span is not None:
            self.span.set("gen_ai.response.model", endpoint.model_name)
            self.span.set("fairlead.endpoint", endpoint.name)
            self.span.set("gen_ai.usage.input_tokens", usage.prompt_tokens)
            self.span.set("gen_ai.usage.output_tokens", usage.completion_tokens)
            self.span.set("fairlead.cost", cost)
        self._add(usage, cost)

    def _add(self, usage: Usage, cost: float) -> None:
        """A request that was sliced is the sum of its calls."""
        if self.usage is None:
            self.usage, self.cost = usage, cost
            return
        self.usage.prompt_tokens += usage.prompt_tokens
        self.usage.completion_tokens += usage.completion_tokens
        self.usage.cached_tokens += usage.cached_tokens
        self.cost = (self.cost or 0.0) + cost
