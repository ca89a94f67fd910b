"""What can be retuned while the worker runs: each key with its range, its unit, and what a change calls for."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from common.live_config import Tunables
from common.observing import ServiceTunables
from ingestion.sources.kind import Name
from ingestion.sources.registry import AnySource

MIB = 1024 * 1024
Change = Literal["live", "reevaluate", "reembed"]


def _change(change: Change, unit: str | None = None) -> dict[str, Any]:
    """`live` is harmless; `reevaluate` changes what is found; `reembed` needs the stores built anew."""
    return {"change": change} | ({"unit": unit} if unit else {})


class ChunkingTunables(Tunables):
    """How documents are cut into passages, in tokens of the embedding model."""

    size: int = Field(
        default=512,
        ge=64,
        le=4096,
        description="Largest passage, with the title and headings that are embedded before it.",
        json_schema_extra=_change("reembed", "tokens"),
    )
    overlap: int = Field(
        default=0,
        ge=0,
        le=2048,
        description="What a passage repeats of the one before it in the same section, in whole sentences.",
        json_schema_extra=_change("reembed", "tokens"),
    )
    context: bool = Field(
        default=True,
        description="Whether title and headings are embedded before each passage; they are never quoted.",
        json_schema_extra=_change("reembed"),
    )

    @model_validator(mode="after")
    def _overlap_leaves_room(self) -> Self:
        if self.overlap > self.size // 2:
            raise ValueError(f"overlap ({self.overlap}) must be at most half of size ({self.size})")
        return self


class EmbeddingModel(Tunables):
    """An embedding model of the pool, and how much it reads at once."""

    model: Name = Field(
        default="all-MiniLM-L6-v2", description="The pool's embedding model.", json_schema_extra=_change("reembed")
    )
    version: Name = Field(
        default="1",
        description="Version of its weights: raise it when they change under the same name.",
        json_schema_extra=_change("reembed"),
    )
    window: int = Field(
        default=256,
        ge=32,
        le=32768,
        description="Longest text that the model reads; longer passages are embedded in several windows.",
        json_schema_extra=_change("reembed", "tokens"),
    )
    tokenizer: Path | None = Field(
        default=None,
        description="The model's `tokenizer.json`; none: that of all-MiniLM-L6-v2.",
        json_schema_extra=_change("reembed"),
    )


class EmbeddingTunables(EmbeddingModel):
    """The space of new stores. A store keeps that of its first file until a reindex has put another in its place."""

    others: tuple[EmbeddingModel, ...] = Field(
        default=(),
        max_length=16,
        description="Further models that stores may have: those that a reindex goes to, or came from.",
        json_schema_extra=_change("live"),
    )
    batch: int = Field(
        default=64,
        ge=1,
        le=2048,
        description="Texts in one request to the pool, at most; fewer while it cannot answer so many in time.",
        json_schema_extra=_change("live", "texts"),
    )
    patience_s: float = Field(
        default=300.0,
        gt=0,
        le=3600,
        description="How long one file waits for a pool that is down or limits us before its job is put back.",
        json_schema_extra=_change("live", "seconds"),
    )

    def named(self, model: str, version: str | None = None) -> "EmbeddingTunables | None":
        """As `model` (of that version, if one is given) is configured; None when it is not."""
        for known in (self, *self.others):
            if known.model == model and version in (None, known.version):
                own = {name: getattr(known, name) for name in EmbeddingModel.model_fields}
                return self.model_copy(update=own)
        return None


class LimitTunables(Tunables):
    """What one file may cost. Over a limit the file fails, alone and with the reason."""

    file_bytes: int = Field(
        default=128 * MIB, ge=1024, description="Largest file.", json_schema_extra=_change("live", "bytes")
    )
    text_chars: int = Field(
        default=20_000_000,
        ge=1000,
        description="Longest text in a file.",
        json_schema_extra=_change("live", "characters"),
    )
    memory_bytes: int = Field(
        default=1024 * MIB,
        ge=64 * MIB,
        description="Memory for reading one file.",
        json_schema_extra=_change("live", "bytes"),
    )
    cpu_s: int = Field(
        default=120, ge=1, le=3600, description="Processor time for it.", json_schema_extra=_change("live", "seconds")
    )
    wall_s: float = Field(
        default=180.0, gt=0, le=7200, description="Time for it.", json_schema_extra=_change("live", "seconds")
    )


class IngestionTunables(ServiceTunables):
    """Tunables of the ingestion worker."""

    sources: tuple[AnySource, ...] = Field(
        default=(),
        max_length=100,
        description="What stores are kept in step with, beside uploads.",
        json_schema_extra=_change("live"),
    )
    sync_interval_s: float = Field(
        default=60.0,
        ge=1,
        le=86_400,
        description="Time between two looks at the sources.",
        json_schema_extra=_change("live", "seconds"),
    )
    forget_removed_sources: bool = Field(
        default=True,
        description="Whether the documents of a source that is taken out of this list are removed.",
        json_schema_extra=_change("live"),
    )
    concurrency: int = Field(
        default=4, ge=1, le=64, description="Files in work at a time.", json_schema_extra=_change("live", "files")
    )
    attempts: int = Field(
        default=20,
        ge=1,
        le=1000,
        description="How often a file is tried again after faults that pass (pool or database away).",
        json_schema_extra=_change("live"),
    )
    chunking: ChunkingTunables = ChunkingTunables()
    embedding: EmbeddingTunables = EmbeddingTunables()
    limits: LimitTunables = LimitTunables()

    @model_validator(mode="after")
    def _sources_differ(self) -> Self:
        names = [(source.tenant, source.name) for source in self.sources]
        twice = next((name for tenant, name in names if names.count((tenant, name)) > 1), None)
        if twice is not None:
            raise ValueError(f"sources: {twice} is listed twice")
        labels = [(source.tenant, source.shown_name) for source in self.sources]
        twice = next((label for tenant, label in labels if labels.count((tenant, label)) > 1), None)
        if twice is not None:
            raise ValueError(f"sources: two have the label {twice}; filters and metrics could not tell them apart")
        return self
