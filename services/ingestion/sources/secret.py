"""Where a source's credential is found: the configuration holds its place, never the credential itself."""

import os
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from common.live_config import Tunables
from ingestion.failures import Reason
from ingestion.sources.kind import SourceUnavailable


class SecretReference(Tunables):
    """The name of an environment variable, or a file that is read again at each look."""

    env: str | None = Field(default=None, description="Name of the environment variable that holds it.")
    file: Path | None = Field(default=None, description="File that holds it.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("give either env or file")
        return self

    def read(self) -> str:
        """The credential as it is now; raises SourceUnavailable naming the reference."""
        if self.file is not None:
            try:
                found = self.file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
                raise SourceUnavailable(
                    f"The credential's file {self.file} cannot be read: {reason}.", Reason.FORBIDDEN
                ) from None
        else:
            found = os.environ.get(self.env or "", "").strip()
        if not found or not found.isascii() or not found.isprintable():
            raise SourceUnavailable(
                f"The credential in {self.file or self.env} is empty or holds characters that no header may carry.",
                Reason.FORBIDDEN,
            )
        return found
