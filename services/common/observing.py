"""Tunables of what a service lets others see: content in traces, and how much it logs."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from common import redaction
from common.live_config import Tunables
from common.redaction import Redactor

Capture = Literal["off", "redacted", "full"]
Verbosity = Literal["minimal", "standard", "extended"]
Word = Annotated[str, Field(min_length=1, max_length=64)]
LIVE: dict[str, Any] = {"change": "live"}


class ContentTunables(Tunables):
    """What of questions, passages and answers goes into traces. Logs never hold any."""

    capture: Literal["auto", "off", "redacted", "full"] = Field(
        default="auto",
        description="Content of traces: none, without keys and personal data, or all; auto: redacted, in prod off.",
        json_schema_extra=LIVE,
    )
    tenants: dict[Word, Capture] = Field(
        default={}, max_length=10_000, description="The same for single tenants.", json_schema_extra=LIVE
    )
    patterns: dict[Word, str] = Field(
        default={},
        max_length=50,
        description="More to take out, by the name that is left in its place; expressions of RE2.",
        json_schema_extra=LIVE,
    )

    @field_validator("patterns")
    @classmethod
    def _can_be_used(cls, patterns: dict[str, str]) -> dict[str, str]:
        for name, expression in patterns.items():
            redaction.checked(name, expression)
        return patterns

    def redactor(self) -> Redactor:
        """What takes out the built-in patterns and these."""
        return Redactor(self.patterns) if self.patterns else redaction.default()

    def capture_for(self, tenant: str | None, environment: str) -> Capture:
        """What is captured of a tenant's requests in that environment."""
        if tenant is not None and tenant in self.tenants:
            return self.tenants[tenant]
        if self.capture == "auto":
            return "off" if environment == "prod" else "redacted"
        return self.capture


class LogTunables(Tunables):
    """How much is logged."""

    level: Literal["auto", "minimal", "standard", "extended"] = Field(
        default="auto",
        description="minimal: only what needs a person; standard: what happened; extended: for looking for a fault; "
        "auto: as FAIRLEAD_LOG_LEVEL says.",
        json_schema_extra=LIVE,
    )
    modules: dict[Word, Verbosity] = Field(
        default={},
        max_length=100,
        description="The same for single modules, by the name in `logger` of their lines.",
        json_schema_extra=LIVE,
    )


class TelemetryTunables(Tunables):
    """What a service lets others see."""

    content: ContentTunables = Field(
        default=ContentTunables(), description="Questions, passages and answers in traces.", json_schema_extra=LIVE
    )
    logs: LogTunables = Field(default=LogTunables(), description="How much is logged.", json_schema_extra=LIVE)


class ServiceTunables(Tunables):
    """Base of every service's tunables."""

    telemetry: TelemetryTunables = Field(
        default=TelemetryTunables(),
        description="What the service lets others see: content in traces, and how much it logs.",
        json_schema_extra=LIVE,
    )
