"""Whatever text is given, the answer is a model or a ConfigError that says where."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from common import yaml_text
from common.deadline import HEADER, Deadline
from common.errors import ApiError
from common.yaml_text import ConfigError, line_of, load, parse


class Endpoint(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str
    kind: Literal["openai", "azure"] = "openai"


class File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    endpoints: list[Endpoint] = []


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused_with_a_reason(text: str) -> None:
    try:
        assert isinstance(parse(text), dict)
    except ConfigError as error:
        assert error.reason


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
def test_any_value_is_validated_or_refused_with_a_reason(value: object) -> None:
    try:
        load(f"endpoints: {value!r}", File)
    except ConfigError as error:
        assert error.reason


def test_a_complaint_names_the_key_and_the_line_deep_inside() -> None:
    text = "endpoints:\n- url: a\n- url: b\n  kind: oracle\n"
    with pytest.raises(ConfigError) as raised:
        load(text, File)
    assert raised.value.key == "endpoints[1].kind"
    assert raised.value.line == 4
    assert str(raised.value).startswith("line 4, endpoints[1].kind: ")


def test_a_missing_key_is_placed_at_its_parent() -> None:
    text = "endpoints:\n- kind: azure\n"
    with pytest.raises(ConfigError, match=r"line 2, endpoints\[0\].url: Field required"):
        load(text, File)


def test_json_is_understood_too() -> None:
    assert load('{"endpoints": [{"url": "a"}]}', File).endpoints[0].url == "a"


def test_no_tag_can_construct_an_object() -> None:
    with pytest.raises(ConfigError, match="not valid YAML"):
        parse("a: !!python/object/apply:os.system ['true']")


def test_a_line_is_only_given_for_what_exists() -> None:
    assert line_of("a: 1\n", ["b"]) is None
    assert line_of("a: [", ["a"]) is None


@pytest.mark.parametrize("value", ["soon", "", "1.5", "1e3"])
def test_a_deadline_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(ApiError, match=HEADER):
        Deadline.from_headers({HEADER: value}, 10)


def test_a_deadline_that_has_passed_is_a_timeout() -> None:
    with pytest.raises(ApiError) as raised:
        Deadline.from_headers({HEADER: "0"}, 10)
    assert raised.value.status == 504


@given(st.integers(min_value=1, max_value=10**12))
def test_the_remaining_time_only_shrinks_from_hop_to_hop(milliseconds: int) -> None:
    deadline = Deadline.from_headers({HEADER: str(milliseconds)}, 10)
    assert 1 <= int(deadline.header()[HEADER]) <= milliseconds


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "{a: 1, a: 2}", '[{"b": {"a": 1, "a": 2}}]'])
def test_a_key_given_twice_is_refused_in_json_as_well(text: str) -> None:
    with pytest.raises(ConfigError, match="given twice"):
        yaml_text.value(text)


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": 1.0e+3, "b": "ü"}', "[1, 2.5, null, true, off]", "{}", "[", "{a: b}"]
)
def test_json_reads_as_yaml_does(text: str) -> None:
    def read(one: str) -> object:
        try:
            return yaml_text.value(one)
        except ConfigError as error:
            return str(error)

    # A comment before it, and it is YAML.
    as_yaml, as_json = read(f"# yaml\n{text}"), read(text)
    assert as_json == (as_yaml.replace("line 2", "line 1") if isinstance(as_yaml, str) else as_yaml)


def test_what_is_dumped_is_read_again() -> None:
    content = {"a": "off", "b": [1, None, "ü\n  x: 'y'\n"], "c": {"d.e": {"f": 1e-7}}}
    assert yaml_text.parse(yaml_text.dump(content)) == content
