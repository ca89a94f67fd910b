"""The environment is made with whatever Python and uv there are, or refused in a sentence."""

import sys
from pathlib import Path

import pytest

from standalone import bootstrap


@pytest.mark.parametrize(
    ("text", "fits"),
    [("uv 0.13.9 (x86_64)", True), ("uv 0.9.0", True), ("uv 1.0.0", True), ("uv 0.4.1", False), ("", False)],
)
def test_an_old_uv_is_not_used(text: str, fits: bool) -> None:
    assert bootstrap.recent_enough(text) is fits


def test_an_old_python_uses_a_newer_one_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(bootstrap.BootstrapError, match=r"needs Python 3\.11 or newer and this is 3\.8"):
        bootstrap.python((3, 8))
    newer = tmp_path / "python3.12"
    newer.symlink_to(sys.executable)
    assert bootstrap.python((3, 8)) == str(newer)


def test_what_is_installed_is_watched_to_its_end() -> None:
    assert bootstrap.watched([sys.executable, "-c", "raise SystemExit(7)"], {}) == 7


def test_a_program_that_is_not_there_fails_like_one_that_does() -> None:
    assert bootstrap.run(["/no/such/program"]).returncode == 127
