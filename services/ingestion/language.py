"""Which language a document is in, and the text search configuration of PostgreSQL that knows its words."""

from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from ingestion.document import Document
from vector_store.models import DEFAULT_LANGUAGE

# Enough to be sure, whatever the document's length.
SAMPLE_CHARACTERS = 4_000
# Below it short texts, tables and code are taken for rare languages; above it none of 2000 scientific abstracts was.
SURE = 0.6
_PROSE = frozenset({"heading", "paragraph", "list"})

# Those that every PostgreSQL from 17 on ships.
CONFIGURATIONS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian", "ne": "nepali",
    "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
# Words are looked up as they are written.
WITHOUT_STEMS = "simple"


def language_of(document: Document) -> str:
    """The ISO 639 code of the document's language; empty when its text does not say clearly."""
    prose: list[str] = []
    size = 0
    for span in document.spans:
        if span.block.kind in _PROSE:
            prose.append(span.block.text[:SAMPLE_CHARACTERS])
            size += len(prose[-1])
        if size > SAMPLE_CHARACTERS:
            break
    language, confidence = identifier().classify("\n".join(prose)[:SAMPLE_CHARACTERS])
    return language if confidence >= SURE else ""


def configuration_for(language: str) -> str:
    """The text search configuration: the default where the language is unknown, `simple` where there is none for it."""
    return CONFIGURATIONS.get(language, WITHOUT_STEMS) if language else DEFAULT_LANGUAGE


@lru_cache(maxsize=1)
def identifier() -> LanguageIdentifier:
    """The model, loaded once in a process (a second or so)."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
