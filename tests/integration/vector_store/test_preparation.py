"""`python -m vector_store prepare` and `check`: from a mounted Secret to a server that takes migrations and MLflow."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner

from conftest import free_port
from standalone.postgres import DataFolder, new_password, running, server_url
from vector_store.cli import app
from vector_store.migrations import migrate

NAMES = {
    "url": ("fairlead_app", "fairlead"),
    "owner-url": ("fairlead_owner", "fairlead"),
    "mlflow-url": ("mlflow", "ml"),
}
SQLALCHEMY = "postgresql+psycopg:"  # as MLflow's URL may begin


@dataclass
class Server:
    """A server of its own, for roles are the whole server's, and the Secret about it."""

    data: DataFolder
    secret: Path

    def write(self, **changed: str | None) -> None:
        for key, (role, database) in NAMES.items():
            url = server_url(self.data.port, database, role, new_password())
            (self.secret / key).write_text(
                url.replace("postgresql:", "postgresql+psycopg:") if role == "mlflow" else url
            )
        (self.secret / "superuser-password").write_text(self.data.password)
        for name, value in changed.items():
            file = self.secret / name.replace("_", "-")
            file.unlink() if value is None else file.write_text(value)

    def value(self, key: str) -> str:
        return (self.secret / key).read_text().replace("+psycopg", "")

    def run(self, command: str, wait: float = 5) -> tuple[int, str]:
        done = CliRunner().invoke(app, [command, "--secret", str(self.secret), "--wait", str(wait)])
        return done.exit_code, done.output


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFolder]:
    folder = tmp_path_factory.mktemp("server")
    data = DataFolder(folder / "data", free_port(), new_password(), {"fsync": "off"})
    data.initialise(durable=False)
    with running(data, folder / "postgres.log"):
        yield data


@pytest.fixture
def server(data: DataFolder, tmp_path: Path) -> Server:
    made = Server(data, tmp_path)
    made.write()
    return made


def test_an_empty_server_becomes_ready_and_stays_so(server: Server) -> None:
    code, said = server.run("prepare")
    assert (code, said.splitlines()[-1]) == (0, "Roles, databases and pgvector are ready.")
    assert asyncio.run(migrate(server.value("owner-url")))
    assert server.run("check") == (0, "PostgreSQL 18 is ready for Fairlead and for MLflow.\n")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(make_conninfo(server.value("url"), dbname="ml"))

    server.write()  # new passwords
    assert server.run("check")[0] == 1
    code, said = server.run("prepare")
    assert (code, said) == (0, "Roles, databases and pgvector are ready.\n")
    assert server.run("check")[0] == 0
    with psycopg.connect(server.value("url")) as conn:
        assert conn.execute("SELECT count(*) FROM stores").fetchone() == (0,)


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"url": None}, "The Secret has no key `url`"),
        ({"owner_url": " "}, "The key `owner-url` of the Secret is empty."),
        ({"url": "postgresql://host/fairlead"}, "`url` of the Secret is no URL like postgresql://role:password@host"),
        ({"url": "postgresql://boss:x@h/fairlead"}, "`url` of the Secret logs in as boss: it must be fairlead_app."),
        ({"url": "postgresql://fairlead_app:x@h/other"}, "`url` names the database other and `owner-url` fairlead"),
        ({"mlflow_url": "postgresql://mlflow:x@h/fairlead"}, "give MLflow one of its own"),
        ({"superuser_password": "wrong"}, "No connection with `superuser-password` of the Secret"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(server: Server, changed: dict[str, str | None], wanted: str) -> None:
    server.write(**changed)
    code, said = server.run("prepare")
    assert code == 1
    assert wanted in said
    assert "Traceback" not in said


def test_a_server_that_is_not_there_is_waited_for_so_long(server: Server) -> None:
    away = server_url(free_port(), "fairlead", "fairlead_owner", "secret-word")
    server.write(owner_url=away)
    code, said = server.run("prepare", wait=0.1)
    assert code == 1
    assert "No connection with `superuser-password`" in said
    assert "secret-word" not in said


def test_check_says_what_an_administrator_should_run(server: Server) -> None:
    server.run("prepare")
    with psycopg.connect(server.data.url("postgres"), autocommit=True) as conn:
        conn.execute("ALTER ROLE fairlead_app BYPASSRLS")
    code, said = server.run("check")
    assert code == 1
    assert "ALTER ROLE fairlead_app NOSUPERUSER NOBYPASSRLS" in said
    server.run("prepare")
    with psycopg.connect(server.data.url("ml"), autocommit=True) as conn:
        conn.execute("ALTER DATABASE ml OWNER TO postgres")
        conn.execute("GRANT CONNECT ON DATABASE ml TO mlflow")
    code, said = server.run("check")
    assert code == 1
    assert "ALTER DATABASE ml OWNER TO mlflow;" in said
