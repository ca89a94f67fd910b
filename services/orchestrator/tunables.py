"""What can be retuned while the orchestrator runs: each key with its range, its unit, and what a change calls for."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from common.live_config import Tunables
from common.observing import ServiceTunables
from orchestrator.pipeline import prompt
from vector_store.models import DEFAULT_KEYWORD_WEIGHT

Change = Literal["live", "reevaluate", "reembed"]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Question = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
TenantName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
ApplicationName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


def _change(change: Change, unit: str | None = None) -> dict[str, Any]:
    """`live` is harmless; `reevaluate` changes answers, so measure them; `reembed` needs the stores built anew."""
    return {"change": change} | ({"unit": unit} if unit else {})


class Application(Tunables):
    """One thing that people can ask: a name in `/v1/models`, and the knowledge bases behind it."""

    stores: tuple[Name, ...] = Field(min_length=1, max_length=16, description="Names of the vector stores it searches.")
    description: str = Field(default="", max_length=500, description="What it knows, for people who choose.")
    questions: tuple[Question, ...] = Field(
        default=(), max_length=8, description="Examples that the chat page offers, where its documents answer them."
    )


class TenantQuota(Tunables):
    """The most that a tenant may hold and ask; null is no limit."""

    documents: int | None = Field(default=None, ge=0, description="Files, however they came in.")
    bytes: int | None = Field(default=None, ge=0, description="Bytes of those files as they were uploaded.")
    requests_per_minute: int | None = Field(default=None, ge=1, le=1_000_000, description="Requests to the API.")


class OrchestratorTunables(ServiceTunables):
    """Tunables of the answer pipeline and the search route."""

    top_k: int = Field(
        default=6,
        ge=1,
        le=50,
        description="Passages that go into the prompt, at most.",
        json_schema_extra=_change("reevaluate", "passages"),
    )
    candidates: int = Field(
        default=50,
        ge=1,
        le=1000,
        description="Passages that each leg (keyword, vector) proposes before they are fused; at least top_k.",
        json_schema_extra=_change("reevaluate", "passages"),
    )
    fusion: Literal["normalised", "rrf"] = Field(
        default="normalised",
        description="How the legs are fused: weighted sum of normalised scores, or reciprocal rank fusion.",
        json_schema_extra=_change("reevaluate"),
    )
    keyword_weight: float = Field(
        default=DEFAULT_KEYWORD_WEIGHT,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the keyword leg in normalised fusion; 0 is vectors alone, 1 is keywords alone.",
        json_schema_extra=_change("reevaluate"),
    )
    rrf_k: int = Field(
        default=60,
        ge=1,
        le=1000,
        description="The constant of reciprocal rank fusion: a larger one flattens the advantage of the first ranks.",
        json_schema_extra=_change("reevaluate"),
    )
    score_threshold: float = Field(
        default=0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Passages below this calibrated score are not used; when none is left, the answer says so.",
        json_schema_extra=_change("reevaluate"),
    )
    rerank: bool = Field(
        default=False,
        description="Put the passages in order by the pool's rerank model; when it is down, the fused order stays.",
        json_schema_extra=_change("reevaluate"),
    )
    rerank_model: Name = Field(
        default="rerank", description="The pool's rerank model.", json_schema_extra=_change("reevaluate")
    )
    rerank_candidates: int = Field(
        default=20,
        ge=1,
        le=200,
        description="Passages that the reranker puts in order; the best top_k of them go into the prompt.",
        json_schema_extra=_change("reevaluate", "passages"),
    )
    rerank_weight: float = Field(
        default=0.2,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the reranker's opinion in a passage's score: 0.2 suits the offline one, more a better "
        "one; 1: its order alone.",
        json_schema_extra=_change("reevaluate"),
    )
    rerank_timeout_s: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Longest wait for the reranker.",
        json_schema_extra=_change("live", "seconds"),
    )
    most_per_document: int = Field(
        default=0,
        ge=0,
        le=50,
        description="Passages of one document among those found, at most; 0: no bound.",
        json_schema_extra=_change("reevaluate", "passages"),
    )
    recency_half_life_days: float | None = Field(
        default=None,
        gt=0,
        le=36_500,
        description="Age at which a document has lost half of what it can lose by its age; none: age does not count.",
        json_schema_extra=_change("reevaluate", "days"),
    )
    recency_weight: float = Field(
        default=0.5,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Share of its score that a document can lose by its age.",
        json_schema_extra=_change("reevaluate"),
    )
    recency_attribute: Name = Field(
        default="date",
        description="The file's attribute that says when it was written: Unix seconds or an ISO 8601 date.",
        json_schema_extra=_change("reevaluate"),
    )
    rewrite: bool = Field(
        default=False,
        description="Let the model turn a follow-up question into one that stands for itself before searching.",
        json_schema_extra=_change("reevaluate"),
    )
    rewrite_timeout_s: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="Longest wait for the rewriter; then the question is taken as asked.",
        json_schema_extra=_change("live", "seconds"),
    )
    model: Name = Field(
        default="chat", description="The pool's model that writes answers.", json_schema_extra=_change("reevaluate")
    )
    embedding_model: Name | None = Field(
        default=None,
        description="The only embedding model that questions may be embedded with; none: the one each store was built "
        "with. A store of another model is then searched by keywords alone.",
        json_schema_extra=_change("reembed"),
    )
    embed_timeout_s: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="Longest wait for the question's embedding; then keywords alone are searched.",
        json_schema_extra=_change("live", "seconds"),
    )
    temperature: float = Field(
        default=0.1,
        ge=0,
        le=2,
        allow_inf_nan=False,
        description="Randomness of the model, where the request does not say.",
        json_schema_extra=_change("reevaluate"),
    )
    max_tokens: int = Field(
        default=512,
        ge=1,
        le=32_768,
        description="Longest answer; a request may ask for less.",
        json_schema_extra=_change("reevaluate", "tokens"),
    )
    system_prompt: str = Field(
        default=prompt.SYSTEM_PROMPT,
        min_length=1,
        max_length=20_000,
        description="The rules that the model answers by.",
        json_schema_extra=_change("reevaluate"),
    )
    prompt_template: str = Field(
        default=prompt.PROMPT_TEMPLATE,
        min_length=1,
        max_length=20_000,
        description="Jinja2 template of the user message; must use `passages` and `question`.",
        json_schema_extra=_change("reevaluate"),
    )
    prompt_version: str = Field(
        default="1",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Name of the prompt's version, on every trace beside a hash of its text.",
        json_schema_extra=_change("live"),
    )
    applications: dict[ApplicationName, Application] = Field(
        default={"fairlead": Application(stores=("default",))},
        min_length=1,
        max_length=100,
        description="What can be asked, by the name that requests give as `model`; the first is the default.",
        json_schema_extra=_change("live"),
    )
    max_question_chars: int = Field(
        default=4_000,
        ge=1,
        le=100_000,
        description="Longest question that is accepted.",
        json_schema_extra=_change("live", "characters"),
    )
    max_history_chars: int = Field(
        default=8_000,
        ge=0,
        le=1_000_000,
        description="Earlier messages that go to the model with the question, the newest first, whole ones only.",
        json_schema_extra=_change("reevaluate", "characters"),
    )
    expand: Literal["none", "section"] = Field(
        default="none",
        description="section: the prompt shows each passage with what stands around it under the same headings.",
        json_schema_extra=_change("reevaluate"),
    )
    expand_chars: int = Field(
        default=3_000,
        ge=200,
        le=100_000,
        description="Longest passage in the prompt once its section is shown with it.",
        json_schema_extra=_change("reevaluate", "characters"),
    )
    max_passages_chars: int = Field(
        default=16_000,
        ge=500,
        le=1_000_000,
        description="Text of passages in one prompt, the best first; a single longer passage is cut.",
        json_schema_extra=_change("reevaluate", "characters"),
    )
    deadline_s: float = Field(
        default=120.0,
        gt=0,
        le=3600,
        description="Longest time for one answer, where the request's deadline header does not say.",
        json_schema_extra=_change("live", "seconds"),
    )
    quota: TenantQuota = Field(
        default=TenantQuota(),
        description="What each tenant may hold and ask that has no entry in `quotas`.",
        json_schema_extra=_change("live"),
    )
    quotas: dict[TenantName, TenantQuota] = Field(
        default={},
        max_length=10_000,
        description="Quotas of single tenants; an entry takes the place of the whole of `quota`.",
        json_schema_extra=_change("live"),
    )
    audit_groups: tuple[Name, ...] = Field(
        default=("auditors",),
        max_length=16,
        description="Keys of these groups read the tenant's whole audit log; any other reads what it did itself.",
        json_schema_extra=_change("live"),
    )

    @field_validator("candidates")
    @classmethod
    def _candidates_cover_top_k(cls, candidates: int, info: ValidationInfo) -> int:
        top_k = info.data.get("top_k", 1)
        if candidates < top_k:
            raise ValueError(f"{candidates} candidates cannot fill top_k = {top_k}")
        return candidates

    @field_validator("prompt_template")
    @classmethod
    def _template_can_be_used(cls, template: str) -> str:
        return prompt.check_template(template)

    def names_tenant(self, tenant: str) -> bool:
        """Whether the configuration names the tenant: only then may metrics."""
        return tenant in self.quotas or tenant in self.telemetry.content.tenants

    def default_application(self) -> str:
        """The application that is asked when a request names none."""
        return next(iter(self.applications))
