"""A bucket as a source, through the store that keeps a bucket in a folder, and one that cannot be reached."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from conftest import free_port
from fakes.site import Site
from ingestion.sources.kind import SourceUnavailable, Unreadable
from unit.ingestion.looking import Looked, looked, looking, source


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    folder = tmp_path / "bucket"
    (folder / "sub").mkdir(parents=True)
    (folder / "ropes.txt").write_text("Nylon stretches.")
    (folder / "sub" / "knots ü.md").write_text("# Knots")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


async def look(bucket: Path, tmp_path: Path, **options: Any) -> Looked:
    return await looked(tmp_path, **{"kind": "objects", "url": bucket.as_uri(), **options})


async def test_objects_are_found_by_suffix(bucket: Path, tmp_path: Path) -> None:
    found = await look(bucket, tmp_path)
    assert found.bytes == {"ropes.txt": b"Nylon stretches.", "sub/knots ü.md": b"# Knots"}
    assert found.scan.skipped == 1
    assert found.scan.files["ropes.txt"].content_type == "text/plain"


async def test_the_etag_is_the_version(bucket: Path, tmp_path: Path) -> None:
    first = await look(bucket, tmp_path)
    assert all(version.startswith("etag:") for version in first.versions().values())
    (bucket / "ropes.txt").write_text("Hemp does not stretch.")
    second = await look(bucket, tmp_path, known=first.versions())
    assert list(second.bytes) == ["ropes.txt"]


async def test_a_bucket_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="no such bucket"):
        await look(tmp_path / "missing", tmp_path)


async def test_an_object_that_goes_away_is_unreadable_alone(bucket: Path, tmp_path: Path) -> None:
    async with looking(tmp_path, kind="objects", url=bucket.as_uri()) as found:
        (bucket / "ropes.txt").unlink()
        fetch = found.scan.files["ropes.txt"].fetch
        assert fetch is not None
        with pytest.raises(Unreadable, match="no such"):
            await fetch()


async def test_links_out_of_the_folder_are_not_followed(bucket: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (bucket / "escape.txt").symlink_to(tmp_path / "secret.txt")
    found = await look(bucket, tmp_path)
    assert sorted(found.bytes) == ["ropes.txt", "sub/knots ü.md"]


async def test_more_objects_than_allowed_leave_the_rest_unknown(bucket: Path, tmp_path: Path) -> None:
    found = await look(bucket, tmp_path, max_files=1)
    assert len(found.bytes) == 1 and found.scan.partial and found.reasons() == ["limit_reached"]


async def test_a_server_that_is_away_is_unavailable_and_tells_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUCKET_SECRET", "very-secret")
    with pytest.raises(SourceUnavailable) as caught:
        await looked(
            tmp_path,
            kind="objects",
            url="s3://bucket/prefix",
            region="eu-west-1",
            endpoint=f"http://127.0.0.1:{free_port()}",
            credentials={"access_key_id": {"env": "BUCKET_SECRET"}, "secret_access_key": {"env": "BUCKET_SECRET"}},
        )
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "ftp://bucket/x"},
        {"url": "s3://key:secret@bucket/x"},
        {"url": "s3://bucket/x?secret=1"},
        {"url": "s3://bucket", "credentials": {"password": {"env": "A"}}},
        {"url": "s3://bucket", "credentials": {"access_key_id": "AKIA"}},
        {"url": "s3://bucket", "anonymous": True, "credentials": {"access_key_id": {"env": "A"}}},
    ],
)
def test_secrets_in_the_configuration_and_other_mistakes_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        source(kind="objects", **settings)


LISTED = """<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>bucket</Name><Prefix>kb/</Prefix>
<KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>
<Contents><Key>kb/ropes.txt</Key><LastModified>2026-11-02T08:00:00.000Z</LastModified><ETag>"one"</ETag><Size>5</Size>
</Contents><Contents><Key>kb/shut.txt</Key><LastModified>2026-11-02T08:00:00.000Z</LastModified><ETag>"two"</ETag>
<Size>6</Size></Contents></ListBucketResult>"""


async def test_s3_objects_are_read_with_the_credentials_by_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUCKET_KEY", "the-key")
    (tmp_path / "secret").write_text("the-secret\n")

    async def bucket(request: web.Request) -> web.StreamResponse:
        if request.query.get("list-type"):
            return web.Response(text=LISTED, content_type="application/xml")
        if request.path.endswith("shut.txt"):
            return web.Response(status=403)
        return web.Response(text="Nylon", headers={"ETag": '"one"', "Last-Modified": "Mon, 02 Nov 2026 08:00:00 GMT"})

    async with Site(
        handlers={"/bucket": bucket, "/bucket/kb/ropes.txt": bucket, "/bucket/kb/shut.txt": bucket}
    ).running() as site:
        settings: dict[str, Any] = {
            "kind": "objects",
            "url": "s3://bucket/kb",
            "region": "eu-west-1",
            "endpoint": site.url,
            "credentials": {
                "access_key_id": {"env": "BUCKET_KEY"},
                "secret_access_key": {"file": str(tmp_path / "secret")},
            },
        }
        async with looking(tmp_path, {"shut.txt": 'etag:"two"'}, **settings) as found:
            assert found.bytes == {"ropes.txt": b"Nylon"}
            assert found.scan.files["ropes.txt"].attributes == {"url": "s3://bucket/kb/ropes.txt"}
            fetch = found.scan.files["shut.txt"].fetch
            assert fetch is not None
            with pytest.raises(Unreadable, match="credentials"):
                await fetch()
    assert all("the-key" in request.headers["Authorization"] for request in site.requests)
    assert not any("the-secret" in str(request.headers) for request in site.requests)
