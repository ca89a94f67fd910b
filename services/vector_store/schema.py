"""What the schema consists of: our own numbered migrations, and those of the job queue (procrastinate)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from procrastinate.schema import SchemaManager

QUEUE = "queue/"
"""Prefix of the names under which the queue's migrations are recorded."""
CONTRACTS = "_contract_"
"""In the name of an own migration that takes away what an earlier release uses; all others only add."""
_WHOLE_QUEUE = QUEUE + "schema"


@dataclass(frozen=True, slots=True)
class Migration:
    """One transaction's worth of SQL. `contains` are earlier migrations that it makes unnecessary."""

    name: str
    sql: str
    contains: tuple["Migration", ...] = ()

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def own_migrations() -> list[Migration]:
    """This version's numbered SQL files, in order."""
    return _read(resources.files("vector_store") / "migrations")


def pending_queue_migrations(applied: Mapping[str, str]) -> list[Migration]:
    """What the queue lacks: on a new database its whole schema, later procrastinate's own migrations since then.

    procrastinate names them VERSION_NN_pre_… (expands: to run before new code) and VERSION_NN_post_… (contracts: after
    it). A contracting one waits for the run after the one that expanded, so that services of the version before keep
    their queue while they are replaced.
    """
    shipped = _read(resources.files("procrastinate.sql") / "migrations", QUEUE)
    if _WHOLE_QUEUE not in applied:
        return [Migration(_WHOLE_QUEUE, SchemaManager.get_schema(), tuple(shipped))]
    missing = [migration for migration in shipped if migration.name not in applied]
    expanding = {_version(migration) for migration in missing if "_post_" not in migration.name}
    return [m for m in missing if "_post_" not in m.name or _version(m) not in expanding]


def _read(folder: Traversable, prefix: str = "") -> list[Migration]:
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [
        Migration(prefix + file.name.removesuffix(".sql"), file.read_text(encoding="utf-8").replace("\r\n", "\n"))
        for file in files
    ]


def _version(migration: Migration) -> str:
    return migration.name.removeprefix(QUEUE).split("_")[0]
