"""What sources parse comes from strangers: whatever it is, it is read or refused, and nothing else happens."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from ingestion.sources.feed import read_feed
from ingestion.sources.json_api import at
from ingestion.sources.kind import Unreadable
from ingestion.sources.page_links import read_links
from ingestion.sources.sitemap import read_sitemap

FIXTURES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
NAMES = ("rss", "feed", "item", "entry", "id", "guid", "link", "content", "description", "loc", "url", "urlset", "a")
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="<&"), max_size=12)


def xml(roots: tuple[str, ...]) -> st.SearchStrategy[bytes]:
    """Documents that look like ours, in any order and nesting."""
    tree = st.recursive(
        TEXT,
        lambda inner: st.builds(
            lambda name, parts: f"<{name} href='http://[x' type='xhtml'>{''.join(parts)}</{name}>",
            st.sampled_from(NAMES),
            st.lists(inner, max_size=4),
        ),
        max_leaves=20,
    )
    return st.builds(lambda root, part: f"<{root}>{part}</{root}>".encode(), st.sampled_from(roots), tree)


@FIXTURES
@given(st.binary(max_size=200) | xml(("rss", "feed", "x")))
def test_a_feed_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(Unreadable):
        for record in read_feed(data, "here"):
            assert record.identity and record.text


@FIXTURES
@given(st.binary(max_size=200) | xml(("urlset", "sitemapindex", "x")))
def test_a_sitemap_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(Unreadable):
        assert all(read_sitemap(data, "here").pages)


@FIXTURES
@given(st.binary(max_size=300), st.none() | st.text(max_size=10))
def test_a_page_gives_links_or_none(tmp_path: Path, data: bytes, charset: str | None) -> None:
    place = tmp_path / "page"
    place.write_bytes(b"<a href='/x'>x</a>" + data)
    assert isinstance(read_links(place, "http://example.org/", charset).links, tuple)


@pytest.mark.parametrize(
    "href", ["http://[", "//", "http://:99999/", "\\\\x", "http://\x00/", "ht\ntp://x", "?" * 3000, "http://é/"]
)
def test_links_that_are_none_do_no_harm(tmp_path: Path, href: str) -> None:
    place = tmp_path / "page"
    place.write_text(f'<base href="{href}"><a href="{href}">x</a><a href="/fine">y</a>')
    for link in read_links(place, "http://example.org/", "utf-8").links:
        with contextlib.suppress(ValueError):
            URL(link)


def test_a_page_nested_without_end_is_read(tmp_path: Path) -> None:
    place = tmp_path / "page"
    place.write_text("<a href='/first'>x</a>" + "<div>" * 200_000 + "<a href='/last'>y</a>")
    assert read_links(place, "http://example.org/").links[0] == "http://example.org/first"


@FIXTURES
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=10,
    ),
    st.text(max_size=12),
)
def test_any_place_in_any_answer_is_something_or_nothing(value: Any, place: str) -> None:
    json.dumps(at(value, place))
