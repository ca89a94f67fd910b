"""Sources of all kinds end to end: what lies there is found, what goes away goes, and everyone sees how they stand."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fakes.site import Site
from integration.ingestion.worker_process import SCOPE, Bench
from unit.ingestion.test_git import commit, git
from vector_store.models import SearchRequest
from vector_store.source_states import SourceState, SourceStates

ROPES = "<html><head><title>Ropes</title></head><body><p>Nylon stretches and absorbs shock loads.</p></body></html>"
KNOTS = "<html><head><title>Knots</title></head><body><p>The bowline makes a fixed loop.</p></body></html>"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().running() as site:
        yield site


def website(bench: Bench, site: Site, **options: Any) -> dict[str, Any]:
    place = {"kind": "website", "url": f"{site.url}/sitemap.xml", "store": bench.store_name}
    return place | {"allow_private": True, "delay_s": 0, "every_s": 1, "label": "handbook"} | options


def listing(site: Site, *names: str) -> str:
    return "<urlset>" + "".join(f"<url><loc>{site.url}{name}</loc></url>" for name in names) + "</urlset>"


async def state(bench: Bench) -> SourceState | None:
    """As it is in the database, for everyone."""
    states = [each for each in await SourceStates(bench.pool).states("default") if each.store == bench.store_name]
    return states[0] if states else None


async def is_in(bench: Bench, wanted: str) -> bool:
    found = await state(bench)
    return found is not None and found.state == wanted


async def test_pages_of_a_site_are_found_filtered_changed_and_deleted(working: Bench, site: Site) -> None:
    site.pages |= {"/sitemap.xml": listing(site, "/ropes", "/knots"), "/ropes": ROPES, "/knots": KNOTS}
    working.configure(sources=[website(working, site)])
    await working.settled_as({"ropes.html": "completed", "knots.html": "completed"})
    store = await working.store()
    assert store is not None
    filters = {"type": "eq", "key": "url", "value": f"{site.url}/knots"}
    for words in ("bowline", "nylon"):
        result = await working.chunks.search(SCOPE, SearchRequest((store.id,), words, filters=filters))
        assert {hit.filename for hit in result.hits} <= {"knots.html"}
    by_source = {"type": "eq", "key": "source", "value": "handbook"}
    result = await working.chunks.search(SCOPE, SearchRequest((store.id,), "bowline", filters=by_source))
    attributes = {
        "url": f"{site.url}/knots",
        "title": "Knots",
        "source": "handbook",
        "source_path": f"{site.url}/knots",
    }
    assert result.hits[0].attributes == attributes

    ropes = (await working.files())["ropes.html"]
    await working.catalog.set_attributes(SCOPE, store.id, ropes.file_id, {**ropes.attributes, "team": "deck"})
    site.pages["/ropes"] = ROPES.replace("Nylon", "Hemp")
    await working.until(lambda: _has(working, "ropes.html", "Hemp"))
    changed = (await working.files())["ropes.html"]
    assert changed.file_id == ropes.file_id and changed.attributes["team"] == "deck"

    del site.pages["/knots"]
    site.pages["/sitemap.xml"] = listing(site, "/ropes")
    await working.settled_as({"ropes.html": "completed"})
    await working.verify()


async def test_a_site_that_is_down_loses_nothing_and_says_so(working: Bench, site: Site) -> None:
    site.pages |= {"/sitemap.xml": listing(site, "/ropes"), "/ropes": ROPES}
    working.configure(sources=[website(working, site)])
    await working.settled_as({"ropes.html": "completed"})
    site.fail("/sitemap.xml", 503)
    await working.until(lambda: is_in(working, "failed"))
    assert list(await working.files()) == ["ropes.html"]
    failed = await state(working)
    assert failed is not None and failed.error_reason == "unreachable" and failed.succeeded_at is not None
    (shown,) = (await working.get("/v1/sources"))["data"]
    assert shown["state"] == "failed" and "503" in shown["error"] and shown["lag_s"] > 0
    labels = '{reason="unreachable",source="handbook",tenant="default"}'
    assert await working.metric(f"fairlead_source_failures_total{labels}") >= 1
    assert await working.metric('fairlead_source_lag_seconds{source="handbook",tenant="default"}') > 0
    del site.handlers["/sitemap.xml"]
    await working.until(lambda: is_in(working, "ok"))


async def test_a_page_that_fails_keeps_its_passages_and_is_counted_by_reason(working: Bench, site: Site) -> None:
    site.pages |= {"/sitemap.xml": listing(site, "/ropes", "/knots"), "/ropes": ROPES, "/knots": KNOTS}
    working.configure(sources=[website(working, site)])
    await working.settled_as({"ropes.html": "completed", "knots.html": "completed"})
    site.fail("/knots", 403)

    async def counted() -> bool:
        found = await state(working)
        return found is not None and found.failures == {"forbidden": 1}

    await working.until(counted)
    assert sorted(await working.files()) == ["knots.html", "ropes.html"]
    (shown,) = (await working.get("/v1/sources"))["data"]
    assert shown["unreadable"][0]["path"] == f"{site.url}/knots"
    assert shown["documents"] == {"todo": 0, "done": 2, "failed": 0, "total": 2, "eta_s": 0}


async def test_every_kind_brings_its_documents(working: Bench, site: Site, tmp_path: Path) -> None:
    repository, bucket = tmp_path / "repository", tmp_path / "bucket"
    repository.mkdir()
    git(repository, "init", "--quiet", "--initial-branch=main")
    commit(repository, {"docs/splices.md": "# Splices\n\nAn eye splice keeps most of the strength.\n"})
    bucket.mkdir()
    (bucket / "anchors.txt").write_text("A plough anchor holds well in sand and mud.")
    item = "<item><guid>1</guid><title>Tides</title><description>Springs follow the full moon.</description></item>"
    site.pages["/feed.xml"] = f"<rss><channel>{item}</channel></rss>"
    site.pages["/api.json"] = json.dumps([{"id": 7, "title": "Fenders", "text": "Fenders hang at the widest beam."}])
    common = {"store": working.store_name, "every_s": 1}
    http = {"allow_private": True, "delay_s": 0}
    working.configure(
        sources=[
            {"kind": "git", "url": repository.as_uri(), "folder": "docs", "allow_private": True, **common},
            {"kind": "objects", "url": bucket.as_uri(), **common},
            {"kind": "feed", "url": f"{site.url}/feed.xml", **http, **common},
            {"kind": "json", "url": f"{site.url}/api.json", **http, **common},
        ]
    )
    files = {"docs/splices.md", "anchors.txt", "Tides.html", "Fenders.txt"}
    await working.settled_as(dict.fromkeys(files, "completed"))
    for words, name in (
        ("eye splice", "docs/splices.md"),
        ("plough anchor", "anchors.txt"),
        ("springs moon", "Tides.html"),
        ("widest beam", "Fenders.txt"),
    ):
        assert (await working.found(words))[0] == name
    commit(repository, {"docs/splices.md": None, "docs/whipping.md": "# Whipping\n\nTwine stops fraying.\n"})
    (bucket / "anchors.txt").unlink()
    site.pages["/api.json"] = "[]"
    await working.settled_as(dict.fromkeys(("docs/whipping.md", "Tides.html"), "completed"))
    await working.verify()


async def test_each_source_has_its_own_clock(working: Bench, site: Site) -> None:
    site.pages |= {"/sitemap.xml": listing(site, "/ropes"), "/ropes": ROPES}
    folder = {"kind": "folder", "path": str(working.folder), "store": working.store_name, "label": "files"}
    working.configure(sources=[website(working, site, every_s=3600), folder])
    await working.settled_as({"ropes.html": "completed"})
    before = await working.metric('fairlead_ingest_source_syncs_total{result="ok"}')

    async def looked_again() -> bool:
        return await working.metric('fairlead_ingest_source_syncs_total{result="ok"}') >= before + 3

    await working.until(looked_again)
    assert site.paths().count("/sitemap.xml") == 1


async def test_the_state_of_a_source_goes_with_it(working: Bench, site: Site) -> None:
    site.pages |= {"/sitemap.xml": listing(site, "/ropes"), "/ropes": ROPES}
    working.configure(sources=[website(working, site)])
    await working.until(lambda: is_in(working, "ok"))
    success = 'fairlead_source_last_success_timestamp_seconds{source="handbook",tenant="default"}'
    assert await working.metric(success) > 0
    working.configure(sources=[])

    async def gone() -> bool:
        return await state(working) is None

    await working.until(gone)
    await working.settled()
    assert await working.metric(success) == 0


async def test_a_slow_source_does_not_hold_up_the_others(working: Bench, site: Site) -> None:
    held = asyncio.Event()

    async def slow(_: Any) -> Any:
        await held.wait()
        raise ConnectionResetError

    site.handlers["/sitemap.xml"] = slow
    folder = {"kind": "folder", "path": str(working.folder), "store": working.store_name}
    working.write({"ropes.txt": "Nylon stretches."})
    working.configure(sources=[website(working, site), folder])
    await working.settled_as({"ropes.txt": "completed"})
    await working.until(lambda: _asked(site, "/sitemap.xml"))
    running = next(each for each in (await working.get("/v1/sources"))["data"] if each["kind"] == "website")
    assert running["state"] == "running"
    held.set()


async def test_failed_files_are_listed_and_put_back_from_the_command_line(working: Bench) -> None:
    working.models.fail["/embeddings"] = 400
    working.write({"ropes.txt": "Nylon stretches.", "empty.txt": "", "knots.txt": "The bowline."})
    await working.settled(ropes_txt="failed", empty_txt="failed", knots_txt="failed")
    listed = await command(working, "failed", "--store", working.store_name)
    assert "embedding_rejected" in listed and "empty_file" in listed and "ropes.txt" in listed
    del working.models.fail["/embeddings"]
    file = (await working.files())["ropes.txt"]
    assert "1 files are back" in (await command(working, "retry", "--file", file.file_id))
    await working.settled(ropes_txt="completed", empty_txt="failed", knots_txt="failed")
    assert "nothing to retry" in (await command(working, "retry", "--file", file.file_id, code=1))
    assert "Say which" in (await command(working, "retry", code=1))
    assert "2 files are back" in (await command(working, "retry", "--all-failed", "--store", working.store_name))
    await working.settled(ropes_txt="completed", empty_txt="failed", knots_txt="completed")
    await working.verify()


async def test_a_file_that_was_too_large_is_read_when_the_limit_is_raised(working: Bench) -> None:
    working.configure(limits={"file_bytes": 2000})
    working.write({"ropes.txt": "Nylon stretches and absorbs shock. " * 100})
    await working.settled(ropes_txt="failed")
    working.configure(limits={"file_bytes": 100_000})
    await working.settled(ropes_txt="completed")
    await working.verify()


async def test_a_new_label_is_on_what_did_not_change_too(working: Bench) -> None:
    working.write({"ropes.txt": "Nylon stretches.", "knots.txt": "The bowline."})
    await working.settled(ropes_txt="completed", knots_txt="completed")
    store, before = await working.store(), await working.files()
    assert store is not None
    full = {f"key{number}": number for number in range(16)}
    await working.catalog.set_attributes(SCOPE, store.id, before["knots.txt"].file_id, full)
    await working.catalog.set_attributes(SCOPE, store.id, before["ropes.txt"].file_id, {"team": "deck"})
    folder = {"kind": "folder", "path": str(working.folder), "store": working.store_name, "label": "manuals"}
    working.configure(sources=[folder])

    async def labelled() -> bool:
        attributes = (await working.files())["ropes.txt"].attributes
        return attributes == {"team": "deck", "source": "manuals", "source_path": "ropes.txt"}

    await working.until(labelled)
    assert (await working.files())["knots.txt"].attributes == full
    assert working.embedded() == 2


async def test_the_command_line_shows_how_sources_stand(working: Bench, site: Site) -> None:
    site.pages |= {"/sitemap.xml": listing(site, "/ropes"), "/ropes": ROPES}
    working.configure(sources=[website(working, site)])
    await working.settled_as({"ropes.html": "completed"})
    await working.until(lambda: is_in(working, "ok"))
    shown = await command(working, "sources", "--watch")
    assert "handbook" in shown and "1 of 1" in shown and "ok" in shown
    site.fail("/sitemap.xml", 500)
    assert "500" in (await command(working, "sync", code=1))
    del site.handlers["/sitemap.xml"]
    assert "1 documents" in (await command(working, "sync"))


async def command(bench: Bench, *arguments: str, code: int = 0) -> str:
    # In a thread: what the command asks for is served by this process.
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "ingestion", *arguments],
        env=bench.environment() | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


async def _has(bench: Bench, name: str, word: str) -> bool:
    return any(word in text for text in await bench.texts(name))


async def _asked(site: Site, path: str) -> bool:
    return path in site.paths()
