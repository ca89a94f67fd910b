"""Embeddings of a collection through an OpenAI-compatible endpoint, kept on disk so that a rerun costs nothing."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.deadline import Deadline
from common.pool_client import PoolClient

MODEL = "all-MiniLM-L6-v2"
BATCH = 256
BATCH_DEADLINE_S = 120.0
Progress = Callable[[int], None]


async def embedded(
    client: PoolClient, model: str, texts: Sequence[str], cache: Path, progress: Progress = lambda _: None
) -> NDArray[np.float32]:
    """Vectors of `texts`, shape (len(texts), dimension), from `cache` where the same texts were embedded before."""
    file = cache / f"{_digest(model, texts)}.npy"
    if (known := _load(file)) is not None:
        progress(len(texts))
        return known
    parts: list[NDArray[np.float32]] = []
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        parts.append(await client.embed(model, batch, deadline=Deadline.after(BATCH_DEADLINE_S), lane="batch"))
        progress(len(batch))
    vectors = np.concatenate(parts)
    _save(file, vectors)
    return vectors


def _load(file: Path) -> NDArray[np.float32] | None:
    return np.load(file) if file.exists() else None


def _save(file: Path, vectors: NDArray[np.float32]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".new.npy")
    np.save(temporary, vectors)
    temporary.replace(file)


def _digest(model: str, texts: Sequence[str]) -> str:
    content = hashlib.sha256(model.encode())
    for text in texts:
        content.update(b"\0" + text.encode())
    return content.hexdigest()[:32]
