"""`/v1/feedback`: what a person thought of an answer."""

import math
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field, PlainValidator, StringConstraints

from common.auth import CallerDep
from common.metrics import counter
from common.telemetry import current_span
from orchestrator.feedback.store import Word
from orchestrator.pipeline.callbacks import Feedback
from orchestrator.resources import ResourcesDep
from orchestrator.wire import Body, Text

router = APIRouter()

FEEDBACK = counter("feedback_total", "Feedback by what was said", ["value"], at_zero=("up", "down", "rating"))
LARGEST_RATING = 1_000_000


def _value(value: Any) -> float | bool:
    """Thumbs as a truth value, a rating as its number."""
    if value == "up" or value == "down":
        return value == "up"
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LARGEST_RATING:
        return value
    raise ValueError('must be "up", "down" or a number')


class FeedbackBody(Body):
    """Feedback on the answer of one trace. MLflow's `tr-` before the id is understood too."""

    trace_id: Annotated[str, StringConstraints(to_lower=True, pattern=r"^(tr-)?[0-9a-fA-F]{32}$")]
    value: Annotated[float | bool, PlainValidator(_value)]
    rationale: Annotated[Text, Field(max_length=4_000)] | None = None
    user: Annotated[Text, Field(min_length=1, max_length=250)] | None = None


@router.post("/v1/feedback", status_code=201)
async def create_feedback(body: FeedbackBody, caller: CallerDep, held: ResourcesDep) -> dict[str, Any]:
    """Keep it. The same person's later word on the same answer takes the place of this one."""
    trace_id = body.trace_id.removeprefix("tr-")
    rationale = body.rationale or None
    word = Word(trace_id, body.user or caller.key_id, body.value, rationale, body.user)
    feedback_id, created_at = await held.feedback.save(caller.tenant, word)
    FEEDBACK.labels(_label(body.value)).inc()
    span = current_span()
    span.tag("fairlead.feedback.trace_id", trace_id)
    span.set("fairlead.feedback.id", feedback_id)
    span.judged("user_feedback", float(body.value), _label(body.value))
    await held.callbacks.on_feedback(Feedback(feedback_id, caller.tenant, trace_id, body.value, rationale, body.user))
    return {
        "id": feedback_id,
        "object": "feedback",
        "created_at": created_at,
        "trace_id": trace_id,
        "value": _said(body.value),
        "rationale": rationale,
        "user": body.user,
    }


def _said(value: float | bool) -> str | float:
    if isinstance(value, bool):
        return "up" if value else "down"
    return value


def _label(value: float | bool) -> str:
    return str(_said(value)) if isinstance(value, bool) else "rating"
