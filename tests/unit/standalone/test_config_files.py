"""Tunables files are written once; later starts change only the parts that say so."""

from pathlib import Path

import pytest
import yaml

from standalone import config_files
from standalone.errors import StartRefused
from standalone.settings import StandaloneSettings


def settings(**given: object) -> StandaloneSettings:
    return StandaloneSettings.model_validate(given)


def pool(folder: Path) -> dict[str, list[dict[str, object]]]:
    models = yaml.safe_load((folder / "llm-proxy.yaml").read_text())["models"]
    return {name: model["endpoints"] for name, model in models.items()}


def test_the_first_start_writes_every_file(tmp_path: Path) -> None:
    config_files.prepare(tmp_path, settings())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ingestion.yaml", "llm-proxy.yaml", "orchestrator.yaml"]
    assert [endpoint["name"] for endpoint in pool(tmp_path)["chat"]] == ["offline"]


def test_an_edit_survives_the_next_start(tmp_path: Path) -> None:
    config_files.prepare(tmp_path, settings())
    mine = "top_k: 3  # mine\n"
    (tmp_path / "orchestrator.yaml").write_text(mine)
    config_files.prepare(tmp_path, settings())
    assert (tmp_path / "orchestrator.yaml").read_text() == mine


def test_a_real_model_goes_before_the_offline_one_and_out_again(tmp_path: Path) -> None:
    key = tmp_path / "api key"
    key.write_text("secret")
    real = settings(model_url="https://api.example.com/v1", model='the "best"', model_key_file=key)
    config_files.prepare(tmp_path, real)
    config_files.prepare(tmp_path, real)
    first, second = pool(tmp_path)["chat"]
    assert first == {
        "name": "model",
        "url": "https://api.example.com/v1",
        "model": 'the "best"',
        "key": {"file": str(key)},
        "priority": 0,
    }
    assert second["name"] == "offline"
    assert "secret" not in (tmp_path / "llm-proxy.yaml").read_text()

    config_files.prepare(tmp_path, settings())
    assert len(pool(tmp_path)["chat"]) == 2, "a start that says nothing about models leaves them"

    config_files.prepare(tmp_path, settings(model_url="off"))
    assert [endpoint["name"] for endpoint in pool(tmp_path)["chat"]] == ["offline"]


def test_edits_beside_the_marked_part_survive_a_new_model(tmp_path: Path) -> None:
    config_files.prepare(tmp_path, settings())
    path = tmp_path / "llm-proxy.yaml"
    path.write_text(path.read_text() + "    timeouts: {total_s: 20}  # mine\n")
    config_files.prepare(tmp_path, settings(model_url="https://api.example.com/v1", model="m"))
    assert "timeouts: {total_s: 20}  # mine" in path.read_text()


@pytest.mark.parametrize("name", ["docs", "with space", "quo'te", 'double"quote', "ünï # hash: colon", r"back\slash\1"])
def test_any_folder_can_hold_the_documents(tmp_path: Path, name: str) -> None:
    docs = tmp_path / name
    docs.mkdir()
    config_files.prepare(tmp_path, settings(docs=docs))
    sources = yaml.safe_load((tmp_path / "ingestion.yaml").read_text())["sources"]
    assert [source["path"] for source in sources] == [str(docs)]
    config_files.prepare(tmp_path, settings())
    assert str(docs) in yaml.safe_load((tmp_path / "ingestion.yaml").read_text())["sources"][0]["path"]


def test_a_file_without_the_marked_part_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "ingestion.yaml").write_text("sources: []\n")
    with pytest.raises(StartRefused, match=r"ingestion\.yaml no longer has the line"):
        config_files.prepare(tmp_path, settings(docs=tmp_path))
    (tmp_path / "llm-proxy.yaml").write_text("models: {}\n")
    with pytest.raises(StartRefused, match=r"llm-proxy\.yaml no longer has the part"):
        config_files.prepare(tmp_path, settings(model_url="https://api.example.com/v1", model="m"))


def test_the_port_of_local_models_follows(tmp_path: Path) -> None:
    config_files.prepare(tmp_path, settings(local_models_port=9082))
    assert {e["url"] for endpoints in pool(tmp_path).values() for e in endpoints} == {"http://127.0.0.1:9082/v1"}
