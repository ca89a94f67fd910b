"""The loaded models and what they do with texts: the one object that the routes share."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

import numpy as np

from common.key_file import Lane
from local_models.encoder import Encoder, prefer_wide_vectors, sentence_vector
from local_models.scheduler import Scheduler
from local_models.tokens import Tokens
from local_models.weights import find_weights

EMBEDDING_MODEL = "all-MiniLM-L6-v2"
ANSWER_MODEL = "extractive"
# Up to here a text is tokenized in less time than it takes to hand it to a thread.
INLINE_CHARS = 2000
PROBE = "The line runs through the fairlead."

R = TypeVar("R")


class Models:
    """Two copies of one set of weights: float32 makes embeddings, int8 compares texts within one request.

    int8 is twice as quick and ranks as well (docs/benchmarks.md), but its vectors are a space of their own, which
    must not meet an index.
    """

    def __init__(self, tokens: Tokens, embedder: Encoder, comparer: Encoder, cores: int) -> None:
        self.tokens = tokens
        self.embedder = embedder
        self.comparer = comparer
        self.scheduler = Scheduler(cores)

    @classmethod
    def load(cls, cores: int, folder: Path | None = None) -> Self:
        """Verify and load the weights; raises WeightsError. Takes about half a second."""
        prefer_wide_vectors()
        weights = find_weights(folder)
        workers = cores + 1  # the scheduler's threads
        return cls(
            Tokens(weights.tokenizer(), weights.tokenizer()),
            Encoder(weights.encoder(workers=workers, compute_type="float32"), "float32"),
            Encoder(weights.encoder(workers=workers, compute_type="int8"), "int8"),
            cores,
        )

    async def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, cut at the model's length; never blocks the event loop for long."""
        if sum(map(len, texts)) <= INLINE_CHARS:
            return self.tokens.ids(texts)
        return await asyncio.to_thread(self.tokens.ids, texts)

    async def embed(self, ids: Sequence[Sequence[int]], render: Callable[[np.ndarray], R], lane: Lane) -> list[R]:
        """`render(embedding)` of each token sequence; the embedding is float32 (384,) of length 1."""
        return await self.scheduler.run(self.embedder, ids, lambda hidden: render(sentence_vector(hidden)), lane)

    async def check(self) -> None:
        """Raise unless the model still turns a text into a vector of length 1."""
        (vector,) = await self.embed(await self.ids([PROBE]), lambda vector: vector, "interactive")
        if not np.isclose(np.linalg.norm(vector), 1.0, atol=1e-3):
            raise RuntimeError("the model's vectors are broken")

    def close(self) -> None:
        """Let what runs end."""
        self.scheduler.close()
