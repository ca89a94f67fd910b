"""Unicode normalisation of extracted text: compatibility forms unified, invisible characters removed and counted.

Invisible characters split words for the keyword index, waste the model's tokens, and hide instructions from the
people who read a document but not from the model that does.
"""

import re
import unicodedata
from collections import Counter

_INVISIBLE = {
    "zero_width": "\u200b\u200c\u200d\u2060\u180e\ufeff\u00ad\u034f\u2061\u2062\u2063\u2064",
    "bidi_control": "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
}
_KIND = {character: kind for kind, characters in _INVISIBLE.items() for character in characters}
# Controls but tab and line feed (Postgres refuses NUL), lone surrogates, noncharacters, and the "tag" copies of ASCII
# that no font shows.
_REMOVED = re.compile(
    "["
    + "".join(_KIND)
    + "\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f]"
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")

# NFKC flattens superscripts and fractions into the digits beside them: 10⁶ would read 106 and 1½ would read 11⁄2.
_POWER = re.compile(r"(?<=\d)([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_FRACTION = re.compile(r"(?<=\d)(?=[¼½¾⅐-⅞↉])")
_LINE_END = re.compile("\r\n?|\x0b|\x0c|\x85|\u2028|\u2029")


def clean(text: str, removed: Counter[str]) -> str:
    """The text in NFKC with `\\n` line ends and without invisible characters, which are added to `removed` by kind."""
    text = _LINE_END.sub("\n", text)
    if text.isascii():
        return _count_out(_CONTROLS, text, removed) if _CONTROLS.search(text) else text
    text = _FRACTION.sub(" ", _POWER.sub(r"^\1", text))
    if _REMOVED.search(text):
        text = _count_out(_REMOVED, text, removed)
    return unicodedata.normalize("NFKC", text)


def _count_out(pattern: re.Pattern[str], text: str, removed: Counter[str]) -> str:
    for character in pattern.findall(text):
        removed[_KIND.get(character, "tag" if ord(character) >= 0xE0000 else "control")] += 1
    return pattern.sub("", text)
