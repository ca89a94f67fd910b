"""Asks the orchestrator one real question and fails unless it is answered. Runs on the standard library alone."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

PATIENCE_S = float(os.environ["SMOKE_PATIENCE_S"])
PAUSE_S = 5


def ask() -> str | None:
    """None when the answer is good, else what is wrong with it."""
    body = {"messages": [{"role": "user", "content": os.environ["SMOKE_QUESTION"]}]}
    if os.environ["SMOKE_MODEL"]:
        body["model"] = os.environ["SMOKE_MODEL"]
    request = urllib.request.Request(  # noqa: S310 - the chart's own URL
        os.environ["SMOKE_URL"] + "/v1/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {os.environ['SMOKE_KEY'].strip()}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        return f"status {error.code}: {error.read(500).decode(errors='replace')}"
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    try:
        text, degraded, citations = answer["choices"][0]["message"]["content"], answer["degraded"], answer["citations"]
    except (LookupError, TypeError) as error:
        return f"no answer of Fairlead's ({type(error).__name__} {error}): {json.dumps(answer)[:300]}"
    if degraded:
        return f"the answer is degraded: {degraded}"
    if not text:
        return "the answer is empty"
    if os.environ["SMOKE_NEEDS_CITATION"] == "yes" and not citations:
        return f"the answer cites nothing: {text[:300]}"
    sys.stdout.write(f"{text[:500]}\n{len(citations)} citations\n")
    return None


until = time.monotonic() + PATIENCE_S
while (problem := ask()) and time.monotonic() < until:
    sys.stderr.write(f"{problem}\n")
    time.sleep(PAUSE_S)
if problem:
    sys.exit(f"gave up after {PATIENCE_S:g} s: {problem}")
