"""A database server made ready from the Secret that the services read: roles, databases, pgvector; or only checked."""

import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vector_store.databases import Role, ensure_database, ensure_roles, ensure_vector
from vector_store.errors import SchemaError
from vector_store.migrations import APPLICATION, CONNECT_TIMEOUT_S, OWNER, check_server

OLDEST_SERVER = 17
RETRY_S = 1.0
# Time does not mend these.
_FOR_GOOD = ("authentication failed", "does not exist", "permission denied")


@dataclass(frozen=True)
class Access:
    """One connection URL of the Secret, taken apart."""

    key: str
    url: str
    role: Role
    database: str


@dataclass(frozen=True)
class Accesses:
    """What the Secret says: the application's and the owner's URL, and MLflow's where it is to have a database here."""

    app: Access
    owner: Access
    mlflow: Access | None


def read(folder: Path) -> Accesses:
    """From a mounted Secret: one file for each key. Raises SchemaError that names the key."""
    app, owner = _access(folder, "url", APPLICATION), _access(folder, "owner-url", OWNER)
    mlflow = _access(folder, "mlflow-url", None) if (folder / "mlflow-url").exists() else None
    if app.database != owner.database:
        raise SchemaError(f"`url` names the database {app.database} and `owner-url` {owner.database}: name the same.")
    if mlflow is not None and mlflow.database == app.database:
        raise SchemaError(f"`mlflow-url` names the database {app.database} too: give MLflow one of its own.")
    return Accesses(app, owner, mlflow)


def prepare(folder: Path, superuser: str, wait_s: float) -> list[str]:
    """Make what lacks and give roles the passwords of the Secret; what was made. Raises SchemaError.

    Waits at most `wait_s` seconds for a server that is not up yet.
    """
    found = read(folder)
    password = _value(folder, "superuser-password")
    administrator = make_conninfo(found.owner.url, user=superuser, password=password, dbname="postgres")
    _wait(administrator, "superuser-password", wait_s)
    owner, app = found.owner.role, found.app.role
    ensure_roles(administrator, [owner, app, *([found.mlflow.role] if found.mlflow else [])])
    made: list[str] = []
    if ensure_database(administrator, found.owner.database, owner, users=(app,)):
        made.append(found.owner.database)
    ensure_vector(make_conninfo(administrator, dbname=found.owner.database))
    if found.mlflow and ensure_database(administrator, found.mlflow.database, found.mlflow.role):
        made.append(found.mlflow.database)
    return made


async def check(folder: Path, wait_s: float) -> str:
    """One line about a server that somebody else looks after. Raises SchemaError saying what it lacks."""
    found = read(folder)
    for access in filter(None, (found.owner, found.app, found.mlflow)):
        _wait(access.url, access.key, wait_s)
    async with await AsyncConnection.connect(
        found.owner.url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S
    ) as conn:
        major = conn.info.server_version // 10_000
        if major < OLDEST_SERVER:
            raise SchemaError(f"The server is PostgreSQL {major}: Fairlead needs {OLDEST_SERVER} or later.")
        await check_server(conn)
    if found.mlflow is not None:
        async with await AsyncConnection.connect(found.mlflow.url, connect_timeout=CONNECT_TIMEOUT_S) as conn:
            row = await (await conn.execute("SELECT has_schema_privilege('public', 'CREATE')")).fetchone()
            if row != (True,):
                raise SchemaError(
                    f"{found.mlflow.role.name} may not create tables: as an administrator run "
                    f"ALTER DATABASE {found.mlflow.database} OWNER TO {found.mlflow.role.name};"
                )
    return f"PostgreSQL {major} is ready for Fairlead" + (" and for MLflow." if found.mlflow else ".")


def _access(folder: Path, key: str, role: str | None) -> Access:
    # SQLAlchemy's way to name the driver, which MLflow's URL may have.
    url = _value(folder, key).replace("postgresql+psycopg:", "postgresql:", 1)
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # The driver's own message repeats what it could not read, and that may be the password.
        parts = {}
    user, password, database = (str(parts.get(name) or "") for name in ("user", "password", "dbname"))
    if not (user and password and database and parts.get("host")):
        raise SchemaError(f"`{key}` of the Secret is no URL like postgresql://role:password@host:5432/database.")
    if role is not None and user != role:
        raise SchemaError(f"`{key}` of the Secret logs in as {user}: it must be {role}.")
    return Access(key, url, Role(user, password), database)


def _value(folder: Path, key: str) -> str:
    try:
        value = (folder / key).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SchemaError(f"The Secret has no key `{key}` ({folder / key}: {error.strerror}).") from error
    if not value:
        raise SchemaError(f"The key `{key}` of the Secret is empty.")
    return value


def _wait(url: str, key: str, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S).close()
        except psycopg.OperationalError as error:
            text = str(error).strip()
            refused = any(word in text for word in _FOR_GOOD)
            if refused or time.monotonic() > deadline:
                raise SchemaError(f"No connection with `{key}` of the Secret: {text}") from error
            time.sleep(RETRY_S)
        else:
            return
