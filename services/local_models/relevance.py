"""How well a text fits a question: token-level late interaction, blended with the similarity of the whole texts.

Late interaction (Khattab and Zaharia, ColBERT, SIGIR 2020): each word of the question looks for the token of the
text that is nearest in meaning, and the similarities are averaged, rare words counting more. Constants were fitted by
`tests/load/calibrate_relevance.py`.
"""

import numpy as np

from local_models.passages import Passage, Question

# Share of the late interaction in the blend.
WORD_SHARE = 0.8
# The blend at which half of the passages fit, and how fast that changes around it.
EVEN_ODDS = 0.5
STEEPNESS = 20.0


def relevance(question: Question, passage: Passage, rows: np.ndarray | slice = slice(None)) -> float:
    """The blend for a passage, or for these tokens of it: about 0.1 for unrelated texts, 0.7 for an answer."""
    words, whole = similarities(question, passage, rows)
    return WORD_SHARE * words + (1 - WORD_SHARE) * whole


def similarities(question: Question, passage: Passage, rows: np.ndarray | slice = slice(None)) -> tuple[float, float]:
    """Late interaction, and the cosine of the texts as wholes. Without a token in the passage both are 0."""
    tokens = passage.directions[rows].astype(np.float32)
    if not len(tokens):
        return 0.0, 0.0
    mean = tokens.mean(axis=0)
    whole = float(question.vector @ mean / np.linalg.norm(mean))
    if not len(question.words):
        return whole, whole
    return float(question.weights @ (question.words @ tokens.T).max(axis=1)), whole


def score(blend: float) -> float:
    """A blend as a score in [0, 1] that does not depend on other passages: about the chance that the passage fits."""
    return float(1.0 / (1.0 + np.exp(-STEEPNESS * (blend - EVEN_ODDS))))
