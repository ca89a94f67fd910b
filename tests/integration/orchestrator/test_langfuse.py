"""What Langfuse gets of an answer, against the mapping that it documents for OpenTelemetry; feedback as scores.

Langfuse itself does not run here: its own page was not seen.
"""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr, ValidationError

from fakes.traces import TraceReceiver, attributes
from integration.orchestrator.conftest import HARBOUR, StartPlatform, until
from integration.orchestrator.test_chat import QUESTION
from orchestrator.settings import OrchestratorSettings

ANSWER = "The lighthouse was built in 1874 [1]."
# Langfuse's field → the attributes that it takes it from, the first that is there. Source: the property mapping in
# Langfuse's documentation of its OpenTelemetry endpoint.
OF_TRACE = {
    "userId": ("langfuse.user.id", "user.id"),
    "sessionId": ("langfuse.session.id", "session.id"),
    "input": ("langfuse.trace.input", "gen_ai.prompt", "input.value"),
    "output": ("langfuse.trace.output", "gen_ai.completion", "output.value"),
    "environment": ("langfuse.environment", "deployment.environment.name", "deployment.environment"),
}
OF_OBSERVATION = {
    "type": ("langfuse.observation.type", "openinference.span.kind"),
    "model": ("langfuse.observation.model.name", "gen_ai.request.model", "llm.model_name"),
    "input": ("langfuse.observation.input", "gen_ai.prompt", "input.value"),
    "output": ("langfuse.observation.output", "gen_ai.completion", "output.value"),
    "inputTokens": ("gen_ai.usage.input_tokens", "llm.token_count.prompt"),
    "outputTokens": ("gen_ai.usage.output_tokens", "llm.token_count.completion"),
    "cost": ("gen_ai.usage.cost", "llm.cost.total"),
}


def mapped(mapping: dict[str, tuple[str, ...]], found: dict[str, Any]) -> dict[str, Any]:
    return {name: next((found[key] for key in keys if key in found), None) for name, keys in mapping.items()}


async def test_an_answer_in_langfuses_terms(start_platform: StartPlatform) -> None:
    async with TraceReceiver().running() as receiver:
        platform = await start_platform(otlp_endpoint=receiver.url, environment="test")
        await platform.store_of(HARBOUR)
        platform.pool.pieces = [ANSWER]
        platform.pool.price = "EUR 1 0 2 0.5"
        answer = (await platform.ask(QUESTION, user="ada", fairlead={"session_id": "tour"})).json()
        (root,) = await receiver.named("answer")
        (generation,) = await receiver.named("generate")
        (retrieval,) = await receiver.named("retrieve")
    assert root.trace_id.hex() == answer["trace_id"]
    assert root.parent_span_id == b""
    trace = mapped(OF_TRACE, receiver.resources[0] | attributes(root))
    assert (trace["userId"], trace["sessionId"], trace["environment"]) == ("ada", "tour", "test")
    assert QUESTION in trace["input"]
    assert ANSWER in trace["output"]
    assert mapped(OF_OBSERVATION, attributes(root))["cost"] == attributes(root)["fairlead.cost"] > 1
    called = mapped(OF_OBSERVATION, attributes(generation))
    assert (called["type"], called["model"]) == ("LLM", "chat")
    assert (called["inputTokens"], called["outputTokens"]) == (
        answer["usage"]["prompt_tokens"],
        answer["usage"]["completion_tokens"],
    )
    assert "<passages>" in called["input"]
    assert ANSWER in called["output"]
    found = mapped(OF_OBSERVATION, attributes(retrieval))
    assert found["type"] == "RETRIEVER"
    assert HARBOUR[1] in [document["page_content"] for document in json.loads(found["output"])]


@dataclass
class FakeLangfuse:
    """Scores by id, as Langfuse keeps them."""

    url: str = ""
    status: int = 200
    scores: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    keys: set[str] = field(default_factory=set[str])

    async def take(self, request: web.Request) -> web.Response:
        self.keys.add(base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode())
        if self.status == 200:
            body = await request.json()
            self.scores[body["id"]] = body
        return web.json_response({}, status=self.status)


@pytest.fixture
async def langfuse() -> AsyncIterator[FakeLangfuse]:
    fake = FakeLangfuse()
    app = web.Application()
    app.router.add_post("/api/public/scores", fake.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


async def test_feedback_is_a_score_and_a_changed_mind_changes_it(
    start_platform: StartPlatform, langfuse: FakeLangfuse
) -> None:
    platform = await start_platform(langfuse_url=langfuse.url, langfuse_keys=SecretStr("pk:sk"))
    said = {"trace_id": "a" * 32, "user": "ada", "rationale": "wrong, ask jane@example.org"}
    feedback = (await platform.http.post("/v1/feedback", json=said | {"value": "up"})).json()
    await until(lambda: bool(langfuse.scores), "the score")
    assert langfuse.scores[feedback["id"]] == {
        "id": feedback["id"],
        "traceId": "a" * 32,
        "name": "user_feedback",
        "value": 1,
        "dataType": "BOOLEAN",
        "comment": "wrong, ask [email]",
    }
    langfuse.status = 503
    await platform.http.post("/v1/feedback", json=said | {"value": 2.5})
    langfuse.status = 200
    await until(lambda: langfuse.scores[feedback["id"]]["value"] == 2.5, "the other score")
    assert langfuse.scores[feedback["id"]]["dataType"] == "NUMERIC"
    assert (len(langfuse.scores), langfuse.keys) == (1, {"pk:sk"})


def test_langfuse_without_keys_is_refused() -> None:
    with pytest.raises(ValidationError, match="FAIRLEAD_LANGFUSE_KEYS, as `public key:secret key`"):
        OrchestratorSettings(langfuse_url="http://langfuse")
