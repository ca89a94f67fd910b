"""Single tunables by their dotted path change a base, and every complaint names the key and its line."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, model_validator

from common import config_disk
from common.config_texts import ConfigTexts, flat_keys
from common.live_config import Tunables
from common.yaml_text import ConfigError


class Weights(Tunables):
    keyword: float = Field(default=0.4, ge=0, le=1)
    mode: Literal["off", "on"] = "on"


class Chunking(Tunables):
    size: int = Field(default=512, ge=64)
    overlap: int = 0
    weights: Weights = Weights()

    @model_validator(mode="after")
    def _fits(self) -> "Chunking":
        if self.overlap > self.size:
            raise ValueError("overlap is larger than size")
        return self


class Knobs(Tunables):
    top_k: int = Field(default=5, ge=1, le=50)
    rerank: bool = False
    prompt: str = Field(default="Answer.", min_length=1)
    model: str | None = Field(default=None, pattern=r"^[a-z]+$")
    age: float | None = Field(default=None, gt=0)
    folder: Path | None = None
    tenants: dict[str, Chunking] = Field(default={})
    stores: tuple[str, ...] = ()
    chunking: Chunking = Chunking()


def loaded(**files: str) -> Knobs:
    return ConfigTexts.of(files).load(Knobs)


def refused(files: dict[str, str]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        ConfigTexts.of(files).load(Knobs)
    return caught.value


def test_a_single_tunable_changes_the_base() -> None:
    base = "top_k: 3\nchunking: {size: 100, weights: {keyword: 0.1}}\n"
    files = {"config.yaml": base, "top_k": "8", "chunking.weights.keyword": "0.9\n", "rerank": "true"}
    knobs = ConfigTexts.of(files).load(Knobs)
    assert (knobs.top_k, knobs.rerank) == (8, True)
    assert (knobs.chunking.size, knobs.chunking.weights.keyword) == (100, 0.9)


def test_nothing_is_every_default() -> None:
    assert ConfigTexts.of({}).load(Knobs) == Knobs()


def test_a_text_is_taken_as_it_stands() -> None:
    prompt = "rules:\n  - say: 'no'\n\n# not a comment\n"
    knobs = loaded(prompt=prompt, model="none", folder="/a: b")
    assert (knobs.prompt, knobs.model, knobs.folder) == (prompt, "none", Path("/a: b"))
    # YAML would read `off` as false.
    assert ConfigTexts.of({"chunking.weights.mode": "off"}).load(Knobs).chunking.weights.mode == "off"


@pytest.mark.parametrize(
    ("key", "text"), [("model", ""), ("model", "null"), ("folder", ""), ("age", ""), ("age", "null")]
)
def test_what_may_be_nothing_is_so_by_an_empty_text(key: str, text: str) -> None:
    base = "model: abc\nfolder: /a\nage: 3\n"
    assert getattr(ConfigTexts.of({"config.yaml": base, key: text}).load(Knobs), key) is None


def test_lists_and_mappings_are_given_whole() -> None:
    files = {"stores": '["a", "b"]', "tenants": '{"x.y": {"size": 70}}'}
    knobs = ConfigTexts.of(files).load(Knobs)
    assert knobs.stores == ("a", "b")
    assert knobs.tenants["x.y"].size == 70


def test_an_alias_in_the_base_is_changed_in_one_place_only() -> None:
    base = "tenants: {a: &one {size: 70}}\nchunking: *one\n"
    knobs = ConfigTexts.of({"config.yaml": base, "chunking.size": "90"}).load(Knobs)
    assert (knobs.tenants["a"].size, knobs.chunking.size) == (70, 90)


@pytest.mark.parametrize(
    ("files", "key", "line", "reason"),
    [
        ({"top_k": "99"}, "top_k", None, "less than or equal to 50"),
        ({"top_k": ""}, "top_k", None, "valid integer"),
        ({"top_k": "["}, "top_k", None, "not valid YAML"),
        ({"chunking.weights.keyword": "2"}, "chunking.weights.keyword", None, "less than or equal to 1"),
        ({"top_q": "1"}, "top_q", None, "unknown key; the nearest is top_k"),
        ({"chunking.sise": "1"}, "chunking.sise", None, "unknown key; the nearest is chunking.size"),
        ({"nothing_like_it_at_all": "1"}, "nothing_like_it_at_all", None, "unknown key"),
        ({"tenants.a": "{}"}, "tenants.a", None, "tenants is one key, to be given whole"),
        ({"chunking": "{}"}, "chunking", None, "its parts are keys of their own, such as chunking.size"),
        ({"tenants": "a:\n  size: 70\nb:\n  size: 7\n"}, "tenants.b.size", 4, "greater than or equal to 64"),
        ({"tenants": "a: {}\na: {}\n"}, "tenants.a", 2, "given twice"),
        ({"tenants": "a: {}\nb: ]\n"}, "tenants", 2, "not valid YAML"),
        ({"config.yaml": "rerank: true\ntop_k: 0\n", "rerank": "false"}, "top_k", 2, "greater than or equal to 1"),
        ({"config.yaml": "chunking: 5\n", "chunking.size": "99"}, "chunking", None, "must have a mapping here"),
        ({"chunking.size": "70", "chunking.overlap": "90"}, "chunking", None, "overlap is larger than size"),
        ({"model": "abc\n"}, "model", None, "(it ends with a line break, which counts)"),
        ({"config.yaml": ""}, None, None, "empty"),
    ],
)
def test_a_complaint_names_the_key_and_its_line(
    files: dict[str, str], key: str | None, line: int | None, reason: str
) -> None:
    error = refused(files)
    assert (error.key, error.line) == (key, line)
    assert reason in error.reason


def test_one_text_says_the_same() -> None:
    files = {"config.yaml": "top_k: 3\n", "prompt": "one\ntwo: 'ü'\n", "chunking.weights.mode": "off", "age": ""}
    texts = ConfigTexts.of(files)
    assert ConfigTexts(base=texts.as_yaml(Knobs)).load(Knobs) == texts.load(Knobs)
    alone = ConfigTexts(base="top_k: 3 # why\n")
    assert alone.as_yaml(Knobs) == "top_k: 3 # why\n"
    assert ConfigTexts(base=ConfigTexts().as_yaml(Knobs)).load(Knobs) == Knobs()


def test_the_keys_that_can_stand_alone() -> None:
    assert [name for name, _ in flat_keys(Knobs)][-6:] == [
        "tenants",
        "stores",
        "chunking.size",
        "chunking.overlap",
        "chunking.weights.keyword",
        "chunking.weights.mode",
    ]


def test_a_folder_is_read_as_the_kubelet_writes_it(tmp_path: Path) -> None:
    version = tmp_path / "..2026_11_28_12_00_00.1"
    version.mkdir()
    (version / "config.yaml").write_bytes(b"top_k: 3\r\n")
    (version / "prompt").write_bytes(b"a\r\nb")
    (tmp_path / "..data").symlink_to(version.name)
    for name in ("config.yaml", "prompt"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    assert config_disk.read(tmp_path) == ConfigTexts("top_k: 3\r\n", {"prompt": "a\r\nb"})


def test_a_folder_of_people_is_read_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no file"):
        config_disk.read(tmp_path)
    before = config_disk.stamp(tmp_path)
    (tmp_path / "top_k").write_text("8")
    assert config_disk.stamp(tmp_path) != before
    assert config_disk.read(tmp_path).load(Knobs).top_k == 8
    (tmp_path / "prompt").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="prompt is not UTF-8"):
        config_disk.read(tmp_path)
