"""Runs MLflow behind its own authentication, in one process, told by the files of mounted Secrets.

The administrator gets the Secret's password at each start, which MLflow itself does only at the very first.
"""

import os
from pathlib import Path

SETTINGS = """[mlflow]
default_permission = {permission}
database_uri = {database}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


def secret(folder: str, key: str) -> str:
    """A key of a mounted Secret; says which one is not there."""
    file = Path(os.environ[folder], key)
    value = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    if not value:
        raise SystemExit(f"{file} is missing or empty: put the key {key} into the Secret that is mounted there")
    return value


def main() -> None:
    """Prepare the database (its schema too, the first time), then serve until SIGTERM."""
    _, _, place = secret("FAIRLEAD_DATABASE_SECRET", "mlflow-url").partition("://")
    database = f"postgresql+psycopg://{place}"
    user, password = (secret("FAIRLEAD_TRACE_STORE_SECRET", key) for key in ("username", "password"))
    config = Path(os.environ["FAIRLEAD_AUTH_CONFIG"])
    config.touch(mode=0o600)
    permission = os.environ.get("FAIRLEAD_DEFAULT_PERMISSION", "READ")
    # Its reader takes a single percent sign for the beginning of a reference.
    config.write_text(SETTINGS.format(permission=permission, database=database.replace("%", "%%")), encoding="utf-8")
    os.environ |= {
        "MLFLOW_BACKEND_STORE_URI": database,
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_AUTH_ADMIN_USERNAME": user,
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret("FAIRLEAD_TRACE_STORE_SECRET", "flask-secret-key"),
        # Which of MLflow's two kinds of server the authentication is put before.
        "_MLFLOW_SGI_NAME": "uvicorn",
    }

    # MLflow reads its environment when it is imported.
    import uvicorn  # noqa: PLC0415
    from mlflow.server import constants, handlers  # noqa: PLC0415

    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: database,
        constants.REGISTRY_STORE_URI_ENV_VAR: database,
        constants.ARTIFACT_ROOT_ENV_VAR: "mlflow-artifacts:/",
        constants.ARTIFACTS_DESTINATION_ENV_VAR: os.environ["FAIRLEAD_ARTIFACTS"],
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
    }
    handlers.initialize_backend_stores(database, database, "mlflow-artifacts:/")

    from mlflow.server import app, auth  # noqa: PLC0415

    application = auth.create_app(app)
    if not auth.store.authenticate_user(user, password):
        auth.store.update_user(user, password=password, is_admin=True)
    uvicorn.run(
        application,
        host=os.environ.get("FAIRLEAD_HOST", "0.0.0.0"),  # noqa: S104 - a pod's door; a NetworkPolicy is before it
        port=int(os.environ.get("FAIRLEAD_PORT", "5000")),
        access_log=False,
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    main()
