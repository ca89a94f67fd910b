"""A web site as a source: what belongs to it is found, what its owner forbids is left, what is unknown is kept."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fakes.site import Site
from ingestion.sources.kind import SourceUnavailable
from unit.ingestion.looking import Looked, looked, source

PAGE = "<html><head><title>{title}</title></head><body><p>{title} text.</p>{links}</body></html>"


def page(title: str, *links: str, head: str = "") -> str:
    anchors = "".join(f'<a href="{link}">{link}</a>' for link in links)
    return PAGE.format(title=title, links=anchors).replace("<head>", f"<head>{head}")


def sitemap(*urls: str) -> str:
    entries = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'


def index(*urls: str) -> str:
    entries = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</sitemapindex>'


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().running() as site:
        yield site


async def crawl(site: Site, tmp_path: Path, start: str = "/", **options: Any) -> Looked:
    settings = {"kind": "website", "url": site.url + start, "allow_private": True, "delay_s": 0} | options
    return await looked(tmp_path, **settings)


def paths(site: Site, found: Looked) -> list[str]:
    return sorted(path.removeprefix(site.url) for path in found.scan.files)


async def test_links_are_followed_within_the_site_to_the_depth(site: Site, tmp_path: Path) -> None:
    site.pages |= {
        "/": page("Start", "a", "/b?x=1", "https://example.org/", "mailto:x@y", "picture.png", "#part", "a#part"),
        "/a": page("A", "/deep"),
        "/b?x=1": page("B"),
        "/deep": page("Deep", "/deeper"),
        "/deeper": page("Deeper"),
    }
    found = await crawl(site, tmp_path, depth=2)
    assert paths(site, found) == ["/", "/a", "/b?x=1", "/deep"]
    assert b"A text." in found.bytes[f"{site.url}/a"]
    file = found.scan.files[f"{site.url}/a"]
    assert file.attributes == {"url": f"{site.url}/a", "title": "A"} and file.filename == "a.html"
    assert "/picture.png" not in site.paths() and not found.scan.partial


async def test_robots_txt_is_obeyed_and_read_once(site: Site, tmp_path: Path) -> None:
    site.pages |= {
        "/robots.txt": "User-agent: *\nDisallow: /private\nDisallow: /*.pdf$\nAllow: /\n",
        "/": page("Start", "/private/x", "/open", "/report.pdf"),
        "/private/x": page("Private"),
        "/open": page("Open"),
        "/report.pdf": b"%PDF-1.4",
    }
    found = await crawl(site, tmp_path)
    assert paths(site, found) == ["/", "/open"]
    assert sorted(site.paths()) == ["/", "/open", "/robots.txt"]


async def test_a_robots_txt_that_forbids_the_start_makes_the_source_unavailable(site: Site, tmp_path: Path) -> None:
    site.pages |= {"/robots.txt": "User-agent: Fairlead\nDisallow: /\n", "/": page("Start")}
    with pytest.raises(SourceUnavailable, match="forbids"):
        await crawl(site, tmp_path)
    assert site.paths() == ["/robots.txt"]


async def test_a_robots_txt_that_cannot_be_read_bars_everything(site: Site, tmp_path: Path) -> None:
    site.fail("/robots.txt", 503)
    site.pages["/"] = page("Start")
    with pytest.raises(SourceUnavailable, match=r"robots\.txt"):
        await crawl(site, tmp_path)
    assert site.paths() == ["/robots.txt"]


async def test_a_redirect_into_what_robots_txt_forbids_is_not_followed(site: Site, tmp_path: Path) -> None:
    site.pages |= {"/robots.txt": "User-agent: *\nDisallow: /private\n", "/": page("Start", "/a"), "/private": "x"}
    site.redirect("/a", "/private")
    found = await crawl(site, tmp_path)
    assert paths(site, found) == ["/"] and "/private" not in site.paths()
    assert found.reasons() == ["refused_redirect"]


async def test_robots_meta_tags_are_obeyed(site: Site, tmp_path: Path) -> None:
    site.pages |= {
        "/": page("Start", "/noindex", "/nofollow"),
        "/noindex": page("N", "/through", head='<meta name="robots" content="noindex">'),
        "/nofollow": page("F", "/not", head='<meta name="ROBOTS" content="NOFOLLOW">'),
        "/through": page("Through"),
        "/not": page("Not"),
    }
    assert paths(site, await crawl(site, tmp_path)) == ["/", "/nofollow", "/through"]


async def test_pages_that_did_not_change_are_not_sent_again(site: Site, tmp_path: Path) -> None:
    site.pages |= {
        "/sitemap.xml": sitemap(f"{site.url}/a", f"{site.url}/b"),
        "/a": page("A"),
        "/b": page("B"),
    }
    first = await crawl(site, tmp_path, "/sitemap.xml")
    site.pages["/b"] = page("B anew")
    site.answered.clear()
    second = await crawl(site, tmp_path, "/sitemap.xml", known=first.versions())
    assert ("/a", 304) in site.answered and ("/b", 200) in site.answered
    assert list(second.bytes) == [f"{site.url}/b"]
    assert paths(site, second) == ["/a", "/b"]


async def test_without_etags_the_hash_is_the_version(site: Site, tmp_path: Path) -> None:
    site.etags = False
    site.pages |= {"/": page("Start", "/a"), "/a": page("A")}
    first = await crawl(site, tmp_path)
    site.pages["/a"] = page("A anew")
    second = await crawl(site, tmp_path, known=first.versions())
    assert list(second.bytes) == [f"{site.url}/a"]


async def test_a_page_that_is_gone_is_gone_and_one_that_fails_is_unknown(site: Site, tmp_path: Path) -> None:
    site.pages |= {"/sitemap.xml": sitemap(*(f"{site.url}/{name}" for name in ("a", "gone", "broken"))), "/a": "<p>a"}
    site.fail("/broken", 500)
    found = await crawl(site, tmp_path, "/sitemap.xml")
    assert paths(site, found) == ["/a"]
    assert not found.scan.is_unknown(f"{site.url}/gone")
    assert found.scan.is_unknown(f"{site.url}/broken")


async def test_what_a_failed_page_would_have_linked_to_is_unknown(site: Site, tmp_path: Path) -> None:
    site.pages["/"] = page("Start", "/a")
    site.fail("/a", 500)
    found = await crawl(site, tmp_path)
    assert found.scan.is_unknown(f"{site.url}/below-a")


@pytest.mark.parametrize("status", [404, 500, 403])
async def test_a_start_page_that_fails_makes_the_source_unavailable(site: Site, tmp_path: Path, status: int) -> None:
    site.fail("/", status)
    with pytest.raises(SourceUnavailable):
        await crawl(site, tmp_path)


async def test_links_without_end_stop_at_max_pages(site: Site, tmp_path: Path) -> None:
    site.pages |= {f"/{n}": page(str(n), f"/{n + 1}", f"/{n + 100}") for n in range(300)}
    site.pages["/"] = page("Start", "/1")
    found = await crawl(site, tmp_path, max_pages=5, depth=20)
    assert len(found.scan.files) == 5
    assert found.reasons() == ["limit_reached"] and found.scan.partial


async def test_a_server_in_trouble_is_left_alone(site: Site, tmp_path: Path) -> None:
    site.pages["/"] = page("Start", *(f"/{n}" for n in range(50)))
    for number in range(50):
        site.fail(f"/{number}", 503)
    found = await crawl(site, tmp_path)
    assert len(site.requests) == 7  # robots.txt, the start page, five failures
    assert found.scan.partial


async def test_include_exclude_and_further_hosts(site: Site, tmp_path: Path) -> None:
    async with Site(pages={"/docs/z": page("Z")}).running() as other:
        links = ("/docs/a", "/docs/old/b", "/blog", f"{other.url}/docs/z".replace("127.0.0.1", "localhost"))
        site.pages |= {"/docs/": page("Start", *links), "/docs/a": page("A"), "/docs/old/b": "<p>b", "/blog": "<p>c"}
        found = await crawl(site, tmp_path, "/docs/", include=["/docs"], exclude=["/docs/old"], hosts=["localhost"])
    assert sorted(path.rpartition("/")[2] for path in found.scan.files) == ["", "a", "z"]


async def test_two_addresses_of_one_page_count_once(site: Site, tmp_path: Path) -> None:
    site.pages |= {"/": page("Start", "/old", "/new", "/older"), "/new": page("New")}
    site.redirect("/old", "/new")
    site.redirect("/older", "/new")
    assert paths(site, await crawl(site, tmp_path)) == ["/", "/new"]


async def test_sitemap_indexes_are_read_and_their_circles_end(site: Site, tmp_path: Path) -> None:
    site.pages |= {
        "/sitemap.xml": index(f"{site.url}/one.xml.gz", f"{site.url}/sitemap.xml", "http://169.254.169.254/s.xml"),
        "/one.xml.gz": gzip.compress(sitemap(f"{site.url}/a", "https://example.org/x").encode()),
        "/a": page("A", "/not-followed"),
        "/not-followed": page("B"),
    }
    assert paths(site, await crawl(site, tmp_path, "/sitemap.xml")) == ["/a"]


async def test_sitemaps_nested_without_end_stop(site: Site, tmp_path: Path) -> None:
    site.pages |= {f"/{n}.xml": index(*(f"{site.url}/{2 * n + k}.xml" for k in (1, 2))) for n in range(1000)}
    found = await crawl(site, tmp_path, "/0.xml")
    assert found.reasons() == ["limit_reached"] and found.scan.partial
    assert len(site.requests) < 40


@pytest.mark.parametrize(
    "body",
    [
        b"not xml at all",
        b"<html><body>a page</body></html>",
        b"",
        b'<!DOCTYPE x [<!ENTITY a "aaa"><!ENTITY b "&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><urlset><url><loc>&a;</loc></url></urlset>',
        b"<urlset></urlset>",
    ],
)
async def test_what_is_no_sitemap_makes_the_source_unavailable(site: Site, tmp_path: Path, body: bytes) -> None:
    site.pages["/sitemap.xml"] = body
    with pytest.raises(SourceUnavailable):
        await crawl(site, tmp_path, "/sitemap.xml")


async def test_a_sitemap_that_unpacks_to_gigabytes_is_refused(site: Site, tmp_path: Path) -> None:
    site.pages["/sitemap.xml.gz"] = gzip.compress(b"<urlset>" + b" " * 60_000_000)
    with pytest.raises(SourceUnavailable, match="too large"):
        await crawl(site, tmp_path, "/sitemap.xml.gz")


async def test_a_huge_sitemap_is_read_in_little_memory_up_to_the_protocols_bound(site: Site, tmp_path: Path) -> None:
    site.pages["/sitemap.xml"] = sitemap(*(f"{site.url}/{n}" for n in range(60_000)))
    site.pages |= {f"/{n}": page(str(n)) for n in range(10)}
    found = await crawl(site, tmp_path, "/sitemap.xml", max_pages=3)
    assert len(found.scan.files) == 3 and found.scan.partial


async def test_names_that_climb_stay_names(site: Site, tmp_path: Path) -> None:
    site.pages |= {"/": page("Start", "/x%2F..%2F..%2Fetc%2Fpasswd", "/..%5C..%5Cb"), "/x/../../etc/passwd": "<p>x"}
    found = await crawl(site, tmp_path)
    assert {entry.parent for entry in (tmp_path / "look").iterdir()} == {tmp_path / "look"}
    assert found.scan.files


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/", "http://", "https://name:word@host/", "//x", "javascript:1", "http:///x"]
)
def test_an_address_that_is_none_is_refused_in_the_configuration(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        source(kind="website", url=url)
