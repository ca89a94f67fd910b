"""The MLflow experiment that traces go to, and how it shows them. Its number is needed before MLflow itself is up."""

from collections.abc import Mapping
from typing import Any

import psycopg

from common.trace_experiment import NAME, tags
from standalone import loopback
from standalone.errors import StartRefused

API = "/api/2.0/mlflow/experiments"
CONNECT_TIMEOUT_S = 10
# Its first answer may have to wait for tables to be made.
ANSWER_TIMEOUT_S = 30.0


def known(database_url: str) -> str | None:
    """The experiment's number as an earlier start left it in MLflow's database; None before the first."""
    with psycopg.connect(database_url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
        if connection.execute("SELECT to_regclass('experiments')").fetchone() == (None,):
            return None
        row = connection.execute(
            "SELECT experiment_id FROM experiments WHERE name = %s AND lifecycle_stage = 'active'", (NAME,)
        ).fetchone()
    return str(row[0]) if row else None


async def ensure(port: int) -> str:
    """Make the experiment through MLflow's API, or bring it back if somebody deleted it; its number."""
    status, answer = await loopback.request(
        port, f"{API}/get-by-name?experiment_name={NAME}", timeout_s=ANSWER_TIMEOUT_S
    )
    if status == 404:
        status, answer = await loopback.request(port, f"{API}/create", {"name": NAME}, timeout_s=ANSWER_TIMEOUT_S)
        if status == 200:
            await _present(port, {"experiment_id": answer["experiment_id"]})
            return str(answer["experiment_id"])
    if status != 200:
        raise StartRefused(f"MLflow did not give an experiment for the traces: {answer}")
    found = answer["experiment"]
    if found.get("lifecycle_stage") == "deleted":
        await loopback.request(port, f"{API}/restore", {"experiment_id": found["experiment_id"]})
    await _present(port, found)
    return str(found["experiment_id"])


async def _present(port: int, experiment: Mapping[str, Any]) -> None:
    """Set the tags that are not there yet: what somebody changed stays."""
    there = {tag["key"] for tag in experiment.get("tags", [])}
    for key, value in tags().items():
        if key not in there:
            tag = {"experiment_id": experiment["experiment_id"], "key": key, "value": value}
            status, answer = await loopback.request(port, f"{API}/set-experiment-tag", tag)
            if status != 200:
                raise StartRefused(f"MLflow did not take the tag {key} of the experiment for traces: {answer}")
