"""Ends what a supervisor leaves behind when it is killed: a process of its own that waits for the supervisor's end.

Run as a script (`python -I -S reaper.py RUN_ID`). It reads lines `+ PID SIGNAL LAYER` and `- PID` from the supervisor
and does nothing else until that pipe closes; a supervisor that ended in order has withdrawn all of its children then.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

# Environment variable that every child of one start carries, and hands on to whatever it starts itself.
RUN_VARIABLE = "FAIRLEAD_STANDALONE_RUN"
GRACE_S = 8.0
POLL_S = 0.05


def main(run_id: str) -> None:
    """Follow the supervisor's list until it ends, then stop what is left, the highest layer first."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    children: dict[int, tuple[int, int]] = {}
    for line in sys.stdin:
        match line.split():
            case ["+", pid, number, layer]:
                children[int(pid)] = (int(number), int(layer))
            case ["-", pid]:
                children.pop(int(pid), None)
            case _:
                pass
    for layer in sorted({layer for _, layer in children.values()}, reverse=True):
        stop({pid: number for pid, (number, of) in children.items() if of == layer})
    for pid in strays(run_id):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def stop(leaders: dict[int, int], grace_s: float = GRACE_S) -> None:
    """Ask each group's leader to end (pid to signal), wait, then kill what is left of the groups."""
    for pid, number in leaders.items():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline and any(is_alive(pid) for pid in leaders):
        time.sleep(POLL_S)
    for pid in leaders:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return True
        return False
    except OSError:
        return False
    return state not in ("Z", "X")


def strays(run_id: str) -> list[int]:
    """Processes of this start that left their group, known by the variable that they inherited."""
    mark = f"{RUN_VARIABLE}={run_id}".encode()
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if int(entry.name) != os.getpid() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


if __name__ == "__main__":
    main(sys.argv[1])
