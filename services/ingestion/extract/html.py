"""HTML → blocks: the page's main content in reading order, with headings, lists, tables and code kept as such."""

import re
from dataclasses import dataclass

from lxml import etree
from lxml.html import HtmlElement

from ingestion.document import Block, BlockKind, Document, assemble
from ingestion.extract.encoding import decode
from ingestion.extract.html_content import SKIPPED_TAGS, main_content
from ingestion.extract.html_head import head_facts
from ingestion.extract.html_table import is_layout, table_rows
from ingestion.failures import corrupt

_BLOCK_TAGS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main nav ol p pre section summary table tbody td "
    "tfoot th thead tr ul".split()
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SIGNATURE_LEVEL = 6
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_STRUCTURE = re.compile(r"</?(?!p\b|h[1-6]\b|pre\b|script\b|style\b|title\b)[a-z][^<>]*>", re.IGNORECASE)
# Stands for <br> until white space is collapsed; a control character that no HTML text can hold.
_BREAK = "\x1e"
# What documentation generators add to the author's words: links to a heading, line numbers, footnote marks.
_ADDED = frozenset(
    "headerlink permalink header-anchor anchorjs-link linenos footnote-reference footnote-backref backlinks".split()
)
# Labels of boxes, which some generators mark up as headings: they introduce the next block, not a section.
_LABELS = frozenset({"note", "notes", "warning", "tip", "hint", "caution", "important", "attention", "danger"})
_NUMBERED_TITLE = re.compile(r"(?:Table|Figure|Listing|Example)\s[\dA-Z][\w.-]*[.:]\s.{3,200}")


def extract(data: bytes) -> Document:
    """The document in an HTML file; raises FileFailure when no markup can be found in it."""
    root = parse(decode(data))
    page_title = root.findtext(".//title") or ""
    about = head_facts(root)
    walker = _Walker()
    walker.walk(main_content(root))
    heading = next((block.text for block in walker.blocks if block.level == 1), "")
    return assemble(walker.blocks, title=heading or page_title, about=about)


def content(data: bytes) -> list[Block]:
    """The blocks of a page that is all content, such as a chapter of a book."""
    walker = _Walker()
    walker.walk(parse(decode(data)))
    return walker.blocks


def fragment(markup: str) -> list[Block]:
    """The blocks of a piece of HTML inside another kind of text; unbalanced tags are as harmless as in a page."""
    walker = _Walker()
    walker.walk(parse(f"<div>{markup}</div>"))
    return walker.blocks


def parse(text: str) -> HtmlElement:
    """The element tree of a page, as forgiving as a browser; raises FileFailure(corrupt_file)."""
    root, too_deep = _tree(text)
    if too_deep:
        # The parser stops at a depth that only broken generators reach; what lies deeper is read without its structure.
        root, _ = _tree(_STRUCTURE.sub("<br>", text))
    if root is None:
        raise corrupt("HTML")
    return root


def _tree(text: str) -> tuple[HtmlElement | None, bool]:
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True)
    parser.set_element_class_lookup(etree.ElementDefaultClassLookup(element=HtmlElement))
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.LxmlError:
        root = None
    return root, any("depth" in entry.message for entry in parser.error_log)


@dataclass
class _List:
    ordered: bool
    count: int = 0


class _Walker:
    """Goes through the tree in document order without recursion (depth is the author's choice) and emits blocks."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._inline: list[str] = []
        self._level = 0
        self._kind: BlockKind = "paragraph"
        self._lists: list[_List] = []
        self._marker = ""

    def walk(self, content: HtmlElement) -> None:
        """Emit the blocks of `content`."""
        events = etree.iterwalk(content, events=("start", "end"))
        skipped: HtmlElement | None = None
        for event, element in events:
            if event == "start":
                if not self._open(element):
                    skipped = element
                    events.skip_subtree()
                continue
            if element is skipped:
                skipped = None
                if element.tag in _BLOCK_TAGS:
                    self._flush()
            else:
                self._close(element)
            if element is not content and element.tail:
                self._inline.append(_SPACE.sub(" ", element.tail))
        self._flush()

    def _open(self, element: HtmlElement) -> bool:
        """Begin an element; False when it is done with, or not to be read."""
        tag = element.tag
        if tag in SKIPPED_TAGS or _ADDED & set(element.get("class", "").split()):
            return False
        if tag in _BLOCK_TAGS:
            self._flush()
        if tag == "br":
            self._inline.append(_BREAK)
        elif tag in _HEADINGS:
            self._level = _HEADINGS[tag]
        elif tag == "pre":
            self._emit("code", _preformatted(element))
            return False
        elif tag == "table" and not is_layout(element):
            lines = table_rows(element)
            captions = sum(1 for _ in element.iter("caption"))
            self.blocks.append(Block("table", "\n".join(lines), header=min(captions + 1, len(lines))))
            return False
        elif tag in {"ul", "ol"}:
            self._lists.append(_List(tag == "ol"))
        elif tag == "li":
            self._marker = self._next_marker()
        elif tag == "dt":
            # An API reference describes its classes and functions in lists, but they are sections in all but name.
            if "sig" in element.get("class", "").split():
                self._level = _SIGNATURE_LEVEL + len(element.xpath("ancestor::dl"))
            else:
                self._kind = "term"
        elif tag == "sup" and not self._superscript(element):
            return False
        if element.text:
            self._inline.append(_SPACE.sub(" ", element.text))
        return True

    def _close(self, element: HtmlElement) -> None:
        tag = element.tag
        if tag not in _BLOCK_TAGS:
            return
        self._flush()
        if tag in _HEADINGS:
            self._level = 0
        elif tag in {"ul", "ol"} and self._lists:
            self._lists.pop()
        elif tag == "li":
            self._marker = ""
        elif tag == "dt":
            self._kind = "paragraph"
            self._level = 0

    def _next_marker(self) -> str:
        if not self._lists:
            return "- "
        current = self._lists[-1]
        current.count += 1
        return f"{current.count}. " if current.ordered else "- "

    def _superscript(self, element: HtmlElement) -> bool:
        """Footnote marks are left out; a power keeps its meaning beside the digits before it."""
        if element.find(".//a") is not None:
            return False
        if self._inline and self._inline[-1][-1:].isdigit():
            self._inline.append("^")
        return True

    def _flush(self) -> None:
        """End the block whose words were collected so far."""
        lines = (_SPACE.sub(" ", line).strip() for line in "".join(self._inline).split(_BREAK))
        self._inline.clear()
        text = "\n".join(line for line in lines if line)
        if not text:
            return
        if text.rstrip(":").lower() in _LABELS or _NUMBERED_TITLE.fullmatch(text):
            self._emit("term", text)
        elif self._level:
            self.blocks.append(Block("heading", text.replace("\n", " "), self._level))
        elif self._lists:
            indent = "  " * (len(self._lists) - 1)
            self._emit("list", indent + (self._marker or "  ") + text)
            self._marker = ""
        else:
            self._emit(self._kind, text)

    def _emit(self, kind: BlockKind, text: str) -> None:
        if text.strip():
            self.blocks.append(Block(kind, text))


def _preformatted(element: HtmlElement) -> str:
    for br in element.iter("br"):
        br.tail = "\n" + (br.tail or "")
    lines = (line.rstrip() for line in "".join(element.itertext()).splitlines())
    return "\n".join(lines).strip("\n")
