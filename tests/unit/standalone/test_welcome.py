"""The commands that are printed at the end can be pasted into any shell, in any folder."""

import shlex
import subprocess
from pathlib import Path

import pytest

from standalone import config_files, welcome
from standalone.components import Components
from standalone.data_folder import Home
from standalone.documents import Found
from standalone.settings import StandaloneSettings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Mein 'Ordner'"
    folder.mkdir()
    return folder


def commands(folder: Path, **given: object) -> list[str]:
    settings = StandaloneSettings.model_validate(given)
    home = Home(folder / ".fairlead")
    home.prepare()
    config_files.prepare(home.config, settings)
    return list(welcome.commands(Components(settings, home, folder), Found("vs_1", 1)).values())


def test_no_command_depends_on_the_folder_or_on_comments(folder: Path) -> None:
    search, ask, edit = (shlex.split(command) for command in commands(folder))
    assert "http://127.0.0.1:8080/v1/vector_stores/vs_1/search" in search
    assert "http://127.0.0.1:8080/v1/chat/completions" in ask
    assert edit == ["${EDITOR:-vi}", str(folder / ".fairlead" / "config" / "orchestrator.yaml")]
    assert not any(word.startswith("#") for words in (search, ask, edit) for word in words)


def test_the_question_fits_the_documents(folder: Path) -> None:
    assert all(welcome.SAMPLE_QUESTION in command for command in commands(folder)[:2])
    assert all(welcome.ANY_QUESTION in command for command in commands(folder, docs=folder)[:2])


def test_with_keys_the_key_is_read_from_its_file_and_not_shown(folder: Path) -> None:
    for command in commands(folder, auth="keys")[:2]:
        # The file's name is quoted inside a command that is itself inside quotes: a shell must find it.
        header = command[command.index('"authorization') : command.index(" -d")]
        (folder / ".fairlead" / "secrets" / "user-key").write_text("the key")
        done = subprocess.run(["sh", "-c", f"printf %s {header}"], capture_output=True, text=True, check=True)
        assert done.stdout == "authorization: Bearer the key"
