"""Every route refuses what it cannot understand with the field's name, in the one error shape, and never with a 500."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import pytest

from integration.orchestrator.conftest import Platform, StartPlatform

ASK = {"messages": [{"role": "user", "content": "What?"}]}
STORE = "/v1/vector_stores/{store}"
LONE = "\ud800"

# route, body (a dict is a change to ASK for chat), status, the field named
CASES: list[tuple[str, Any, int, str | None]] = [
    ("POST /v1/chat/completions", {"messages": None}, 400, "messages"),
    ("POST /v1/chat/completions", {"messages": []}, 400, "messages"),
    ("POST /v1/chat/completions", {"messages": "hello"}, 400, "messages"),
    ("POST /v1/chat/completions", {"messages": [{"role": "robot", "content": "x"}]}, 400, "messages[0].role"),
    ("POST /v1/chat/completions", {"messages": [{"role": "user", "content": 7}]}, 400, "messages[0].content"),
    ("POST /v1/chat/completions", {"messages": [{"role": "user", "content": " \n"}]}, 400, "messages"),
    ("POST /v1/chat/completions", {"messages": [{"role": "user", "content": "x" * 4001}]}, 400, "messages"),
    ("POST /v1/chat/completions", {"messages": [{"role": "user", "content": "a\x00b"}]}, 400, "messages[0].content"),
    ("POST /v1/chat/completions", {"messages": [{"role": "user", "content": LONE}]}, 400, "messages[0].content"),
    ("POST /v1/chat/completions", {"messages": [{"role": "assistant", "content": "x"}]}, 400, "messages[0].role"),
    ("POST /v1/chat/completions", {"messages": [{"role": "system", "content": "x"}]}, 400, "messages[0].role"),
    (
        "POST /v1/chat/completions",
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        400,
        "messages[0].content",
    ),
    ("POST /v1/chat/completions", {"model": "gpt-unknown"}, 404, "model"),
    ("POST /v1/chat/completions", {"model": 7}, 400, "model"),
    ("POST /v1/chat/completions", {"temperature": 3}, 400, "temperature"),
    ("POST /v1/chat/completions", {"temperature": "hot"}, 400, "temperature"),
    ("POST /v1/chat/completions", {"max_tokens": 0}, 400, "max_tokens"),
    ("POST /v1/chat/completions", {"max_num_results": 51}, 400, "max_num_results"),
    ("POST /v1/chat/completions", {"n": 2}, 400, "n"),
    ("POST /v1/chat/completions", {"stop": ["a"] * 5}, 400, "stop"),
    ("POST /v1/chat/completions", {"stream": "perhaps"}, 400, "stream"),
    ("POST /v1/chat/completions", {"vector_store_id": "vs_1"}, 400, "vector_store_id"),
    ("POST /v1/chat/completions", {"vector_store_ids": []}, 400, "vector_store_ids"),
    ("POST /v1/chat/completions", {"vector_store_ids": ["vs_unknown"]}, 404, "vector_store_id"),
    ("POST /v1/chat/completions", {"fairlead": {"rewrit": True}}, 400, "fairlead.rewrit"),
    ("POST /v1/chat/completions", {"response_format": {"type": "json_object"}}, 400, "response_format.type"),
    ("POST /v1/chat/completions", {"tools": [{"type": "function", "function": {}}]}, 400, "tools[0].type"),
    ("POST /v1/chat/completions", {"tools": [{"type": "file_search"}]}, 400, "tools[0].vector_store_ids"),
    ("POST /v1/chat/completions", {"metadata": {"k": "x" * 513}}, 400, "metadata.k"),
    ("POST /v1/chat/completions", {"filters": {"type": "near", "key": "a", "value": 1}}, 400, "filters.type"),
    ("POST /v1/chat/completions", {"filters": "year = 1"}, 400, "filters"),
    ("POST /v1/chat/completions", {"ranking_options": {"score_threshold": 2}}, 400, "ranking_options.score_threshold"),
    ("POST /v1/embeddings", {"model": "m"}, 400, "input"),
    ("POST /v1/embeddings", {"input": "x"}, 400, "model"),
    ("POST /v1/embeddings", {"model": "m", "input": []}, 400, "input"),
    ("POST /v1/embeddings", {"model": "m", "input": ["x", ""]}, 400, "input"),
    ("POST /v1/embeddings", {"model": "m", "input": ["x"] * 2049}, 400, "input"),
    ("POST /v1/embeddings", {"model": "m", "input": [[-1]]}, 400, "input"),
    ("POST /v1/embeddings", {"model": "m", "input": "x", "encoding_format": "int8"}, 400, "encoding_format"),
    ("POST /v1/vector_stores", {"name": 7}, 400, "name"),
    ("POST /v1/vector_stores", {"name": "a\x00"}, 400, "name"),
    ("POST /v1/vector_stores", {"metadata": {str(n): "x" for n in range(17)}}, 400, "metadata"),
    ("POST /v1/vector_stores", {"expires_after": {"anchor": "created_at", "days": 1}}, 400, "expires_after.anchor"),
    ("POST /v1/vector_stores", {"expires_after": {"anchor": "last_active_at", "days": 0}}, 400, "expires_after.days"),
    ("POST /v1/vector_stores", {"colour": "red"}, 400, "colour"),
    ("GET /v1/vector_stores?limit=0", None, 400, "limit"),
    ("GET /v1/vector_stores?limit=101", None, 400, "limit"),
    ("GET /v1/vector_stores?order=up", None, 400, "order"),
    ("GET /v1/vector_stores?after=vs_unknown", None, 200, None),
    ("GET /v1/vector_stores/vs_unknown", None, 404, "vector_store_id"),
    ("GET /v1/vector_stores/%00", None, 400, "vector_store_id"),
    ("POST /v1/vector_stores/vs_unknown", {"name": "x"}, 404, "vector_store_id"),
    ("DELETE /v1/vector_stores/vs_unknown", None, 404, "vector_store_id"),
    (f"POST {STORE}/search", {}, 400, "query"),
    (f"POST {STORE}/search", {"query": ""}, 400, "query"),
    (f"POST {STORE}/search", {"query": []}, 400, "query"),
    (f"POST {STORE}/search", {"query": ["a"] * 11}, 400, "query"),
    (f"POST {STORE}/search", {"query": {"a": 1}}, 400, "query"),
    (f"POST {STORE}/search", {"query": "a", "max_num_results": 0}, 400, "max_num_results"),
    (
        f"POST {STORE}/search",
        {"query": "a", "filters": {"type": "and", "filters": [{"type": "eq", "key": "k", "value": [1]}]}},
        400,
        "filters.filters[0].value",
    ),
    (
        f"POST {STORE}/search",
        {"query": "a", "ranking_options": {"hybrid_search": {"embedding_weight": 0, "text_weight": 0}}},
        400,
        "ranking_options.hybrid_search",
    ),
    ("POST /v1/vector_stores/vs_unknown/search", {"query": "a"}, 404, "vector_store_id"),
    (f"POST {STORE}/files", {}, 400, "file_id"),
    (f"POST {STORE}/files", {"file_id": "file-unknown"}, 404, "file_id"),
    (f"POST {STORE}/files", {"file_id": "f", "attributes": {"k": None}}, 400, "attributes.k"),
    (f"POST {STORE}/files", {"file_id": "f", "attributes": {"k": [1]}}, 400, "attributes.k"),
    (f"POST {STORE}/files", {"file_id": "f", "attributes": {"k" * 65: 1}}, 400, "attributes." + "k" * 65),
    (f"POST {STORE}/files", {"file_id": "f", "chunking_strategy": {"type": "static"}}, 400, "chunking_strategy.static"),
    (f"POST {STORE}/files", {"file_id": "f", "chunking_strategy": {"type": "words"}}, 400, "chunking_strategy.type"),
    (
        f"POST {STORE}/files",
        {"file_id": "f", "chunking_strategy": {"type": "auto", "sentence": {"max_sentences": 3}}},
        400,
        "chunking_strategy.sentence",
    ),
    (
        f"POST {STORE}/files",
        {
            "file_id": "f",
            "chunking_strategy": {"type": "sentence", "sentence": {"max_sentences": 2, "overlap_sentences": 2}},
        },
        400,
        "chunking_strategy.sentence.overlap_sentences",
    ),
    (
        f"POST {STORE}/files",
        {
            "file_id": "f",
            "chunking_strategy": {
                "type": "static",
                "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 51},
            },
        },
        400,
        "chunking_strategy.static.chunk_overlap_tokens",
    ),
    ("POST /v1/vector_stores/vs_unknown/files", {"file_id": "file-unknown"}, 404, "vector_store_id"),
    (f"GET {STORE}/files?filter=done", None, 400, "filter"),
    (f"GET {STORE}/files/file-unknown", None, 404, "file_id"),
    (f"GET {STORE}/files/file-unknown/content", None, 404, "file_id"),
    (f"POST {STORE}/files/file-unknown", {"attributes": {}}, 404, "file_id"),
    (f"POST {STORE}/files/file-unknown", {}, 400, "attributes"),
    (f"DELETE {STORE}/files/file-unknown", None, 404, "file_id"),
    (f"POST {STORE}/file_batches", {}, 400, "file_ids"),
    (f"POST {STORE}/file_batches", {"file_ids": ["a"], "files": [{"file_id": "b"}]}, 400, "file_ids"),
    (f"POST {STORE}/file_batches", {"files": [{"file_id": "a"}], "attributes": {}}, 400, "files"),
    (f"POST {STORE}/file_batches", {"file_ids": ["file-unknown"]}, 404, "file_id"),
    (f"GET {STORE}/file_batches/vsfb_unknown", None, 404, "batch_id"),
    (f"GET {STORE}/file_batches/vsfb_unknown/files", None, 404, "batch_id"),
    (f"POST {STORE}/file_batches/vsfb_unknown/cancel", None, 404, "batch_id"),
    ("GET /v1/files?limit=10001", None, 400, "limit"),
    ("GET /v1/files/file-unknown", None, 404, "file_id"),
    ("GET /v1/files/file-unknown/content", None, 404, "file_id"),
    ("DELETE /v1/files/file-unknown", None, 404, "file_id"),
    ("POST /v1/files", {"file": "x"}, 415, "content-type"),
    ("POST /v1/feedback", {"value": "up"}, 400, "trace_id"),
    ("POST /v1/feedback", {"trace_id": "xyz", "value": "up"}, 400, "trace_id"),
    ("POST /v1/feedback", {"trace_id": "0" * 32}, 400, "value"),
    ("POST /v1/feedback", {"trace_id": "0" * 32, "value": "sideways"}, 400, "value"),
    ("POST /v1/feedback", {"trace_id": "0" * 32, "value": None}, 400, "value"),
    ("POST /v1/feedback", {"trace_id": "0" * 32, "value": "up", "rationale": "x" * 4001}, 400, "rationale"),
    ("GET /v1/models/unknown", None, 404, "model"),
    ("POST /v1/responses", {"input": "x"}, 501, None),
    ("GET /v1/responses/resp_1", None, 501, None),
    ("POST /v1/batches", {}, 501, None),
    ("GET /v1/batches/batch_1", None, 501, None),
    ("GET /review", None, 501, None),
    ("GET /v1/unknown", None, 404, None),
    ("POST /v1/models", {}, 405, None),
    ("PUT /v1/chat/completions", {}, 405, None),
]


async def test_every_route_refuses_what_it_cannot_understand(platform: Platform) -> None:
    store = await platform.store_of(("Some text.",))
    unexpected: list[str] = []
    for call, body, status, param in CASES:
        method, path = call.format(store=store.id).split(" ")
        sent = ASK | body if path == "/v1/chat/completions" and isinstance(body, dict) else body
        content = None if sent is None else json.dumps(sent).encode()
        response = await platform.http.request(
            method, path, content=content, headers={"content-type": "application/json"}
        )
        told = response.json().get("error", {})
        if (response.status_code, told.get("param")) != (status, param) or (status >= 400 and not told.get("message")):
            unexpected.append(f"{call} {str(body)[:80]}: {response.status_code} {told}")
        if status >= 400 and set(told) != {"message", "type", "param", "code"}:
            unexpected.append(f"{call}: not the error shape: {response.text[:200]}")
    assert not unexpected, "\n".join(unexpected)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"messages": NaN}'],
    ids=["empty", "cut", "list", "null", "text", "not UTF-8", "deep", "NaN"],
)
async def test_a_body_that_is_no_json_object_is_refused(platform: Platform, body: bytes) -> None:
    response = await platform.http.post(
        "/v1/chat/completions", content=body, headers={"content-type": "application/json"}
    )
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


async def test_bodies_and_files_over_their_limits_are_413(start_platform: StartPlatform) -> None:
    platform = await start_platform(max_body_bytes=2000, max_upload_bytes=5000)
    response = await platform.ask("x" * 3000)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "request_too_large")
    refused = await platform.http.post(
        "/v1/files", files={"file": ("a.txt", b"x" * 5001)}, data={"purpose": "assistants"}
    )
    assert (refused.status_code, refused.json()["error"]["param"]) == (413, "file")
    kept = await platform.http.post("/v1/files", files={"file": ("a.txt", b"x" * 5000)}, data={"purpose": "assistants"})
    assert kept.status_code == 200
    assert (await platform.http.get("/v1/files")).json()["data"] == [kept.json()]


@pytest.mark.parametrize(
    ("form", "filename", "param"),
    [
        ({}, "a.txt", "purpose"),
        ({"purpose": "mischief"}, "a.txt", "purpose"),
        ({"purpose": "assistants", "colour": "red"}, "a.txt", "colour"),
        ({"purpose": "assistants"}, "..", "file"),
        ({"purpose": "assistants"}, "x" * 300, "file"),
    ],
)
async def test_an_upload_that_is_refused_leaves_nothing(
    platform: Platform, form: dict[str, str], filename: str, param: str
) -> None:
    response = await platform.http.post("/v1/files", files={"file": (filename, b"x")}, data=form)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    assert (await platform.http.get("/v1/files")).json()["data"] == []
    left = [path for path in (platform.config_file.parent / "objects").rglob("*") if path.is_file()]
    assert left == []


async def test_a_path_in_a_file_name_is_no_path(platform: Platform) -> None:
    response = await platform.http.post(
        "/v1/files", files={"file": ("../../etc/passwd", b"x")}, data={"purpose": "assistants"}
    )
    assert response.json()["filename"] == "passwd"


async def test_an_upload_whose_client_leaves_keeps_nothing(platform: Platform) -> None:
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield (b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n' + b"text" * 10_000)
        arrived.set()
        await gone.wait()

    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": "1000000"}
    upload = asyncio.create_task(platform.http.post("/v1/files", content=body(), headers=headers))
    await arrived.wait()
    upload.cancel()
    answered = 'fairlead_http_requests_total{method="POST",route="/v1/files",service="orchestrator",status="499"}'
    async with asyncio.timeout(20):
        while answered not in (await platform.http.get("/metrics")).text:
            await asyncio.sleep(0.02)
    assert (await platform.http.get("/v1/files")).json()["data"] == []
    assert [path for path in (platform.config_file.parent / "objects").rglob("*") if path.is_file()] == []


async def test_file_storage_that_fails_is_a_503(platform: Platform) -> None:
    objects = platform.config_file.parent / "objects"
    objects.rmdir()
    objects.write_text("a file in the place of the folder")
    upload = {"files": {"file": ("a.txt", b"x")}, "data": {"purpose": "assistants"}}
    response = await platform.http.post("/v1/files", **upload)
    assert response.status_code == 503
    assert str(objects) not in response.text


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a small disk")
async def test_a_full_disk_is_a_507_and_leaves_nothing(platform: Platform) -> None:
    objects = platform.config_file.parent / "objects"
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(objects)]
    if subprocess.run(mount, check=False, timeout=10).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        response = await platform.http.post(
            "/v1/files", files={"file": ("a.txt", b"x" * 500_000)}, data={"purpose": "assistants"}
        )
        assert (response.status_code, response.json()["error"]["code"]) == (507, "storage_full")
        assert (await platform.http.get("/v1/files")).json()["data"] == []
        kept = await platform.http.post("/v1/files", files={"file": ("b.txt", b"x")}, data={"purpose": "assistants"})
        assert kept.status_code == 200
    finally:
        subprocess.run(["umount", str(objects)], check=True, timeout=10)
