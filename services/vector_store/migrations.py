"""Brings a database's schema up to this version of the code, and says whether it fits."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, cast

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.sql import SQL, Identifier

from common.postgres import Pool
from vector_store.errors import SchemaError
from vector_store.schema import CONTRACTS, QUEUE, Migration, own_migrations, pending_queue_migrations

OWNER = "fairlead_owner"
APPLICATION = "fairlead_app"
MINIMUM_VECTOR_VERSION = (0, 8, 0)
"""pgvector 0.8 brought iterative index scans, without which a filtered search loses hits."""
LOCK = "fairlead.migrate"
LOCK_WAIT_MS = 120_000
CONNECT_TIMEOUT_S = 10

_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text COLLATE "C" PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


async def migrate(owner_url: str, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Applies what is missing, as the owner, and returns the names of what was applied.

    Each migration is one transaction. Several callers at once take turns. Raises SchemaError with a sentence for the
    person who runs it.
    """
    wanted = own_migrations() if migrations is None else list(migrations)
    async with await connect(owner_url) as conn:
        await _take_turn(conn)
        await check_server(conn)
        await conn.execute(_HISTORY)
        applied = await _history(conn)
        _check_history(wanted, applied)
        done: list[str] = []
        missing = [migration for migration in wanted if migration.name not in applied]
        for migration in [*pending_queue_migrations(applied), *missing]:
            await _apply(conn, migration)
            done.append(migration.name)
        await _grant_queue(conn)
    return done


async def connect(owner_url: str) -> AsyncConnection[Any]:
    """A connection for work over all tenants. Raises SchemaError."""
    try:
        return await psycopg.AsyncConnection.connect(owner_url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)
    except psycopg.OperationalError as error:
        raise SchemaError(f"The database cannot be reached: {str(error).strip()}") from error
    except psycopg.ProgrammingError:
        # The driver's own message repeats what it could not read, and that may be the password.
        raise SchemaError("This is no URL of a database: postgresql://role:password@host:port/database") from None


async def become_owner(conn: AsyncConnection[Any], what: str) -> None:
    """From here on as the owner, whoever logged in. Raises SchemaError, beginning with `what`."""
    try:
        await conn.execute(SQL("SET ROLE {}").format(Identifier(OWNER)))
    except (errors.InsufficientPrivilege, errors.InvalidParameterValue) as error:  # the latter: there is no such role
        raise SchemaError(f"{what} run as {OWNER} or a member of it: give its URL.") from error


async def schema_fits(pool: Pool, migrations: Sequence[Migration] | None = None) -> str | None:
    """None when services of this version can run on the database, else a sentence saying why not (for readiness).

    Migrations that this version does not know are no obstacle while they only add: the schema is expanded before
    services follow, and stays so where a release is taken back.
    """
    wanted = own_migrations() if migrations is None else migrations
    try:
        async with pool.connection() as conn:
            applied = await _history(conn)
    except errors.UndefinedTable:
        return "The database has no schema yet: run `python -m vector_store migrate`."
    missing = [m.name for m in wanted if m.name not in applied]
    if missing:
        return f"The database lacks {', '.join(missing)}: run `python -m vector_store migrate`."
    return _taken_away({m.name for m in wanted}, applied)


async def _take_turn(conn: AsyncConnection[Any]) -> None:
    """Waits until no other migrate runs on this database; the lock goes with the connection."""
    await conn.execute(SQL("SET lock_timeout = {}").format(LOCK_WAIT_MS))
    try:
        await conn.execute("SELECT pg_advisory_lock(hashtext(%s))", (LOCK,))
    except errors.LockNotAvailable as error:
        raise SchemaError(
            f"Another migrate has been running on this database for {LOCK_WAIT_MS // 1000} s: try again."
        ) from error
    # A migration that waits behind a long query makes everything behind it wait too; better to fail and try again.
    await conn.execute("SET lock_timeout = '10s'")


async def check_server(conn: AsyncConnection[Any]) -> None:
    """Becomes the owner; raises SchemaError, saying what to run, where roles, pgvector or rights are not as needed."""
    roles = {
        name: (superuser or bypass)
        for name, superuser, bypass in await _rows(
            conn,
            "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = ANY(%s)",
            ([OWNER, APPLICATION],),
        )
    }
    for role, purpose in ((OWNER, "owns the tables"), (APPLICATION, "is used by the services")):
        if role not in roles:
            raise SchemaError(
                f"The database has no role {role}, which {purpose}: as an administrator run "
                f"CREATE ROLE {role} LOGIN PASSWORD '…'; and try again."
            )
    if roles[APPLICATION]:
        raise SchemaError(
            f"The role {APPLICATION} passes row-level security: run ALTER ROLE {APPLICATION} NOSUPERUSER NOBYPASSRLS;"
        )
    await become_owner(conn, "Migrations")
    await _check_vector(conn)
    allowed = await _rows(conn, "SELECT has_schema_privilege('public', 'CREATE'), current_database()")
    if not allowed[0][0]:
        raise SchemaError(
            f"{OWNER} may not create tables: as an administrator run "
            f"ALTER DATABASE {allowed[0][1]} OWNER TO {OWNER}; (or GRANT CREATE ON SCHEMA public TO {OWNER};)"
        )


async def _check_vector(conn: AsyncConnection[Any]) -> None:
    try:
        await conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except errors.InsufficientPrivilege as error:
        raise SchemaError(
            "The database lacks pgvector and only an administrator may add it: run CREATE EXTENSION vector; there."
        ) from error
    except (errors.FeatureNotSupported, errors.UndefinedFile) as error:
        raise SchemaError("This server does not have pgvector: install it (0.8.0 or later).") from error
    version = str((await _rows(conn, "SELECT extversion FROM pg_extension WHERE extname = 'vector'"))[0][0])
    if tuple(int(part) for part in version.split(".")[:3]) < MINIMUM_VECTOR_VERSION:
        raise SchemaError(
            f"pgvector {version} is too old, 0.8.0 is needed: update it and run ALTER EXTENSION vector UPDATE;"
        )


def _check_history(wanted: Sequence[Migration], applied: Mapping[str, str]) -> None:
    """Refuses an edited migration, one of another line of releases, and a later one that took something away.

    Later migrations that only add are no obstacle: a release is taken back without the schema's being taken back.
    """
    known = {migration.name: migration for migration in wanted}
    if too_new := _taken_away(known, applied):
        raise SchemaError(too_new)
    for name, checksum in applied.items():
        if name.startswith(QUEUE):
            continue
        if name not in known:
            if name < max(known, default=""):
                raise SchemaError(
                    f"The database has migration {name}, which this version never had: it comes from another line of "
                    "releases. Use a version of that line."
                )
        elif known[name].checksum != checksum:
            raise SchemaError(
                f"Migration {name} was changed after it was applied here: restore it and add a new migration instead."
            )


def _taken_away(known: Container[str], applied: Iterable[str]) -> str | None:
    """What to say where a migration that this version does not know removed what it may use."""
    for name in applied:
        if CONTRACTS in name and name not in known and not name.startswith(QUEUE):
            return (
                f"The database is newer than this version: migration {name} took away what this one uses. Use the "
                "version it came from, or restore a backup of before it."
            )
    return None


async def _history(conn: AsyncConnection[Any]) -> dict[str, str]:
    return dict(await _rows(conn, "SELECT name, checksum FROM schema_migrations ORDER BY name"))


async def _apply(conn: AsyncConnection[Any], migration: Migration) -> None:
    records = [(m.name, m.checksum) for m in (migration, *migration.contains)]
    try:
        async with conn.transaction(), conn.cursor() as cursor:
            # The files are the package's own, not anybody's input.
            await cursor.execute(cast(Any, migration.sql))
            await cursor.executemany("INSERT INTO schema_migrations (name, checksum) VALUES (%s, %s)", records)
    except psycopg.Error as error:
        reason = error.diag.message_primary or str(error)
        raise SchemaError(f"Migration {migration.name} failed and nothing of it remains: {reason}") from error


async def _grant_queue(conn: AsyncConnection[Any]) -> None:
    """Lets the services use the queue and read the history; repeated, for a later procrastinate may add tables."""
    application = Identifier(APPLICATION)
    await conn.execute(SQL("GRANT SELECT ON schema_migrations TO {}").format(application))
    for name, is_sequence in await _rows(
        conn,
        "SELECT relname, relkind = 'S' FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relname LIKE 'procrastinate%' AND relkind IN ('r', 'S')",
    ):
        rights = "USAGE, SELECT ON SEQUENCE" if is_sequence else "SELECT, INSERT, UPDATE, DELETE ON"
        await conn.execute(SQL("GRANT {} {} TO {}").format(SQL(rights), Identifier(name), application))


async def _rows(conn: AsyncConnection[Any], query: Any, params: Sequence[Any] | None = None) -> list[Any]:
    return await (await conn.execute(query, params)).fetchall()
