"""How many cores this process may really use: a container's CPU limit counts, not the machine's size."""

import math
import os
from pathlib import Path

# cgroup v2: "<quota> <period>" in microseconds, or "max <period>" for no limit.
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(cpu_max: Path = CPU_MAX) -> int:
    """Cores by affinity and cgroup quota, the smaller of both; at least one."""
    # macOS has no affinity.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cpu_max)
    return max(1, min(cores, math.ceil(quota))) if quota is not None else max(1, cores)


def _quota(path: Path) -> float | None:
    try:
        quota, period = path.read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None  # not in a cgroup of version 2: affinity is all there is to know
