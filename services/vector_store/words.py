"""Words that a passage is looked up by beside its own: parts of names, and pairs in scripts without spaces."""

import re
from collections.abc import Sequence

# Han, kana and Hangul: PostgreSQL takes a whole run of them for one word, so that nothing shorter would be found.
# Pairs of neighbouring characters are what search engines index there (Lucene's CJKBigramFilter does).
_RUN = re.compile(
    "[\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f]+"
)
_SEPARATORS = re.compile(r"[\W_]+")


def pairs(text: str) -> str:
    """Every two neighbouring characters of such runs, apart from those of exactly two; empty where there are none."""
    found = (match[0] for match in _RUN.finditer(text))
    return " ".join(run[at : at + 2] for run in found if len(run) > 2 for at in range(len(run) - 1))


def lookup_text(query: str) -> str:
    """A query whose runs are looked up pair by pair."""
    return _RUN.sub(lambda run: f" {pairs(run[0]) or run[0]} ", query)


def further_words(title: str, headings: Sequence[str], text: str, more: str = "") -> str:
    """What is indexed with a passage beside its own words: `more`, and the pairs in everything. Empty for most."""
    own = " ".join(part for part in map(pairs, (title, *headings, text, more)) if part)
    return more if own in more else f"{more} {own}".strip()


def terms_of(language: str) -> str:
    """SQL for the words of a row `c` of chunks in the text search configuration that the SQL `language` names."""
    return f"passage_terms({language}::regconfig, c.title, c.headings || coalesce(c.metadata ->> 'words', ''), c.text)"


def name_words(name: str) -> str:
    """`Harbour_fees-2024.pdf` → itself and `Harbour fees 2024 pdf`, since people remember parts of names."""
    parts = _SEPARATORS.sub(" ", name).strip()
    return name if parts == name else f"{name} {parts}"
