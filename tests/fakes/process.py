"""A real service in a process of its own, beside fakes that live on the test's event loop."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from evaluation import platform


@asynccontextmanager
async def service(package: str, folder: Path, environment: Mapping[str, str]) -> AsyncIterator[str]:
    """As `evaluation.platform.service`, but the loop goes on while it starts and ends: what a service still sends to a
    fake on its way out, such as its last spans, is taken."""
    process = platform.service(package, folder, environment)
    url = await asyncio.to_thread(process.__enter__)
    try:
        yield url
    finally:
        await asyncio.to_thread(process.__exit__, None, None, None)
