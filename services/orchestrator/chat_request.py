"""The body of `/v1/chat/completions`: OpenAI's fields, file search, and what it asks of the pipeline."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from common.auth import Caller
from common.deadline import Deadline
from common.errors import ApiError, invalid
from common.live_config import Snapshot
from orchestrator.pipeline.ask import Ask, Message
from orchestrator.tunables import OrchestratorTunables
from orchestrator.wire import Body, Id, Metadata, Name, RankingOptions, Text, is_text

MOST_RESULTS = 50
LONGEST_INSTRUCTIONS = 20_000
# Sampling that the pool's model may know; it goes there as it came.
_SAMPLING = ("top_p", "stop", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "reasoning_effort")

StoreIds = Annotated[tuple[Id, ...], Field(min_length=1, max_length=16)]
Results = Annotated[int, Field(ge=1, le=MOST_RESULTS)]
# A filter is checked where it is understood, by the store; what is wrong with it is then named by its place.
Filters = dict[str, Any]


def _content(value: Any) -> str:
    """A message's text: plain, or OpenAI's list of text parts."""
    if value is None:
        return ""
    if isinstance(value, str):
        return is_text(value)
    if not isinstance(value, list):
        raise ValueError("must be a text or a list of text parts")
    texts: list[str] = []
    for place, part in enumerate(value):
        if not isinstance(part, Mapping) or part.get("type") not in ("text", "input_text", "refusal"):
            raise ValueError(f"part {place} is not a text part; only text can be asked")
        text = part.get("text", part.get("refusal"))
        if not isinstance(text, str):
            raise ValueError(f"part {place} has no text")
        texts.append(is_text(text))
    return "\n".join(texts)


def _stop(value: Any) -> str | list[str]:
    """One stop sequence or up to four."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or len(listed) > 4 or not all(isinstance(item, str) for item in listed):
        raise ValueError("must be a text or a list of at most 4 texts")
    return value


class ChatMessage(BaseModel):
    """One message. Clients send earlier answers back with fields of all kinds, so others are let pass here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, PlainValidator(_content)] = ""


class FileSearchTool(Body):
    """OpenAI's file search tool: the other way to name the vector stores."""

    type: Literal["file_search"]
    vector_store_ids: StoreIds
    max_num_results: Results | None = None
    filters: Filters | None = None
    ranking_options: RankingOptions | None = None


class StreamOptions(Body):
    """What a stream holds besides text."""

    include_usage: bool = False
    include_obfuscation: bool = False


class TextFormat(Body):
    """Answers are text with citation marks; another format cannot be asked for."""

    type: Literal["text"]


class FairleadOptions(Body):
    """Fairlead's own options. `rewrite` and `rerank` overrule the tunables of the same name."""

    session_id: Annotated[Text, Field(min_length=1, max_length=250)] | None = None
    rewrite: bool | None = None
    rerank: bool | None = None


class ChatRequest(Body):
    """A chat completion request."""

    messages: Annotated[tuple[ChatMessage, ...], Field(min_length=1, max_length=2000)]
    model: Name | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    vector_store_ids: StoreIds | None = None
    filters: Filters | None = None
    max_num_results: Results | None = None
    ranking_options: RankingOptions | None = None
    tools: Annotated[tuple[FileSearchTool, ...], Field(max_length=1)] | None = None
    fairlead: FairleadOptions = FairleadOptions()

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    stop: Annotated[str | list[str], PlainValidator(_stop)] | None = None
    seed: int | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=1024)] | None = None
    reasoning_effort: Annotated[Text, Field(max_length=32)] | None = None

    user: Annotated[Text, Field(max_length=250)] | None = None
    safety_identifier: Annotated[Text, Field(max_length=250)] | None = None
    metadata: Metadata | None = None

    # Part of OpenAI's API that makes no difference here, accepted so that stock clients need no setting.
    n: Literal[1] | None = None
    logprobs: Literal[False] | None = None
    modalities: Annotated[tuple[Literal["text"], ...], Field(max_length=1)] | None = None
    parallel_tool_calls: bool | None = None
    prompt_cache_key: Text | None = None
    response_format: TextFormat | None = None
    service_tier: Text | None = None
    store: bool | None = None
    tool_choice: Any = None
    verbosity: Text | None = None

    def ask(self, caller: Caller, config: Snapshot[OrchestratorTunables], deadline: Deadline) -> Ask:
        """What the pipeline is asked; raises ApiError naming the field that cannot be meant."""
        search, place = self._search()
        ranking = search.ranking_options or RankingOptions()
        return Ask(
            question=self._question(),
            caller=caller,
            application=self._application(config.value),
            config=config,
            deadline=deadline,
            history=self._history(),
            instructions=self._instructions(),
            store_ids=tuple(dict.fromkeys(search.vector_store_ids or ())),
            filters=search.filters,
            top_k=search.max_num_results,
            score_threshold=ranking.score_threshold,
            keyword_weight=ranking.keyword_weight(f"{place}ranking_options"),
            rewrite=self.fairlead.rewrite,
            rerank=False if ranking.ranker == "none" else self.fairlead.rerank,
            temperature=self.temperature,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            sampling={name: value for name in _SAMPLING if (value := getattr(self, name)) is not None},
            session=self.fairlead.session_id or (self.metadata or {}).get("session_id"),
            user=self.user or self.safety_identifier,
        )

    def _search(self) -> "tuple[ChatRequest | FileSearchTool, str]":
        """Where the search is described, in the request itself or in its one tool, and the place of its fields."""
        if not self.tools:
            return self, ""
        for field in ("vector_store_ids", "filters", "max_num_results", "ranking_options"):
            if getattr(self, field) is not None:
                raise invalid(f"Give {field} in the request or in its file_search tool, not in both.", field)
        return self.tools[0], "tools[0]."

    def _application(self, tunables: OrchestratorTunables) -> str:
        name = self.model or tunables.default_application()
        if name not in tunables.applications:
            known = ", ".join(tunables.applications)
            message = f"The model '{name}' does not exist. What can be asked here: {known}."
            raise ApiError(404, message, param="model", code="model_not_found")
        return name

    def _spoken(self) -> list[ChatMessage]:
        return [message for message in self.messages if message.role in ("user", "assistant")]

    def _question(self) -> str:
        spoken = self._spoken()
        if not spoken or spoken[-1].role != "user":
            raise invalid("The last message must be the user's question.", f"messages[{len(self.messages) - 1}].role")
        return spoken[-1].content

    def _history(self) -> tuple[Message, ...]:
        return tuple(
            Message("user" if message.role == "user" else "assistant", message.content)
            for message in self._spoken()[:-1]
        )

    def _instructions(self) -> str:
        """What the application's developer adds to the rules."""
        told = "\n".join(message.content for message in self.messages if message.role in ("system", "developer"))
        if len(told) > LONGEST_INSTRUCTIONS:
            raise invalid(f"System messages may have {LONGEST_INSTRUCTIONS} characters together.", "messages")
        return told.strip()
