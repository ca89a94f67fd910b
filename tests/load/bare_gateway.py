"""The yardstick: what uvicorn, uvloop, httptools and aiohttp cost when they pass requests on and do nothing else."""

import sys
from typing import Any

import aiohttp
import uvicorn

PORT, UPSTREAM = int(sys.argv[1]), sys.argv[2]
session: Any = None


async def app(scope: Any, receive: Any, send: Any) -> None:
    global session
    if scope["type"] == "lifespan":
        await receive()
        session = aiohttp.ClientSession(auto_decompress=False, connector=aiohttp.TCPConnector(limit=1000))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await session.close()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body, more = b"", True
    while more:
        part = await receive()
        body, more = body + part.get("body", b""), part.get("more_body")
    async with session.post(UPSTREAM + scope["path"], data=body, headers={"content-type": "application/json"}) as got:
        head = [(b"content-type", got.headers["content-type"].encode())]
        await send({"type": "http.response.start", "status": got.status, "headers": head})
        async for piece in got.content.iter_any():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


uvicorn.run(app, port=PORT, loop="uvloop", http="httptools", access_log=False, log_level="error")
