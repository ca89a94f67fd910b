"""Ways to search that are measured side by side: tunables of the orchestrator, and options of the request."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

MOST_VARIANTS = 200


class VariantError(ValueError):
    """A setting that cannot be swept; the message says why."""


@dataclass(frozen=True)
class Variant:
    """One way to search; what it does not name is as shipped."""

    name: str
    tunables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    ranking: Mapping[str, Any] = field(default_factory=dict[str, Any])


def _legs(text: float, embedding: float) -> dict[str, Any]:
    return {"hybrid_search": {"text_weight": text, "embedding_weight": embedding}}


SIDE_BY_SIDE = (
    Variant("keyword", ranking=_legs(1, 0)),
    Variant("vector", ranking=_legs(0, 1)),
    Variant("hybrid, rrf", {"fusion": "rrf"}),
    Variant("hybrid (shipped)"),
    Variant("hybrid + rerank", ranking={"ranker": "auto"}),
)


def swept(settings: Sequence[str]) -> tuple[Variant, ...]:
    """Every combination of `key=value,value` settings. `rerank=true` asks for the reranker; others are tunables.

    Raises VariantError.
    """
    axes: list[list[tuple[str, Any]]] = []
    for setting in settings:
        key, equals, listed = setting.partition("=")
        values = [yaml.safe_load(value) for value in listed.split(",") if value.strip()]
        if not equals or not key.strip() or not values:
            raise VariantError(f"{setting!r} is not of the form key=value,value")
        axes.append([(key.strip(), value) for value in values])
    if not axes:
        raise VariantError("say what to sweep: --set key=value,value")
    if (count := _product(len(axis) for axis in axes)) > MOST_VARIANTS:
        raise VariantError(f"{count} combinations are more than {MOST_VARIANTS}")
    return tuple(_variant(chosen) for chosen in itertools.product(*axes))


def _variant(chosen: Sequence[tuple[str, Any]]) -> Variant:
    name = ", ".join(f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in chosen)
    tunables = {key: value for key, value in chosen if key != "rerank"}
    reranks = dict(chosen).get("rerank", False)
    return Variant(name, tunables, {"ranker": "auto"} if reranks else {})


def _product(lengths: Iterator[int]) -> int:
    total = 1
    for length in lengths:
        total *= length
    return total
