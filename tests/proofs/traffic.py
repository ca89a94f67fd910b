"""Constant traffic through the platform's entry: short questions and long streams, and what became of each."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

PAUSE_S = 0.25
STREAMS = 3
# Not all at the same time: whenever a pod ends, some stream is young and some is old.
APART_S = 8.0
# The model of the proofs streams for 30 s when it is asked so.
SLOWLY = "Which knot makes a fixed loop? Take thirty seconds."
QUICKLY = "Which knot makes a fixed loop?"
ANSWER_S = 60
AFTER_FAILURE_S = 1.0


@dataclass
class Traffic:
    """What was asked and what came back. A failure is anything but a whole answer."""

    answered: int = 0
    streamed: int = 0
    failures: list[str] = field(default_factory=list)
    degraded: int = 0
    without: Counter[str] = field(default_factory=Counter[str])
    """What degraded answers had to do without."""
    asked_last: dict[str, float] = field(default_factory=dict[str, float])
    """When a question was asked last that the configuration of this hash answered (Unix time)."""
    said: Counter[str] = field(default_factory=Counter[str])
    """The answers' texts."""

    def figure(self) -> str:
        """For a table."""
        streams = f" and {self.streamed} streams of 30 s" if self.streamed else ""
        without = ", ".join(f"{step} {count}" for step, count in self.without.most_common())
        degraded = f", {self.degraded} degraded ({without or 'streams'})" if self.degraded else ""
        return f"{self.answered} answers{streams}: {len(self.failures)} failed or cut{degraded}"


@contextmanager
def flowing(
    url: str, key: str, store: str, *, streams: int = STREAMS, pause_s: float = PAUSE_S, apart_s: float = APART_S
) -> Iterator[Traffic]:
    """Traffic, in a thread of its own, while the context is open; what is open at its end is waited for.

    `streams` are open at any time, begun `apart_s` after each other; between two questions are `pause_s`.
    """
    traffic, ending = Traffic(), threading.Event()
    flow = _Flow(f"{url}/v1/chat/completions", key, store, traffic, ending, pause_s, apart_s)
    thread = threading.Thread(target=lambda: asyncio.run(flow.run(streams)), name="traffic")
    thread.start()
    try:
        yield traffic
    finally:
        ending.set()
        thread.join()


@dataclass(frozen=True)
class _Flow:
    url: str
    key: str
    store: str
    traffic: Traffic
    ending: threading.Event
    pause_s: float
    apart_s: float

    async def run(self, streams: int) -> None:
        """Ask until the end, then wait for what is open."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        # A connection for each request: a new pod then gets its share at once, and none is found closed.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        headers = {"authorization": f"Bearer {self.key}"}
        async with aiohttp.ClientSession(
            headers=headers, timeout=timeout, connector=connector, trust_env=False
        ) as session:
            await asyncio.gather(self._questions(session), *(self._streams(session, n) for n in range(streams)))

    def _body(self, question: str, **more: Any) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": question}], "vector_store_ids": [self.store], **more}

    async def _questions(self, session: aiohttp.ClientSession) -> None:
        running: set[asyncio.Task[None]] = set()
        while not self.ending.is_set():
            task = asyncio.create_task(self._question(session))
            running.add(task)
            task.add_done_callback(running.discard)
            await asyncio.sleep(self.pause_s)
        await asyncio.gather(*running)

    async def _question(self, session: aiohttp.ClientSession) -> None:
        traffic, began, at = self.traffic, time.time(), time.strftime("%H:%M:%S")
        try:
            async with session.post(self.url, json=self._body(QUICKLY)) as answer:
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
        traffic.without.update(found.get("degraded", []))
        traffic.asked_last[found["config_hash"]] = began
        traffic.said[found["choices"][0]["message"]["content"]] += 1

    async def _streams(self, session: aiohttp.ClientSession, number: int) -> None:
        await asyncio.sleep(number * self.apart_s)
        while not self.ending.is_set():
            at = time.strftime("%H:%M:%S")
            try:
                async with session.post(self.url, json=self._body(SLOWLY, stream=True)) as answer:
                    text = await answer.text()
            except (TimeoutError, aiohttp.ClientError) as error:
                self.traffic.failures.append(f"{at} stream {type(error).__name__} {error}")
                await asyncio.sleep(AFTER_FAILURE_S)
                continue
            if answer.status == 200 and text.rstrip().endswith("data: [DONE]") and '"finish_reason":"stop"' in text:
                self.traffic.streamed += 1
                # What degrades ends at once; only the model of the proofs goes on and on.
                self.traffic.degraded += "and on" not in text
            else:
                self.traffic.failures.append(f"{at} stream {answer.status} ended with {text[-300:]!r}")
                await asyncio.sleep(AFTER_FAILURE_S)
