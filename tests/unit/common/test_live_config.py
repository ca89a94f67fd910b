"""An edit is taken while running; a bad one is refused with its key and reason, and the last good one serves on."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import Field
from structlog.testing import CapturingLogger

from common import live_config
from common.live_config import LiveConfig, Snapshot, Tunables, config_hash
from common.yaml_text import ConfigError


class Weights(Tunables):
    keyword: float = Field(default=0.4, ge=0, le=1)


class Knobs(Tunables):
    top_k: int = Field(default=5, ge=1, le=50)
    weights: Weights = Weights()


def live(folder: Path) -> LiveConfig[Knobs]:
    return LiveConfig(Knobs, folder / "knobs.yaml", service="test", last_good_dir=folder / "last-good")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a state of the watcher; the limit is only there so that a failure ends."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_an_edit_takes_effect_while_running(tmp_path: Path) -> None:
    (tmp_path / "knobs.yaml").write_text("top_k: 3\n")
    config = live(tmp_path)
    first = config.load()
    told: list[Snapshot[Knobs]] = []
    config.subscribe(told.append)
    async with config.watch():
        (tmp_path / "knobs.yaml").write_text("top_k: 7\n")
        await until(lambda: config.current.value.top_k == 7)
    assert first.value.top_k == 3, "a request that began on the old snapshot keeps it"
    assert [snapshot.hash for snapshot in told] == [config.current.hash]
    assert config.current.hash != first.hash


@pytest.mark.parametrize(
    ("text", "key", "line", "reason"),
    [
        ("top_k: [", None, 1, "not valid YAML"),
        ("top_k: 99\n", "top_k", 1, "less than or equal to 50"),
        ("weights:\n  keyword: 2\n", "weights.keyword", 2, "less than or equal to 1"),
        ("top_k: 5\ntop_q: 1\n", "top_q", 2, "unknown key"),
        ("top_k: 5\ntop_k: 6\n", "top_k", 2, "given twice"),
        ("- 1\n", None, None, "must be a mapping"),
        ("", None, None, "empty"),
        (None, None, None, "does not exist"),
    ],
)
async def test_a_bad_edit_is_refused_and_the_last_good_one_serves(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str | None,
    key: str | None,
    line: int | None,
    reason: str,
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr(live_config, "log", log)
    file = tmp_path / "knobs.yaml"
    file.write_text("top_k: 3\n")
    config = live(tmp_path)
    config.load()
    async with config.watch():
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        await until(lambda: config.refusal is not None)
    assert config.current.value.top_k == 3
    error = config.status()["last_error"]
    assert (error["key"], error["line"]) == (key, line)
    assert reason in error["reason"]
    refused = [call.kwargs for call in log.calls if call.args == ("config_refused",)]
    assert [(event["key"], event["reason"]) for event in refused] == [(key, error["reason"])]


@pytest.mark.parametrize("text", ["top_k: 99\n", None])
async def test_the_last_good_one_survives_a_restart(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "knobs.yaml"
    file.write_text("top_k: 3\n")
    live(tmp_path).load()
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    restarted = live(tmp_path)
    restarted.load()
    assert restarted.current.value.top_k == 3
    assert restarted.refusal is not None
    assert "last good" in restarted.current.source


async def test_a_mended_file_clears_the_refusal(tmp_path: Path) -> None:
    file = tmp_path / "knobs.yaml"
    file.write_text("top_k: 3\n")
    config = live(tmp_path)
    config.load()
    async with config.watch():
        file.write_text("top_k: nine\n")
        await until(lambda: config.refusal is not None)
        file.write_text("top_k: 9\n")
        await until(lambda: config.current.value.top_k == 9)
    assert config.refusal is None


async def test_a_config_map_swap_is_seen(tmp_path: Path) -> None:
    """The kubelet swaps the `..data` link to a new folder; the file's own link never changes."""
    for version, text in (("v1", "top_k: 3\n"), ("v2", "top_k: 8\n")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "knobs.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "knobs.yaml").symlink_to("..data/knobs.yaml")
    config = live(tmp_path)
    config.load()
    async with config.watch():
        (tmp_path / "..new").symlink_to("v2")
        (tmp_path / "..new").rename(tmp_path / "..data")
        await until(lambda: config.current.value.top_k == 8)


def test_the_first_start_needs_a_valid_file(tmp_path: Path) -> None:
    (tmp_path / "knobs.yaml").write_text("top_k: 0\n")
    with pytest.raises(ConfigError, match="top_k: Input should be greater than or equal to 1"):
        live(tmp_path).load()


def test_a_failing_subscriber_does_not_undo_the_swap(tmp_path: Path) -> None:
    (tmp_path / "knobs.yaml").write_text("top_k: 3\n")
    config = live(tmp_path)
    heard: list[int] = []

    def fail(_: Snapshot[Knobs]) -> None:
        raise RuntimeError

    config.subscribe(fail)
    config.subscribe(lambda snapshot: heard.append(snapshot.value.top_k))
    config.load()
    assert heard == [3]
    assert config.current.value.top_k == 3


def test_the_hash_is_of_the_values_not_of_the_text() -> None:
    assert config_hash(Knobs()) == config_hash(Knobs(top_k=5))
    assert config_hash(Knobs()) != config_hash(Knobs(top_k=6))
    assert len(config_hash(Knobs())) == 12
