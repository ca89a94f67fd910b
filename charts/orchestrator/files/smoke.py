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
        said = error.read(500).decode(errors="replace")
        if error.code == 404 and not os.environ["SMOKE_MODEL"] and '"not_found"' in said:
            return without_documents()
        return f"status {error.code}: {said}"
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


def without_documents() -> str | None:
    """A new platform has no knowledge base to ask: then every part of it must say that it is well."""
    if os.environ["SMOKE_NEEDS_CITATION"] == "yes":
        return "there are no documents yet, and the answer is to cite one"
    try:
        with urllib.request.urlopen(os.environ["SMOKE_URL"] + "/healthz", timeout=30) as response:  # noqa: S310
            report = json.load(response)
    except (OSError, ValueError) as error:
        return f"there are no documents yet, and /healthz says {type(error).__name__}: {error}"
    if report.get("state") != "ok":
        return f"there are no documents yet, and not all is well: {json.dumps(report)[:500]}"
    sys.stdout.write("there are no documents yet; every part of the platform is well\n")
    return None


until = time.monotonic() + PATIENCE_S
while (problem := ask()) and time.monotonic() < until:
    sys.stderr.write(f"{problem}\n")
    time.sleep(PAUSE_S)
if problem:
    sys.exit(f"gave up after {PATIENCE_S:g} s: {problem}")
