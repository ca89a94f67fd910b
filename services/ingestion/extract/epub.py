"""E-books (EPUB 2 and 3) → their chapters in reading order, each read as the HTML page that it is."""

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError
from zipfile import ZipFile

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ingestion.document import Block, Document, assemble
from ingestion.extract import archive, html
from ingestion.extract.properties import known
from ingestion.failures import FileFailure, Reason, corrupt, encrypted

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html"})


def extract(data: bytes) -> Document:
    """The document in an e-book; raises FileFailure when it is damaged or its chapters are encrypted (DRM)."""
    with archive.opened(data, "an EPUB") as book:
        package_path = _package_path(_xml(book, _CONTAINER))
        package = _xml(book, package_path)
        pages = _pages(package, posixpath.dirname(package_path))
        if _locked(book) & set(pages):
            raise encrypted("e-book")
        names = set(book.namelist())
        blocks = [block for page in pages if page in names for block in _page(book.read(page))]
    said = {name: _said(package, name) for name in ("title", "description", "creator", "date")}
    about = known(description=said["description"], author=said["creator"], date=said["date"])
    return assemble(blocks, title=said["title"], about=about)


def _page(data: bytes) -> list[Block]:
    try:
        return html.content(data)
    except FileFailure as failure:
        if failure.reason is Reason.CORRUPT:
            return []  # one broken chapter, often a cover without a word
        raise


def _xml(book: ZipFile, name: str) -> Element:
    """A part of the package; entities and external references are refused, not resolved."""
    try:
        return fromstring(book.read(name), forbid_dtd=False)
    except (ParseError, DefusedXmlException, KeyError, UnicodeError, LookupError):
        raise corrupt("an EPUB") from None


def _package_path(container: Element) -> str:
    path = next((node.get("full-path") for node in container.iter() if _name(node) == "rootfile"), None)
    if not path:
        raise corrupt("an EPUB")
    return path


def _pages(package: Element, folder: str) -> list[str]:
    """The parts that hold the text, in the order in which they are read."""
    items = {node.get("id"): node for node in package.iter() if _name(node) == "item"}
    order = [
        items[node.get("idref")] for node in package.iter() if _name(node) == "itemref" and node.get("idref") in items
    ]
    chosen = [
        item
        for item in order
        if item.get("media-type") in _PAGES and "nav" not in (item.get("properties") or "").split()
    ]
    return [posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or ""))) for item in chosen]


def _locked(book: ZipFile) -> set[str]:
    """The parts that cannot be read without a key; that of fonts is often only mangled, which costs no text."""
    if _ENCRYPTION not in book.namelist():
        return set()
    return set(_references(_xml(book, _ENCRYPTION)))


def _references(node: Element) -> Iterator[str]:
    for inner in node.iter():
        if _name(inner) == "CipherReference":
            yield posixpath.normpath(unquote(inner.get("URI") or ""))


def _said(package: Element, name: str) -> str:
    texts = ("".join(node.itertext()) for node in package.iter() if _name(node) == name)
    return next((" ".join(text.split()) for text in texts if text.strip()), "")


def _name(node: Element) -> str:
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""
