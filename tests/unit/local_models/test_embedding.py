"""The embeddings are the reference implementation's, whatever they are computed beside."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from local_models.models import Models
from local_models.tokens import CLS, MAX_TOKENS, SEP, cut

REFERENCE = Path(__file__).parents[2] / "data" / "minilm_reference"
TEXTS: list[str] = json.loads((REFERENCE / "texts.json").read_text(encoding="utf-8"))
TOLERANCE = 1e-5


async def embedded(models: Models, *texts: str) -> NDArray[np.float32]:
    return np.stack(await models.embed(await models.ids(texts), lambda vector: vector, "interactive"))


async def test_cosine_to_the_reference_is_one(models: Models) -> None:
    expected = np.load(REFERENCE / "vectors.npz")["vectors"].astype(np.float32)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = await embedded(models, *TEXTS)
    assert found.shape == (200, 384)
    assert found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(200), abs=TOLERANCE)
    assert (found * expected).sum(axis=1).min() >= 0.9999


async def test_a_text_alone_or_in_a_batch_has_the_same_vector(models: Models) -> None:
    texts = TEXTS[:24]
    together = await embedded(models, *texts)
    for text, vector in zip(texts, together, strict=True):
        (alone,) = await embedded(models, text)
        assert np.abs(alone - vector).max() < TOLERANCE


async def test_vectors_come_in_the_order_of_the_texts(models: Models) -> None:
    forward = await embedded(models, *TEXTS[:20])
    backward = await embedded(models, *reversed(TEXTS[:20]))
    assert np.abs(forward - backward[::-1]).max() < TOLERANCE


async def test_a_long_text_is_cut_at_256_tokens(models: Models) -> None:
    kept = " ".join(["rope"] * (MAX_TOKENS - 2))
    for more in (" anchor", " anchor" * 5000):
        (ids,) = await models.ids([kept + more])
        assert ids == (await models.ids([kept]))[0]
        assert (len(ids), ids[0], ids[-1]) == (MAX_TOKENS, CLS, SEP)
    (shorter,) = await models.ids([kept.removesuffix(" rope") + " anchor"])
    assert shorter != ids


async def test_white_space_before_a_long_text_hides_nothing_of_it(models: Models) -> None:
    assert await models.ids([" " * 10_000 + "anchor " * 300]) == await models.ids(["anchor " * 300])


def test_given_token_ids_are_cut_as_a_text_is(models: Models) -> None:
    ids = [CLS, *range(2000, 2400), SEP]
    assert cut(ids) == [*ids[: MAX_TOKENS - 1], SEP]
    assert cut(ids[:10]) == ids[:10]


async def test_the_health_check_notices_broken_weights(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    await models.check()

    def broken(sequences: list[list[int]]) -> list[NDArray[np.float32]]:
        return [np.full((len(ids), 384), np.nan, dtype=np.float32) for ids in sequences]

    monkeypatch.setattr(models.embedder, "hidden", broken)
    with pytest.raises(RuntimeError, match="vectors are broken"):
        await models.check()


@pytest.mark.parametrize(
    ("rare", "common"), [("windlass", "the"), ("anchor", "what"), ("rope", "how"), ("5", "a"), ("漢", "s")]
)
def test_a_rare_word_weighs_more_than_a_common_one(models: Models, rare: str, common: str) -> None:
    weights = {word: models.tokens.weights[models.tokens.uncut([word])[0][0]].max() for word in (rare, common)}
    assert 0 < weights[common] < 0.6 * weights[rare]
    assert weights[rare] <= 1


def test_punctuation_weighs_nothing(models: Models) -> None:
    (ids, _), *_ = models.tokens.uncut(["?!.,;:-()"])
    assert models.tokens.weights[ids].tolist() == [0.0] * 9


@pytest.mark.parametrize(("most", "head"), [(1, "Two"), (2, "Two lines"), (3, "Two lines."), (9, "Two lines.")])
def test_the_head_of_a_text_has_at_most_so_many_tokens(models: Models, most: int, head: str) -> None:
    assert models.tokens.head("Two lines.", most) == head
