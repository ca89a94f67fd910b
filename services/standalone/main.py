"""`python -m standalone`: run the whole platform in the current folder; with a command: stop, backup or restore."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from standalone import commands, platform_run
from standalone.data_folder import Home
from standalone.errors import StartRefused
from standalone.settings import StandaloneSettings


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, or do what is asked; exits with one sentence and 1 when that cannot be."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        settings = StandaloneSettings()
        home = Home((Path.cwd() / settings.fairlead_data).absolute())
        if given:
            commands.run(given, settings, home)
        else:
            sys.exit(asyncio.run(platform_run.run(settings, home, Path.cwd())))
    except ValidationError as error:
        problem = error.errors()[0]
        sys.exit(f"{str(problem['loc'][0]).upper()}={problem['input']}: {problem['msg'].lower()}")
    except StartRefused as refused:
        sys.exit(str(refused))
