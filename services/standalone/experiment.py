"""The MLflow experiment that traces go to, and how it shows them. Its number is needed before MLflow itself is up."""

import json
from collections.abc import Mapping
from typing import Any

import psycopg

from standalone import loopback
from standalone.errors import StartRefused

NAME = "fairlead"
API = "/api/2.0/mlflow/experiments"
CONNECT_TIMEOUT_S = 10
ABOUT = (
    "Every answer of this Fairlead: question, retrieved documents, answer, tokens, and what people said of it. "
    "Open a saved view above the table of traces."
)
COLUMNS = "request_time,request,response,user_feedback_assessment_column,state,execution_duration,tokens,user,session"
# Views of the table of traces in MLflow (3.17): experiment tags of this name, each a JSON text with the parameters of
# the page's address in `state`. A version of MLflow that does not know them shows its own columns.
VIEW_TAG = "mlflow.traceViewState."
VIEWS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "fairlead-answers": ("Answers", ("span.name::=::answer",)),
    "fairlead-complaints": ("Answers that somebody complained about", ("ASSESSMENT::=::false::user_feedback",)),
    "fairlead-failures": ("Failures", ("state::=::ERROR",)),
}
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


def tags() -> dict[str, str]:
    """What makes MLflow show the experiment as traces, with columns that fit answers."""
    views = {f"{VIEW_TAG}{key}": _view(name, filters) for key, (name, filters) in VIEWS.items()}
    return {"mlflow.experimentKind": "genai_development", "mlflow.note.content": ABOUT, **views}


def _view(name: str, filters: tuple[str, ...]) -> str:
    state = {"single": {"selectedColumns": COLUMNS}, "multi": {"filter": filters}}
    # The view's place in the list goes by its time; ours come after those that people save.
    return json.dumps({"name": name, "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)})


async def _present(port: int, experiment: Mapping[str, Any]) -> None:
    """Set the tags that are not there yet: what somebody changed stays."""
    there = {tag["key"] for tag in experiment.get("tags", [])}
    for key, value in tags().items():
        if key not in there:
            tag = {"experiment_id": experiment["experiment_id"], "key": key, "value": value}
            status, answer = await loopback.request(port, f"{API}/set-experiment-tag", tag)
            if status != 200:
                raise StartRefused(f"MLflow did not take the tag {key} of the experiment for traces: {answer}")
