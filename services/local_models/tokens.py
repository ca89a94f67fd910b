"""Texts to the token ids that the model reads, cut at its 256 tokens as the reference implementation cuts them."""

from collections.abc import Sequence

from tokenizers import Encoding, Tokenizer

# sentence-transformers' own limit for this model (max_seq_length), [CLS] and [SEP] included.
MAX_TOKENS = 256
CLS = 101
SEP = 102
VOCABULARY = 30522
# Enough text for 256 tokens nearly always; only then is the rest of a long text looked at.
PREFIX_CHARS = 8192


class Tokens:
    """The tokenizer, bound to the model's length. Safe to share between threads."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer = tokenizer

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, [CLS] first and [SEP] last, at most 256."""
        return [encoding.ids for encoding in self.encode(texts)]

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Ids with the place of each token in its text (characters), for those who map tokens back."""
        encodings = self._encode([_prefix(text) for text in texts])
        for place, text in enumerate(texts):
            # A prefix that fills the model has the whole text's first tokens, because it ends between two words.
            if len(text) > PREFIX_CHARS and len(encodings[place].ids) < MAX_TOKENS:
                encodings[place] = self._tokenizer.encode(text)
        return encodings

    def count(self, text: str) -> int:
        """How many tokens the text has, however long it is, without [CLS] and [SEP]."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return len(encoding.ids) + sum(len(part.ids) for part in encoding.overflowing)

    def _encode(self, texts: list[str]) -> list[Encoding]:
        # One text is quicker without the tokenizer's own thread pool.
        if len(texts) == 1:
            return [self._tokenizer.encode(texts[0])]
        return self._tokenizer.encode_batch(texts)


def cut(ids: Sequence[int]) -> list[int]:
    """Token ids made elsewhere, cut as a text would be: [SEP] stays last."""
    return list(ids) if len(ids) <= MAX_TOKENS else [*ids[: MAX_TOKENS - 1], SEP]


def _prefix(text: str) -> str:
    if len(text) <= PREFIX_CHARS:
        return text
    head = text[:PREFIX_CHARS]
    end = max(head.rfind(" "), head.rfind("\n"))
    return head[:end] if end > 0 else text
