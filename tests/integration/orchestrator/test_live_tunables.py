"""Edits of the tunables file change the next answer; bad ones change nothing and are named."""

import asyncio
from typing import Any

import pytest

from fakes.pool import Gate, vector
from fakes.traces import TraceReceiver, attributes
from integration.orchestrator.conftest import EVERYONE, HARBOUR, SPACE, Platform, StartPlatform, until
from integration.orchestrator.test_chat import QUESTION
from vector_store.models import Chunk

# The promise is two seconds; the test waits longer, because it judges what happens and not how fast this machine is.
PATIENCE_S = 20


async def config(platform: Platform) -> dict[str, Any]:
    return (await platform.http.get("/v1/config")).json()


async def edited(platform: Platform, text: str) -> dict[str, Any]:
    """Write the file, and wait until it is in force or refused."""
    before = await config(platform)
    platform.config_file.write_text(text)
    async with asyncio.timeout(PATIENCE_S):
        while (now := await config(platform)) == before:
            await asyncio.sleep(0.02)
    return now


async def test_an_edit_is_in_force_without_a_restart(start_platform: StartPlatform) -> None:
    platform = await start_platform("top_k: 1")
    await platform.store_of(HARBOUR)
    first = (await platform.ask(QUESTION)).json()
    assert len(first["citations"]) == 1
    now = await edited(platform, "top_k: 3\ntemperature: 0.9\nmodel: other")
    assert now["effective"]["top_k"] == 3
    assert now["last_error"] is None
    second = (await platform.ask(QUESTION)).json()
    assert len(second["citations"]) == 3
    assert second["config_hash"] == now["hash"] != first["config_hash"]
    body = platform.pool.bodies("/chat/completions")[-1]
    assert (body["temperature"], body["model"]) == (0.9, "other")


async def test_the_prompt_and_the_applications_are_live(platform: Platform) -> None:
    await platform.store_of(HARBOUR, name="harbour")
    await edited(
        platform,
        "system_prompt: Speak like a sailor.\n"
        "prompt_template: 'DOCS {% for p in passages %}{{ p.text }}{% endfor %} ASK {{ question }}'\n"
        "applications: {sailor: {stores: [harbour]}}\n",
    )
    platform.pool.pieces = ["Aye [1]."]
    assert (await platform.ask(QUESTION, model="sailor")).status_code == 200
    system, user = platform.pool.bodies("/chat/completions")[-1]["messages"]
    assert system["content"] == "Speak like a sailor."
    assert user["content"].startswith("DOCS The lighthouse")
    assert user["content"].endswith(f"ASK {QUESTION}")


async def test_a_bad_edit_is_refused_with_key_and_reason_and_the_last_good_one_serves(platform: Platform) -> None:
    await platform.store_of(HARBOUR)
    good = await edited(platform, "top_k: 2")
    bad = await edited(platform, "top_k: 2\nprompt_template: only {{ question }}\n")
    assert bad["hash"] == good["hash"]
    assert bad["last_error"]["key"] == "prompt_template"
    assert bad["last_error"]["line"] == 2
    assert "passages" in bad["last_error"]["reason"]
    answer = (await platform.ask(QUESTION)).json()
    assert (answer["config_hash"], len(answer["citations"])) == (good["hash"], 2)
    assert "fairlead_config_reload_success" in (await platform.http.get("/metrics")).text


async def test_an_answer_in_the_making_keeps_the_configuration_that_it_began_with(platform: Platform) -> None:
    await platform.store_of(HARBOUR)
    before = await config(platform)
    gate = platform.pool.hold["/embeddings"] = Gate()
    asked = asyncio.create_task(platform.ask(QUESTION))
    await until(lambda: platform.pool.bodies("/embeddings"), "the question's embedding")
    await edited(platform, "top_k: 1\nmax_tokens: 7")
    gate.set()
    answer = (await asked).json()
    assert answer["config_hash"] == before["hash"]
    assert len(answer["citations"]) == 3
    assert platform.pool.bodies("/chat/completions")[0]["max_tokens"] == 512


async def test_the_last_good_configuration_survives_a_restart_on_a_bad_file(start_platform: StartPlatform) -> None:
    await start_platform("top_k: 4")
    restarted = await start_platform("top_k: none of your business")
    shown = await config(restarted)
    assert shown["effective"]["top_k"] == 4
    assert shown["last_error"]["key"] == "top_k"


async def test_content_capture_is_live(start_platform: StartPlatform) -> None:
    async with TraceReceiver().running() as receiver:
        platform = await start_platform(otlp_endpoint=receiver.url)
        await platform.store_of(HARBOUR)
        for number, capture in enumerate(("full", "off", "redacted"), 1):
            await edited(platform, f"telemetry: {{content: {{capture: '{capture}'}}}}")
            assert (await platform.ask(f"{QUESTION} Tell x@y.org.")).status_code == 200
            root = (await receiver.named("answer", number))[-1]
            asked = attributes(root).get("input.value", "")
            assert ("x@y.org" in asked, "[email]" in asked) == (capture == "full", capture == "redacted")
        refused = await edited(platform, "telemetry: {content: {patterns: {mine: '('}}}")
        assert refused["last_error"]["key"] == "telemetry.content.patterns"


async def test_logging_is_live_and_by_module(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    await edited(platform, "telemetry: {logs: {level: minimal}}")
    caplog.clear()
    await edited(platform, "telemetry: {logs: {level: minimal, modules: {live_config: standard}}}")
    await edited(platform, "telemetry: {logs: {level: minimal, modules: {live_config: minimal}}}")
    # The module speaks once it is told to, which is after the change that told it; then it is silent again.
    assert [record.name for record in caplog.records] == ["live_config"]


async def test_config_shows_no_secret(start_platform: StartPlatform) -> None:
    platform = await start_platform(mlflow_token="a-secret-token")
    text = (await platform.http.get("/v1/config")).text
    assert "a-secret-token" not in text
    assert "postgresql://" not in text


async def test_sections_are_shown_with_their_passages_when_asked_for(start_platform: StartPlatform) -> None:
    platform = await start_platform("top_k: 1\nexpand: section")
    store = await platform.store_of(HARBOUR)
    section = [
        "Ropes are made of nylon.",
        "The pilot comes aboard at the outer buoy.",
        "He leaves behind the mole.",
    ]
    chunks = [
        Chunk(
            text,
            vector(text)[None, :],
            headings=("Pilots",),
            page=page,
            metadata={"start": page * 100, "end": page * 100 + len(text)},
        )
        for page, text in enumerate(section, 1)
    ]
    file = await platform.catalog.create_file(
        EVERYONE, filename="pilots.pdf", bytes=9, sha256="0" * 64, object_key="default/pilots.pdf"
    )
    await platform.catalog.attach(EVERYONE, store.id, file.id)
    await platform.chunks.write(EVERYONE, store.id, file.id, chunks, space=SPACE, fingerprint="1")
    platform.pool.pieces = ["He leaves behind the mole [1]."]
    (cited,) = (await platform.ask("Where does the pilot come aboard, at which buoy?")).json()["citations"]
    assert cited["text"] == "\n\n".join(section)
    assert cited["quote"] == section[2] and cited["quote"] in cited["text"]
    assert cited["page"] == 3
    await edited(platform, "top_k: 1\nexpand: none")
    platform.pool.pieces = ["At the outer buoy [1]."]
    (cited,) = (await platform.ask("Where does the pilot come aboard, at which buoy?")).json()["citations"]
    assert cited["text"] == section[1]
