"""What a crawl needs of an HTML page: its title, its links, and whether its author wants either to be used."""

import codecs
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from lxml import html
from lxml.etree import LxmlError

MOST_LINKS = 5000
LONGEST_TITLE = 300


@dataclass(frozen=True)
class PageLinks:
    """`index` and `follow` are what the page's robots meta tag allows."""

    title: str = ""
    links: tuple[str, ...] = ()
    index: bool = True
    follow: bool = True


def read_links(place: Path, url: str, charset: str | None = None) -> PageLinks:
    """The links as absolute addresses, in the order of the page; nothing when it cannot be read as HTML."""
    try:
        parser = html.HTMLParser(encoding=_known(charset), no_network=True, huge_tree=False)
        with place.open("rb") as file:
            tree = html.parse(file, parser)
        root = tree.getroot()
    except (LxmlError, LookupError, ValueError, AssertionError):
        return PageLinks()
    if root is None:
        return PageLinks()
    title = " ".join((root.findtext(".//title") or "").split())[:LONGEST_TITLE]
    robots = " ".join(
        meta.get("content", "").lower() for meta in root.iter("meta") if meta.get("name", "").lower() == "robots"
    )
    index, follow = ("noindex" not in robots and "none" not in robots), ("nofollow" not in robots)
    base = next((element.get("href", "") for element in root.iter("base") if element.get("href")), "")
    return PageLinks(title, _links(root, _joined(url, base) or url), index, follow)


def _known(charset: str | None) -> str | None:
    """The server's word on the encoding, unless nobody knows such a one: then the page is looked at."""
    try:
        return codecs.lookup(charset).name if charset else None
    except (LookupError, ValueError):
        return None


def _links(root: html.HtmlElement, base: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for anchor in root.iter("a", "area"):
        target = anchor.get("href", "").strip()
        if not target or target.startswith("#") or "nofollow" in anchor.get("rel", "").lower():
            continue
        address = _joined(base, target)
        if address:
            found.setdefault(address)
        if len(found) >= MOST_LINKS:
            break
    return tuple(found)


def _joined(base: str, target: str) -> str | None:
    try:
        return urljoin(base, target)
    except ValueError:
        return None
