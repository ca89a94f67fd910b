"""The lines of a PDF page with the little geometry that layout needs: place, type size, weight, fixed width."""

import re
from ctypes import byref, c_double, c_int, create_string_buffer
from dataclasses import dataclass

import pypdfium2 as pdfium
from pypdfium2 import raw

_BOLD = re.compile(r"bold|black|heavy|semibold|demi|cmbx|cmssbx|sfbx", re.IGNORECASE)
_FIXED = re.compile(r"mono|courier|consol|typewriter|menlo|cmtt|sftt|lucidacon|inconsol", re.IGNORECASE)
_LABEL = re.compile(r"\W{1,2}|\W?\w{1,3}[.):]|\d+(?:\.\d+)*\.?|(?:chapter|appendix|part)\s\w+[.:]?", re.IGNORECASE)
# No justified line stretches a space to this many type sizes.
CELL_GAP = 1.1
_FIXED_PITCH_FLAG = 1
_NAME_BYTES = 128
# A line is bold or of fixed width if it is so at this many places.
STYLE_SAMPLES = 4
# Set by pdfium where it joined a word that was hyphenated at a line's end.
JOINED = "\ufffe"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; lengths in points, `y` upwards. A line that pdfium joined over a hyphen is two on paper."""

    text: str
    page: int
    left: float
    right: float
    y: float
    """Baseline of the first character."""
    y_last: float
    """Baseline of the last character."""
    size: float
    first_word: float
    """Width of the first word: whether it had fitted on the line before tells a wrapped line from a new one."""
    bold: bool
    fixed: bool
    cells: bool
    """The line has wide gaps, written as bars in `text`: a row of a table."""
    page_width: float
    page_height: float


def lines_of(page: pdfium.PdfTextPage, number: int, width: float, height: float) -> list[Line]:
    """The page's lines in the order of its content, blank ones left out."""
    text = _text(page)
    fonts: dict[tuple[str, int], tuple[bool, bool]] = {}
    lines: list[Line] = []
    at = 0
    for raw_line in text.split("\n"):
        stripped = raw_line.strip()
        if stripped:
            first = at + len(raw_line) - len(raw_line.lstrip())
            last = first + len(stripped) - 1
            lines.append(_line(page, stripped, first, last, number, width, height, fonts))
        at += len(raw_line) + 1
    return lines


def _text(page: pdfium.PdfTextPage) -> str:
    """One character for each of pdfium's, so that places in the text are places in its tables; `\\r` is blanked."""
    count = page.count_chars()
    text = page.get_text_range()
    if len(text) != count:
        # Characters outside the basic plane, or ones without a code: ask for each.
        codes = (raw.FPDFText_GetUnicode(page, index) for index in range(count))
        text = "".join(chr(code) if code and not 0xD800 <= code < 0xE000 else " " for code in codes)
    return text.replace("\r", " ")


def _line(
    page: pdfium.PdfTextPage,
    text: str,
    first: int,
    last: int,
    number: int,
    width: float,
    height: float,
    fonts: dict[tuple[str, int], tuple[bool, bool]],
) -> Line:
    left, _, y, _ = _box(page, first)
    _, right, y_last, _ = _box(page, last)
    word_right = _box(page, first + len(text.split(maxsplit=1)[0]) - 1)[1]
    # The size is that of the middle: bullets and numbers at the start often have their own.
    samples = sorted(
        {_visible(text, len(text) * part // STYLE_SAMPLES) for part in range(STYLE_SAMPLES)} | {len(text) - 1}
    )
    styles = [_style(page, first + at, fonts) for at in samples]
    size = _box(page, first + samples[len(samples) // 2])[3]
    fixed = all(fixed for _, fixed in styles)
    table_row = text if fixed else _with_bars(page, text, first, size)
    return Line(
        table_row,
        number,
        left,
        right,
        y,
        y_last,
        round(size, 1),
        max(0.0, word_right - left),
        all(bold for bold, _ in styles),
        fixed,
        table_row != text,
        width,
        height,
    )


def _with_bars(page: pdfium.PdfTextPage, text: str, first: int, size: float) -> str:
    """The line with a bar in every gap that is too wide for a space; the gap behind a bullet or a number is none."""
    parts = text.split(" ")
    row = parts[0]
    at = first + len(parts[0])
    for part in parts[1:]:
        if part and row.strip() and text[at - first - 1] != " ":
            gap = _ink(page, at + 1)[0] - _ink(page, at - 1)[1]
            wide = gap > size * CELL_GAP and not _LABEL.fullmatch(row)
        else:
            wide = False
        row += (" | " if wide else " ") + part
        at += 1 + len(part)
    return row


def _visible(text: str, at: int) -> int:
    """The place of the first character from `at` on that is not white space."""
    while at < len(text) - 1 and text[at].isspace():
        at += 1
    return at


def _box(page: pdfium.PdfTextPage, index: int) -> tuple[float, float, float, float]:
    """Left and right edge of a character's ink, its baseline, and the height of its font.

    The font size as written may be 1 with the scale in a matrix; the loose box has both in it.
    """
    left, right = _ink(page, index)
    x, y = c_double(), c_double()
    raw.FPDFText_GetCharOrigin(page, index, byref(x), byref(y))
    loose = raw.FS_RECTF()
    raw.FPDFText_GetLooseCharBox(page, index, byref(loose))
    return left, right, y.value, abs(loose.top - loose.bottom)


def _ink(page: pdfium.PdfTextPage, index: int) -> tuple[float, float]:
    left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
    raw.FPDFText_GetCharBox(page, index, byref(left), byref(right), byref(bottom), byref(top))
    return left.value, right.value


def _style(page: pdfium.PdfTextPage, index: int, fonts: dict[tuple[str, int], tuple[bool, bool]]) -> tuple[bool, bool]:
    """Whether the character is bold, and whether its font has a fixed width."""
    flags = c_int()
    name = create_string_buffer(_NAME_BYTES)
    raw.FPDFText_GetFontInfo(page, index, name, _NAME_BYTES, byref(flags))
    key = (name.value.decode("utf-8", "replace"), flags.value)
    if key not in fonts:
        fonts[key] = (bool(_BOLD.search(key[0])), bool(_FIXED.search(key[0]) or key[1] & _FIXED_PITCH_FLAG))
    return fonts[key]
