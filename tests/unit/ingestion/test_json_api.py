"""A JSON API as a source: lists over pages, and answers that nobody expected."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from fakes.site import Site
from ingestion.sources.json_api import at
from ingestion.sources.kind import SourceUnavailable
from unit.ingestion.looking import Looked, looked

OPTIONS = {
    "kind": "json",
    "allow_private": True,
    "delay_s": 0,
    "items": "data.articles",
    "id": "id",
    "title": "fields.title",
    "text": "fields.body",
    "updated": "changed",
    "link": "links.0",
    "next": "next",
    "format": "markdown",
}


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().running() as site:
        yield site


def article(number: int, text: str = "Nylon stretches.") -> dict[str, Any]:
    return {
        "id": number,
        "changed": "2026-11-02",
        "fields": {"title": f"Article {number}", "body": text},
        "links": [f"https://kb.example/{number}"],
    }


def answer(*articles: Any, next: Any = None) -> str:
    return json.dumps({"data": {"articles": list(articles)}, "next": next})


async def read(site: Site, tmp_path: Path, **options: Any) -> Looked:
    return await looked(tmp_path, **{**OPTIONS, "url": f"{site.url}/api.json", **options})


async def test_items_of_all_pages_become_documents(site: Site, tmp_path: Path) -> None:
    site.pages["/api.json"] = answer(article(1), article(2), next="?page=2")
    site.pages["/api.json?page=2"] = answer(article(3))
    found = await read(site, tmp_path)
    assert sorted(found.bytes) == ["1", "2", "3"]
    assert found.bytes["1"] == b"# Article 1\n\nNylon stretches.\n"
    file = found.scan.files["1"]
    assert (file.filename, file.content_type) == ("Article 1.md", "text/markdown")
    assert file.attributes == {"title": "Article 1", "url": "https://kb.example/1", "updated": "2026-11-02"}
    assert not found.scan.is_unknown("4")


async def test_items_that_stay_the_same_are_not_written_again(site: Site, tmp_path: Path) -> None:
    site.pages["/api.json"] = answer(article(1), article(2))
    first = await read(site, tmp_path)
    site.pages["/api.json"] = answer(article(1), article(2, "Hemp does not."))
    assert list((await read(site, tmp_path, known=first.versions())).bytes) == ["2"]


async def test_items_without_identity_or_text_are_left_out(site: Site, tmp_path: Path) -> None:
    odd = [None, 7, "text", [], {}, article(1) | {"id": None}, article(2, ""), article(3) | {"fields": []}]
    site.pages["/api.json"] = answer(*odd, article(4))
    found = await read(site, tmp_path)
    assert list(found.bytes) == ["4"] and found.scan.skipped == len(odd)


@pytest.mark.parametrize(
    "body", ["", "{", "nonsense", "[1, 2", '{"data": {"articles": {}}}', "[]", "[" * 100_000, b"\xff\xfe", "NaN"]
)
async def test_an_answer_of_another_form_makes_the_source_unavailable(
    site: Site, tmp_path: Path, body: str | bytes
) -> None:
    site.pages["/api.json"] = body
    with pytest.raises(SourceUnavailable):
        await read(site, tmp_path)


async def test_a_later_page_that_fails_leaves_the_rest_unknown(site: Site, tmp_path: Path) -> None:
    site.pages["/api.json"] = answer(article(1), next="?page=2")
    site.fail("/api.json?page=2", 500)
    found = await read(site, tmp_path)
    assert list(found.bytes) == ["1"] and found.scan.is_unknown("3")
    assert found.reasons() == ["unreachable"]


async def test_pages_in_a_circle_end(site: Site, tmp_path: Path) -> None:
    site.pages["/api.json"] = answer(article(1), next="?page=2")
    site.pages["/api.json?page=2"] = answer(article(2), next="/api.json")
    found = await read(site, tmp_path)
    assert sorted(found.bytes) == ["1", "2"]
    assert found.reasons() == ["invalid_content"] and len(site.requests) == 2


async def test_the_next_page_is_never_on_another_host(site: Site, tmp_path: Path) -> None:
    site.pages["/api.json"] = answer(article(1), next="http://169.254.169.254/latest")
    found = await read(site, tmp_path)
    assert found.reasons() == ["refused_redirect"] and found.scan.partial


async def test_pages_without_end_stop_at_max_items(site: Site, tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        number = int(request.query.get("page", "0"))
        return web.json_response(json.loads(answer(article(number), next=f"?page={number + 1}")))

    site.handlers["/api.json"] = endless
    found = await read(site, tmp_path, max_items=10)
    assert len(found.bytes) == 10 and found.reasons() == ["limit_reached"] and found.scan.partial


async def test_the_credential_comes_from_its_place(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pages["/api.json"] = answer(article(1))
    monkeypatch.setenv("KB_TOKEN", "t0ken")
    await read(site, tmp_path, token={"env": "KB_TOKEN"})
    (tmp_path / "key").write_text("k3y\n")
    await read(site, tmp_path, token={"file": str(tmp_path / "key")}, token_header="X-Api-Key")
    assert site.requests[0].headers["Authorization"] == "Bearer t0ken"
    assert site.requests[1].headers["X-Api-Key"] == "k3y"


@pytest.mark.parametrize("token", [{"env": "NOT_THERE"}, {"file": "/not/there"}])
async def test_a_credential_that_is_not_there_is_named(site: Site, tmp_path: Path, token: dict[str, str]) -> None:
    with pytest.raises(SourceUnavailable, match=next(iter(token.values()))):
        await read(site, tmp_path, token=token)
    assert site.requests == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("", {"a": [{"b": 1}]}),
        ("a.0.b", 1),
        ("a.1.b", None),
        ("a.b", None),
        ("a.0.b.c", None),
        ("x", None),
        ("a.-1", None),
    ],
)
def test_places_in_an_answer(place: str, value: Any) -> None:
    assert at({"a": [{"b": 1}]}, place) == value
