"""The tunables files under `config/`: written once with defaults, then the user's; only marked parts are set again."""

import json
import re
from importlib.resources import files
from pathlib import Path

from standalone.errors import StartRefused
from standalone.settings import OFF, StandaloneSettings

NAMES = ("orchestrator", "llm-proxy", "ingestion")
DOCS_LINE = re.compile(
    r"^(?P<before>\s*(?:- )?path:\s*)(?P<value>.*?)(?P<mark>\s*# set by `make run DOCS=.*)$", re.MULTILINE
)
PORT_LINE = re.compile(
    r'^(?P<before>\s*(?:- )?url:\s*"?http://127\.0\.0\.1:)\d+(?P<after>.*# set by `make run LOCAL_MODELS_PORT=.*)$',
    re.MULTILINE,
)
MODEL_PART = re.compile(
    r"^(?P<indent> *)(?P<begin># set by `make run MODEL_URL=[^\n]*\n)(?P<part>.*?)(?P<end>^ *# end *$)",
    re.MULTILINE | re.DOTALL,
)


def prepare(folder: Path, settings: StandaloneSettings) -> None:
    """Write the files that are missing, and what this start says about documents, models and ports into the rest."""
    for name in NAMES:
        path = file(folder, name)
        if not path.exists():
            _write(path, files("standalone").joinpath("defaults", path.name).read_text(encoding="utf-8"))
    if settings.docs is not None:
        path = file(folder, "ingestion")
        _write(path, with_docs(_read(path), settings.docs.resolve(), path))
    path = file(folder, "llm-proxy")
    text = with_port(_read(path), settings.local_models_port)
    if settings.model_url is not None:
        text = with_model(text, settings, path)
    _write(path, text)


def file(folder: Path, name: str) -> Path:
    """A service's tunables file."""
    return folder / f"{name}.yaml"


def with_docs(text: str, docs: Path, path: Path) -> str:
    """The ingestion file with `docs` as its folder of documents."""
    if not DOCS_LINE.search(text):
        raise StartRefused(
            f"DOCS={docs}: {path} no longer has the line that this sets; add the folder to its sources, or move it away"
        )
    return DOCS_LINE.sub(lambda found: f"{found['before']}{_quoted(str(docs))}{found['mark']}", text, count=1)


def with_port(text: str, port: int) -> str:
    """The pool's file with the port of local-models."""
    return PORT_LINE.sub(lambda found: f"{found['before']}{port}{found['after']}", text)


def with_model(text: str, settings: StandaloneSettings, path: Path) -> str:
    """The pool's file with the given model before the offline one, or without it."""
    if not MODEL_PART.search(text):
        raise StartRefused(
            f"MODEL_URL={settings.model_url}: {path} no longer has the part that this sets; add the endpoint there, "
            "or move the file away"
        )
    return MODEL_PART.sub(
        lambda found: f"{found['indent']}{found['begin']}{_endpoint(settings, found['indent'])}{found['end']}",
        text,
        count=1,
    )


def docs_folder(text: str) -> str | None:
    """The folder of documents that the ingestion file names in its marked line."""
    found = DOCS_LINE.search(text)
    return found["value"].strip().strip("\"'") if found else None


def _endpoint(settings: StandaloneSettings, indent: str) -> str:
    if settings.model_url in (None, OFF):
        return ""
    lines = [
        "- name: model",
        f"  url: {_quoted(settings.model_url)}",
        f"  model: {_quoted(settings.model or '')}",
        *([f"  key: {{file: {_quoted(str(settings.model_key_file.resolve()))}}}"] if settings.model_key_file else []),
        "  priority: 0",
    ]
    return "".join(f"{indent}{line}\n" for line in lines)


def _quoted(text: str) -> str:
    """A YAML scalar that is this text whatever is in it: JSON strings are YAML."""
    return json.dumps(text, ensure_ascii=False)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    """Replace the file in one step, only if that changes it: a running service may be reading it."""
    if path.exists() and _read(path) == text:
        return
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
