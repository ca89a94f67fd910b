"""Questions embedded in the space in which the stores were built: vectors of another space mean nothing there."""

from collections.abc import Iterable, Sequence

from common.auth import Lane
from common.deadline import Deadline
from common.pool_client import PoolClient
from vector_store.models import EmbeddingSpace, Store, Vectors


class SpaceDiffers(Exception):
    """The question cannot be embedded in the space in which the stores were built."""


def common_space(stores: Iterable[Store], only_model: str | None) -> EmbeddingSpace | None:
    """The one space of the stores; None while nothing is indexed. Raises SpaceDiffers for several, or for a model
    other than `only_model`."""
    spaces = {store.space for store in stores if store.space}
    if not spaces:
        return None
    if len(spaces) > 1:
        raise SpaceDiffers(f"the stores are of different embedding spaces: {', '.join(sorted(map(str, spaces)))}")
    space = spaces.pop()
    if only_model is not None and space.model != only_model:
        raise SpaceDiffers(f"the store was built with {space.model}, questions are embedded with {only_model}")
    return space


async def embed(
    pool: PoolClient, space: EmbeddingSpace, texts: Sequence[str], *, deadline: Deadline, lane: Lane
) -> Vectors:
    """One row per text. Raises SpaceDiffers when the model's vectors do not fit, and what the pool raises."""
    vectors = await pool.embed(space.model, texts, deadline=deadline, lane=lane)
    if vectors.shape[1] != space.dimension:
        raise SpaceDiffers(f"{space.model} gave {vectors.shape[1]} dimensions, the index has {space.dimension}")
    return vectors
