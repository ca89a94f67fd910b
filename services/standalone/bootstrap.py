"""Makes the environment for `make` with nothing but Python: finds or installs uv, then what uv.lock pins.

Run by whichever `python3` there is, so it uses the standard library alone and syntax that old Pythons can read.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
ENVIRONMENT = ROOT / ".venv"
UV_VERSION = "0.13.9"
# Older ones cannot read this lock file.
OLDEST_UV = (0, 9)
OLDEST_PYTHON = (3, 11)
# The newest first that every locked package has wheels for; a newer one is tried only when nothing else is there.
TESTED_PYTHONS = ("python3.13", "python3.12", "python3.11")


class BootstrapError(Exception):
    """The environment cannot be made; the message is one sentence that says what to do."""


def main(groups: "list[str]") -> None:
    """Install the dependency groups into .venv; nothing that is there already is removed."""
    first = not (ENVIRONMENT / "pyvenv.cfg").exists()
    if first:
        say("Installing what Fairlead needs (once; a minute or two)\n")
    command = [find_uv() or install_uv(), "sync", "--frozen", "--inexact", "--no-default-groups", "--quiet"]
    for group in groups:
        command += ["--group", group]
    if not works(ENVIRONMENT / "bin" / "python"):
        command += ["--python", python()]
    environment = dict(os.environ, UV_PYTHON_DOWNLOADS="never")
    for name in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH"):
        environment.pop(name, None)
    if watched(command, environment) != 0:
        raise BootstrapError("uv could not install the environment: what it says above is the reason")


def watched(command: "list[str]", environment: "dict[str, str]") -> int:
    """Run to the end with a running clock on a terminal (uv's own display ends in a list of every package)."""
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=str(ROOT), env=environment)
    shown = False
    try:
        while True:
            try:
                return process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                if sys.stdout.isatty():
                    say(f"\r  {time.monotonic() - began:.0f} s ")
                    shown = True
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if shown:
            say("\r\033[K")


def say(text: str) -> None:
    """Show text at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def python(this: "tuple[int, int]" = (sys.version_info[0], sys.version_info[1])) -> str:
    """The interpreter to use: this one if it is tested, else the newest tested one on PATH, else this one."""
    if OLDEST_PYTHON <= this <= (3, 13):
        return sys.executable
    for name in TESTED_PYTHONS:
        found = shutil.which(name)
        if found and works(Path(found)):
            return found
    if this > (3, 13):
        return sys.executable
    raise BootstrapError(
        f"Fairlead needs Python 3.11 or newer and this is {this[0]}.{this[1]}: "
        "install one, or name it with `make PYTHON=/path/to/python3`"
    )


def find_uv() -> "str | None":
    """A uv that can read the lock file: from PATH, or installed by an earlier start."""
    for candidate in (shutil.which("uv"), TOOLS / "uv" / "bin" / "uv"):
        if candidate and recent_enough(version_text(str(candidate))):
            return str(candidate)
    return None


def recent_enough(text: str) -> bool:
    """Whether `uv --version` names a version that can read the lock file."""
    found = re.match(r"uv (\d+)\.(\d+)", text)
    return bool(found) and (int(found.group(1)), int(found.group(2))) >= OLDEST_UV


def install_uv() -> str:
    """Put the pinned uv into .tools: into a virtual environment, or plainly where Python comes without venv."""
    target = TOOLS / "uv"
    chosen = python()
    try:
        TOOLS.mkdir(exist_ok=True)
    except OSError as error:
        raise BootstrapError(f"{ROOT} may not be written ({error.strerror}): use a folder of your own") from None
    shutil.rmtree(str(target), ignore_errors=True)
    requirement = "uv==" + UV_VERSION
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    venv = run([chosen, "-m", "venv", str(target)])
    if venv.returncode == 0:
        pip = run([str(target / "bin" / "python"), "-m", "pip", "install", *quiet, requirement])
    else:
        shutil.rmtree(str(target), ignore_errors=True)
        pip = run([chosen, "-m", "pip", "install", *quiet, "--target", str(target), requirement])
    if pip.returncode != 0 or find_uv() is None:
        shutil.rmtree(str(target), ignore_errors=True)
        if b"No module named pip" in pip.stderr:
            raise BootstrapError(
                "this Python has neither venv nor pip: install uv, or them (on Debian: apt install python3-venv)"
            )
        raise BootstrapError(
            f"uv could not be installed; can the package registry be reached? pip says: {last_line(pip.stderr)}"
        )
    return str(find_uv())


def works(interpreter: Path) -> bool:
    """Whether that interpreter runs and is new enough."""
    check = f"import sys; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    return interpreter.exists() and run([str(interpreter), "-c", check]).returncode == 0


def version_text(uv: str) -> str:
    """What `uv --version` prints; nothing when it does not run."""
    return run([uv, "--version"]).stdout.decode(errors="replace")


def run(command: "list[str]") -> "subprocess.CompletedProcess[bytes]":
    """Run to the end and keep what it prints; a program that is not there fails like one that does."""
    try:
        return subprocess.run(  # noqa: UP022 - for Pythons too old for Fairlead but not for this sentence
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, b"", str(error).encode())


def last_line(output: bytes) -> str:
    """The last thing a program said."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BootstrapError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)
