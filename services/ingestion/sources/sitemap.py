"""Reads a sitemap (sitemaps.org, protocol 0.9): the pages it lists, or the sitemaps that it is an index of."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from ingestion.failures import Reason
from ingestion.sources.kind import Unreadable

# The protocol's own bounds.
MOST_BYTES = 50 * 1024 * 1024
MOST_ENTRIES = 50_000
LONGEST_ADDRESS = 2048


@dataclass
class Sitemap:
    """What one file lists, in its order."""

    pages: list[str] = field(default_factory=list[str])
    sitemaps: list[str] = field(default_factory=list[str])


def is_sitemap(url_path: str, content_type: str) -> bool:
    """Whether a start address is a sitemap rather than a page."""
    return url_path.lower().endswith((".xml", ".xml.gz")) or content_type in ("application/xml", "text/xml")


def read_sitemap(data: bytes, where: str) -> Sitemap:
    """Raises Unreadable when it is no sitemap; entities are refused, for they are how small files grow huge."""
    found = Sitemap()
    try:
        for name, text in _locations(data):
            if len(found.pages) + len(found.sitemaps) >= MOST_ENTRIES:
                break
            if text and len(text) <= LONGEST_ADDRESS:
                (found.sitemaps if name == "sitemap" else found.pages).append(text)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise Unreadable(Reason.INVALID, f"{where} is not a valid sitemap.") from None
    return found


def local_name(element: Element) -> str:
    """The name without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _locations(data: bytes) -> Iterator[tuple[str, str]]:
    root: Element | None = None
    for event, element in iterparse(io.BytesIO(data), events=("start", "end")):
        if root is None:
            root = element
            if local_name(element) not in ("urlset", "sitemapindex"):
                raise ValueError("another kind of document")
        elif event == "end" and local_name(element) in ("url", "sitemap"):
            place = next((child for child in element if local_name(child) == "loc"), None)
            yield local_name(element), (place.text or "").strip() if place is not None else ""
            # What was read is let go of, so that memory does not grow with the file.
            root.clear()
