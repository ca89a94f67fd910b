"""Constant traffic through the platform's entry: short questions and long streams, and what became of each."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

PAUSE_S = 0.25
STREAMS = 3
# The model of the proofs streams for 30 s when it is asked so.
SLOWLY = "Which knot makes a fixed loop? Tell me slowly."
QUICKLY = "Which knot makes a fixed loop?"
ANSWER_S = 60


@dataclass
class Traffic:
    """What was asked and what came back. A failure is anything but a whole answer."""

    answered: int = 0
    streamed: int = 0
    failures: list[str] = field(default_factory=list)
    degraded: int = 0
    hashes: Counter[str] = field(default_factory=Counter)
    last_hash: str = ""
    said: Counter[str] = field(default_factory=Counter)
    """How often each model key was seen by the model, where it says so."""

    def figure(self) -> str:
        """For a table."""
        return f"{self.answered} answers and {self.streamed} streams of 30 s: {len(self.failures)} failed or cut"


@asynccontextmanager
async def flowing(url: str, key: str, store: str, streams: int = STREAMS) -> AsyncIterator[Traffic]:
    """Traffic while the context is open; streams that are open at its end are waited for."""
    traffic, ending = Traffic(), asyncio.Event()
    headers = {"authorization": f"Bearer {key}"}
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    # A connection for each request: a new pod then gets its share at once, and none is found closed.
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector, trust_env=False) as session:
        asked = f"{url}/v1/chat/completions"
        tasks = [asyncio.create_task(_questions(session, asked, store, traffic, ending))]
        tasks += [asyncio.create_task(_streams(session, asked, store, traffic, ending, n)) for n in range(streams)]
        try:
            yield traffic
        finally:
            ending.set()
            await asyncio.gather(*tasks)


def _body(question: str, store: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}], "vector_store_ids": [store], **more}


async def _questions(
    session: aiohttp.ClientSession, url: str, store: str, traffic: Traffic, ending: asyncio.Event
) -> None:
    running: set[asyncio.Task[None]] = set()
    while not ending.is_set():
        task = asyncio.create_task(_question(session, url, store, traffic))
        running.add(task)
        task.add_done_callback(running.discard)
        with suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), PAUSE_S)
    await asyncio.gather(*running)


async def _question(session: aiohttp.ClientSession, url: str, store: str, traffic: Traffic) -> None:
    at = time.strftime("%H:%M:%S")
    try:
        async with session.post(url, json=_body(QUICKLY, store)) as answer:
            text = await answer.text()
            if answer.status != 200:
                traffic.failures.append(f"{at} {answer.status} {text[:200]}")
                return
    except (TimeoutError, aiohttp.ClientError) as error:
        traffic.failures.append(f"{at} {type(error).__name__} {error}")
        return
    found = json.loads(text)
    traffic.answered += 1
    traffic.degraded += bool(found.get("degraded"))
    traffic.last_hash = found["config_hash"]
    traffic.hashes[found["config_hash"]] += 1
    traffic.said[found["choices"][0]["message"]["content"]] += 1


async def _streams(
    session: aiohttp.ClientSession, url: str, store: str, traffic: Traffic, ending: asyncio.Event, number: int
) -> None:
    # Not all at the same time: whenever a pod ends, some stream is young and some is old.
    with suppress(TimeoutError):
        await asyncio.wait_for(ending.wait(), number * 8)
    while not ending.is_set():
        at = time.strftime("%H:%M:%S")
        try:
            async with session.post(url, json=_body(SLOWLY, store, stream=True)) as answer:
                text = await answer.text()
                if answer.status == 200 and text.rstrip().endswith("data: [DONE]") and '"finish_reason":"stop"' in text:
                    traffic.streamed += 1
                else:
                    traffic.failures.append(f"{at} stream {answer.status} ended with {text[-300:]!r}")
        except (TimeoutError, aiohttp.ClientError) as error:
            traffic.failures.append(f"{at} stream {type(error).__name__} {error}")
