"""Feeds as a source: the formats that are out there, and XML that means harm."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fakes.site import Site
from ingestion.sources.kind import SourceUnavailable
from unit.ingestion.looking import Looked, looked

RSS = """<?xml version="1.0"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>News</title><link>https://news.example/</link>
<item><title>Ropes &amp; lines</title><link>https://news.example/ropes</link><guid>n-1</guid>
  <pubDate>Mon, 02 Nov 2026 08:00:00 GMT</pubDate><dc:creator>Ada</dc:creator>
  <description>Short.</description><content:encoded><![CDATA[<p>Nylon <b>stretches</b>.</p>]]></content:encoded></item>
<item><title>Knots</title><link>https://news.example/knots</link><description>The bowline.</description></item>
<item><title>Empty</title><guid>n-3</guid></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>
<entry><id>urn:1</id><title>Ropes</title><link rel="edit" href="https://news.example/edit"/>
  <link href="https://news.example/ropes"/><updated>2026-11-02T08:00:00Z</updated><author><name>Ada</name></author>
  <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Nylon stretches.</p></div></content></entry>
<entry><id>urn:2</id><title>Knots</title><summary>The bowline.</summary></entry></feed>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
<channel/><item><title>Ropes</title><link>https://news.example/r</link><description>Nylon.</description></item></rdf:RDF>"""
LAUGHS = (
    '<!DOCTYPE rss [<!ENTITY a "haha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><rss><channel><item><guid>1</guid><title>&i;</title><description>&i;</description></item></channel></rss>"
)
OUTSIDE = '<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss><channel><item><guid>&a;</guid></item></channel></rss>'


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().running() as site:
        yield site


async def read(site: Site, tmp_path: Path, body: str | bytes, **options: Any) -> Looked:
    site.pages["/feed.xml"] = body
    return await looked(
        tmp_path, **{"kind": "feed", "url": f"{site.url}/feed.xml", "allow_private": True, "delay_s": 0} | options
    )


async def test_rss_entries_become_documents(site: Site, tmp_path: Path) -> None:
    found = await read(site, tmp_path, RSS)
    assert sorted(found.bytes) == ["https://news.example/knots", "n-1"]
    text = found.bytes["n-1"].decode()
    assert "<h1>Ropes &amp; lines</h1><p>Nylon <b>stretches</b>.</p>" in text and "Short." not in text
    assert found.scan.files["n-1"].attributes == {
        "title": "Ropes & lines",
        "url": "https://news.example/ropes",
        "updated": "Mon, 02 Nov 2026 08:00:00 GMT",
        "author": "Ada",
    }
    assert found.scan.files["n-1"].filename == "Ropes & lines.html"


async def test_atom_entries_become_documents(site: Site, tmp_path: Path) -> None:
    found = await read(site, tmp_path, ATOM)
    assert sorted(found.bytes) == ["urn:1", "urn:2"]
    assert b"Nylon stretches." in found.bytes["urn:1"]
    assert found.scan.files["urn:1"].attributes["url"] == "https://news.example/ropes"
    assert found.scan.files["urn:1"].attributes["author"] == "Ada"


async def test_rss_1_is_read(site: Site, tmp_path: Path) -> None:
    assert list((await read(site, tmp_path, RDF)).bytes) == ["https://news.example/r"]


async def test_an_entry_that_stays_the_same_is_not_written_again(site: Site, tmp_path: Path) -> None:
    first = await read(site, tmp_path, RSS)
    second = await read(site, tmp_path, RSS.replace("bowline", "sheet bend"), known=first.versions())
    assert list(second.bytes) == ["https://news.example/knots"]


async def test_entries_that_left_the_feed_stay_unless_told_otherwise(site: Site, tmp_path: Path) -> None:
    assert (await read(site, tmp_path, RSS)).scan.is_unknown("n-0")
    assert not (await read(site, tmp_path, RSS, keep_old=False)).scan.is_unknown("n-0")


@pytest.mark.parametrize("body", [LAUGHS, OUTSIDE, "", "not xml", "<html/>", "<rss><channel>", b"\xff\xfe<rss/>"])
async def test_bad_xml_makes_the_source_unavailable(site: Site, tmp_path: Path, body: str | bytes) -> None:
    with pytest.raises(SourceUnavailable):
        await read(site, tmp_path, body)


async def test_xml_nested_without_end_is_survived(site: Site, tmp_path: Path) -> None:
    deep = "<div>" * 100_000 + "</div>" * 100_000
    body = f'<feed><entry><id>1</id><content type="xhtml">{deep}</content></entry></feed>'
    with pytest.raises(SourceUnavailable, match="nested"):
        await read(site, tmp_path, body)


async def test_identities_and_titles_never_become_paths(site: Site, tmp_path: Path) -> None:
    body = RSS.replace("n-1", "../../etc/passwd").replace("Ropes &amp; lines", "../../x")
    found = await read(site, tmp_path, body)
    assert found.scan.files["../../etc/passwd"].filename == "..-..-x.html"
    assert {entry.parent for entry in tmp_path.rglob("*") if entry.is_file()} == {tmp_path / "look"}
