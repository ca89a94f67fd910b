"""Uploads are read as they arrive: however the body is cut, the same file and fields come out of it."""

import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from common.errors import ApiError
from orchestrator.upload import UploadForm

BOUNDARY = "----b0undary"


def form(*parts: tuple[str, bytes]) -> bytes:
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
        for head, data in parts
    )
    return body + f"--{BOUNDARY}--\r\n".encode()


def request(pieces: Sequence[bytes], content_type: str = f"multipart/form-data; boundary={BOUNDARY}") -> Request:
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        piece = left.pop(0) if left else b""
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    headers = [(b"content-type", content_type.encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


async def read(pieces: Sequence[bytes], longest: int = 1_000_000, **given: Any) -> tuple[UploadForm, bytes]:
    upload = UploadForm(request(pieces, **given), "file", longest)
    return upload, b"".join([piece async for piece in upload.content()])


FILE = ('name="file"; filename="notes.txt"', b"\x00\xff first\r\n--not the boundary\r\nlast")
PURPOSE = ('name="purpose"', b"assistants")


@pytest.mark.parametrize("parts", [(PURPOSE, FILE), (FILE, PURPOSE)], ids=["field first", "file first"])
async def test_fields_may_stand_on_either_side_of_the_file(parts: tuple[tuple[str, bytes], ...]) -> None:
    upload, content = await read([form(*parts)])
    assert content == FILE[1]
    assert upload.file is not None
    assert upload.file.filename == "notes.txt"
    assert upload.fields == {"purpose": "assistants"}
    assert upload.bytes == len(content)
    assert upload.sha256 == hashlib.sha256(content).hexdigest()


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(1, 600), max_size=20), file_first=st.booleans())
async def test_the_cuts_of_the_body_change_nothing(data: bytes, cuts: list[int], file_first: bool) -> None:
    if f"--{BOUNDARY}".encode() in data:
        return
    file = (FILE[0], data)
    body = form(*((file, PURPOSE) if file_first else (PURPOSE, file)))
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[start:end] for start, end in itertools.pairwise(places)]
    upload, content = await read(pieces)
    assert (content, upload.fields) == (data, {"purpose": "assistants"})


async def test_the_file_never_lies_in_memory_as_a_whole() -> None:
    upload = UploadForm(
        request([form(FILE)[:-40], *[b"x" * 1000] * 5, b"\r\n--" + BOUNDARY.encode() + b"--\r\n"]), "file", 10**6
    )
    held = 0
    async for _ in upload.content():
        assert upload.file is not None
        held = max(held, sum(map(len, upload.file.data)))
    assert held <= 1000


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (form(PURPOSE), 400, "file"),
        (form(('name="file"', b"no file name")), 400, "file"),
        (form(FILE, FILE), 400, "file"),
        (form(("filename=x", b"no name")), 400, "body"),
        (form(('name="purpose"', b"x" * 9000), FILE), 400, "purpose"),
        (form(('name="purpose"', b"\xff"), FILE), 400, "purpose"),
        (form(*[(f'name="f{n}"', b"") for n in range(40)], FILE), 400, "body"),
        (form(("name=\"a\"; x=" + "y" * 9000, b""), FILE), 400, "body"),
        (form(FILE)[:-30], 400, "file"),
        (b"", 400, "file"),
        (b"not a form at all", 400, "body"),
    ],
    ids=["no file", "not a file", "two files", "no name", "long field", "not text", "many fields", "long header",
         "cut", "empty", "no form"],
)  # fmt: skip
async def test_a_form_that_cannot_be_an_upload_is_refused(body: bytes, status: int, param: str) -> None:
    with pytest.raises(ApiError) as refused:
        await read([body])
    assert (refused.value.status, refused.value.param) == (status, param)


async def test_a_file_over_the_limit_is_refused_as_it_grows() -> None:
    with pytest.raises(ApiError) as refused:
        await read([form(FILE)], longest=10)
    assert refused.value.status == 413


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=x"])
async def test_another_content_type_is_refused(kind: str) -> None:
    with pytest.raises(ApiError) as refused:
        await read([form(FILE)], content_type=kind)
    assert refused.value.status == 415
