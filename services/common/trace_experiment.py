"""The MLflow experiment that traces go to: its name, what it says of itself, and its saved views."""

import json
from collections.abc import Mapping

NAME = "fairlead"
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


def tags() -> dict[str, str]:
    """What makes MLflow show the experiment as traces, with columns that fit answers."""
    views = {f"{VIEW_TAG}{key}": _view(name, filters) for key, (name, filters) in VIEWS.items()}
    return {"mlflow.experimentKind": "genai_development", "mlflow.note.content": ABOUT, **views}


def _view(name: str, filters: tuple[str, ...]) -> str:
    state = {"single": {"selectedColumns": COLUMNS}, "multi": {"filter": filters}}
    # The view's place in the list goes by its time; ours come after those that people save.
    return json.dumps({"name": name, "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)})
