"""Logs stay bounded while their writers go on, and their last lines are readable."""

from pathlib import Path

from standalone import logs


def test_a_log_that_grew_is_cut_and_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with logs.open_log(path) as writer:
        writer.write(b"old\n" * 300 + b"last\n")
        writer.flush()
        assert logs.bound(path, max_bytes=100)
        assert path.read_bytes() == b""
        assert logs.earlier(path).read_bytes().endswith(b"last\n")
        assert logs.earlier(path).stat().st_size == 100
        writer.write(b"new\n")
        writer.flush()
        assert path.read_bytes() == b"new\n", "the writer goes on in the same file, from its new beginning"
        assert not logs.bound(path, max_bytes=100)


def test_the_log_of_the_start_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    for text in (b"first", b"second", b"third"):
        with logs.open_log(path) as writer:
            writer.write(text)
    assert (path.read_bytes(), logs.earlier(path).read_bytes()) == (b"third", b"second")


def test_json_lines_are_shown_as_sentences() -> None:
    line = (
        '{"event": "bad_key", "level": "error", "timestamp": "2026-01-01T00:00:00Z", "service": "pool", "key": "top_k"}'
    )
    assert logs.readable(line) == "error: bad_key key=top_k"
    assert logs.readable("plain\n") == "plain"
    assert logs.readable("[1, 2]") == "[1, 2]"


def test_a_missing_log_has_no_lines(tmp_path: Path) -> None:
    assert logs.last_lines(tmp_path / "none.log") == []
