"""What can be said after `python -m standalone`: stop, backup, restore, exec; nothing runs the platform."""

import argparse
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from standalone import platform_run
from standalone.backup import backup
from standalone.components import PACKAGES, Components
from standalone.data_folder import Home
from standalone.display import Display
from standalone.errors import StartRefused
from standalone.restore import Moment, restore
from standalone.settings import StandaloneSettings

MB = 1_000_000
MOST_SHOWN = 20


def run(arguments: Sequence[str], settings: StandaloneSettings, home: Home) -> None:
    """Do what is asked; StartRefused when it cannot be."""
    given = _parser().parse_args(arguments)
    display = Display()
    match given.command:
        case "stop":
            platform_run.stop(home)
        case "backup":
            made = backup(Components(settings, home, Path.cwd()), given.folder.absolute())
            size = f"{len(made.files):,} files, {made.bytes / MB:,.1f} MB"
            display.line(f"{given.folder}: {size}, as of {made.finished_at:%F %T} UTC")
            display.line("It holds documents, keys and passwords: keep it where only you can read it.")
        case "exec":
            tool = Components(settings, home, Path.cwd()).tool(given.package, given.arguments)
            os.execve(tool.arguments[0], [*tool.arguments], {**tool.environment})  # noqa: S606 - a package of our own
        case _:
            to = Home(given.to.absolute()) if given.to else home
            lacking = restore(given.folder.absolute(), to, _moment(given), given.objects)
            for problem in lacking[:MOST_SHOWN]:
                display.line(f"  {problem}", style="yellow")
            if lacking:
                display.line(f"{len(lacking)} files lack their bytes; everything else is there.", style="yellow")
            display.line(f"Restored into {to.path}. Start it with: make run FAIRLEAD_DATA={to.path}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m standalone", description="Without a command: run the platform.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("stop", help="end the platform that runs in this folder")
    doing = commands.add_parser("exec", help="run a command of a package on this installation's data")
    doing.add_argument("package", choices=PACKAGES, help="such as `ingestion`, for `python -m ingestion …`")
    doing.add_argument("arguments", nargs=argparse.REMAINDER, help="what follows the package, such as: sources --watch")
    backing_up = commands.add_parser("backup", help="copy everything into a new folder, while the platform runs or not")
    backing_up.add_argument("folder", type=Path, help="a folder that does not exist yet")
    restoring = commands.add_parser("restore", help="make an installation from a backup; overwrites nothing")
    restoring.add_argument("folder", type=Path, help="the backup")
    restoring.add_argument("--to", type=Path, help="where it is to be; default: FAIRLEAD_DATA")
    restoring.add_argument("--until", help="restore to this time after the backup, such as 2026-03-01T14:05:00 (UTC)")
    restoring.add_argument("--wal", type=Path, help="with --until: the folder that WAL_ARCHIVE named")
    restoring.add_argument("--objects", type=Path, help="another folder `objects`, for bytes that the backup lacks")
    return parser


def _moment(given: argparse.Namespace) -> Moment | None:
    if (given.until is None) != (given.wal is None):
        raise StartRefused("--until TIME and --wal FOLDER say something only together")
    if given.until is None:
        return None
    try:
        time = datetime.fromisoformat(given.until)
    except ValueError:
        raise StartRefused(f"--until {given.until} is no time: write it like 2026-03-01T14:05:00") from None
    return Moment(time if time.tzinfo else time.replace(tzinfo=UTC), given.wal)
