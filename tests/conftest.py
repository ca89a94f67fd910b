"""Fixtures that every test may use: a real Postgres server per test process, and fresh databases in milliseconds."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import psycopg
import pytest
from psycopg import sql

from standalone.postgres import DataFolder, new_password, running, server_url
from vector_store.databases import Role, Roles, ensure_database, ensure_roles, ensure_vector

# Nothing in a test needs to outlive a power cut.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
}


@dataclass(frozen=True)
class PostgresServer:
    """A running server with the platform's roles, and two templates: `empty` (pgvector only) and `migrated`."""

    port: int
    superuser_url: str
    roles: Roles

    def url(self, database: str, role: Role) -> str:
        return server_url(self.port, database, role.name, role.password)


@dataclass(frozen=True)
class Database:
    """A database of one test: `owner_url` migrates, `app_url` is bound by row-level security as the services are."""

    name: str
    owner_url: str
    app_url: str
    superuser_url: str


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    folder = tmp_path_factory.mktemp("postgres")
    data = DataFolder(folder / "data", free_port(), new_password(), FAST)
    data.initialise(durable=False)
    roles = Roles(*(Role(name, new_password()) for name in ("fairlead_owner", "fairlead_app", "mlflow")))
    with running(data, folder / "postgres.log"):
        superuser_url = data.url("postgres")
        ensure_roles(superuser_url, roles)
        ensure_database(superuser_url, "empty", roles.owner, users=(roles.app,))
        ensure_vector(data.url("empty"))
        yield PostgresServer(data.port, superuser_url, roles)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    """A database with the current schema, made by the same command that a deployment runs."""
    name = "migrated"
    _copy_database(postgres_server, "empty", name)
    environment = os.environ | {"FAIRLEAD_DATABASE_OWNER_URL": postgres_server.url(name, postgres_server.roles.owner)}
    done = subprocess.run(
        [sys.executable, "-m", "vector_store", "migrate"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return name


@pytest.fixture(scope="session")
def _database_numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def empty_database(postgres_server: PostgresServer, _database_numbers: Iterator[int]) -> Iterator[Database]:
    """A database with pgvector and no tables."""
    yield from _database(postgres_server, "empty", next(_database_numbers))


@pytest.fixture
def database(
    postgres_server: PostgresServer, migrated_template: str, _database_numbers: Iterator[int]
) -> Iterator[Database]:
    """A migrated database of this test alone."""
    yield from _database(postgres_server, migrated_template, next(_database_numbers))


@pytest.fixture(scope="module")
def module_database(
    postgres_server: PostgresServer, migrated_template: str, _database_numbers: Iterator[int]
) -> Iterator[Database]:
    """A migrated database that the tests of one file share, for those that only read or use tenants of their own."""
    yield from _database(postgres_server, migrated_template, next(_database_numbers))


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _database(server: PostgresServer, template: str, number: int) -> Iterator[Database]:
    name = f"test_{number}"
    _copy_database(server, template, name)
    yield Database(
        name,
        server.url(name, server.roles.owner),
        server.url(name, server.roles.app),
        server.superuser_url.rpartition("/")[0] + f"/{name}",
    )
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _copy_database(server: PostgresServer, template: str, name: str) -> None:
    """Copy the template; privileges on a database itself are not copied, so they are granted again."""
    roles = server.roles
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template), sql.Identifier(roles.owner.name)
            )
        )
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(name), sql.Identifier(roles.app.name))
        )
