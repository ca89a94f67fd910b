"""A body is read once; another model's name goes into it without touching anything else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ApiError
from llm_proxy import body as bodies
from llm_proxy.body import TOKENS_PER_IMAGE, prompt_tokens

KEYS = st.sampled_from(["model", "messages", 'a"model"', "mod\\", "x", '"model":'])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8) | st.sampled_from(["model", '"model": "a"']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(KEYS, JSON, max_size=4),
    st.text(max_size=10),
    st.integers(0, 4),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_the_model_is_replaced_and_nothing_else(
    fields: dict[str, Any], name: str, place: int, indent: int | None, escaped: bool
) -> None:
    items = [(key, value) for key, value in fields.items() if key != "model"]
    items.insert(min(place, len(items)), ("model", name))
    body = json.dumps(dict(items), indent=indent, ensure_ascii=escaped).encode()
    divided = bodies.divided(body)
    assert json.loads(divided.renamed(b'"other \\u00e9"')) == dict(items) | {"model": "other é"}
    assert json.loads(divided.whole) == dict(items)


def test_a_body_that_needs_no_other_name_stays_as_it_is() -> None:
    body = b'{ "messages" : [], "model"  :"a","x":1e400}'
    assert bodies.divided(body).renamed(None) is body
    assert bodies.divided(body).renamed(b'"b"') == b'{ "messages" : [], "model"  :"b","x":1e400}'


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (b'{"model": "a", "model": "b"}', "b"),
        (b'{"mod\\u0065l": "b", "x": {"model": "b"}}', "b"),
        (b'{"x": {"model": "c"}, "model": "b"}', "b"),
        (b'{"x": "\\"model\\": \\"c\\"", "model": "b"}', "b"),
    ],
)
def test_what_is_admitted_is_what_is_sent(body: bytes, model: str) -> None:
    """One key twice, or spelled in another way, must not smuggle another model past the admission."""
    assert bodies.peek(body).model == model
    divided = bodies.divided(body)
    assert json.loads(divided.whole)["model"] == model
    assert json.loads(divided.renamed(b'"z"'))["model"] == "z"
    assert divided.whole.count(b'"model"') == body.count(b'"model"') or b"\\u006" in body or body.count(b'"model"') == 2


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b"", None, "invalid_json"),
        (b"[1]", None, None),
        (b'{"model": 1}', "model", None),
        (b'{"messages": []}', "model", None),
        (b'{"model": "a", "stream": "yes"}', "stream", None),
        (b'{"model": "a", "max_tokens": 1.5}', "max_tokens", None),
        (b'{"model": "a", "max_tokens": -1}', "max_tokens", None),
        (b'{"model": "a", "n": 0}', "n", None),
        (b'{"model": "a", "x": ' + b"[" * 100_000, None, "invalid_json"),
        (b'{"model": "\xff"}', None, "invalid_json"),
        (b'{"model": "a"} {"model": "b"}', None, "invalid_json"),
    ],
)
def test_a_bad_body_is_refused_by_field(body: bytes, param: str | None, code: str | None) -> None:
    with pytest.raises(ApiError) as caught:
        bodies.peek(body)
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, param, code)


def test_tokens_of_all_choices_count() -> None:
    assert bodies.peek(b'{"model": "a", "max_tokens": 10, "n": 3}').answer_tokens == 30
    assert bodies.peek(b'{"model": "a", "max_completion_tokens": 5}').answer_tokens == 5
    assert bodies.peek(b'{"model": "a"}').answer_tokens is None


@pytest.mark.parametrize(
    ("given", "texts"),
    [("a", None), (["a"], None), (["a", "b"], 2), ([1, 2, 3], None), ([[1, 2], [3]], 2), (None, None), ({}, None)],
)
def test_inputs_that_can_be_told_apart(given: Any, texts: int | None) -> None:
    found = bodies.inputs(json.dumps({"model": "a", "input": given}).encode())
    assert (None if found is None else len(found)) == texts


def test_an_image_counts_as_an_image_however_it_is_given() -> None:
    def body(address: str) -> bytes:
        parts = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": address}}]
        return json.dumps({"model": "m", "messages": [{"role": "user", "content": parts}]}).encode()

    by_address = prompt_tokens(body("https://example.org/a.png"))
    in_bytes = prompt_tokens(body("data:image/png;base64," + "A" * 1_000_000))
    assert TOKENS_PER_IMAGE < in_bytes <= by_address < TOKENS_PER_IMAGE + 100
    response = {"model": "m", "input": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]}
    assert TOKENS_PER_IMAGE < prompt_tokens(json.dumps(response).encode()) < TOKENS_PER_IMAGE + 100
    assert prompt_tokens(b'{"model":"m"}') == 4
