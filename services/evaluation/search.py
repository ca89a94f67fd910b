"""Asks the platform's own search, over HTTP, as its users do, and notes what it finds and how long that takes."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp

from evaluation import runs
from evaluation.measures import by_query
from evaluation.runs import Run
from evaluation.variants import Variant

# Several passages of one document may be found; this many are asked for, so that ten documents remain.
PASSAGES = 50
REQUEST_S = 120.0
# An edit of the configuration is in force within two seconds; a busy machine may need more.
EFFECTIVE_S = 30.0
LOOK_EVERY_S = 0.05
PAGE = 100

Judgements = Mapping[str, Mapping[str, int]]
Name = Callable[[Mapping[str, Any]], str]
Progress = Callable[[], None]


class SearchFailed(RuntimeError):
    """The platform could not be asked, or refused; the message says what it said."""


class SearchApi:
    """The orchestrator's search at a base URL (without `/v1`)."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url.rstrip("/")

    async def search(self, store_id: str, query: str, ranking: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The hits, best first; raises SearchFailed."""
        body = {"query": query, "max_num_results": PASSAGES, "ranking_options": dict(ranking)}
        answer = await self._ask("POST", f"/v1/vector_stores/{store_id}/search", json=body)
        if degraded := answer["fairlead"]["degraded"]:
            raise SearchFailed(f"the search was degraded ({', '.join(degraded)}): its figures would mean nothing")
        return cast("list[dict[str, Any]]", answer["data"])

    async def store_id(self, name: str) -> str:
        """The id of the store of that name or id; raises SearchFailed."""
        after: dict[str, str] = {}
        while True:
            page = await self._ask("GET", "/v1/vector_stores", params={"limit": str(PAGE), **after})
            for store in page["data"]:
                if name in (store["id"], store["name"]):
                    return store["id"]
            if not page["has_more"]:
                raise SearchFailed(f"there is no vector store named {name!r} at {self._url}")
            after = {"after": page["last_id"]}

    async def config_hash(self) -> str:
        """The hash of the configuration in force."""
        return str((await self._ask("GET", "/v1/config"))["hash"])

    async def effective(self, before: str) -> None:
        """Wait until another configuration than `before` is in force; raises SearchFailed."""
        try:
            async with asyncio.timeout(EFFECTIVE_S):
                while True:
                    shown = await self._ask("GET", "/v1/config")
                    if refusal := shown["last_error"]:
                        raise SearchFailed(f"the settings were refused: {refusal['key']}: {refusal['reason']}")
                    if shown["hash"] != before:
                        return
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise SearchFailed("the settings did not come into force") from None

    async def _ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        try:
            async with self._session.request(method, self._url + path, **given) as response:
                text = await response.text()
                if response.status != 200:
                    raise SearchFailed(f"{path}: HTTP {response.status}: {_message(text)}")
                return cast("dict[str, Any]", json.loads(text))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise SearchFailed(f"{self._url} cannot be asked: {error or type(error).__name__}") from None


@asynccontextmanager
async def search_api(url: str, key: str | None = None) -> AsyncGenerator[SearchApi]:
    """The search at `url` for as long as the context is open."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=REQUEST_S)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, trust_env=False) as session:
        yield SearchApi(session, url)


async def measured(
    api: SearchApi,
    store_id: str,
    queries: Mapping[str, str],
    judgements: Judgements,
    variant: Variant,
    *,
    collection: str,
    mode: str,
    name: Name,
    progress: Progress = lambda: None,
) -> Run:
    """One after the other, every query in this variant. `name` tells a hit's document as the judgements call it."""
    began_at = runs.now()
    found: dict[str, dict[str, float]] = {}
    latencies: list[float] = []
    for query_id, text in queries.items():
        began = time.perf_counter()
        hits = await api.search(store_id, text, variant.ranking)
        latencies.append(round((time.perf_counter() - began) * 1000, 3))
        found[query_id] = by_document([name(hit) for hit in hits])
        progress()
    settings = {"tunables": dict(variant.tunables), "ranking_options": dict(variant.ranking)}
    values = by_query(judgements, found)
    return Run(collection, mode, variant.name, settings, await api.config_hash(), began_at, values, latencies)


def by_document(names: Sequence[str]) -> dict[str, float]:
    """Each document once, where its best passage stands. Order decides: equal scores must not reshuffle it."""
    once = list(dict.fromkeys(names))
    return {name: float(len(once) - place) for place, name in enumerate(once)}


def document_name(hit: Mapping[str, Any]) -> str:
    """The document's id in its collection, whose documents are files `<id>.txt`."""
    return str(hit["filename"]).rpartition("/")[2].removesuffix(".txt")


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return text[:200]
