"""A JSON API over HTTP as a source: each item of its lists is a document."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, cast

from pydantic import Field
from yarl import URL

from ingestion.failures import Reason
from ingestion.sources.http_source import HttpSource
from ingestion.sources.kind import Attribute, Looking, Scan, SourceUnavailable, Unread, Unreadable
from ingestion.sources.safe_http import SafeHttp, shown
from ingestion.sources.written import Format, Record, written

LARGEST_PAGE_BYTES = 32 * 1024 * 1024


class JsonSource(HttpSource):
    """Items of an API. Places in the answer are written with dots: `data.items`, `fields.body`; numbers count lists."""

    kind: Literal["json"] = "json"
    items: str = Field(default="", max_length=500, description="Place of the list of items; none: the answer itself.")
    id: str = Field(default="id", min_length=1, max_length=500, description="Place of an item's lasting identity.")
    title: str = Field(default="title", max_length=500, description="Place of its title; none: it has none.")
    text: str = Field(default="text", min_length=1, max_length=500, description="Place of its text.")
    updated: str = Field(default="", max_length=500, description="Place of the time of its last change, for filters.")
    link: str = Field(default="", max_length=500, description="Place of the address that people can open.")
    next: str = Field(
        default="",
        max_length=500,
        description="Place of the next page's address, on the same host; none: one page.",
    )
    format: Format = Field(default="text", description="What the text is written in.")
    max_items: int = Field(default=10_000, ge=1, le=1_000_000, description="Items read in one look, at most.")
    max_bytes: int = Field(default=1024**3, ge=1024, description="Bytes read in one look, at most.")

    @asynccontextmanager
    async def look(self, looking: Looking) -> AsyncGenerator[Scan]:
        """See Source."""
        async with self.client() as client:
            found = Scan()
            await self._pages(client, looking, found)
            yield found

    async def _pages(self, client: SafeHttp, looking: Looking, found: Scan) -> None:
        url: URL | None = URL(self.url)
        seen: set[URL] = set()
        bytes = 0
        while url is not None:
            seen.add(url)
            try:
                answer = await client.get(url, largest=LARGEST_PAGE_BYTES)
                page = await asyncio.to_thread(_parsed, answer.body or b"", url)
                items = at(page, self.items)
                if not isinstance(items, list):
                    raise Unreadable(Reason.INVALID, f"{shown(url)} has no list at items: {self.items or '(top)'}.")
            except Unreadable as error:
                if len(seen) == 1:
                    raise SourceUnavailable(error.message, error.reason) from None
                self._stopped(found, error.reason, error.message)
                return
            bytes += answer.bytes
            for item in cast("list[Any]", items):
                await self._take(item, looking, found)
            try:
                url = self._following(page, answer.url, seen)
            except Unreadable as error:
                self._stopped(found, error.reason, error.message)
                return
            if url is not None and (len(found.files) >= self.max_items or bytes >= self.max_bytes):
                self._stopped(found, Reason.LIMIT, "There is more than max_items or max_bytes: the rest was not read.")
                return

    def _stopped(self, found: Scan, reason: Reason, message: str) -> None:
        found.partial = True
        found.unread.append(Unread(self.url, reason, message))

    async def _take(self, item: Any, looking: Looking, found: Scan) -> None:
        identity, text = _written(at(item, self.id)), _written(at(item, self.text))
        if not identity or not text:
            found.skipped += 1
            return
        attributes: dict[str, Attribute] = {}
        for name, place in (("url", self.link), ("updated", self.updated)):
            value = _written(at(item, place)) if place else ""
            if value:
                attributes[name] = value
        title = _written(at(item, self.title)) if self.title else ""
        record = Record(identity[:1000], title, text, self.format, attributes)
        file = await asyncio.to_thread(written, record, looking)
        found.files.setdefault(file.path, file)

    def _following(self, page: Any, base: URL, seen: set[URL]) -> URL | None:
        target = at(page, self.next) if self.next else None
        if not isinstance(target, str) or not target:
            return None
        try:
            url = base.join(URL(target)).with_fragment(None)
        except ValueError:
            raise Unreadable(Reason.INVALID, f"{shown(base)} names a next page that is no address.") from None
        if url.origin() != URL(self.url).origin():
            raise Unreadable(Reason.REFUSED_REDIRECT, f"The next page {shown(url)} is on another host.")
        if url in seen:
            raise Unreadable(Reason.INVALID, f"The next page {shown(url)} was read before: the pages go in a circle.")
        return url


def at(value: Any, place: str) -> Any:
    """What lies at a place such as `data.items.0.name`; None when there is nothing. The whole for an empty place."""
    for part in place.split(".") if place else ():
        if isinstance(value, Mapping):
            value = cast("Mapping[str, Any]", value).get(part)
        elif isinstance(value, list) and part.isascii() and part.isdigit():
            listed = cast("list[Any]", value)
            value = listed[int(part)] if int(part) < len(listed) else None
        else:
            return None
    return value


def _written(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return ""
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _parsed(body: bytes, url: URL) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable(Reason.INVALID, f"{shown(url)} did not answer with valid JSON.") from None
