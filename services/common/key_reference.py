"""Where a key is found: a configuration holds its place, never the key itself."""

import os
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from common.live_config import Tunables


class KeyReference(Tunables):
    """The name of an environment variable, or a file."""

    env: str | None = Field(default=None, description="Name of the environment variable that holds the key.")
    file: Path | None = Field(default=None, description="File that holds the key; read again when it changes.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("give either env or file")
        return self

    def read(self) -> str:
        """The key as it is now; raises LookupError naming the reference when there is none."""
        if self.file is not None:
            try:
                key = self.file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
                raise LookupError(f"the key file {self.file} cannot be read: {reason}") from None
        else:
            key = os.environ.get(self.env or "", "").strip()
        if not key:
            raise LookupError(f"the key in {self.file or self.env} is empty")
        if not key.isascii() or not key.isprintable():
            raise LookupError(f"the key in {self.file or self.env} holds characters that no header may carry")
        return key
