"""Word documents (.docx) → blocks: headings by style, lists, tables, and the pages of their last rendering."""

import re
from collections.abc import Iterator
from typing import Any

import docx
from docx.document import Document as WordDocument
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.exceptions import InvalidXmlError
from docx.oxml.ns import qn

from ingestion.document import Block, Document, assemble
from ingestion.extract import archive, properties

_PARAGRAPH, _TABLE, _ROW, _CELL = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
_RUN_TEXT, _TAB, _BREAK, _CARRIAGE = qn("w:t"), qn("w:tab"), qn("w:br"), qn("w:cr")
_NO_BREAK_HYPHEN, _RENDERED_BREAK = qn("w:noBreakHyphen"), qn("w:lastRenderedPageBreak")
# Styles of a table of contents: it repeats the headings, and retrieval would find it instead of them.
_CONTENTS = re.compile(r"TOC(?:\d|Heading)", re.IGNORECASE)
# Containers that are looked through: content controls, tracked insertions, smart tags.
_WRAPPERS = frozenset({qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:smartTag"), qn("w:customXml")})
# What the reader of the page does not see, or sees elsewhere.
_LEFT_OUT = frozenset({qn("w:del"), qn("w:moveFrom"), qn("w:pPr"), qn("w:rPr")})


def extract(data: bytes) -> Document:
    """The document in a Word file; raises FileFailure when it is damaged or would unpack to too much."""
    with archive.read_by_library(data, "a Word document", PackageNotFoundError, InvalidXmlError) as file:
        word = docx.Document(file)
        body: Any = word.element.body  # pyright: ignore[reportAttributeAccessIssue]
        reader = _Reader(word)
        blocks = list(reader.blocks(body))
        title = (word.core_properties.title or "").strip()
        about = properties.of(word.core_properties)
    return assemble(blocks, title=title or reader.title, pages=reader.page if reader.has_pages else None, about=about)


class _Reader:
    """Walks the body in reading order and keeps count of the pages."""

    def __init__(self, word: WordDocument) -> None:
        self._levels = _heading_levels(word)
        self.has_pages = next(word.element.iter(_RENDERED_BREAK), None) is not None
        self.page = 1
        self.title = ""

    def blocks(self, container: Any) -> Iterator[Block]:
        """The blocks of the body, a cell or a content control."""
        for element in container:
            if element.tag == _PARAGRAPH:
                yield from self._paragraph(element)
            elif element.tag == _TABLE:
                page = self._here()
                yield Block("table", "\n".join(self._rows(element)), 0, page, header=1)
            elif element.tag in _WRAPPERS:
                yield from self.blocks(element)

    def _here(self) -> int | None:
        return self.page if self.has_pages else None

    def _paragraph(self, paragraph: Any) -> Iterator[Block]:
        before = self.page
        text = self._text(paragraph)
        style = _style_of(paragraph)
        if not text.strip() or _CONTENTS.fullmatch(style):
            return
        # A break before the first word puts the paragraph on the new page; one inside it does not.
        starts_page = self.page if _opens_with_break(paragraph) else before
        page = starts_page if self.has_pages else None
        level = _outline_level(paragraph) or self._levels.get(style, 0)
        if style.lower() == "title" and not self.title:
            self.title = " ".join(text.split())
            level = 1
        if level:
            yield Block("heading", " ".join(text.split()), min(level, 6), page)
        elif (depth := _list_depth(paragraph, style)) is not None:
            yield Block("list", f"{'  ' * depth}- {text.strip()}", 0, page)
        elif "code" in style.lower() or "preformatted" in style.lower():
            yield Block("code", text, 0, page)
        else:
            yield Block("paragraph", text.strip(), 0, page)

    def _rows(self, table: Any) -> Iterator[str]:
        for row in table.iter(_ROW):
            cells = [cell for cell in row.iter(_CELL) if next(cell.iterancestors(_ROW)) is row]
            texts = [" ".join(" ".join(self._text(p) for p in cell.iter(_PARAGRAPH)).split()) for cell in cells]
            if any(texts):
                yield " | ".join(texts)

    def _text(self, paragraph: Any) -> str:
        """The words of a paragraph: links and tracked insertions with it, deletions without."""
        parts: list[str] = []
        for element in _inline(paragraph):
            tag = element.tag
            if tag == _RUN_TEXT:
                parts.append(element.text or "")
            elif tag == _TAB:
                parts.append("\t")
            elif tag in {_BREAK, _CARRIAGE}:
                parts.append("\n")
            elif tag == _NO_BREAK_HYPHEN:
                parts.append("-")
            elif tag == _RENDERED_BREAK:
                self.page += 1
        return "".join(parts)


def _inline(element: Any) -> Iterator[Any]:
    for child in element:
        if child.tag in _LEFT_OUT:
            continue
        if len(child):
            yield from _inline(child)
        else:
            yield child


def _opens_with_break(paragraph: Any) -> bool:
    for element in _inline(paragraph):
        if element.tag == _RENDERED_BREAK:
            return True
        if element.tag == _RUN_TEXT and (element.text or "").strip():
            return False
    return False


def _style_of(paragraph: Any) -> str:
    style = paragraph.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
    return style.get(qn("w:val"), "") if style is not None else ""


def _outline_level(properties_owner: Any) -> int:
    outline = properties_owner.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}")
    value = outline.get(qn("w:val"), "9") if outline is not None else "9"
    return int(value) + 1 if value.isdecimal() and int(value) < 9 else 0


def _list_depth(paragraph: Any, style: str) -> int | None:
    number = paragraph.find(f"{qn('w:pPr')}/{qn('w:numPr')}")
    if number is None:
        return 0 if style.lower().startswith(("list", "compact")) and "paragraph" not in style.lower() else None
    level = number.find(qn("w:ilvl"))
    value = level.get(qn("w:val"), "0") if level is not None else "0"
    return min(int(value), 8) if value.isdecimal() else 0


def _heading_levels(word: WordDocument) -> dict[str, int]:
    """Heading level by style id, inherited from the style it is based on; names are localised, levels are not."""
    own: dict[str, int] = {}
    based_on: dict[str, str] = {}
    for style in word.styles.element.iter(qn("w:style")):
        identifier = style.get(qn("w:styleId"), "")
        own[identifier] = _outline_level(style) or _level_by_name(style)
        base = style.find(qn("w:basedOn"))
        if base is not None:
            based_on[identifier] = base.get(qn("w:val"), "")
    levels: dict[str, int] = {}
    for identifier in own:
        current, seen = identifier, set[str]()
        while current and current not in seen and not own.get(current):
            seen.add(current)
            current = based_on.get(current, "")
        levels[identifier] = own.get(current, 0)
    return levels


def _level_by_name(style: Any) -> int:
    name = style.find(qn("w:name"))
    words = (name.get(qn("w:val"), "") if name is not None else "").lower().split()
    return int(words[1]) if len(words) == 2 and words[0] == "heading" and words[1].isdecimal() else 0
