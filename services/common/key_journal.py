"""Who changed which API key: a line of JSON for each change, in a file beside the key file that only grows.

The command that changes keys works without the platform; the orchestrator takes the lines up into its audit log.
"""

import getpass
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from common.ids import new_id
from common.logs import get_logger

log = get_logger("key_journal")


class KeyChange(BaseModel):
    """One change. `by` is the user of the machine who made it; the key itself is in no line."""

    model_config = ConfigDict(frozen=True)

    id: str
    at: datetime
    action: str
    by: str
    tenant: str
    key: str
    name: str = ""
    groups: tuple[str, ...] = ()
    lane: str = ""
    expires_at: datetime | None = None


def path_of(key_file: Path) -> Path:
    """Where the changes of that key file are kept."""
    return key_file.with_name(key_file.name + ".audit")


def append(key_file: Path, action: str, **about: object) -> None:
    """Add a line. The caller holds the key file's lock."""
    change = KeyChange.model_validate(
        {"id": new_id("audit_"), "at": datetime.now(UTC), "action": action, "by": _user(), **about}
    )
    descriptor = os.open(path_of(key_file), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(change.model_dump(mode="json"), ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(key_file: Path) -> list[KeyChange]:
    """Every change, the oldest first; none where there is no journal (keys that come from a Secret)."""
    try:
        lines = path_of(key_file).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    changes: list[KeyChange] = []
    for number, line in enumerate(lines, 1):
        try:
            changes.append(KeyChange.model_validate_json(line))
        except ValidationError:
            # A line that was cut by a full disk hides none of the others.
            log.warning("key_journal_line", line=number)
    return changes


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name
        return f"uid {os.getuid()}"
