"""What is printed when everything is ready: where to go, and three commands to try."""

import json
import shlex
import sys
from pathlib import Path

from standalone import config_files
from standalone.components import Components
from standalone.display import Display
from standalone.documents import Found

SAMPLES = "samples"
SAMPLE_QUESTION = "Which knot makes a fixed loop?"
READABLE = "python3 -m json.tool --no-ensure-ascii"
ANY_QUESTION = "What are these documents about?"


def show(display: Display, components: Components, found: Found, seconds: float, *, traces_ready: bool) -> None:
    """The addresses, the key if one is needed, and the commands."""
    settings, home = components.settings, components.home
    display.line(f"\nReady in {seconds:.1f} s", style="bold")
    display.line(f"  chat     http://127.0.0.1:{settings.orchestrator_port}/")
    if settings.tracing == "on":
        later = "" if traces_ready else "   (in a moment)"
        display.line(f"  traces   http://127.0.0.1:{settings.mlflow_port}/{later}")
    if settings.observe == "full":
        display.line(f"  metrics  http://127.0.0.1:{settings.prometheus_port}/query   (alerts: …/alerts)")
        display.line(
            f"  spans    http://127.0.0.1:{settings.collector_port}/v1/traces takes OTLP from your own programs"
        )
    if settings.auth == "keys":
        keys = f"{shlex.quote(sys.executable)} -m common.keys create --file {quoted(home.secrets / 'keys.json')}"
        display.line(f"  key      {quoted(home.secrets / 'user-key')}")
        display.line(f"           another one: {keys}")
    display.line("\nTry in another terminal")
    for purpose, command in commands(components, found).items():
        display.line(f"  {purpose}", style="dim")
        display.line(f"    {command}")
    display.line("\nCtrl-C stops everything.")


def commands(components: Components, found: Found) -> dict[str, str]:
    """A search, a question, and an edit that is in force at once, by purpose.

    Each can be pasted into any shell in any folder as it is: no relative path, and no comment (zsh has none).
    """
    settings, home, folder = components.settings, components.home, components.folder
    url = f"http://127.0.0.1:{settings.orchestrator_port}/v1"
    ingestion = config_files.file(home.config, "ingestion")
    docs = config_files.docs_folder(ingestion.read_text(encoding="utf-8"))
    of_samples = docs is not None and folder / docs == folder / SAMPLES
    question = SAMPLE_QUESTION if of_samples else ANY_QUESTION
    key = ""
    if settings.auth == "keys":
        key = f' -H "authorization: Bearer $(cat {quoted(home.secrets / "user-key")})"'
    post = f"-H 'content-type: application/json'{key} -d"
    search = shlex.quote(json.dumps({"query": question}))
    ask = shlex.quote(json.dumps({"messages": [{"role": "user", "content": question}]}))
    return {
        "search": f"curl -s {url}/vector_stores/{found.store or 'STORE'}/search {post} {search} | {READABLE}",
        "ask": f"curl -s {url}/chat/completions {post} {ask} | {READABLE}",
        "retune: what you save is in force within 2 s": "${EDITOR:-vi} "
        + quoted(config_files.file(home.config, "orchestrator")),
    }


def quoted(path: Path) -> str:
    """The path as a shell takes it."""
    return shlex.quote(str(path))
