"""Runs MLflow's tracking server in one process (`python -m standalone.mlflow_server --port N`).

`mlflow server` imports MLflow twice, in a parent that prepares the database and in the server it then starts; doing
both here halves the time until it is ready and the memory it takes. The database URL comes by MLFLOW_BACKEND_STORE_URI.
"""

import argparse
import os


def main() -> None:
    """Prepare the database (its schema too, the first time), then serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--artifacts", required=True)
    arguments = parser.parse_args()

    # Imported here for they take seconds, and a wrong command line should not.
    import uvicorn  # noqa: PLC0415
    from mlflow.server import constants, handlers  # noqa: PLC0415

    database = os.environ["MLFLOW_BACKEND_STORE_URI"]
    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: database,
        constants.REGISTRY_STORE_URI_ENV_VAR: database,
        constants.ARTIFACT_ROOT_ENV_VAR: "mlflow-artifacts:/",
        constants.ARTIFACTS_DESTINATION_ENV_VAR: arguments.artifacts,
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
    }
    handlers.initialize_backend_stores(database, database, "mlflow-artifacts:/")
    uvicorn.run(
        "mlflow.server.fastapi_app:app",
        host="127.0.0.1",
        port=arguments.port,
        access_log=False,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
