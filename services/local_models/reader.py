"""Reads a question and passages with the int8 model, remembering passages that were read a moment ago."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from common.key_file import Lane
from common.metrics import counter
from local_models.models import Models
from local_models.passages import Passage, PassageCache, Question, directions, passage, question, tokenize

LOOKUPS = counter("local_models_passage_cache_total", "Passages looked up in the cache", ["result"])

FORGET_EVERY_S = 10.0


@dataclass(frozen=True)
class Reading:
    """A question and the passages it is compared with."""

    question: Question
    passages: list[Passage]
    """In the order of the texts."""
    tokens: int
    """How many the question and the texts have."""


class Reader:
    """Questions and passages, token by token."""

    def __init__(self, models: Models, cache_bytes: int) -> None:
        self._models = models
        self._cache = PassageCache(cache_bytes)

    @asynccontextmanager
    async def forgetting(self) -> AsyncGenerator[None]:
        """Let go of passages that are not asked for any more, while the context is open."""
        task = asyncio.create_task(self._forget(), name="forget-passages")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _forget(self) -> None:
        while True:
            await asyncio.sleep(FORGET_EVERY_S)
            self._cache.forget_unused()

    async def read(self, asked: str, texts: Sequence[str], lane: Lane) -> Reading:
        """The question and the texts as the model sees them; raises ApiError 429 when too much is waiting."""
        models = self._models
        known = {text: found for text in dict.fromkeys(texts) if (found := self._cache.get(text)) is not None}
        unknown = [text for text in dict.fromkeys(texts) if text not in known]
        LOOKUPS.labels("hit").inc(len(known))
        LOOKUPS.labels("miss").inc(len(unknown))
        (ids,) = await models.ids([asked])
        tokenized = await asyncio.to_thread(tokenize, models.tokens, unknown) if unknown else []
        sequences = [ids, *(window for text in tokenized for window in text.windows)]
        read = iter(await models.scheduler.run(models.comparer, sequences, directions, lane))
        found = question(models.tokens, ids, next(read))
        for text, parts in zip(unknown, tokenized, strict=True):
            known[text] = passage(parts, [next(read) for _ in parts.windows])
            self._cache.put(text, known[text])
        passages = [known[text] for text in texts]
        return Reading(found, passages, len(ids) + sum(len(made.places) for made in passages))
