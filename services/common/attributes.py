"""Every attribute of our spans, events and resources: the one list, which a test checks against what is really sent.

`{name}` stands for another name of this list. Where a standard has a name for something, it is ours.
"""

from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "int", "float", "bool", "texts", "JSON"]
Standard = Literal["GenAI", "OpenInference", "MLflow", "OpenTelemetry", "Fairlead"]


@dataclass(frozen=True)
class Attribute:
    """One name. `content`: written only where content is captured, because it holds what people wrote or read."""

    name: str
    type: Type
    standard: Standard
    meaning: str
    content: bool = False


@dataclass(frozen=True)
class Group:
    """Attributes that are found together."""

    title: str
    attributes: tuple[Attribute, ...]


RESOURCE = Group(
    "Every process (resource)",
    (
        Attribute("service.name", "text", "OpenTelemetry", "Which service."),
        Attribute("service.version", "text", "OpenTelemetry", "Commit that it was built from."),
        Attribute("service.instance.id", "text", "OpenTelemetry", "Which process of it; new with each start."),
        Attribute("deployment.environment.name", "text", "OpenTelemetry", "`FAIRLEAD_ENVIRONMENT`."),
        Attribute("container.image.digest", "text", "Fairlead", "Image that it runs in."),
        Attribute("telemetry.sdk.language", "text", "OpenTelemetry", "`python`."),
        Attribute("telemetry.sdk.name", "text", "OpenTelemetry", "`opentelemetry`."),
        Attribute("telemetry.sdk.version", "text", "OpenTelemetry", "The SDK's version."),
    ),
)
SPAN = Group(
    "Spans of any kind",
    (
        Attribute(
            "openinference.span.kind", "text", "OpenInference", "CHAIN, RETRIEVER, RERANKER, EMBEDDING, LLM… of steps."
        ),
        Attribute("fairlead.capture", "text", "Fairlead", "How much content it holds: off, redacted, full."),
        Attribute("input.value", "text", "OpenInference", "What went into the step.", content=True),
        Attribute("input.mime_type", "text", "OpenInference", "`text/plain` or `application/json`.", content=True),
        Attribute("output.value", "text", "OpenInference", "What came out of it.", content=True),
        Attribute("output.mime_type", "text", "OpenInference", "`text/plain` or `application/json`.", content=True),
        Attribute(
            "fairlead.input.cut_from_chars", "int", "Fairlead", "Its length before it was cut to 256 Ki.", content=True
        ),
        Attribute(
            "fairlead.output.cut_from_chars", "int", "Fairlead", "Its length before it was cut to 256 Ki.", content=True
        ),
        Attribute("error.type", "text", "OpenTelemetry", "Of what failed: an exception's class or an HTTP status."),
    ),
)
REQUEST = Group(
    "Requests (roots)",
    (
        Attribute("http.request.method", "text", "OpenTelemetry", "Also of calls to others; unknown ones: `_OTHER`."),
        Attribute("http.route", "text", "OpenTelemetry", "The route's template."),
        Attribute("http.response.status_code", "int", "OpenTelemetry", "499 when the caller left before."),
        Attribute("fairlead.request_id", "text", "Fairlead", "`x-request-id` of the answer, also in logs."),
        Attribute("fairlead.tenant", "text", "Fairlead", "Whose request."),
        Attribute("fairlead.trace.first_of_release", "bool", "Fairlead", "Among the first after a start: kept always."),
        Attribute("mlflow.traceTag.{name}", "text", "MLflow", "An attribute that MLflow makes a tag of the trace."),
    ),
)
ANSWER = Group(
    "Answers and searches",
    (
        Attribute("fairlead.request", "text", "Fairlead", "JSON that asks the same again, for a replay.", content=True),
        Attribute("fairlead.application", "text", "Fairlead", "Which application was asked."),
        Attribute("fairlead.outcome", "text", "Fairlead", "answered, not_answered, degraded, rejected, failed…"),
        Attribute("fairlead.degraded", "texts", "Fairlead", "Steps that could not do their part."),
        Attribute("fairlead.cost", "float", "Fairlead", "By the pool's price table; of an answer all calls together."),
        Attribute("fairlead.cost.currency", "text", "Fairlead", "ISO 4217."),
        Attribute("gen_ai.usage.cost", "float", "GenAI", "As `fairlead.cost`, where Langfuse looks for it."),
        Attribute("fairlead.commit", "text", "Fairlead", "As `service.version`, where stores show no resource."),
        Attribute("fairlead.image_digest", "text", "Fairlead", "As `container.image.digest`."),
        Attribute("fairlead.environment", "text", "Fairlead", "As `deployment.environment.name`."),
        Attribute("fairlead.config_hash", "text", "Fairlead", "Of the tunables that were in force."),
        Attribute("fairlead.prompt.hash", "text", "Fairlead", "Of the prompt's text."),
        Attribute("fairlead.prompt.version", "text", "Fairlead", "Its version by the tunables."),
        Attribute("gen_ai.prompt.name", "text", "GenAI", "`answer` or `rewrite`."),
        Attribute("gen_ai.conversation.id", "text", "GenAI", "The session, as the caller named it."),
        Attribute("session.id", "text", "OpenInference", "The same."),
        Attribute("user.id", "text", "OpenInference", "The caller's user, as the caller named them."),
        Attribute("fairlead.user", "text", "Fairlead", "A pseudonym of the same, by which their traces are erased."),
    ),
)
MODEL = Group(
    "Model calls",
    (
        Attribute("gen_ai.operation.name", "text", "GenAI", "chat, embeddings, rerank…"),
        Attribute("gen_ai.provider.name", "text", "GenAI", "`fairlead`: the pool."),
        Attribute("gen_ai.request.model", "text", "GenAI", "The model that was asked for."),
        Attribute("gen_ai.request.temperature", "float", "GenAI", "As asked."),
        Attribute("gen_ai.request.max_tokens", "int", "GenAI", "As asked."),
        Attribute("gen_ai.response.model", "text", "GenAI", "The model that answered."),
        Attribute("gen_ai.response.finish_reasons", "texts", "GenAI", "stop, length, content_filter."),
        Attribute("gen_ai.response.time_to_first_chunk", "float", "GenAI", "Seconds until its first text."),
        Attribute("gen_ai.usage.input_tokens", "int", "GenAI", "Tokens read, as the model counted them."),
        Attribute("gen_ai.usage.output_tokens", "int", "GenAI", "Tokens written."),
        Attribute("gen_ai.embeddings.dimension.count", "int", "GenAI", "Length of the vectors."),
        Attribute("embedding.model_name", "text", "OpenInference", "As `gen_ai.request.model`."),
        Attribute("fairlead.endpoint", "text", "Fairlead", "Endpoint of the pool that answered."),
    ),
)
RETRIEVAL = Group(
    "Retrieval and grounding",
    (
        Attribute("fairlead.vector_store_ids", "texts", "Fairlead", "The stores that were searched."),
        Attribute("fairlead.index_snapshot", "text", "Fairlead", "State of the index."),
        Attribute("fairlead.retrieval.legs", "texts", "Fairlead", "keyword, vector."),
        Attribute("gen_ai.retrieval.documents", "JSON", "GenAI", "Each chunk: id, score, rank, file_id, page."),
        Attribute("fairlead.citations", "int", "Fairlead", "Quotes that the answer came with."),
        Attribute("fairlead.marks_removed", "int", "Fairlead", "Marks of passages that there are not."),
        Attribute("fairlead.grounding", "float", "Fairlead", "Share of the answer that its passages support."),
    ),
)
CLIENTS = Group(
    "Calls to other systems",
    (
        Attribute("url.full", "text", "OpenTelemetry", "Without user, password, query and fragment."),
        Attribute("server.address", "text", "OpenTelemetry", "Host that was called."),
        Attribute("server.port", "int", "OpenTelemetry", "Its port."),
        Attribute("db.system.name", "text", "OpenTelemetry", "`postgresql`."),
        Attribute("db.operation.name", "text", "OpenTelemetry", "SELECT, INSERT…"),
        Attribute("db.collection.name", "text", "OpenTelemetry", "The first table of the statement."),
        Attribute("db.query.summary", "text", "OpenTelemetry", "Both together."),
        Attribute(
            "db.query.text",
            "text",
            "OpenTelemetry",
            "The statement, never its values; only in full capture.",
            content=True,
        ),
        Attribute("db.response.returned_rows", "int", "OpenTelemetry", "Rows it gave or changed."),
        Attribute("db.response.status_code", "text", "OpenTelemetry", "SQLSTATE of what failed."),
    ),
)
FEEDBACK = Group(
    "Judgements (events `gen_ai.evaluation.result`) and feedback",
    (
        Attribute("gen_ai.evaluation.name", "text", "GenAI", "`grounding`, `user_feedback`, or a judge's name."),
        Attribute("gen_ai.evaluation.score.value", "float", "GenAI", "The score; thumbs are 1 and 0."),
        Attribute("gen_ai.evaluation.score.label", "text", "GenAI", "The score in a word."),
        Attribute("fairlead.feedback.trace_id", "text", "Fairlead", "The answer's trace that the feedback is about."),
        Attribute("fairlead.feedback.id", "text", "Fairlead", "Id of the feedback, also in the trace store."),
    ),
)
EVENTS = Group(
    "Other events: exceptions, and what the pool did",
    (
        Attribute("exception.type", "text", "OpenTelemetry", "The class."),
        Attribute("exception.message", "text", "OpenTelemetry", "Redacted like all text."),
        Attribute("exception.stacktrace", "text", "OpenTelemetry", "Where it happened."),
        Attribute("exception.escaped", "text", "OpenTelemetry", "As the SDK writes it."),
        Attribute("endpoint", "text", "Fairlead", "Endpoint that was chosen, answered or failed."),
        Attribute("model", "text", "Fairlead", "Its model."),
        Attribute("call", "int", "Fairlead", "Number of the call for this request."),
        Attribute("outcome", "text", "Fairlead", "How it failed."),
        Attribute("detail", "text", "Fairlead", "What it said."),
        Attribute("then", "text", "Fairlead", "What the pool did next."),
        Attribute("lane", "text", "Fairlead", "interactive or batch, of a request that waited."),
        Attribute("seconds", "float", "Fairlead", "How long it waited, or until the first content."),
    ),
)
GROUPS = (RESOURCE, SPAN, REQUEST, ANSWER, MODEL, RETRIEVAL, CLIENTS, FEEDBACK, EVENTS)
ATTRIBUTES = {attribute.name: attribute for group in GROUPS for attribute in group.attributes}
