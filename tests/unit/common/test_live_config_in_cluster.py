"""In a cluster an edit comes by the API; without it by the mounted folder; the newer one is in force, by either way."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from pydantic import Field
from structlog.testing import CapturingLogger

from common import config_follow, config_last_good, config_map, config_watch
from common.api_server import ApiServer
from common.config_last_good import Good, LastGoodMap
from common.config_map import ApiFailure, ConfigMapApi
from common.live_config import InCluster, LiveConfig, Tunables
from common.settings import ServiceSettings
from common.yaml_text import ConfigError
from fakes.kubernetes import Cluster, cluster

NAME, LAST_GOOD = "service-tunables", "service-last-good"
SERVICES = (f"in-cluster-{number}" for number in itertools.count())


class Weights(Tunables):
    keyword: float = Field(default=0.4, ge=0, le=1)


class Knobs(Tunables):
    top_k: int = Field(default=5, ge=1, le=50)
    prompt: str = "Answer."
    weights: Weights = Weights()


class Mount:
    """A ConfigMap as the kubelet mounts it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._number = 0
        folder.mkdir()
        self.sync(top_k="3")

    def sync(self, **files: str) -> None:
        """The kubelet has caught up with these keys."""
        self._number += 1
        version = self.folder / f"..{self._number}"
        version.mkdir()
        for name, text in files.items():
            (version / name).write_text(text)
        (self.folder / "..new").symlink_to(version.name)
        (self.folder / "..new").rename(self.folder / "..data")


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    return Mount(tmp_path / "config")


@pytest.fixture
def kube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(config_follow, "LOOK_AGAIN_S", 0.05)
    monkeypatch.setattr(config_watch, "LONGEST_PAUSE_S", 0.4)
    monkeypatch.setattr(config_last_good, "SPREAD_S", 0.02)
    with cluster(tmp_path) as running:
        running.put(NAME, {"top_k": "3"})
        running.put(LAST_GOOD, {})
        yield running


@pytest.fixture
def live(kube: Cluster, mount: Mount) -> LiveConfig[Knobs]:
    return made(kube, mount)


def made(kube: Cluster, mount: Mount) -> LiveConfig[Knobs]:
    """What one pod has."""
    in_cluster = InCluster(ConfigMapApi(ApiServer(kube.url, kube.account)), NAME, LAST_GOOD)
    return LiveConfig(Knobs, mount.folder, service=next(SERVICES), cluster=in_cluster)


async def until(condition: Callable[[], object]) -> None:
    """Wait for a state; the limit is only there so that a failure ends."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(live: LiveConfig[Knobs], kube: Cluster) -> AsyncIterator[LiveConfig[Knobs]]:
    """Started on the folder, and watching."""
    live.load()
    async with live.watch():
        await until(kube.watching)
        yield live


def metric(name: str, live: LiveConfig[Knobs], **labels: str) -> float:
    return REGISTRY.get_sample_value(f"fairlead_{name}", {"service": live.service, **labels}) or 0.0


def failures(live: LiveConfig[Knobs], reason: str) -> float:
    return metric("config_watch_failures_total", live, reason=reason)


def applied(live: LiveConfig[Knobs]) -> float:
    return metric("config_reloads_total", live, result="applied")


async def test_an_edit_comes_by_the_api_long_before_the_folder_shows_it(
    live: LiveConfig[Knobs], kube: Cluster, mount: Mount
) -> None:
    async with running(live, kube):
        assert applied(live) == 0, "what the API says first is what the folder said"
        kube.put(NAME, {"top_k": "8", "weights.keyword": "0.9", "prompt": "Be brief.\n"})
        await until(lambda: live.current.value.top_k == 8)
        assert live.current.value == Knobs(top_k=8, prompt="Be brief.\n", weights=Weights(keyword=0.9))
        assert live.current.source == f"ConfigMap {NAME}"
        assert metric("config_watch_healthy", live) == 1
        mount.sync(top_k="8", **{"weights.keyword": "0.9", "prompt": "Be brief.\n"})
        await asyncio.sleep(4 * config_follow.POLL_S)
    assert applied(live) == 1, "the folder that catches up is no edit"
    assert kube.count("get", NAME) == 0, "nor worth a question"


async def test_of_many_edits_in_a_row_the_last_one_is_in_force(live: LiveConfig[Knobs], kube: Cluster) -> None:
    async with running(live, kube):
        for top_k in range(1, 41):
            kube.put(NAME, {"top_k": str(top_k)})
        await until(lambda: live.current.value.top_k == 40)
        await until(lambda: "top_k: 40" in kube.data(LAST_GOOD).get("config.yaml", ""))


async def test_a_bad_edit_is_refused_by_key_and_the_mended_one_taken(live: LiveConfig[Knobs], kube: Cluster) -> None:
    async with running(live, kube):
        kube.put(NAME, {"top_k": "8"})
        await until(lambda: live.current.value.top_k == 8)
        kube.put(NAME, {"top_k": "8", "weights.keyword": "2"})
        await until(lambda: live.refusal)
        assert live.status()["last_error"]["key"] == "weights.keyword"
        assert (live.current.value.top_k, metric("config_reload_success", live)) == (8, 0)
        kube.put(NAME, {"top_q": "8"})
        await until(lambda: live.refusal and live.refusal.key == "top_q")
        kube.put(NAME, {"top_k": "9"})
        await until(lambda: live.current.value.top_k == 9)
        assert (live.refusal, metric("config_reload_success", live)) == (None, 1)


async def test_a_config_map_that_is_deleted_is_a_refusal(live: LiveConfig[Knobs], kube: Cluster) -> None:
    async with running(live, kube):
        kube.delete(NAME)
        await until(lambda: live.refusal)
        assert "create it again" in live.status()["last_error"]["reason"]
        assert live.current.value.top_k == 3
        kube.put(NAME, {"top_k": "3"})
        await until(lambda: live.refusal is None)


async def test_an_older_folder_does_not_undo_a_newer_edit(live: LiveConfig[Knobs], kube: Cluster, mount: Mount) -> None:
    async with running(live, kube):
        kube.put(NAME, {"top_k": "8"})
        await until(lambda: live.current.value.top_k == 8)
        kube.put(NAME, {"top_k": "9"})
        await until(lambda: live.current.value.top_k == 9)
        seen: list[int] = []
        live.subscribe(lambda snapshot: seen.append(snapshot.value.top_k))
        mount.sync(top_k="8")
        await until(lambda: kube.count("get", NAME) >= 1)
        mount.sync(top_k="9")
        await asyncio.sleep(4 * config_follow.POLL_S)
        assert (seen, live.current.value.top_k) == ([], 9)


async def test_nor_does_it_while_the_api_is_away(
    live: LiveConfig[Knobs], kube: Cluster, mount: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(live, kube):
        kube.put(NAME, {"top_k": "8"})
        await until(lambda: live.current.value.top_k == 8)
        kube.put(NAME, {"top_k": "9"})
        await until(lambda: live.current.value.top_k == 9)
        kube.faults |= dict.fromkeys(("get", "list", "watch"), 500)
        kube.cut()
        mount.sync(top_k="8")
        await until(lambda: kube.count("get", NAME) >= 3)
        assert live.current.value.top_k == 9
        # But when it stays, it is what people want: the edit back was never heard of.
        monkeypatch.setattr(config_follow, "ON_ITS_WAY_S", 0.0)
        await until(lambda: live.current.value.top_k == 8)
        kube.faults.clear()
        await until(lambda: live.current.value.top_k == 9)


@pytest.mark.parametrize(
    ("fault", "reason"), [(401, "unauthorized"), (403, "forbidden"), (500, "answer"), ("drop", "connection")]
)
async def test_without_the_api_the_folder_counts_and_one_sees_it(
    live: LiveConfig[Knobs], kube: Cluster, mount: Mount, fault: int | str, reason: str
) -> None:
    kube.faults |= dict.fromkeys(("get", "list", "watch"), fault)
    live.load()
    async with live.watch():
        await until(lambda: failures(live, reason) >= 2)
        assert metric("config_watch_healthy", live) == 0
        mount.sync(top_k="7")
        await until(lambda: live.current.value.top_k == 7)
        assert live.current.source == str(mount.folder)
        kube.put(NAME, {"top_k": "8"})
        kube.faults.clear()
        await until(lambda: live.current.value.top_k == 8)
        assert metric("config_watch_healthy", live) == 1


async def test_a_server_that_hangs_is_given_up(
    live: LiveConfig[Knobs], kube: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_map, "REQUEST_S", 0.2)
    kube.faults["list"] = "hang"
    live.load()
    async with live.watch():
        await until(lambda: failures(live, "timeout") >= 1)
        kube.faults.clear()
        kube.put(NAME, {"top_k": "8"})
        await until(lambda: live.current.value.top_k == 8)


async def test_history_that_the_server_has_forgotten_is_read_anew(
    live: LiveConfig[Knobs], kube: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr(config_watch, "log", log)
    async with running(live, kube):
        kube.put(NAME, {"top_k": "8"})
        kube.forget()
        kube.cut()
        await until(lambda: failures(live, "gone") >= 1)
        await until(lambda: live.current.value.top_k == 8)
    assert [call.args for call in log.calls] == [("config_watch_healthy",)], "it is the server's right to forget"


async def test_a_connection_that_breaks_off_loses_no_edit(live: LiveConfig[Knobs], kube: Cluster) -> None:
    async with running(live, kube):
        seen: list[int] = []
        live.subscribe(lambda snapshot: seen.append(snapshot.value.top_k))
        for number in (1, 2, 3):
            kube.cut()
            kube.put(NAME, {"top_k": str(10 + number)})
            await until(lambda: len(seen) == number)  # noqa: B023
    assert seen == [11, 12, 13]
    assert kube.count("list") <= 2, "it goes on from where it was"


async def test_a_bookmark_moves_the_watch_on(live: LiveConfig[Knobs], kube: Cluster) -> None:
    async with running(live, kube):
        version = kube.bookmark()
        async with asyncio.timeout(20):
            while kube.watched_from[-1] != version:
                kube.cut()
                await asyncio.sleep(0.02)
        kube.forget_before(version)
        kube.cut()
        kube.put(NAME, {"top_k": "8"})
        await until(lambda: live.current.value.top_k == 8)
        assert failures(live, "gone") == 0


async def test_a_rotated_token_is_used(live: LiveConfig[Knobs], kube: Cluster) -> None:
    async with running(live, kube):
        kube.tokens = {"second-token"}
        kube.cut()
        await until(lambda: failures(live, "unauthorized") >= 1)
        (kube.account / "token").write_text("second-token")
        kube.put(NAME, {"top_k": "8"})
        await until(lambda: live.current.value.top_k == 8)


async def test_the_end_does_not_wait_for_the_api(live: LiveConfig[Knobs], kube: Cluster) -> None:
    loop = asyncio.get_running_loop()
    async with running(live, kube):
        began = loop.time()
    assert loop.time() - began < 20, "the stream would have lasted a minute"
    await until(lambda: not kube.watching() or (kube.bookmark(), False)[1])


async def test_what_is_in_force_is_kept_for_pods_to_come(live: LiveConfig[Knobs], kube: Cluster, mount: Mount) -> None:
    async with running(live, kube):
        version = kube.put(NAME, {"top_k": "8"})
        await until(lambda: kube.data(LAST_GOOD).get("source-version") == version)
        assert kube.data(LAST_GOOD)["config.yaml"] == "top_k: 8\n"
        assert kube.data(LAST_GOOD)["hash"] == live.current.hash
        kube.put(NAME, {"top_k": "0"})
        await until(lambda: live.refusal)
        mount.sync(top_k="0")
        newcomer = made(kube, mount)
        newcomer.load()
        assert newcomer.current.value.top_k == 8
        assert newcomer.current.source == f"last good (ConfigMap {LAST_GOOD})"
        assert newcomer.refusal is not None and newcomer.refusal.key == "top_k"
        listed = kube.count("list")
        async with newcomer.watch():
            await until(lambda: kube.count("list") > listed and kube.watching() == 2)
            # Time enough to keep what must not be kept: the bad edit, which the API has told it by now.
            await asyncio.sleep(0.3)
            assert kube.data(LAST_GOOD)["source-version"] == version
            kube.put(NAME, {"top_k": "10"})
            await until(lambda: newcomer.current.value.top_k == 10 == live.current.value.top_k)
    assert metric("config_reloads_total", live, result="not_kept") == 0


async def test_it_is_kept_from_the_first_start_on(live: LiveConfig[Knobs], kube: Cluster) -> None:
    async with running(live, kube):
        await until(lambda: kube.data(LAST_GOOD).get("config.yaml") == "top_k: 3\n")


def test_many_pods_write_one_change_once(kube: Cluster) -> None:
    api = ConfigMapApi(ApiServer(kube.url, kube.account))
    good = Good("top_k: 8\n", "0" * 12, "uid", "200")
    keepers = [LastGoodMap(api, LAST_GOOD, lambda _: None) for _ in range(4)]
    assert [keeper.keep(good) for keeper in keepers] == [True, False, False, False]
    assert kube.count("patch") == 1


async def test_a_failure_to_keep_is_counted_and_made_up_for(live: LiveConfig[Knobs], kube: Cluster) -> None:
    kube.faults["patch"] = 403
    async with running(live, kube):
        kube.put(NAME, {"top_k": "8"})
        await until(lambda: live.current.value.top_k == 8)
        await until(lambda: metric("config_reloads_total", live, result="not_kept") >= 1)
        kube.faults.clear()
        await until(lambda: kube.data(LAST_GOOD).get("config.yaml") == "top_k: 8\n")


def test_a_write_that_another_pod_crossed_is_judged_again(kube: Cluster) -> None:
    keeper = LastGoodMap(ConfigMapApi(ApiServer(kube.url, kube.account)), LAST_GOOD, lambda _: None)
    older, newer = (Good(f"top_k: {version}\n", "0" * 12, "uid", version) for version in ("99", "100"))
    kube.conflict_once(LAST_GOOD, older.keys())
    assert keeper.keep(newer)
    assert kube.data(LAST_GOOD)["source-version"] == "100"
    kube.put(LAST_GOOD, {})
    kube.conflict_once(LAST_GOOD, newer.keys())
    assert not keeper.keep(older), "a slow pod does not put an older state over a newer"
    assert kube.data(LAST_GOOD)["source-version"] == "100"
    assert keeper.keep(Good("top_k: 1\n", "0" * 12, "another-uid", "5")), "versions of two objects say nothing"


def test_a_missing_config_map_for_the_last_good_one_is_named(kube: Cluster, mount: Mount) -> None:
    kube.delete(LAST_GOOD)
    mount.sync(top_k="0")
    with pytest.raises(ConfigError, match=f"top_k: .* greater than or equal to 1 .*ConfigMap {LAST_GOOD}: HTTP 404"):
        made(kube, mount).load()
    keeper = LastGoodMap(ConfigMapApi(ApiServer(kube.url, kube.account)), LAST_GOOD, lambda _: None)
    with pytest.raises(ApiFailure, match="not found"):
        keeper.keep(Good("", "", "", "1"))


def test_nothing_kept_yet_is_said(kube: Cluster, mount: Mount) -> None:
    mount.sync(top_k="0")
    with pytest.raises(ConfigError, match="no earlier good configuration"):
        made(kube, mount).load()


def test_the_folder_is_needed(kube: Cluster, tmp_path: Path, mount: Mount) -> None:
    (tmp_path / "one.yaml").write_text("{}")
    mount.folder = tmp_path / "one.yaml"
    with pytest.raises(ConfigError, match="is a file: FAIRLEAD_CONFIG_MAP needs the folder"):
        made(kube, mount).load()


def test_settings_that_cannot_be_followed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="FAIRLEAD_CONFIG_MAP needs FAIRLEAD_CONFIG_FILE"):
        ServiceSettings(config_map="a")
    with pytest.raises(ValueError, match="FAIRLEAD_LAST_GOOD_CONFIG_MAP needs FAIRLEAD_CONFIG_MAP"):
        ServiceSettings(last_good_config_map="a")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ValueError, match="this is no pod"):
        InCluster.of(ServiceSettings(config_map="a", config_file=tmp_path))


def test_pauses_grow_and_differ() -> None:
    pauses = [config_watch.pause(number) for number in range(1, 200)]
    assert 0.1 <= pauses[0] <= 0.2
    assert all(15 <= one <= 30 for one in pauses[10:])
    assert len(set(pauses)) > 190


async def test_a_fault_in_the_judgement_does_not_end_the_watch(kube: Cluster, mount: Mount) -> None:
    def stumble(knobs: Knobs) -> None:
        if knobs.top_k == 13:
            raise TypeError("a bug")

    in_cluster = InCluster(ConfigMapApi(ApiServer(kube.url, kube.account)), NAME)
    live = LiveConfig(Knobs, mount.folder, service=next(SERVICES), cluster=in_cluster, validate_extra=stumble)
    async with running(live, kube):
        kube.put(NAME, {"top_k": "13"})
        await until(lambda: live.refusal)
        assert live.refusal is not None and "TypeError" in live.refusal.reason
        kube.put(NAME, {"top_k": "14"})
        await until(lambda: live.current.value.top_k == 14)
