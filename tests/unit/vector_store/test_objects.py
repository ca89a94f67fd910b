"""File bytes: what is put is got, whole or not at all, and nothing outside the folder is reached."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vector_store.errors import InvalidError, NotFoundError
from vector_store.objects import Objects


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects((tmp_path / "with space").as_uri())


async def pieces(*parts: bytes | Exception) -> AsyncIterator[bytes]:
    for part in parts:
        if isinstance(part, Exception):
            raise part
        yield part


async def test_bytes_come_back_from_bytes_streams_and_files(objects: Objects, tmp_path: Path) -> None:
    big = bytes(range(256)) * 40_000
    file = tmp_path / "source"
    file.write_bytes(big)
    await objects.put("t/bytes", big)
    await objects.put("t/stream", pieces(big[:5_000_000], big[5_000_000:]))
    await objects.put("t/file", file)
    for key in ("t/bytes", "t/stream", "t/file"):
        assert await objects.get(key) == big
        assert await objects.size(key) == len(big)
        read = [piece async for piece in objects.stream(key)]
        assert b"".join(read) == big
        assert len(read) > 1


async def test_an_empty_object_is_an_object(objects: Objects) -> None:
    await objects.put("empty", b"")
    assert await objects.get("empty") == b""
    assert [piece async for piece in objects.stream("empty")] == []


async def test_a_write_that_fails_leaves_what_was_there(objects: Objects) -> None:
    await objects.put("key", b"before")
    with pytest.raises(Exception, match="gone"):
        await objects.put("key", pieces(b"x" * 10_000_000, RuntimeError("gone")))
    assert await objects.get("key") == b"before"
    with pytest.raises(Exception, match="gone"):
        await objects.put("new", pieces(b"x" * 10_000_000, RuntimeError("gone")))
    with pytest.raises(NotFoundError):
        await objects.get("new")


async def test_what_is_deleted_is_gone(objects: Objects) -> None:
    await objects.put("key", b"x")
    await objects.delete("key")
    await objects.delete("key")
    for attempt in (objects.get("key"), objects.size("key"), anext(objects.stream("key"))):
        with pytest.raises(NotFoundError):
            await attempt


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "a/"])
async def test_a_key_cannot_leave_the_store(objects: Objects, key: str) -> None:
    with pytest.raises(InvalidError):
        await objects.put(key, b"x")


def test_an_unknown_kind_of_storage_is_refused() -> None:
    with pytest.raises(InvalidError, match="'ftp:' is not supported"):
        Objects("ftp://host/folder")
