"""Batches shrink to what the pool can answer and grow again; every passage gets its vectors, in order."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from common.pool_client import PoolClient, PoolUnavailable
from ingestion import embed as module
from ingestion.chunk import Passage
from ingestion.embed import BatchSize, embed
from ingestion.prepare import Prepared
from ingestion.tunables import EmbeddingTunables


class SlowPool:
    """Answers batches of up to `most` texts; larger ones time out. A vector is the text's number."""

    def __init__(self, most: int, retry_after_s: float | None = None) -> None:
        self.most = most
        self.retry_after_s = retry_after_s
        self.sizes: list[int] = []

    async def embed(self, model: str, texts: Sequence[str], **_: Any) -> np.ndarray:
        self.sizes.append(len(texts))
        if len(texts) > self.most:
            raise PoolUnavailable("timeout", self.retry_after_s)
        return np.array([[float(text)] for text in texts], dtype=np.float32)


def passages(count: int, windows: int = 1) -> Prepared:
    texts = [[str(number * windows + window) for window in range(windows)] for number in range(count)]
    made = [Passage(" ".join(text), 0, 1, (), None, None, 1, tuple(text)) for text in texts]
    return Prepared("title", tuple(made), None, {})


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(module, "LONGEST_WAIT_S", 0.0)


async def vectors(pool: SlowPool, prepared: Prepared, size: BatchSize, **tunables: Any) -> list[np.ndarray]:
    return await embed(cast(PoolClient, pool), prepared, EmbeddingTunables(**tunables), size)


async def test_batches_shrink_until_the_pool_answers_and_no_passage_is_lost() -> None:
    pool = SlowPool(most=10)
    found = await vectors(pool, passages(100, windows=2), BatchSize(), batch=64)
    assert [row.tolist() for row in found] == [[[2.0 * n], [2.0 * n + 1]] for n in range(100)]
    assert pool.sizes[:4] == [64, 32, 16, 8]
    assert all(size <= 11 for size in pool.sizes[3:]), "once the size is known, no more than one too many is tried"


async def test_the_size_grows_again_up_to_the_tunable() -> None:
    pool, size = SlowPool(most=4), BatchSize()
    await vectors(pool, passages(20), size, batch=16)
    pool.most, pool.sizes = 1000, []
    await vectors(pool, passages(300), size, batch=16)
    assert pool.sizes[0] <= 5
    assert max(pool.sizes) == 16


async def test_a_limit_that_says_when_to_come_back_shrinks_nothing() -> None:
    pool, size = SlowPool(most=0, retry_after_s=0.0001), BatchSize()
    with pytest.raises(PoolUnavailable):
        await vectors(pool, passages(20), size, batch=16, patience_s=0.05)
    assert set(pool.sizes) == {16}


async def test_failures_of_batches_sent_together_count_once() -> None:
    size = BatchSize()
    assert size.now(64) == 64
    for _ in range(4):
        size.failed(64)
    assert size.now(64) == 32


async def test_a_pool_that_answers_nothing_is_given_up_after_the_patience() -> None:
    with pytest.raises(PoolUnavailable):
        await vectors(SlowPool(most=0), passages(3), BatchSize(), patience_s=0.01)
