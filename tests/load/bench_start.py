"""Time from `make run` to the first cited answer, first and second start, and the memory of each process."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
QUESTION = "Which knot makes a fixed loop?"
DEADLINE_S = 300.0
BUDGET_S = {"first": 30, "second": 10}
MIB = 1024 * 1024
PORT = os.environ.get("ORCHESTRATOR_PORT", "8080")


def main() -> None:
    """Start twice on an empty data folder; print both times, then what each process weighs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracing", choices=["on", "off"], default="on")
    parser.add_argument("--docs", type=Path, default=ROOT / "samples")
    parser.add_argument("--question", default=QUESTION)
    parser.add_argument("--log", action="store_true", help="show what the platform prints")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fairlead-start-") as folder:
        settings = {"FAIRLEAD_DATA": f"{folder}/data", "TRACING": arguments.tracing, "DOCS": str(arguments.docs)}
        print(f"load average at the begin: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(f"{'start':<8} {'answer':>8} {'ready':>8} {'budget':>8}")
        for start in ("first", "second"):
            with running(settings, arguments.log) as platform:
                answered = platform.first_answer(arguments.question)
                ready = platform.all_ready()
                print(f"{start:<8} {answered:>6.1f} s {ready:>6.1f} s {BUDGET_S[start]:>6} s", flush=True)
                if start == "second":
                    time.sleep(2)  # what is only needed to start is given back
                    platform.print_memory()


class Platform:
    """`make run` in the middle of its start."""

    def __init__(self, process: "subprocess.Popen[str]", began: float, *, log: bool, traced: bool) -> None:
        self._process = process
        self._began = began
        self._log = log
        self._traced = traced
        self._ready_at: dict[str, float] = {}

    def first_answer(self, question: str) -> float:
        """Seconds until a question is answered with a citation."""
        self._read_until("Ready in")
        body = json.dumps({"messages": [{"role": "user", "content": question}]}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{PORT}/v1/chat/completions", body, {"content-type": "application/json"}
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as response:
            answer = json.load(response)
        if not answer["citations"]:
            sys.exit(f"the answer cites nothing: {answer['choices'][0]['message']['content']}")
        return time.monotonic() - self._began

    def all_ready(self) -> float:
        """Seconds until everything is ready, the trace store too."""
        if self._traced and "mlflow" not in self._ready_at:
            self._read_until("mlflow")
        return max(self._ready_at.values())

    def print_memory(self) -> None:
        """Resident memory of each process of the platform; what forks share is counted once, as its share."""
        print(f"\n{'process':<40} {'RSS':>9} {'PSS':>9}")
        total = 0
        for pid in sorted(descendants(self._process.pid)):
            rss, share = memory(pid)
            total += share
            print(f"{name(pid):<40} {rss / MIB:>5.0f} MiB {share / MIB:>5.0f} MiB")
        print(f"{'all':<40} {'':>9} {total / MIB:>5.0f} MiB")

    def _read_until(self, mark: str) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if self._log:
                print(f"  | {line}", end="")
            words = line.split()
            if len(words) > 2 and words[0] in ("✓", "ok"):
                self._ready_at[words[1]] = time.monotonic() - self._began
            if mark in line:
                return
        sys.exit(f"the platform ended before it said `{mark}`")


@contextmanager
def running(settings: dict[str, str], log: bool) -> Iterator[Platform]:
    """`make run` with those settings, ended by what a person's Ctrl-C does."""
    began = time.monotonic()
    process = subprocess.Popen(
        ["make", "--no-print-directory", "run", *(f"{key}={value}" for key, value in settings.items())],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Platform(process, began, log=log, traced=settings["TRACING"] == "on")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=DEADLINE_S)


def descendants(pid: int) -> Iterator[int]:
    """Every process below this one."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from descendants(int(child))


def memory(pid: int) -> tuple[int, int]:
    """Resident bytes, and the proportional share of them."""
    values = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return tuple(int(values[key].split()[0]) * 1024 for key in ("Rss", "Pss"))  # type: ignore[return-value]


def name(pid: int) -> str:
    """What a person would call the process."""
    words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").split()
    if "-m" in words:
        return words[words.index("-m") + 1]
    return " ".join(words)[-40:] if not words[0].startswith("postgres") else " ".join(words)[:40]


if __name__ == "__main__":
    main()
