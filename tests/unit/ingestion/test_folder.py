"""A folder as people's folders are: links in circles and outwards, odd names, things that cannot be read."""

import os
from pathlib import Path

import pytest

from ingestion.sources.folder import FolderSource, scan, sha256_of, storable
from ingestion.sources.kind import Scan, SourceUnavailable


def look(folder: Path, **options: object) -> Scan:
    return scan(FolderSource.model_validate({"path": str(folder), **options}))


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("text")


def test_documents_are_found_by_suffix_in_all_folders(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "B.PDF", "sub/c.html", "sub/deeper/d.md", "picture.png", "noext")
    found = look(tmp_path)
    assert sorted(found.files) == ["B.PDF", "a.txt", "sub/c.html", "sub/deeper/d.md"]
    assert found.skipped == 2


def test_hidden_files_and_folders_are_left_alone_unless_wanted(tmp_path: Path) -> None:
    write(tmp_path, ".hidden.txt", ".git/readme.txt", "seen.txt")
    assert sorted(look(tmp_path).files) == ["seen.txt"]
    assert sorted(look(tmp_path, hidden=True).files) == [".git/readme.txt", ".hidden.txt", "seen.txt"]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    write(tmp_path, "sub/a.txt")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "self.txt").symlink_to(tmp_path / "self.txt")
    found = look(tmp_path)
    assert list(found.files) == ["sub/a.txt"]
    assert [unread.path for unread in found.unread] == ["self.txt"]


def test_links_that_lead_outside_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    inside = tmp_path / "inside"
    write(outside, "secret.txt")
    write(inside, "a.txt")
    (inside / "escape").symlink_to(outside)
    (inside / "escape.txt").symlink_to(outside / "secret.txt")
    (inside / "dots.txt").symlink_to("../outside/secret.txt")
    found = look(inside)
    assert list(found.files) == ["a.txt"]
    assert found.skipped == 3


def test_a_file_and_a_link_to_it_are_one_document(tmp_path: Path) -> None:
    write(tmp_path, "z.txt")
    (tmp_path / "a.txt").symlink_to("z.txt")
    assert list(look(tmp_path).files) == ["z.txt"]


def test_a_mounted_config_map_is_read_through_its_links(tmp_path: Path) -> None:
    write(tmp_path, "..2024/rules.txt")
    (tmp_path / "..data").symlink_to("..2024")
    (tmp_path / "rules.txt").symlink_to("..data/rules.txt")
    assert list(look(tmp_path).files) == ["rules.txt"]


def test_a_link_to_nothing_is_reported(tmp_path: Path) -> None:
    (tmp_path / "dangling.txt").symlink_to("gone.txt")
    (unread,) = look(tmp_path).unread
    assert (unread.path, unread.reason) == ("dangling.txt", "unreadable_file")


def test_pipes_and_sockets_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    found = look(tmp_path)
    assert not found.files and found.skipped == 1


def test_names_of_any_bytes_stay_distinct_and_can_be_stored(tmp_path: Path) -> None:
    for name in (b"caf\xe9.txt", b"caf\xe8.txt", "日本語 😀.txt".encode(), b"new\nline.txt"):
        (tmp_path / os.fsdecode(name)).write_text("text")
    names = sorted(look(tmp_path).files)
    assert names == ["caf\\xe8.txt", "caf\\xe9.txt", "new\nline.txt", "日本語 😀.txt"]
    for name in names:
        name.encode("utf-8")


def test_what_lies_under_an_unreadable_folder_is_unknown_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "shut/a.txt", "open.txt")
    real = os.scandir

    def refuse(path: object) -> object:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return real(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refuse)
    found = look(tmp_path)
    assert list(found.files) == ["open.txt"]
    assert found.is_unknown("shut/a.txt") and not found.is_unknown("shutter.txt")
    assert "permission denied" in found.unread[0].message


@pytest.mark.parametrize("name", ["missing", "file.txt"])
def test_a_source_that_is_no_folder_is_unavailable(tmp_path: Path, name: str) -> None:
    write(tmp_path, "file.txt")
    with pytest.raises(SourceUnavailable, match=r"does not exist|not a folder"):
        look(tmp_path / name)


def test_a_change_of_time_or_size_is_another_version(tmp_path: Path) -> None:
    write(tmp_path, "a.txt")
    first = look(tmp_path).files["a.txt"].version
    os.utime(tmp_path / "a.txt", ns=(1, 1))
    second = look(tmp_path).files["a.txt"].version
    (tmp_path / "a.txt").write_text("longer text")
    os.utime(tmp_path / "a.txt", ns=(1, 1))
    assert len({first, second, look(tmp_path).files["a.txt"].version}) == 3


def test_hashes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a").startswith("ba7816bf")
    assert storable("plain.txt") == "plain.txt"
