"""API keys as they are stored: only hashes, each bound to a tenant, groups, a lane and an expiry."""

import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from common import key_journal
from common.ids import new_id

PREFIX = "fl-"
TENANT = re.compile(r"^[a-z0-9][a-z0-9_-]{0,62}$")
Lane = Literal["interactive", "batch"]


class StoredKey(BaseModel):
    """One key. `hash` is SHA-256 of the key: 256 random bits need no slow hash, there is nothing to guess."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    name: str = ""
    tenant: str = Field(default="default", pattern=TENANT.pattern)
    groups: tuple[str, ...] = ()
    lane: Lane = "interactive"
    created_at: datetime
    expires_at: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Whether the key's time is over."""
        return self.expires_at is not None and now >= self.expires_at


class KeyFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: tuple[StoredKey, ...] = ()


def digest(key: str) -> str:
    """The stored form of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def read(path: Path) -> KeyFile:
    """The file's keys; a missing file has none. Raises ValueError naming the file when it is not valid."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return KeyFile()
    try:
        return KeyFile.model_validate_json(text)
    except ValueError as error:
        raise ValueError(f"{path} is not a valid key file: {error}") from None


def create(
    path: Path,
    *,
    name: str = "",
    tenant: str = "default",
    groups: tuple[str, ...] = (),
    lane: Lane = "interactive",
    expires_at: datetime | None = None,
) -> tuple[str, StoredKey]:
    """Add a key; the returned text is the only copy of it there will ever be."""
    key = PREFIX + secrets.token_urlsafe(32)
    stored = StoredKey(
        id=new_id("key_"),
        hash=digest(key),
        name=name,
        tenant=tenant,
        groups=groups,
        lane=lane,
        created_at=datetime.now(UTC),
        expires_at=expires_at,
    )
    with _exclusive(path):
        _write(path, KeyFile(keys=(*read(path).keys, stored)))
        key_journal.append(
            path,
            "key.create",
            key=stored.id,
            tenant=tenant,
            name=name,
            groups=groups,
            lane=lane,
            expires_at=expires_at,
        )
    return key, stored


def revoke(path: Path, key_id: str) -> bool:
    """Remove a key by its id; False when there is none."""
    with _exclusive(path):
        before = read(path).keys
        after = tuple(key for key in before if key.id != key_id)
        if len(after) == len(before):
            return False
        _write(path, KeyFile(keys=after))
        gone = next(key for key in before if key.id == key_id)
        key_journal.append(path, "key.revoke", key=key_id, tenant=gone.tenant, name=gone.name)
    return True


@contextmanager
def _exclusive(path: Path) -> Generator[None]:
    """Two commands at once must not lose one another's key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, content: KeyFile) -> None:
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content.model_dump(mode="json"), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
