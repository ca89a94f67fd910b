"""A web site as a source: the pages of a sitemap, or those that links lead to from a start page."""

import asyncio
import gzip
import hashlib
import mimetypes
import zlib
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from protego import Protego
from pydantic import Field
from yarl import URL

from ingestion.failures import Reason
from ingestion.sources.http_source import HttpSource
from ingestion.sources.kind import (
    ALL_SUFFIXES,
    Attribute,
    FoundFile,
    Looking,
    Scan,
    SourceUnavailable,
    Unread,
    Unreadable,
)
from ingestion.sources.page_links import PageLinks, read_links
from ingestion.sources.safe_http import AGENT, Answer, Gone, SafeHttp, shown
from ingestion.sources.sitemap import MOST_BYTES, is_sitemap, read_sitemap

# RFC 9309 has crawlers read at least so much of a robots.txt.
ROBOTS_BYTES = 512 * 1024
LONGEST_CRAWL_DELAY_S = 30.0
MOST_SITEMAPS = 500
SITEMAP_DEPTH = 3
# So many failures one after another mean that the server is in trouble: it is left alone until the next look.
MOST_IN_A_ROW = 5
# Addresses that wait beyond `max_pages`, and requests for each page that there may be: links can lead on for ever.
MOST_QUEUED = 50_000
REQUESTS_A_PAGE = 4
HTML = frozenset({"text/html", "application/xhtml+xml"})
SUFFIX_OF = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}


class WebsiteSource(HttpSource):
    """Pages of one site; `url` is its sitemap or a start page. What robots.txt forbids is left out."""

    kind: Literal["website"] = "website"
    depth: int = Field(default=2, ge=0, le=20, description="How many links away from the start page pages may be.")
    max_pages: int = Field(default=1000, ge=1, le=50_000, description="Pages read in one look, at most.")
    max_bytes: int = Field(
        default=2 * 1024**3, ge=1024, description="Bytes that one look brings along before they are stored, at most."
    )
    hosts: tuple[str, ...] = Field(default=(), max_length=20, description="Other hosts whose pages belong to it.")
    include: tuple[str, ...] = Field(
        default=(), max_length=100, description="Only pages whose path begins with one of these; none: all."
    )
    exclude: tuple[str, ...] = Field(
        default=(), max_length=100, description="No pages whose path begins with one of these."
    )
    robots: bool = Field(default=True, description="Whether robots.txt is obeyed; off only for sites of your own.")

    @asynccontextmanager
    async def look(self, looking: Looking) -> AsyncGenerator[Scan]:
        """See Source. Pages that have not changed by their ETag or time of change are not transferred again."""
        async with self.client() as client:
            crawl = _Crawl(self, client, looking)
            await crawl.run()
            yield crawl.found


@dataclass
class _Crawl:
    source: WebsiteSource
    client: SafeHttp
    looking: Looking
    found: Scan = field(default_factory=Scan)
    queued: set[URL] = field(default_factory=set[URL])
    taken: set[URL] = field(default_factory=set[URL])
    requests: int = 0
    robots: dict[URL, Protego] = field(default_factory=dict[URL, Protego])
    bytes: int = 0
    in_a_row: int = 0
    limit_told: bool = False

    async def run(self) -> None:
        start = _plain(URL(self.source.url))
        await self._robots_of(start)
        if is_sitemap(start.path, ""):
            await self._sitemaps(start)
            return
        if not await self._wanted(start):
            raise SourceUnavailable(f"robots.txt or the configuration forbids {shown(start)}.", Reason.FORBIDDEN)
        self.queued.add(start)
        await self._pages(deque([(start, 0)]), self.source.depth)

    async def _sitemaps(self, start: URL) -> None:
        """Sitemaps first, then the pages of all of them; links are not followed."""
        waiting = deque([(start, 0)])
        read: set[URL] = set()
        pages: dict[URL, None] = {}
        while waiting:
            url, depth = waiting.popleft()
            if url in read:
                continue
            if len(read) >= MOST_SITEMAPS or depth > SITEMAP_DEPTH:
                self._limit("The sitemap's indexes are too many or too deep")
                break
            read.add(url)
            try:
                answer = await self.client.get(url, largest=MOST_BYTES, allow=self._problem)
                body = await asyncio.to_thread(_unzipped, answer.body or b"", shown(url))
                listed = await asyncio.to_thread(read_sitemap, body, shown(url))
            except Unreadable as error:
                if url == start:
                    raise SourceUnavailable(error.message, error.reason) from None
                # The pages that it would have listed are unknown.
                self.found.partial = True
                self.found.unread.append(Unread(str(url), error.reason, error.message))
                continue
            waiting.extend((each, depth + 1) for each in self._addresses(url, listed.sitemaps))
            pages |= dict.fromkeys(self._addresses(url, listed.pages))
        if not pages and not self.found.partial:
            raise SourceUnavailable(f"{shown(start)} lists no page of this site.", Reason.INVALID)
        await self._pages(deque((url, 0) for url in pages), 0)

    async def _pages(self, waiting: "deque[tuple[URL, int]]", depth: int) -> None:
        first = waiting[0][0] if depth and waiting else None
        while waiting and not self._over():
            url, level = waiting.popleft()
            if url in self.taken:
                continue
            if not await self._wanted(url):
                self.found.skipped += 1
                continue
            try:
                page = await self._page(url, follows=level < depth)
            except Gone as error:
                self.in_a_row = 0
                if url == first:
                    # A site without its start page is out of order, not empty.
                    raise SourceUnavailable(error.message, error.reason) from None
                continue
            if level < depth and page.follow:
                for each in self._addresses(url, page.links):
                    self._queue(waiting, each, level + 1)

    def _queue(self, waiting: "deque[tuple[URL, int]]", url: URL, level: int) -> None:
        if url in self.queued:
            return
        if len(self.queued) < MOST_QUEUED + self.source.max_pages:
            self.queued.add(url)
            waiting.append((url, level))
        else:
            self.found.partial = True

    async def _page(self, url: URL, *, follows: bool) -> PageLinks:
        """Bring one page; returns its links; raises Gone. Where links are wanted, an unchanged page is read as well."""
        path = str(url)
        self.requests += 1
        known = self.looking.known.get(path)
        place = self.looking.folder / hashlib.sha256(path.encode()).hexdigest()
        try:
            answer = await self.client.get(
                url,
                largest=min(self.looking.largest, max(1, self.source.max_bytes - self.bytes)),
                into=place,
                known=None if follows else known,
                allow=self._redirect_problem,
            )
        except Gone:
            raise
        except Unreadable as error:
            await asyncio.to_thread(place.unlink, missing_ok=True)
            self._unread(url, error, follows=follows)
            return PageLinks()
        self.in_a_row = 0
        if not answer.changed:
            self.found.files[path] = FoundFile(path, place, 0, known or "")
            return PageLinks()
        return await self._take(url, answer, place, known)

    async def _take(self, url: URL, answer: Answer, place: Path, known: str | None) -> PageLinks:
        if answer.url != url and (str(answer.url) in self.found.files or not await self._wanted(answer.url)):
            # Another address of a page that is here already, or one of a page that is not to be taken.
            await asyncio.to_thread(place.unlink, missing_ok=True)
            return PageLinks()
        self.taken.add(answer.url)
        is_html = answer.content_type in HTML
        page = await asyncio.to_thread(read_links, place, str(answer.url), answer.charset) if is_html else PageLinks()
        suffix = SUFFIX_OF.get(answer.content_type) or PurePosixPath(url.path).suffix.lower()
        if not page.index or suffix not in ALL_SUFFIXES:
            self.found.skipped += 1
            await asyncio.to_thread(place.unlink, missing_ok=True)
            return page
        version = answer.version or f"sha256:{await asyncio.to_thread(_sha256, place)}"
        if version == known:
            await asyncio.to_thread(place.unlink, missing_ok=True)
        else:
            self.bytes += answer.bytes
        attributes: dict[str, Attribute] = {"url": str(answer.url)}
        if page.title:
            attributes["title"] = page.title
        path = str(answer.url)
        self.found.files[path] = FoundFile(
            path, place, answer.bytes, version, None, _filename(answer.url, suffix), answer.content_type, attributes
        )
        return page

    def _unread(self, url: URL, error: Unreadable, *, follows: bool) -> None:
        if url == _plain(URL(self.source.url)):
            raise SourceUnavailable(error.message, error.reason)
        self.found.unread.append(Unread(str(url), error.reason, error.message))
        if follows:
            # What it links to is unknown as well.
            self.found.partial = True
        if error.reason in (Reason.UNREACHABLE, Reason.TIMEOUT):
            self.in_a_row += 1

    def _over(self) -> bool:
        """Whether the look ends here; what was not looked at is then unknown."""
        if self.client.out_of_time:
            self._limit(f"The look took longer than look_s ({self.source.look_s:g} s)")
        elif len(self.found.files) >= self.source.max_pages or self.requests >= REQUESTS_A_PAGE * self.source.max_pages:
            self._limit(f"There are more pages than max_pages ({self.source.max_pages})")
        elif self.bytes >= self.source.max_bytes:
            self._limit(f"The pages have more bytes than max_bytes ({self.source.max_bytes})")
        elif self.in_a_row >= MOST_IN_A_ROW:
            self._limit(f"{MOST_IN_A_ROW} pages in a row could not be reached")
        return self.limit_told

    def _limit(self, what: str) -> None:
        self.limit_told = self.found.partial = True
        message = f"{what}: the rest was not looked at."
        self.found.unread.append(Unread(self.source.url, Reason.LIMIT, message))

    def _problem(self, url: URL) -> str | None:
        """Why a page is not part of the site; None when it is."""
        start = URL(self.source.url)
        if url.host == start.host and url.explicit_port == start.explicit_port:
            return None
        return None if url.host in self.source.hosts else "that is another host"

    def _redirect_problem(self, url: URL) -> str | None:
        rules = self.robots.get(url.origin())
        if rules is not None and not rules.can_fetch(str(url), AGENT):
            return "robots.txt forbids it"
        return self._problem(url)

    async def _wanted(self, url: URL) -> bool:
        kind, suffix = mimetypes.guess_type(url.path)[0], PurePosixPath(url.path).suffix.lower()
        if self._problem(url) is not None or (kind and kind not in SUFFIX_OF and suffix not in ALL_SUFFIXES):
            return False
        if self.source.include and not url.path.startswith(self.source.include):
            return False
        if self.source.exclude and url.path.startswith(self.source.exclude):
            return False
        rules = await self._robots_of(url)
        return rules is None or bool(rules.can_fetch(str(url), AGENT))

    async def _robots_of(self, url: URL) -> Protego | None:
        """The host's rules; raises SourceUnavailable when they cannot be read, as RFC 9309 asks: then all is barred."""
        if not self.source.robots:
            return None
        origin = url.origin()
        if origin not in self.robots:
            try:
                answer = await self.client.get(origin / "robots.txt", largest=ROBOTS_BYTES, allow=self._problem)
                text = (answer.body or b"").decode("utf-8", "replace")
            except Unreadable as error:
                if not isinstance(error, Gone) and error.reason not in (Reason.FORBIDDEN, Reason.HTTP_ERROR):
                    message = f"robots.txt cannot be read, so nothing else is: {error.message}"
                    raise SourceUnavailable(message, error.reason) from None
                text = ""
            self.robots[origin] = rules = Protego.parse(text)
            asked = rules.crawl_delay(AGENT)
            if asked:
                self.client.delay_s = max(self.client.delay_s, min(float(asked), LONGEST_CRAWL_DELAY_S))
        return self.robots[origin]

    def _addresses(self, base: URL, texts: "list[str] | tuple[str, ...]") -> list[URL]:
        """The addresses among the texts that can belong to the site."""
        found: list[URL] = []
        for text in texts:
            try:
                url = _plain(base.join(URL(text)))
            except ValueError:
                continue
            if url.scheme in ("http", "https") and url.host and self._problem(url) is None:
                found.append(url)
        return found


def _plain(url: URL) -> URL:
    """One page has one address: without fragment and user, with a path."""
    url = url.with_fragment(None).with_user(None)
    return url if url.path else url.with_path("/")


def _filename(url: URL, suffix: str) -> str:
    """The address without its host, with the suffix that says its kind."""
    name = url.path.strip("/") or "index"
    if url.query_string:
        name += f"?{url.query_string}"
    return name if name.lower().endswith(suffix) or name.lower().endswith(ALL_SUFFIXES) else name + suffix


def _sha256(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unzipped(data: bytes, where: str) -> bytes:
    """A sitemap may lie there gzipped; unpacked it has the same bound."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        found = unpacker.decompress(data, MOST_BYTES)
    except (zlib.error, gzip.BadGzipFile):
        raise Unreadable(Reason.INVALID, f"{where} is damaged.") from None
    if unpacker.unconsumed_tail:
        raise Unreadable(Reason.TOO_LARGE, f"{where} is too large when unpacked.")
    return found
