"""An RSS or Atom feed as a source: each entry is a document."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Literal
from xml.etree.ElementTree import Element, ParseError, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import Field
from yarl import URL

from ingestion.failures import Reason
from ingestion.sources.http_source import HttpSource
from ingestion.sources.kind import Attribute, Looking, Scan, SourceUnavailable, Unreadable
from ingestion.sources.safe_http import shown
from ingestion.sources.sitemap import local_name
from ingestion.sources.written import Record, written

# Feeds are short; what is larger is none, and its tree would need many times its size in memory.
LARGEST_BYTES = 16 * 1024 * 1024
MOST_ENTRIES = 10_000
ENTRIES = frozenset({"item", "entry"})
ROOTS = frozenset({"rss", "feed", "RDF"})
# The fullest text first (RSS 2.0 with the content module, Atom, then the summaries of both).
TEXTS = ("encoded", "content", "description", "summary")
DATES = ("updated", "pubDate", "published", "date")


class FeedSource(HttpSource):
    """Entries of a feed, as the feed itself holds them. Entries that have left it stay, unless `keep_old` is off."""

    kind: Literal["feed"] = "feed"
    keep_old: bool = Field(
        default=True,
        description="Whether entries that have left the feed stay: most feeds hold the latest only.",
    )

    @asynccontextmanager
    async def look(self, looking: Looking) -> AsyncGenerator[Scan]:
        """See Source."""
        async with self.client() as client:
            try:
                answer = await client.get(URL(self.url), largest=min(LARGEST_BYTES, looking.largest))
                records = await asyncio.to_thread(read_feed, answer.body or b"", shown(URL(self.url)))
            except Unreadable as error:
                raise SourceUnavailable(error.message, error.reason) from None
        found = Scan(partial=self.keep_old)
        for record in records:
            file = await asyncio.to_thread(written, record, looking)
            found.files[file.path] = file
        yield found


def read_feed(data: bytes, where: str) -> list[Record]:
    """The entries of RSS 1.0, RSS 2.0 or Atom; raises Unreadable. A document that declares entities is refused."""
    try:
        root = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise Unreadable(Reason.INVALID, f"{where} is not a valid RSS or Atom feed.") from None
    if local_name(root) not in ROOTS:
        raise Unreadable(Reason.INVALID, f"{where} is XML, but no RSS or Atom feed.")
    try:
        return _records(root)
    except RecursionError:
        raise Unreadable(Reason.INVALID, f"{where} is nested too deeply.") from None


def _records(root: Element) -> list[Record]:
    records: dict[str, Record] = {}
    for entry in _entries(root):
        record = _record(entry)
        if record is not None:
            # The first of two entries with one identity is the later edition in most feeds.
            records.setdefault(record.identity, record)
        if len(records) >= MOST_ENTRIES:
            break
    return list(records.values())


def _entries(root: Element) -> Iterator[Element]:
    return (element for element in root.iter() if local_name(element) in ENTRIES)


def _record(entry: Element) -> Record | None:
    fields = {local_name(child): child for child in reversed(list(entry))}
    link = _link(entry)
    identity = (_text(fields.get("id")) or _text(fields.get("guid")) or link)[:1000]
    body = next((text for name in TEXTS if (text := _markup(fields.get(name)))), "")
    if not identity or not body:
        return None
    attributes: dict[str, Attribute] = {"url": link} if link else {}
    updated = next((text for name in DATES if (text := _text(fields.get(name)))), "")
    author = _text(fields.get("creator")) or _text(fields.get("author"))
    attributes |= {name: text for name, text in (("updated", updated), ("author", author)) if text}
    return Record(identity, _text(fields.get("title")), body, "html", attributes)


def _link(entry: Element) -> str:
    """RSS writes the address as text, Atom as an attribute of the link to the page itself."""
    for child in entry:
        if local_name(child) == "link" and child.get("rel", "alternate") == "alternate":
            found = (child.get("href") or child.text or "").strip()
            if found.startswith(("http://", "https://")):
                return found
    return ""


def _text(element: Element | None) -> str:
    return "" if element is None else " ".join("".join(element.itertext()).split())[:2000]


def _markup(element: Element | None) -> str:
    """The text of an entry as HTML, written either as escaped text or as elements (Atom's xhtml)."""
    if element is None:
        return ""
    if element.get("type") == "xhtml" or len(element):
        return "".join(tostring(child, encoding="unicode") for child in element)
    return (element.text or "").strip()
