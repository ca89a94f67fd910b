"""What of a query must stand in a passage word for word to count for more: quoted phrases, and identifiers."""

import re

MOST_PHRASES = 4
LONGEST_PHRASE = 200

_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”|„([^“”\n]+)[“”]|«([^»\n]+)»")
# Parts of letters and digits joined without a space, such as ERR_4012, 10.1.2.3, a/b.txt, x@y.org.
_JOINED = re.compile(r"(?<![\w-])\w+(?:[-_./:@#+]+\w+)+")
_WORD = re.compile(r"\w")


def phrases_of(query: str) -> tuple[str, ...]:
    """The query's phrases in their order, each once, at most MOST_PHRASES."""
    found: list[tuple[int, str]] = []
    rest = query
    for match in _QUOTED.finditer(query):
        found.append((match.start(), next(group for group in match.groups() if group)))
        rest = rest[: match.start()] + " " * len(match[0]) + rest[match.end() :]
    found += [(match.start(), match[0]) for match in _JOINED.finditer(rest) if _is_identifier(match[0])]
    texts = (text.strip() for _, text in sorted(found))
    kept = dict.fromkeys(text for text in texts if _WORD.search(text) and len(text) <= LONGEST_PHRASE)
    return tuple(kept)[:MOST_PHRASES]


def has_quotes(query: str) -> bool:
    """Whether something in the query is quoted."""
    return _QUOTED.search(query) is not None


def _is_identifier(text: str) -> bool:
    """`self-hosted` and `and/or` are plain words; an identifier has a digit, an underscore, a dot or an @ inside."""
    return any(character.isdigit() or character in "_.@#" for character in text)
