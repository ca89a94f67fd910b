"""Keys open what they are bound to, and nothing says why a key was refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from pydantic import ValidationError
from typer.testing import CliRunner

from common import key_file, keys
from common.authenticator import Authenticator
from common.errors import ApiError
from common.settings import ServiceSettings


def authenticator(file: Path) -> Authenticator:
    return Authenticator(ServiceSettings(service="test", auth="keys", keys_file=file))


def bearer(key: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", **more}


def test_a_key_carries_its_tenant_groups_and_lane(tmp_path: Path) -> None:
    key, stored = key_file.create(tmp_path / "keys.json", tenant="acme", groups=("hr",), lane="interactive")
    caller = authenticator(tmp_path / "keys.json").authenticate(bearer(key))
    assert (caller.tenant, caller.groups, caller.lane, caller.key_id) == ("acme", ("hr",), "interactive", stored.id)


def test_only_a_hash_is_stored_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    key, _ = key_file.create(file)
    assert key.removeprefix(key_file.PREFIX) not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_the_header_may_lower_the_lane_never_raise_it(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    fast, _ = key_file.create(file, lane="interactive")
    slow, _ = key_file.create(file, lane="batch")
    check = authenticator(file)
    assert check.authenticate(bearer(fast, **{"x-fairlead-lane": "batch"})).lane == "batch"
    assert check.authenticate(bearer(slow, **{"x-fairlead-lane": "interactive"})).lane == "batch"
    with pytest.raises(ApiError) as refused:
        check.authenticate(bearer(fast, **{"x-fairlead-lane": "express"}))
    assert refused.value.status == 400


def test_every_refusal_reads_the_same(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    expired, _ = key_file.create(file, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    check = authenticator(file)
    answers = set()
    for headers in ({}, bearer("fl-wrong"), bearer(expired), {"authorization": f"Basic {expired}"}, bearer("")):
        with pytest.raises(ApiError) as refused:
            check.authenticate(headers)
        answers.add((refused.value.status, refused.value.message))
    assert len(answers) == 1
    assert answers.pop()[0] == 401


def test_a_revoked_key_stops_working_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.authenticator.RECHECK_S", 0.0)
    file = tmp_path / "keys.json"
    key, stored = key_file.create(file)
    check = authenticator(file)
    check.authenticate(bearer(key))
    assert key_file.revoke(file, stored.id)
    with pytest.raises(ApiError):
        check.authenticate(bearer(key))


def test_a_broken_key_file_keeps_the_keys_that_worked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.authenticator.RECHECK_S", 0.0)
    file = tmp_path / "keys.json"
    key, _ = key_file.create(file)
    check = authenticator(file)
    file.write_text("{broken")
    assert check.authenticate(bearer(key)).tenant == "default"


def test_without_keys_only_loopback_is_allowed() -> None:
    with pytest.raises(ValidationError, match="FAIRLEAD_AUTH=none is only for loopback"):
        ServiceSettings(host="0.0.0.0")
    with pytest.raises(ValidationError, match="needs FAIRLEAD_KEYS_FILE"):
        ServiceSettings(auth="keys")
    assert ServiceSettings(host="::1").auth == "none"


def test_the_command_line_creates_lists_and_revokes(tmp_path: Path) -> None:
    run = CliRunner().invoke
    file = ["--file", str(tmp_path / "keys.json")]
    created = run(keys.app, ["create", *file, "--name", "page", "--tenant", "acme"])
    assert created.exit_code == 0
    key = created.stdout.strip().splitlines()[0]
    caller = authenticator(tmp_path / "keys.json").authenticate(bearer(key))
    listed = run(keys.app, ["list", *file], env={"COLUMNS": "200"}).stdout
    assert "acme" in listed
    assert key not in listed
    assert run(keys.app, ["revoke", *file, caller.key_id]).exit_code == 0
    again = run(keys.app, ["revoke", *file, caller.key_id])
    assert again.exit_code == 1
    assert "No key has the id" in again.output


def test_it_is_shown_when_the_first_key_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shown() -> float | None:
        return REGISTRY.get_sample_value("fairlead_auth_next_key_expiry_timestamp_seconds", {"service": "test"})

    monkeypatch.setattr("common.authenticator.RECHECK_S", 0)
    file = tmp_path / "keys.json"
    lasting, _ = key_file.create(file)
    of_file = authenticator(file)
    assert shown() is None
    late, soon = datetime(2040, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    key_file.create(file, expires_at=late)
    _, first = key_file.create(file, expires_at=soon)
    of_file.authenticate(bearer(lasting))
    assert shown() == soon.timestamp()
    key_file.revoke(file, first.id)
    of_file.authenticate(bearer(lasting))
    assert shown() == late.timestamp()
