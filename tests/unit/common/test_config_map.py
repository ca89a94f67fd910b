"""The API is asked with a deadline, as the account of now, and says in a word why it did not answer."""

import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import config_map
from common.api_server import ApiServer
from common.config_map import ApiFailure, ConfigMapApi
from common.yaml_text import ConfigError
from fakes.kubernetes import Cluster, cluster

NAME = "tunables"


@pytest.fixture
def kube(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path) as running:
        yield running


@pytest.fixture
def api(kube: Cluster) -> ConfigMapApi:
    return ConfigMapApi(ApiServer(kube.url, kube.account))


def reason(kube: Cluster, api: ConfigMapApi, fault: int | str) -> str:
    kube.faults["get"] = fault
    with pytest.raises(ApiFailure) as caught:
        api.get(NAME)
    return caught.value.reason


def test_what_is_there_is_found(kube: Cluster, api: ConfigMapApi) -> None:
    assert api.look(NAME)[1] is None
    version = kube.put(NAME, {"top_k": "8"}, binaryData={"prompt": "w7w="})
    found = api.look(NAME)[1]
    assert found == api.get(NAME)
    assert found is not None
    assert (found.name, found.version, found.texts().flat) == (NAME, version, {"prompt": "ü", "top_k": "8"})


def test_a_binary_value_that_is_no_text_is_named(kube: Cluster, api: ConfigMapApi) -> None:
    kube.put(NAME, {}, binaryData={"prompt": "/w=="})
    with pytest.raises(ConfigError, match="prompt: the value is not UTF-8"):
        api.get(NAME).texts()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not_found"),
        (410, "gone"),
        (500, "answer"),
        ("drop", "connection"),
        ("half", "connection"),
        ("nonsense", "answer"),
    ],
)
def test_a_refusal_has_a_reason(kube: Cluster, api: ConfigMapApi, fault: int | str, expected: str) -> None:
    kube.put(NAME, {})
    assert reason(kube, api, fault) == expected


def test_a_refusal_says_what_the_server_said(kube: Cluster, api: ConfigMapApi) -> None:
    kube.faults["get"] = 403
    with pytest.raises(ApiFailure, match="HTTP 403: get of tunables is not allowed"):
        api.get(NAME)


def test_a_server_that_does_not_answer_is_left(
    kube: Cluster, api: ConfigMapApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_map, "REQUEST_S", 0.2)
    kube.put(NAME, {})
    began = time.monotonic()
    assert reason(kube, api, "hang") == "timeout"
    assert time.monotonic() - began < 30, "the server itself would have waited a minute"


def test_nobody_there_is_a_connection_that_failed(api: ConfigMapApi, kube: Cluster, free_tcp_port: int) -> None:
    nowhere = ConfigMapApi(ApiServer(f"http://127.0.0.1:{free_tcp_port}", kube.account))
    with pytest.raises(ApiFailure) as caught:
        nowhere.look(NAME)
    assert caught.value.reason == "connection"


def test_the_token_is_read_afresh(kube: Cluster, api: ConfigMapApi) -> None:
    kube.put(NAME, {})
    api.get(NAME)
    kube.tokens = {"second-token"}
    with pytest.raises(ApiFailure) as caught:
        api.get(NAME)
    assert caught.value.reason == "unauthorized"
    (kube.account / "token").write_text("second-token\n")
    assert api.get(NAME).name == NAME


def test_without_an_account_it_says_which_file_is_missing(kube: Cluster, api: ConfigMapApi) -> None:
    (kube.account / "token").unlink()
    with pytest.raises(ApiFailure, match="token"):
        api.get(NAME)


def test_a_write_on_an_old_version_is_a_conflict(kube: Cluster, api: ConfigMapApi) -> None:
    old = kube.put(NAME, {"a": "1", "b": "2"})
    api.patch(NAME, {"a": "3"}, old)
    assert kube.data(NAME) == {"a": "3", "b": "2"}
    with pytest.raises(ApiFailure) as caught:
        api.patch(NAME, {"a": "4"}, old)
    assert caught.value.reason == "conflict"


def test_events_come_as_they_happen_and_end_with_the_time(kube: Cluster, api: ConfigMapApi) -> None:
    kube.put(NAME, {"a": "0"})
    version, _ = api.look(NAME)
    kube.put("another", {})
    kube.put(NAME, {"a": "x" * 300_000})
    kube.delete(NAME)
    kube.put(NAME, {"a": "2"})
    seen = [(kind, len((item.get("data") or {}).get("a", ""))) for kind, item in api.events(NAME, version, 1)]
    assert seen == [("MODIFIED", 300_000), ("DELETED", 300_000), ("ADDED", 1)]


def test_a_server_that_has_forgotten_says_so(kube: Cluster, api: ConfigMapApi) -> None:
    version, _ = api.look(NAME)
    kube.forget()
    with pytest.raises(ApiFailure) as caught:
        list(api.events(NAME, version, 30))
    assert caught.value.reason == "gone"


def test_a_stream_that_breaks_off_ends(kube: Cluster, api: ConfigMapApi) -> None:
    version, _ = api.look(NAME)
    threading.Thread(target=lambda: (wait_for_watch(kube), kube.cut())).start()
    began = time.monotonic()
    assert list(api.events(NAME, version, 300)) == []
    assert time.monotonic() - began < 60


def test_a_stream_is_ended_from_outside(kube: Cluster, api: ConfigMapApi) -> None:
    version, _ = api.look(NAME)
    kube.put(NAME, {})
    for _ in api.events(NAME, version, 300):
        threading.Timer(0.2, api.abort).start()
    with pytest.raises(ApiFailure, match="ends"):
        api.get(NAME)


def wait_for_watch(kube: Cluster) -> None:
    until = time.monotonic() + 20
    while not kube.watching():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl on PATH")
def test_the_certificate_is_verified_with_the_accounts_authority(tmp_path: Path) -> None:
    certificates = {}
    for name in ("ours", "theirs"):
        files = certificates[name] = (tmp_path / f"{name}.crt", tmp_path / f"{name}.key")
        made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=api -addext subjectAltName=IP:127.0.0.1"
        subprocess.run([*made.split(), "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificates["ours"])
    with cluster(tmp_path, tls=tls) as kube:
        kube.put(NAME, {"a": "1"})
        api = ConfigMapApi(ApiServer(kube.url, kube.account))
        (kube.account / "ca.crt").write_bytes(certificates["theirs"][0].read_bytes())
        with pytest.raises(ApiFailure, match="CERTIFICATE_VERIFY_FAILED"):
            api.get(NAME)
        (kube.account / "ca.crt").write_bytes(certificates["ours"][0].read_bytes())
        assert api.get(NAME).data == {"a": "1"}
        version, _ = api.look(NAME)
        kube.put(NAME, {"a": "2"})
        seen: list[str] = []
        for _, item in api.events(NAME, version, 300):
            seen.append(item["data"]["a"])
            # By then it waits for the next.
            threading.Timer(0.2, api.abort).start()
        assert seen == ["2"]


def test_the_server_of_a_pod_is_in_its_environment(tmp_path: Path) -> None:
    assert ApiServer.of_this_pod({}) is None
    found = ApiServer.of_this_pod({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}, tmp_path)
    assert found == ApiServer("https://[fd00::1]:6443", tmp_path)
