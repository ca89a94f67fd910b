"""Clients who make every name up: models, users, tenants, headers, methods and paths, each one only once."""

import asyncio
import itertools
import random
import string
from collections.abc import Sequence
from typing import Any

import aiohttp

MARK = "zq"
"""Every made-up name begins with it, so that one that got through is seen."""
AT_ONCE = 16
RARE = ("PROPFIND", "MKCALENDAR", "PURGE", "LINK", "TRACE")
"""A server's parser knows no others than those that are registered."""


class Strangers:
    """Sends requests to one service."""

    def __init__(self, url: str, posts: Sequence[str], *, authorization: Sequence[str] = ()) -> None:
        self._url = url
        self._posts = posts
        self._keys = itertools.cycle(authorization) if authorization else None
        self._random = random.Random(4)

    def name(self) -> str:
        return MARK + "".join(self._random.choices(string.ascii_lowercase + string.digits, k=12))

    async def come(self, count: int) -> set[int]:
        """`count` requests, every second one to one of the `posts`; gives the statuses of their answers."""
        statuses: set[int] = set()
        numbers = iter(range(count))
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(self._url, timeout=timeout) as session, asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._some(session, numbers, statuses))
        return statuses

    async def series(self) -> set[str]:
        """The series that the service shows."""
        async with aiohttp.ClientSession(self._url) as session, session.get("/metrics") as answer:
            text = await answer.text()
        return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}

    async def _some(self, session: aiohttp.ClientSession, numbers: Any, statuses: set[int]) -> None:
        for number in numbers:
            headers = {
                "x-request-id": self.name(),
                "x-fairlead-lane": self.name(),
                "x-fairlead-tenant": self.name(),
                "x-tenant": self.name(),
                "user-agent": self.name(),
                f"x-{self.name()}": self.name(),
            }
            if self._keys is not None:
                headers["authorization"] = f"Bearer {next(self._keys)}"
            if number % 2:
                method, path, body = self._nowhere(number)
            else:
                method, path = "POST", self._posts[number // 2 % len(self._posts)].format(name=self.name())
                body = {
                    "model": self.name(),
                    "user": self.name(),
                    "input": self.name(),
                    "query": self.name(),
                    "metadata": {self.name(): self.name()},
                    "messages": [{"role": "user", "content": self.name()}],
                }
            async with session.request(method, path, json=body, headers=headers) as answer:
                await answer.read()
                statuses.add(answer.status)

    def _nowhere(self, number: int) -> tuple[str, str, dict[str, Any] | None]:
        paths = (f"/{self.name()}", f"/v1/{self.name()}/{self.name()}", f"/v1/models/{self.name()}", "/v1/models")
        method = self._random.choice(RARE) if number % 11 == 0 else "GET"
        return method, f"{paths[number % len(paths)]}?{self.name()}={self.name()}", None
