"""The pool's configuration: models, the endpoints behind each, what callers may use, and how trouble is met."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, HttpUrl, TypeAdapter, model_validator

from common.key_reference import KeyReference
from common.live_config import Tunables
from common.observing import ServiceTunables

_URL = TypeAdapter(HttpUrl)
Operation = Literal["chat", "completions", "responses", "embeddings", "rerank"]


def _http_url(text: str) -> str:
    _URL.validate_python(text)
    return text.rstrip("/")


Url = Annotated[str, AfterValidator(_http_url)]


class Limits(Tunables):
    """What an endpoint allows, all replicas of the pool together."""

    tokens_per_minute: int | None = Field(
        default=None, ge=1, description="Estimated prompt and max_tokens, counted on arrival as Azure does."
    )
    requests_per_minute: int | None = Field(default=None, ge=1, description="Spread over windows of requests_window_s.")
    requests_window_s: Literal[1, 10] = Field(default=10, description="Seconds over which the requests are judged.")
    concurrency: int | None = Field(default=None, ge=1, description="Calls at the same time.")


class Timeouts(Tunables):
    """Seconds."""

    first_token_s: float = Field(default=10.0, gt=0, le=600, description="Until the first byte of the answer.")
    inter_chunk_s: float = Field(default=20.0, gt=0, le=600, description="Between two pieces of a stream.")
    total_s: float = Field(default=300.0, gt=0, le=3600, description="The whole call, its retries included.")


class Space(Tunables):
    """An embedding space: only vectors of one model, version and dimension can be compared."""

    model: str | None = Field(default=None, description="The weights' name; none: the name that the endpoint is sent.")
    version: str = Field(default="1", description="Version of the weights.")
    dimension: int = Field(ge=1, le=16000, description="Length of the vectors.")


class Price(Tunables):
    """Prices in the table's currency."""

    input: float = Field(default=0.0, ge=0, le=1e6, description="For 1,000,000 tokens read.")
    cached_input: float | None = Field(
        default=None, ge=0, le=1e6, description="For 1,000,000 tokens read from the endpoint's cache; none: as input."
    )
    output: float = Field(default=0.0, ge=0, le=1e6, description="For 1,000,000 tokens written.")
    request: float = Field(default=0.0, ge=0, le=1e6, description="For one call.")


class Endpoint(Tunables):
    """One place that serves a model."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", description="Name in metrics and answers' headers.")
    url: Url = Field(description="Base URL, such as https://api.example.com/v1.")
    kind: Literal["openai", "azure"] = Field(default="openai", description="How it is addressed.")
    api_version: str = Field(
        default="2024-10-21", pattern=r"^[A-Za-z0-9.-]{1,40}$", description="Azure: the api-version."
    )
    auth: Literal["auto", "bearer", "api_key", "workload_identity"] = Field(
        default="auto",
        description="How the key is sent; auto: by `api-key` to Azure, else as a bearer token. workload_identity: "
        "a token of the pod's own identity, no key.",
    )
    key: KeyReference | None = Field(default=None, description="Reference to its key; none: it needs no key.")
    model: str | None = Field(
        default=None, min_length=1, description="The model's name there, where it differs; Azure: deployment."
    )
    priority: int = Field(default=0, ge=0, le=100, description="The lowest number is tried first.")
    weight: float = Field(default=1.0, gt=0, le=1000, description="Share of traffic within its priority.")
    limits: Limits = Limits()
    timeouts: Timeouts | None = Field(default=None, description="Instead of the model's.")
    space: Space | None = Field(default=None, description="Embeddings: its space, where the model's does not say.")
    price: Price | None = Field(default=None, description="Its price, where it is not the model's.")
    stand_in: bool = Field(
        default=False,
        description="A makeshift for the model's other endpoints: its answers carry `x-fairlead-stand-in: true`.",
    )


class Slicing(Tunables):
    """How a long list of texts to embed is spread over the endpoints."""

    inputs: int = Field(default=64, ge=0, le=2048, description="Texts in one call; 0: never sliced.")
    at_once: int = Field(default=4, ge=1, le=64, description="Calls of one request at the same time.")


class Model(Tunables):
    """A model as callers name it, and where it is served."""

    endpoints: tuple[Endpoint, ...] = Field(min_length=1)
    timeouts: Timeouts = Timeouts()
    space: Space | None = Field(default=None, description="Embedding models: the space of their vectors.")
    larger: str | None = Field(default=None, description="Model that takes over what does not fit this one's context.")
    default_max_tokens: int = Field(
        default=512, ge=0, le=1_000_000, description="Tokens of an answer counted where the request sets no maximum."
    )
    most_output_tokens: int = Field(
        default=16_384, ge=0, le=1_000_000, description="Tokens that an answer without a maximum may cost at most."
    )
    hedge: bool = Field(default=False, description="Ask a second endpoint when the first is slow; short calls only.")
    slicing: Slicing = Slicing()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [endpoint.name for endpoint in self.endpoints]
        if len(set(names)) < len(names):
            raise ValueError("two endpoints have the same name")
        return self


class Queue(Tunables):
    """Waiting for an endpoint when all of a model's are at their limits."""

    most_waiting: int = Field(default=1000, ge=0, le=100_000, description="Requests of one model; more are refused.")
    longest_wait_s: float = Field(default=60.0, ge=0, le=3600, description="Longest wait, within the deadline.")


class Lanes(Tunables):
    """Interactive requests go before those of the batch lane."""

    batch_share: float = Field(
        default=0.9, gt=0, le=1, description="Share of an endpoint's limits that the batch lane may fill."
    )


class Retry(Tunables):
    """Calls after a first that failed."""

    most_calls: int = Field(default=3, ge=1, le=10, description="Calls to endpoints for one request, at most.")
    share: float = Field(default=0.2, ge=0, le=1, description="Retries as a share of requests, so storms stay small.")
    reserve: int = Field(default=5, ge=0, le=1000, description="Retries that are always allowed in the beginning.")


class Breaker(Tunables):
    """When an endpoint that fails is left alone."""

    failures: int = Field(default=3, ge=1, le=1000, description="Failures in a row after which it rests.")
    rest_s: float = Field(default=2.0, gt=0, le=600, description="First rest; doubled after every failed probe.")
    longest_rest_s: float = Field(default=60.0, gt=0, le=3600, description="Longest rest.")


class Hedge(Tunables):
    """A second call for a slow first one, for models that allow it."""

    after_s: float = Field(default=0.5, gt=0, le=60, description="Wait before the second call.")
    share: float = Field(default=0.05, ge=0, le=1, description="Second calls as a share of requests.")
    most_tokens: int = Field(default=2000, ge=1, description="Longest request (prompt and answer) that is hedged.")


class Spill(Tunables):
    """When the endpoints of the next priority help."""

    at: float = Field(default=0.9, gt=0, le=1, description="Use of an endpoint's limits from which others are taken.")


class Spend(Tunables):
    """A budget in the price table's currency."""

    amount: float = Field(gt=0, le=1e9, description="How much may be spent.")
    per: Literal["day", "month"] = Field(default="month", description="In a day or a month, by UTC.")


class CallerLimits(Tunables):
    """What one key may use."""

    models: tuple[str, ...] | None = Field(default=None, description="Models it may ask; none: all.")
    requests_per_minute: int | None = Field(default=None, ge=1, description="Requests in a minute of the clock.")
    tokens_per_minute: int | None = Field(default=None, ge=1, description="Tokens in a minute of the clock.")
    concurrency: int | None = Field(default=None, ge=1, description="Requests at the same time.")
    spend: Spend | None = Field(default=None, description="Its budget.")


class Callers(Tunables):
    """Limits of each key: those of the key itself, else of its tenant, else the default."""

    default: CallerLimits = Field(default=CallerLimits(), description="For keys that nothing else is said of.")
    tenants: dict[str, CallerLimits] = Field(default={}, description="By tenant, for each of its keys.")
    keys: dict[str, CallerLimits] = Field(default={}, description="By the key's id or name.")


class Prices(Tunables):
    """What models cost."""

    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$", description="ISO 4217 code.")
    models: dict[str, Price] = Field(default={}, description="By the model's name.")


class Replicas(Tunables):
    """Among how many copies of the pool the endpoints' limits are split."""

    count: int = Field(default=1, ge=1, le=10_000, description="Copies, where nothing counts them.")
    service: str | None = Field(
        default=None, pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", description="Kubernetes Service to count."
    )
    namespace: str | None = Field(
        default=None, pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", description="Its namespace; none: the pod's own."
    )


class Metrics(Tunables):
    """What the pool tells."""

    most_series: int = Field(default=20_000, ge=100, description="A configuration that makes more series is refused.")
    answer_headers: bool = Field(default=True, description="Whether answers say which endpoint served, and how.")


class PoolConfig(ServiceTunables):
    """The whole file."""

    models: dict[str, Model] = Field(min_length=1)
    prices: Prices = Prices()
    callers: Callers = Callers()
    queue: Queue = Queue()
    lanes: Lanes = Lanes()
    spill: Spill = Spill()
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    hedge: Hedge = Hedge()
    replicas: Replicas = Replicas()
    metrics: Metrics = Metrics()
