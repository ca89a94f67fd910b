"""Texts to the token ids that the model reads, cut at its 256 tokens as the reference implementation cuts them."""

from collections.abc import Sequence

import numpy as np
from tokenizers import Encoding, Tokenizer

# sentence-transformers' own limit for this model (max_seq_length), [CLS] and [SEP] included.
MAX_TOKENS = 256
CLS = 101
SEP = 102
VOCABULARY = 30522
# BERT's vocabulary: special tokens and single characters, then from "the" on words, the most frequent first.
FIRST_WORD = 1996
# Enough text for 256 tokens nearly always; only then is the rest of a long text looked at.
PREFIX_CHARS = 8192


class Tokens:
    """The tokenizer, bound to the model's length. Safe to share between threads."""

    def __init__(self, cut: Tokenizer, uncut: Tokenizer) -> None:
        """Two copies of one tokenizer, because the cut is a setting of it."""
        cut.enable_truncation(MAX_TOKENS)
        uncut.no_truncation()
        self._cut = cut
        self._uncut = uncut
        self.weights = _weights(uncut)
        """float32 (vocabulary,): in [0, 1] how much a token says in a question; 0 for punctuation."""

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, [CLS] first and [SEP] last, at most 256."""
        encodings = _encode(self._cut, [_prefix(text) for text in texts])
        for place, text in enumerate(texts):
            # A prefix that fills the model has the whole text's first tokens, because it ends between two words.
            if len(text) > PREFIX_CHARS and len(encodings[place].ids) < MAX_TOKENS:
                encodings[place] = self._cut.encode(text)
        return [encoding.ids for encoding in encodings]

    def uncut(self, texts: Sequence[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """All ids of each text without [CLS] and [SEP], and where each token stands in it, in characters."""
        return [(encoding.ids, encoding.offsets) for encoding in _encode(self._uncut, texts, special=False)]

    def count(self, text: str) -> int:
        """How many tokens the text has, however long it is, without [CLS] and [SEP]."""
        return len(self._uncut.encode(text, add_special_tokens=False).ids)

    def head(self, text: str, most: int) -> str:
        """The beginning of the text that has at most so many tokens."""
        offsets = self._uncut.encode(text, add_special_tokens=False).offsets
        return text if len(offsets) <= most else text[: offsets[most - 1][1]]


def cut(ids: Sequence[int]) -> list[int]:
    """Token ids made elsewhere, cut as a text would be: [SEP] stays last."""
    return list(ids) if len(ids) <= MAX_TOKENS else [*ids[: MAX_TOKENS - 1], SEP]


def _encode(tokenizer: Tokenizer, texts: Sequence[str], *, special: bool = True) -> list[Encoding]:
    # One text is quicker without the tokenizer's own thread pool.
    if len(texts) == 1:
        return [tokenizer.encode(texts[0], add_special_tokens=special)]
    return tokenizer.encode_batch(list(texts), add_special_tokens=special)


def _prefix(text: str) -> str:
    if len(text) <= PREFIX_CHARS:
        return text
    head = text[:PREFIX_CHARS]
    end = max(head.rfind(" "), head.rfind("\n"))
    return head[:end] if end > 0 else text


def _weights(tokenizer: Tokenizer) -> np.ndarray:
    """The logarithm of a word's rank by frequency, which rises as its inverse document frequency does."""
    weights = np.zeros(VOCABULARY, dtype=np.float32)
    for token, number in tokenizer.get_vocab().items():
        bare = token.removeprefix("##")
        if not any(map(str.isalnum, bare)) or number in (CLS, SEP):
            continue
        # Digits, and characters of scripts that the vocabulary has no words of, say more than a lone letter.
        rank = number - FIRST_WORD if number >= FIRST_WORD else 1 if bare.isascii() and bare.isalpha() else 100
        weights[number] = np.log(rank + 2) / np.log(VOCABULARY)
    return weights
