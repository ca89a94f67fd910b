"""Kinds of value that requests share: what a text, an id, an attribute and a page of a list may be."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, StringConstraints

from common.errors import invalid

# JSON numbers beyond this lose whole digits on their way through other programs.
LARGEST_NUMBER = 1e300
_NOT_TEXT = re.compile(r"[\x00\ud800-\udfff]")


class Body(BaseModel):
    """Base of request bodies: an unknown field is an error, because a misspelt one would change what is meant."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def is_text(value: str) -> str:
    """Refuse NUL and half surrogate pairs: JSON can carry them, a database cannot."""
    if _NOT_TEXT.search(value):
        raise ValueError("holds a character that is not text (NUL or half a surrogate pair)")
    return value


Text = Annotated[str, AfterValidator(is_text)]
Name = Annotated[Text, StringConstraints(max_length=256)]
Id = Annotated[Text, StringConstraints(min_length=1, max_length=128)]

MetadataKey = Annotated[Text, StringConstraints(min_length=1, max_length=64)]
MetadataValue = Annotated[Text, StringConstraints(max_length=512)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=16)]


def _attribute(value: Any) -> str | float | bool:
    """A union would name its tried types in the place of an error; callers know only the field."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LARGEST_NUMBER:
        return value
    if isinstance(value, str) and len(value) <= 512:
        return is_text(value)
    raise ValueError("must be a text of at most 512 characters, a finite number, true or false")


Attributes = Annotated[
    dict[MetadataKey, Annotated[str | float | bool, PlainValidator(_attribute)]], Field(max_length=16)
]

Order = Literal["asc", "desc"]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[Id | None, Query()]


class StaticChunking(Body):
    """OpenAI's static chunking: sizes in tokens; the overlap is at most half of the chunk."""

    max_chunk_size_tokens: int = Field(ge=100, le=4096)
    chunk_overlap_tokens: int = Field(ge=0, le=2048)


class SentenceChunking(Body):
    """Passages of a few sentences, each beginning with the last ones of the passage before it."""

    max_sentences: int = Field(default=3, ge=1, le=20)
    overlap_sentences: int = Field(default=0, ge=0, le=10)


class ChunkingStrategy(Body):
    """`auto`, `static` with its sizes, or Fairlead's own `sentence`."""

    type: Literal["auto", "static", "sentence"]
    static: StaticChunking | None = None
    sentence: SentenceChunking | None = None

    def stored(self, param: str) -> Mapping[str, Any] | None:
        """What the catalog keeps; None for `auto`."""
        for name in ("static", "sentence"):
            if name != self.type and getattr(self, name) is not None:
                raise invalid(f"`{name}` has no meaning with the type '{self.type}'.", f"{param}.{name}")
        if self.type == "auto":
            return None
        if self.type == "sentence":
            sentence = self.sentence or SentenceChunking()
            if sentence.overlap_sentences >= sentence.max_sentences:
                raise invalid("The overlap is less than max_sentences.", f"{param}.sentence.overlap_sentences")
            return {"type": "sentence", "sentence": sentence.model_dump()}
        if self.static is None:
            raise invalid("Static chunking needs its sizes in `static`.", f"{param}.static")
        if self.static.chunk_overlap_tokens * 2 > self.static.max_chunk_size_tokens:
            raise invalid(
                "The overlap is at most half of max_chunk_size_tokens.", f"{param}.static.chunk_overlap_tokens"
            )
        return {"type": "static", "static": self.static.model_dump()}


class RankingOptions(Body):
    """How hits are ranked. `hybrid_search` weighs the two legs; a `ranker` other than none is the pool's reranker."""

    class HybridSearch(Body):
        """Weights of the two legs; only their relation matters."""

        embedding_weight: float = Field(ge=0)
        text_weight: float = Field(ge=0)

    ranker: Literal["none", "auto", "default-2024-11-15"] | None = None
    score_threshold: float | None = Field(default=None, ge=0, le=1)
    hybrid_search: HybridSearch | None = None

    @property
    def reranks(self) -> bool:
        """Whether a search is to be reranked: only when the request says so."""
        return self.ranker not in (None, "none")

    def keyword_weight(self, param: str) -> float | None:
        """The keyword leg's share; None when the request does not say."""
        if self.hybrid_search is None:
            return None
        total = self.hybrid_search.embedding_weight + self.hybrid_search.text_weight
        if total == 0:
            raise invalid("One of the two weights must be above 0.", f"{param}.hybrid_search")
        return self.hybrid_search.text_weight / total
