"""What a configuration must hold beyond its shape: `python -m llm_proxy check FILE`, and every live reload."""

from collections.abc import Iterator

from common import yaml_text
from common.yaml_text import ConfigError
from llm_proxy.config import CallerLimits, Endpoint, Model, PoolConfig
from llm_proxy.plan import space_of

# Time series that one endpoint, one model and one named caller make, and the pool's own routes: histograms of some
# 20 series each, outcomes, states.
SERIES_OF_ENDPOINT = 80
SERIES_OF_MODEL = 120
SERIES_OF_CALLER = 3
SERIES_OF_POOL = 600

Place = tuple[str | int, ...]
Problem = tuple[Place, str]


def problems(text: str) -> list[ConfigError]:
    """Everything that is wrong with the configuration in the text, each with its key and line."""
    found = yaml_text.problems(text, PoolConfig)
    if found:
        return found
    return [_located(text, problem) for problem in faults(yaml_text.load(text, PoolConfig))]


def refuse_faulty(config: PoolConfig) -> None:
    """Raise ConfigError for the first fault: what LiveConfig asks before an edit comes into force."""
    for place, reason in faults(config):
        raise ConfigError(reason, place=place)


def faults(config: PoolConfig) -> Iterator[Problem]:
    """What is wrong, with its place."""
    for name, model in config.models.items():
        yield from _model_faults(config, name, model)
    for name in config.prices.models:
        if name not in config.models:
            yield ("prices", "models", name), _no_model(config, name)
    yield from _caller_faults(config, ("callers", "default"), config.callers.default)
    for tenant, limits in config.callers.tenants.items():
        yield from _caller_faults(config, ("callers", "tenants", tenant), limits)
    for key, limits in config.callers.keys.items():
        yield from _caller_faults(config, ("callers", "keys", key), limits)
    if (made := series(config)) > config.metrics.most_series:
        reason = f"the models and endpoints make about {made} series of metrics, more than {config.metrics.most_series}"
        yield ("metrics", "most_series"), reason


def series(config: PoolConfig) -> int:
    """Time series that the configuration makes, about."""
    endpoints = sum(len(model.endpoints) for model in config.models.values())
    callers = len(config.callers.tenants) + len(config.callers.keys)
    made = SERIES_OF_POOL + callers * SERIES_OF_CALLER
    return made + len(config.models) * SERIES_OF_MODEL + endpoints * SERIES_OF_ENDPOINT


def _model_faults(config: PoolConfig, name: str, model: Model) -> Iterator[Problem]:
    place: Place = ("models", name)
    if not name or len(name) > 200 or not name.isprintable():
        yield place, "a model's name must be 1 to 200 printable characters"
    yield from _larger_faults(config, place, name, model)
    yield from _space_faults(place, name, model)
    for number, endpoint in enumerate(model.endpoints):
        yield from _endpoint_faults((*place, "endpoints", number), endpoint)


def _larger_faults(config: PoolConfig, place: Place, name: str, model: Model) -> Iterator[Problem]:
    seen = {name}
    at = model.larger
    if at is not None and at not in config.models:
        yield (*place, "larger"), _no_model(config, at)
        return
    while at is not None and at in config.models:
        if at in seen:
            yield (*place, "larger"), f"the chain of larger models comes back to {at!r}"
            return
        seen.add(at)
        at = config.models[at].larger


def _space_faults(place: Place, name: str, model: Model) -> Iterator[Problem]:
    """Vectors of different spaces cannot be compared: a group must never answer from two."""
    declared = [(number, space_of(model, endpoint, name)) for number, endpoint in enumerate(model.endpoints)]
    if not any(space for _, space in declared):
        return
    first = next(space for _, space in declared if space)
    for number, space in declared:
        here = (*place, "endpoints", number, "space")
        if space is None:
            yield here, "no space is declared, but another endpoint of the model has one"
            continue
        for field in ("model", "version", "dimension"):
            own, others = getattr(space, field), getattr(first, field)
            if own != others:
                hint = "; if both are the same weights, say so by space.model" if field == "model" else ""
                yield here, f"the embedding space's {field} is {own!r}, that of the first endpoint {others!r}{hint}"


def _endpoint_faults(place: Place, endpoint: Endpoint) -> Iterator[Problem]:
    if endpoint.auth == "workload_identity" and endpoint.key is not None:
        yield (*place, "key"), "an endpoint with auth workload_identity has no key"
    if endpoint.auth in ("bearer", "api_key") and endpoint.key is None:
        yield (*place, "auth"), f"auth {endpoint.auth} needs a key"


def _caller_faults(config: PoolConfig, place: Place, limits: CallerLimits) -> Iterator[Problem]:
    for number, name in enumerate(limits.models or ()):
        if name not in config.models:
            yield (*place, "models", number), _no_model(config, name)
    if limits.spend is not None:
        asked = limits.models if limits.models is not None else tuple(config.models)
        for name in asked:
            if name in config.models and _without_price(config, name):
                yield (
                    (*place, "spend"),
                    f"the model {name!r} has no price, so the budget would not bind it; {{}} says that it is free",
                )


def _without_price(config: PoolConfig, name: str) -> bool:
    return name not in config.prices.models and any(e.price is None for e in config.models[name].endpoints)


def _no_model(config: PoolConfig, name: str) -> str:
    return f"there is no model {name!r}; there are: {', '.join(sorted(config.models))}"


def _located(text: str, problem: Problem) -> ConfigError:
    place, reason = problem
    return ConfigError(reason, line=yaml_text.line_of(text, place), place=place)
