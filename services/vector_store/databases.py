"""The platform's databases and roles on one Postgres server: made once, put right at each start."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

CONNECT_TIMEOUT_S = 10


@dataclass(frozen=True)
class Role:
    """A login role of its own password."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Roles:
    """The owner migrates, the application is bound by row-level security, MLflow has a database of its own."""

    owner: Role
    app: Role
    mlflow: Role

    def __iter__(self) -> Iterator[Role]:
        return iter((self.owner, self.app, self.mlflow))


def ensure_roles(superuser_url: str, roles: Iterable[Role]) -> None:
    """Make the roles, or give them the passwords at hand."""
    with _connect(superuser_url) as connection:
        known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
        for role in roles:
            verb = sql.SQL("ALTER" if role.name in known else "CREATE")
            # The hash is made here, so that the password itself is in no statement that a log could show.
            hashed = connection.pgconn.encrypt_password(role.password.encode(), role.name.encode(), b"scram-sha-256")
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD {}").format(
                    verb, sql.Identifier(role.name), sql.Literal(hashed.decode())
                )
            )


def ensure_database(superuser_url: str, name: str, owner: Role, *, users: tuple[Role, ...] = ()) -> bool:
    """Make the database for `owner`, open to `users` and nobody else; whether it was made."""
    with _connect(superuser_url) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            return False
        database = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, sql.Identifier(owner.name)))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for user in users:
            connection.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(user.name))
            )
    return True


def ensure_vector(superuser_url_of_database: str) -> None:
    """Install pgvector in the database, which only a superuser may do."""
    with _connect(superuser_url_of_database) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")


def _connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)
