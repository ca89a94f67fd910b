"""Keys: read again when their file changes, kept through the moment of a rotation, never part of a message."""

from pathlib import Path

import pytest

from common.key_reference import KeyReference
from fakes.pool_plan import Clock
from llm_proxy.config import Endpoint
from llm_proxy.keys import FIRST_PROBE_S, LAST_PROBE_S, Key, KeyRing


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("one\n")
    key = Key(KeyReference(file=file))
    assert key.header == ("authorization", "Bearer one")
    assert not key.refresh()
    file.with_suffix(".new").write_text("two")
    file.with_suffix(".new").replace(file)
    assert key.refresh()
    assert key.header == ("authorization", "Bearer two")


def test_a_file_that_is_away_for_a_moment_leaves_the_key_in_use(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("one")
    key = Key(KeyReference(file=file))
    for content in (None, ""):
        file.unlink() if content is None else file.write_text(content)
        key.refresh()
        assert (key.header, key.usable) == (("authorization", "Bearer one"), True)


def test_a_missing_key_is_found_when_it_comes(tmp_path: Path) -> None:
    file = tmp_path / "key"
    key = Key(KeyReference(file=file))
    assert (key.usable, key.reason) == (False, "key_missing")
    file.write_text("late")
    assert key.refresh()
    assert key.usable


def test_a_refused_key_is_out_until_another_comes(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("one")
    clock = Clock()
    key = Key(KeyReference(file=file), clock=clock)
    old = key.header
    assert key.refused(old)
    assert (key.usable, key.probe_at) == (False, clock.now + FIRST_PROBE_S)
    file.write_text("another")
    assert key.refresh()
    assert key.usable
    assert not key.refused(old)


def test_a_refused_key_is_tried_again_after_ever_longer_times_until_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOL_TEST_KEY", "new")
    clock = Clock()
    key = Key(KeyReference(env="POOL_TEST_KEY"), clock=clock)
    waits: list[float] = []
    for _ in range(9):
        assert key.refused(key.header)
        waits.append(key.probe_at - clock.now)
        clock.now = key.probe_at
        key.probed(clock.now)
    assert waits == [5, 10, 20, 40, 80, 160, 300, LAST_PROBE_S, LAST_PROBE_S]
    key.accepted()
    assert key.usable
    assert key.refused(key.header)
    assert key.probe_at == clock.now + FIRST_PROBE_S


@pytest.mark.parametrize(
    ("endpoint", "header"),
    [
        ({}, ("authorization", "Bearer k")),
        ({"kind": "azure"}, ("api-key", "k")),
        ({"auth": "api_key"}, ("api-key", "k")),
        ({"kind": "azure", "auth": "bearer"}, ("authorization", "Bearer k")),
    ],
)
def test_each_kind_of_endpoint_gets_its_key_in_its_own_way(
    endpoint: dict[str, str], header: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POOL_TEST_KEY", "k")
    settings = Endpoint.model_validate({"name": "a", "url": "http://a/v1", "key": {"env": "POOL_TEST_KEY"}, **endpoint})
    assert KeyRing().of("m", settings).header == header


def test_a_key_that_would_break_a_header_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOL_TEST_KEY", "se\r\ncret")
    with pytest.raises(LookupError) as error:
        KeyReference(env="POOL_TEST_KEY").read()
    assert "cret" not in str(error.value)


def test_an_endpoint_with_the_pods_identity_waits_for_its_token() -> None:
    ring = KeyRing()
    key = ring.of("m", Endpoint(name="a", url="http://a/v1", kind="azure", auth="workload_identity"))
    assert not key.usable
    assert ring.awaited() == [key]
    key.take("token")
    assert (key.usable, key.header) == (True, ("authorization", "Bearer token"))
