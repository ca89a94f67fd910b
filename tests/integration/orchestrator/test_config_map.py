"""In a cluster a tunable is one key of a ConfigMap: an edit of it changes the next answer, and fails none."""

import asyncio
from pathlib import Path

from fakes.kubernetes import cluster
from integration.orchestrator.conftest import HARBOUR, StartPlatform, until
from integration.orchestrator.test_chat import QUESTION
from integration.orchestrator.test_live_tunables import config

NAME, LAST_GOOD = "orchestrator-tunables", "orchestrator-last-good"


async def test_a_key_that_is_edited_changes_the_next_answer(start_platform: StartPlatform, tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    (folder / "top_k").write_text("1")
    with cluster(tmp_path) as kube:
        kube.put(NAME, {"top_k": "1"})
        kube.put(LAST_GOOD, {})
        platform = await start_platform(
            config_file=folder,
            last_good_dir=None,
            config_map=NAME,
            last_good_config_map=LAST_GOOD,
            kubernetes_url=kube.url,
            kubernetes_account=kube.account,
        )
        await platform.store_of(HARBOUR)
        await until(kube.watching, "the watch")
        assert len((await platform.ask(QUESTION)).json()["citations"]) == 1
        before = (await config(platform))["hash"]
        asked = [asyncio.create_task(platform.ask(QUESTION)) for _ in range(5)]
        kube.put(NAME, {"top_k": "3", "temperature": "0.9", "system_prompt": "Speak like a sailor.\n"})
        async with asyncio.timeout(20):
            while (now := await config(platform))["hash"] == before:
                await asyncio.sleep(0.02)
        answers = [await each for each in asked]
        assert {answer.status_code for answer in answers} == {200}
        answer = (await platform.ask(QUESTION)).json()
        assert (len(answer["citations"]), answer["config_hash"]) == (3, now["hash"])
        assert platform.pool.bodies("/chat/completions")[-1]["messages"][0]["content"] == "Speak like a sailor.\n"
        kube.put(NAME, {"top_k": "3", "temparature": "0.9"})
        async with asyncio.timeout(20):
            while (refused := await config(platform))["last_error"] is None:
                await asyncio.sleep(0.02)
        assert refused["hash"] == now["hash"]
        assert refused["last_error"]["key"] == "temparature"
        assert refused["last_error"]["reason"] == "unknown key; the nearest is temperature"
