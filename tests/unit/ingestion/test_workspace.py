"""The worker's own folder: gone when it ends, swept up by the next worker when it was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from ingestion.sources.workspace import workspace

HOLD = """
import sys
from pathlib import Path
from ingestion.sources.workspace import workspace
with workspace(Path(sys.argv[1])) as folder:
    (folder / "page").write_text("brought along")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_it_is_gone_at_the_end(tmp_path: Path) -> None:
    with workspace(tmp_path) as folder:
        (folder / "sub").mkdir()
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_killed_workers_folder_is_swept_and_a_living_ones_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    held = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert held.stdout is not None
    theirs = Path(held.stdout.readline().strip())
    with workspace(tmp_path):
        assert (theirs / "page").exists()
    os.kill(held.pid, signal.SIGKILL)
    held.communicate()
    with workspace(tmp_path) as ours:
        assert list(tmp_path.iterdir()) == [ours]


def test_what_only_looks_like_one_stays(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".lock").touch()
    (tmp_path / "fairlead-sources-link").symlink_to(elsewhere)
    (tmp_path / "fairlead-sources-unlocked").mkdir()
    with workspace(tmp_path):
        pass
    assert (elsewhere / ".lock").exists() and (tmp_path / "fairlead-sources-unlocked").exists()
