"""Long lists of texts are spread over the endpoints, and a slow call may be helped by a second one."""

import asyncio
from typing import Any

from fakes.upstream import CHAT, Endpoint, Reply, serving
from integration.llm_proxy.pool_process import Pool

SPACE = {"model": "weights", "version": "1", "dimension": 1}


class Embeds(Endpoint):
    """Answers each text by its number, the rows in another order; `refuses` so many calls first."""

    refuses = 0

    def next(self, body: Any) -> Reply:
        if self.refuses:
            self.refuses -= 1
            return Reply(429, {"error": {}}, {"retry-after-ms": "1"})
        texts = body["input"]
        rows = [{"object": "embedding", "index": n, "embedding": [float(text)]} for n, text in enumerate(texts)]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        return Reply(body={"object": "list", "data": rows[::-1], "model": "e", "usage": usage})


async def test_slices_come_back_in_order_and_only_a_failed_one_is_asked_again(shared_pool: Pool) -> None:
    limping = Embeds([])
    limping.refuses = 2
    async with serving(made=limping) as one, serving(made=Embeds([])) as two:
        endpoints = [{"name": f"e{number}", "url": e.url, "space": SPACE} for number, e in enumerate((one, two))]
        slicing = {"inputs": 3, "at_once": 2}
        await shared_pool.use({"models": {"e": {"endpoints": endpoints, "slicing": slicing}}})
        texts = [str(number) for number in range(20)]
        answer = await shared_pool.ask("e", "/v1/embeddings", input=texts, user="u")
        assert answer.status_code == 200, answer.text
        rows = answer.json()["data"]
        assert [row["index"] for row in rows] == list(range(20))
        assert [row["embedding"] for row in rows] == [[float(number)] for number in range(20)]
        assert answer.json()["usage"] == {"prompt_tokens": 20, "total_tokens": 20}
        sliced = [body for _, body in (*one.seen, *two.seen)]
        assert all(body["user"] == "u" and len(body["input"]) <= 3 for body in sliced)
        assert len(sliced) <= 7 + 2
        assert int(answer.headers["x-fairlead-attempts"]) == len(sliced)


async def test_a_slice_that_cannot_be_had_fails_the_whole(shared_pool: Pool) -> None:
    async with serving(Reply(400, {"error": {"message": "bad text"}})) as endpoint:
        model = {"endpoints": [{"name": "a", "url": endpoint.url, "space": SPACE}], "slicing": {"inputs": 1}}
        await shared_pool.use({"models": {"refused": model}})
        answer = await shared_pool.ask("refused", "/v1/embeddings", input=["1", "2", "3"])
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, "bad text")


async def test_a_slow_short_call_is_helped_and_the_slow_one_is_cancelled(shared_pool: Pool) -> None:
    async with serving(Reply(silent=True)) as slow, serving(Reply(body=CHAT)) as quick:
        endpoints = [
            {"name": "slow", "url": slow.url, "priority": 0},
            {"name": "quick", "url": quick.url, "priority": 1},
        ]
        config = {"models": {"h": {"endpoints": endpoints, "hedge": True}}, "hedge": {"after_s": 0.05, "share": 0.5}}
        await shared_pool.use(config)
        answer = await shared_pool.ask("h", max_tokens=10)
        assert (answer.status_code, answer.headers["x-fairlead-endpoint"]) == (200, "quick")
        async with asyncio.timeout(20):
            await slow.left.wait()
        assert (slow.calls, quick.calls) == (1, 1)
        assert await shared_pool.metric('fairlead_pool_hedges_total{model="h",winner="second"}') == 1


async def test_a_long_call_is_not_doubled(shared_pool: Pool) -> None:
    async with serving(Reply(body=CHAT, delay_s=0.4)) as slow, serving(Reply(body=CHAT)) as quick:
        endpoints = [
            {"name": "slow", "url": slow.url, "priority": 0},
            {"name": "quick", "url": quick.url, "priority": 1},
        ]
        hedge = {"after_s": 0.05, "share": 1.0, "most_tokens": 100}
        await shared_pool.use({"models": {"long": {"endpoints": endpoints, "hedge": True}}, "hedge": hedge})
        answer = await shared_pool.ask("long", max_tokens=500)
        assert (answer.headers["x-fairlead-endpoint"], quick.calls) == ("slow", 0)
