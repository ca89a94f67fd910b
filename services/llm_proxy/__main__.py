"""`python -m llm_proxy --config FILE --port N`, and `python -m llm_proxy check FILE`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from common import yaml_text
from common.yaml_text import ConfigError
from llm_proxy.check import problems
from llm_proxy.config import PoolConfig
from llm_proxy.main import run
from llm_proxy.settings import PoolSettings

app = typer.Typer(add_completion=False)


@app.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="The pool's configuration, YAML or JSON.")] = None,
    host: Annotated[str | None, typer.Option()] = None,
    port: Annotated[int | None, typer.Option()] = None,
) -> None:
    """Serve the pool."""
    if context.invoked_subcommand is None:
        given = {"config_file": config, "host": host, "port": port}
        try:
            run(PoolSettings(**{name: value for name, value in given.items() if value is not None}))
        except (ConfigError, ValueError) as error:
            sys.stderr.write(f"{error}\n")
            raise typer.Exit(2) from None


@app.command()
def check(file: Path) -> None:
    """Say whether FILE is a valid configuration; if not, one line for each problem: line, key and reason."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{file}: it cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}\n")
        raise typer.Exit(1) from None
    found = problems(text)
    for problem in found:
        sys.stderr.write(f"{file}: {problem}\n")
    if found:
        raise typer.Exit(1)
    sys.stdout.write(f"{file}: {len(yaml_text.load(text, PoolConfig).models)} models, valid\n")


app()
