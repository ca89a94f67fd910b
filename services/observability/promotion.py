"""Sends traces that are wanted after all from the buffer to the collector, past its sampling."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
from psycopg import Error as PostgresError

from common.logs import get_logger
from observability.buffer import Promotion, TraceBuffer
from observability.metrics import PROMOTIONS
from observability.piece import promoted

log = get_logger("promotion")
REASON = "feedback"
LOOK_EVERY_S = 1.0
TRIM_EVERY_S = 10.0
SEND_TIMEOUT_S = 10.0


class Promoter:
    """The background work of the buffer."""

    def __init__(self, buffer: TraceBuffer, endpoint: str) -> None:
        self._buffer = buffer
        self._endpoint = endpoint

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Send what is asked for and forget what is too old, while the context is open."""
        timeout = aiohttp.ClientTimeout(total=SEND_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            tasks = [
                asyncio.create_task(self._promote(session), name="promotions"),
                asyncio.create_task(self._trim(), name="trim"),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _promote(self, session: aiohttp.ClientSession) -> None:
        while True:
            try:
                claimed = await self._buffer.claim()
                for promotion in claimed:
                    await self._send(session, promotion)
            except PostgresError as error:
                claimed = []
                PROMOTIONS.labels("database_down").inc()
                log.warning("promotions_not_read", error=type(error).__name__)
            if not claimed:
                await asyncio.sleep(LOOK_EVERY_S)

    async def _send(self, session: aiohttp.ClientSession, promotion: Promotion) -> None:
        held = await self._buffer.read(promotion)
        if held.contents:
            body = await asyncio.to_thread(promoted, held.contents, REASON)
            problem = await self._post(session, body)
            if problem is not None:
                # The claim runs out, and it is tried again.
                PROMOTIONS.labels("retried").inc()
                log.warning("promotion_failed", promoted_trace=promotion.trace_id, problem=problem)
                return
            PROMOTIONS.labels("sent").inc()
        await self._buffer.settle(promotion, held)

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> str | None:
        """What went wrong."""
        headers = {"content-type": "application/x-protobuf"}
        try:
            async with session.post(self._endpoint, data=body, headers=headers) as response:
                await response.read()
                return None if response.status == 200 else f"HTTP {response.status}"
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return type(error).__name__

    async def _trim(self) -> None:
        while True:
            try:
                await self._buffer.trim()
            except PostgresError as error:
                log.warning("buffer_not_trimmed", error=type(error).__name__)
            await asyncio.sleep(TRIM_EVERY_S)
