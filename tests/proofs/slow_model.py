"""A model for the proofs: it answers at once, or for 30 s when asked to, and takes only the keys it knows.

Run in the cluster by the orchestrator's image, which has aiohttp; the keys are the files of a mounted Secret.
"""

import asyncio
import json
import os
from pathlib import Path

from aiohttp import web

KEYS = Path(os.environ.get("MODEL_KEYS", "/keys"))
PIECES = 60
SLOW_S = 30.0
# What no document of the samples says.
SLOWLY = "Take thirty seconds."
TEXT = "A bowline makes a fixed loop [1]."


def allowed(request: web.Request) -> bool:
    """Whether the caller's key is one of the files'."""
    known = {path.read_text().strip() for path in KEYS.iterdir() if path.is_file()}
    return request.headers.get("authorization", "").removeprefix("Bearer ") in known


async def chat(request: web.Request) -> web.StreamResponse:
    """One answer in OpenAI's shape."""
    if not allowed(request):
        return web.json_response({"error": {"message": "wrong key", "type": "authentication_error"}}, status=401)
    body = await request.json()
    slowly = SLOWLY in json.dumps(body["messages"][-1])
    head = {"id": "chatcmpl-proof", "created": 0, "model": "proof"}
    usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    if not body.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}
        return web.json_response(head | {"object": "chat.completion", "choices": [choice], "usage": usage})
    answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await answer.prepare(request)
    pieces = [f"{TEXT} "] + ["and on "] * PIECES if slowly else [TEXT]
    for number, piece in enumerate([*pieces, ""]):
        last = number == len(pieces)
        delta = {} if last else {"content": piece}
        choice = {"index": 0, "delta": delta, "finish_reason": "stop" if last else None}
        event = head | {"object": "chat.completion.chunk", "choices": [choice]}
        await answer.write(f"data: {json.dumps(event)}\n\n".encode())
        if slowly and not last:
            await asyncio.sleep(SLOW_S / PIECES)
    await answer.write(
        f"data: {json.dumps(head | {'object': 'chat.completion.chunk', 'choices': [], 'usage': usage})}\n\n".encode()
    )
    await answer.write(b"data: [DONE]\n\n")
    return answer


async def healthy(_: web.Request) -> web.Response:
    """For the probe."""
    return web.Response(text="ok")


if __name__ == "__main__":
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_post("/v1/chat/completions", chat)
    application.router.add_get("/healthz", healthy)
    web.run_app(application, port=8000, print=None)
