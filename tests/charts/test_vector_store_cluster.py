"""What the vector store's chart tells CloudNativePG to make, on a real Postgres: services and MLflow can use it."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from charts.rendering import needs_helm, render
from conftest import free_port
from standalone.postgres import DataFolder, new_password, running, server_url
from vector_store import preparation
from vector_store.migrations import migrate

pytestmark = needs_helm
ROLES = {"url": "fairlead_app", "owner-url": "fairlead_owner", "mlflow-url": "mlflow"}


def test_roles_and_databases_that_the_operator_makes_are_what_services_need(tmp_path: Path) -> None:
    (cluster,) = render("vector-store", values={"mode": "cluster"}).of("Cluster")
    init, roles = cluster["spec"]["bootstrap"]["initdb"], cluster["spec"]["managed"]["roles"]
    settings: dict[str, str] = cluster["spec"]["postgresql"]["parameters"]
    data = DataFolder(tmp_path / "data", free_port(), new_password(), {**settings, "fsync": "off"})
    data.initialise(durable=False)
    secret = tmp_path / "secret"
    secret.mkdir()
    with running(data, tmp_path / "postgres.log"):
        # In the operator's order: SQL of the server, the database with its owner, SQL of the database, roles.
        with psycopg.connect(data.url("postgres"), autocommit=True) as server:
            for statement in init["postInitSQL"]:
                server.execute(statement)
            owner, database = sql.Identifier(init["owner"]), sql.Identifier(init["database"])
            server.execute(sql.SQL("CREATE ROLE {} LOGIN").format(owner))
            server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
        with psycopg.connect(data.url(init["database"]), autocommit=True) as application:
            for statement in init["postInitApplicationSQL"]:
                application.execute(statement)
            assert {role["name"] for role in roles} == set(ROLES.values())
            for key, role in ROLES.items():
                password = new_password()
                application.execute(
                    sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
                )
                name = "mlflow" if role == "mlflow" else init["database"]
                (secret / key).write_text(server_url(data.port, name, role, password))

        said = asyncio.run(preparation.check(secret, 5))
        assert said == "PostgreSQL 18 is ready for Fairlead and for MLflow."
        assert asyncio.run(migrate((secret / "owner-url").read_text()))
        with psycopg.connect((secret / "url").read_text()) as app:
            assert app.execute("SHOW statement_timeout").fetchone() == ("1min",)
            assert app.execute("SELECT count(*) FROM stores").fetchone() == (0,)
        for role, elsewhere in (("url", "mlflow"), ("mlflow-url", "fairlead")):
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                psycopg.connect((secret / role).read_text(), dbname=elsewhere)
