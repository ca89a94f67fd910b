"""What is printed when everything is ready: where to go, and three commands to try."""

import json
import shlex
from pathlib import Path

from standalone import config_files
from standalone.components import Components
from standalone.display import Display
from standalone.documents import Found

SAMPLES = "samples"
SAMPLE_QUESTION = "Which knot makes a fixed loop?"
ANY_QUESTION = "What are these documents about?"


def show(display: Display, components: Components, found: Found, seconds: float, *, traces_ready: bool) -> None:
    """The addresses, the key if one is needed, and the commands."""
    settings, home = components.settings, components.home
    display.line(f"\nReady in {seconds:.1f} s", style="bold")
    display.line(f"  chat     http://127.0.0.1:{settings.orchestrator_port}/")
    if settings.tracing == "on":
        later = "" if traces_ready else "   (in a moment)"
        display.line(f"  traces   http://127.0.0.1:{settings.mlflow_port}/{later}")
    if settings.auth == "keys":
        display.line(
            f"  key      in {short(home.secrets / 'user-key', components.folder)} (more: python -m common.keys)"
        )
    display.line("\nTry")
    for command in commands(components, found):
        display.line(f"  {command}")
    display.line("\nCtrl-C stops everything.")


def commands(components: Components, found: Found) -> tuple[str, str, str]:
    """A search, a question, and an edit that is in force at once; each can be pasted into a shell as it is."""
    settings, home, folder = components.settings, components.home, components.folder
    url = f"http://127.0.0.1:{settings.orchestrator_port}/v1"
    ingestion = config_files.file(home.config, "ingestion")
    docs = config_files.docs_folder(ingestion.read_text(encoding="utf-8"))
    of_samples = docs is not None and folder / docs == folder / SAMPLES
    question = SAMPLE_QUESTION if of_samples else ANY_QUESTION
    key = ""
    if settings.auth == "keys":
        key = f' -H "authorization: Bearer $(cat {short(home.secrets / "user-key", folder)})"'
    post = f"-H 'content-type: application/json'{key} -d"
    search = shlex.quote(json.dumps({"query": question}))
    ask = shlex.quote(json.dumps({"messages": [{"role": "user", "content": question}]}))
    return (
        f"curl -s {url}/vector_stores/{found.store or 'STORE'}/search {post} {search}",
        f"curl -s {url}/chat/completions {post} {ask}",
        f"${{EDITOR:-vi}} {short(config_files.file(home.config, 'orchestrator'), folder)}   # say, top_k: live in 2 s",
    )


def short(path: Path, folder: Path) -> str:
    """The path as a shell takes it from the folder that the platform was started in."""
    return shlex.quote(str(path.relative_to(folder) if path.is_relative_to(folder) else path))
