"""Runs on disk: what one variant found for every query, so that runs of different days can be compared."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.measures import means


class RunError(ValueError):
    """A stored run that cannot be read; the message names the file."""


@dataclass(frozen=True)
class Run:
    """One variant over one collection. `values` is measure → query → value; latencies are of single searches."""

    collection: str
    mode: str
    variant: str
    settings: Mapping[str, Any]
    config_hash: str
    began_at: str
    values: Mapping[str, Mapping[str, float]]
    latencies_ms: Sequence[float]

    @property
    def means(self) -> dict[str, float]:
        """Each measure's mean over the queries."""
        return means(self.values)

    def latency_ms(self, percent: float) -> float:
        """A percentile of the latencies."""
        return float(np.percentile(self.latencies_ms, percent)) if self.latencies_ms else 0.0


def now() -> str:
    """The moment, as runs note it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def store(folder: Path, run: Run) -> Path:
    """Write the run under a name that says what it is; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [run.began_at.replace(":", ""), run.collection, run.mode, run.variant]
    name = "_".join(re.sub(r"[^A-Za-z0-9.=+-]+", "-", word).strip("-") for word in words)
    file = folder / f"{name}.json"
    file.write_text(json.dumps(asdict(run), indent=1) + "\n", encoding="utf-8")
    return file


def load(file: Path) -> Run:
    """A stored run; raises RunError."""
    try:
        return Run(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{file} is not a stored run: {error}") from None
