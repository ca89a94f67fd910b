"""How a service shows MLflow who it is."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr


@dataclass(frozen=True)
class MlflowAccess:
    """A bearer token, or a file with the whole Authorization header, or neither where MLflow asks for none."""

    token: SecretStr | None = None
    file: Path | None = None

    def headers(self) -> dict[str, str]:
        """The header as it is now: the file is read each time. Raises OSError where it cannot be read."""
        if self.file is not None:
            return {"authorization": self.file.read_text(encoding="utf-8").strip()}
        return {"authorization": f"Bearer {self.token.get_secret_value()}"} if self.token else {}
