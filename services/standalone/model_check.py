"""Asks the model that `make run MODEL_URL=…` put in front, once: otherwise a wrong key or name stays unseen.

The pool would answer from the offline model instead, as it should, and nobody would wonder why answers are so plain.
"""

import json
from typing import Any

from standalone import loopback
from standalone.components import Components
from standalone.settings import OFF, StandaloneSettings

QUESTION = {"model": "chat", "messages": [{"role": "user", "content": "Answer with one word: are you there?"}]}
# The pool gives an endpoint ten seconds for its first word before it tries the next.
ANSWER_TIMEOUT_S = 30.0
# The endpoint's name in the pool's file, as config_files writes it.
ENDPOINT = "model"
SHOWN_LETTERS = 200


def wanted(settings: StandaloneSettings) -> bool:
    """Whether this start names a model."""
    return settings.model_url not in (None, OFF)


async def problem(components: Components) -> str | None:
    """Why the model does not answer; None when it does."""
    headers = {"authorization": f"Bearer {components.home.secret('service-key')}"}
    try:
        status, answer, given = await loopback.exchange(
            components.settings.llm_proxy_port, "/v1/chat/completions", QUESTION, headers, ANSWER_TIMEOUT_S
        )
    except OSError as error:
        return str(error)
    if status == 200 and given.get("x-fairlead-endpoint") == ENDPOINT:
        return None
    return (_refusal(status, answer) if status != 200 else _reported(components)) or "another endpoint answered"


def _refusal(status: int, answer: Any) -> str:
    error = answer.get("error") if isinstance(answer, dict) else None
    message = error.get("message") if isinstance(error, dict) else answer
    return f"{status}: {str(message)[:SHOWN_LETTERS]}"


def _reported(components: Components) -> str | None:
    """What the pool last wrote about the endpoint."""
    log = components.home.logs / "llm-proxy.log"
    for line in reversed(log.read_text(encoding="utf-8", errors="replace").splitlines()):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("endpoint") == ENDPOINT:
            return ", ".join(str(entry[name]) for name in ("outcome", "detail") if entry.get(name))
    return None
