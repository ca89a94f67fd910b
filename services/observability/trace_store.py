"""How many traces MLflow has, by its own API."""

from typing import Any

import aiohttp

from observability.samples import Unreachable

PAGE = 500
# MLflow gives traces page by page, which takes a few milliseconds for each: more are not counted one by one.
MOST_TRACES = 200_000


async def count(session: aiohttp.ClientSession, url: str, experiment: str, since_ms: int) -> int:
    """Traces of the experiment of that name that began since then (Unix milliseconds); raises Unreachable."""
    base = url.rstrip("/")
    found = await _json(session, "GET", f"{base}/api/2.0/mlflow/experiments/get-by-name?experiment_name={experiment}")
    number = found["experiment"]["experiment_id"]
    wanted: dict[str, Any] = {
        "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": number}}],
        "filter": f"attributes.timestamp_ms >= {since_ms}",
        "max_results": PAGE,
    }
    traces = 0
    while traces < MOST_TRACES:
        page = await _json(session, "POST", f"{base}/api/3.0/mlflow/traces/search", wanted)
        traces += len(page.get("traces", []))
        if not page.get("next_page_token"):
            return traces
        wanted["page_token"] = page["next_page_token"]
    raise Unreachable(f"MLflow at {base} has more than {MOST_TRACES} traces since then: reconcile a shorter --window")


async def _json(session: aiohttp.ClientSession, method: str, url: str, body: Any = None) -> Any:
    try:
        async with session.request(method, url, json=body) as response:
            answer = await response.json(content_type=None)
            status = response.status
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise Unreachable(f"MLflow does not answer at {url} ({type(error).__name__})") from None
    if status != 200:
        raise Unreachable(f"MLflow answers {status} at {url}: {str(answer)[:200]}")
    return answer
