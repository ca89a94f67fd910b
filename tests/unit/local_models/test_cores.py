"""A container's CPU limit counts, not the machine's size."""

import os
from pathlib import Path

import pytest

from local_models.cores import usable_cores
from local_models.encoder import AVX512, prefer_wide_vectors


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(
    ("limit", "cores"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("10000 100000\n", 1),
        ("1600000 100000\n", 8),
        ("nonsense", 8),
        ("", 8),
    ],
)
def test_the_smaller_of_affinity_and_limit_counts(tmp_path: Path, limit: str, cores: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(limit)
    assert usable_cores(file) == cores


@pytest.mark.usefixtures("eight_cores")
def test_without_a_limit_all_cores_count(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "none") == 8


@pytest.mark.parametrize(
    ("flags", "expected"), [(sorted(AVX512), "AVX512"), (sorted(AVX512)[1:], None), (["avx2"], None)]
)
def test_wide_vectors_only_where_the_processor_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], expected: str | None
) -> None:
    monkeypatch.setenv("CT2_FORCE_CPU_ISA", "before")
    monkeypatch.delenv("CT2_FORCE_CPU_ISA")
    file = tmp_path / "cpuinfo"
    file.write_text(f"processor\t: 0\nflags\t\t: fpu {' '.join(flags)} sse\n")
    prefer_wide_vectors(file)
    assert os.environ.get("CT2_FORCE_CPU_ISA") == expected
