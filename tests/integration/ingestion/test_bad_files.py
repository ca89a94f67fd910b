"""Files that must not break the worker: each fails alone, with a reason that its owner understands."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.document_kinds import SUFFIXES
from fakes import documents, office
from ingestion.chunk import ChunkOptions
from ingestion.failures import FileFailure, Reason
from ingestion.prepare import Prepared, Request
from ingestion.sandbox import Limits, Sandbox
from ingestion.tokens import tokenizer_file
from integration.ingestion.worker_process import SCOPE, Bench

MIB = 1024 * 1024
OPTIONS = ChunkOptions(size=256, overlap=0, window=256)
LIMITS = Limits(memory_bytes=1024 * MIB, cpu_s=60, wall_s=60.0)
SENTENCE = "Mooring lines are inspected before every season. "

MACRO_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" '
    'ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/></Types>'
)

BAD = {
    "empty": ("empty.txt", b"", Reason.EMPTY),
    "only white space": ("blank.md", b" \n\t\r\n" * 50, Reason.EMPTY),
    "only invisible characters": ("invisible.txt", "\u200b\u200e\ufeff".encode() * 9, Reason.EMPTY),
    "markup without text": ("bare.html", b"<html><body><script>var a = 1</script></body></html>", Reason.EMPTY),
    "binary named .txt": ("data.txt", bytes(range(256)) * 40, Reason.UNSUPPORTED),
    "picture named .pdf": ("photo.pdf", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), Reason.UNSUPPORTED),
    "archive named .docx": ("archive.docx", documents.archive(readme=b"text"), Reason.UNSUPPORTED),
    "old Office format": ("old.doc", documents.OLE + bytes(2000), Reason.UNSUPPORTED),
    "PDF with a password": ("secret.pdf", documents.pdf([["Secret"]], password="open sesame"), Reason.ENCRYPTED),
    "Word with a password": ("secret.docx", documents.encrypted_word(), Reason.ENCRYPTED),
    "truncated PDF": ("cut.pdf", documents.pdf([["One"], ["Two"]])[:700], Reason.CORRUPT),
    "PDF header and nothing else": ("head.pdf", b"%PDF-1.7\n", Reason.CORRUPT),
    "truncated Word": ("cut.docx", documents.word(("Normal", "Text"))[:-2000], Reason.CORRUPT),
    "Word with broken XML": ("broken.docx", documents.word_with_body(b"</w:p><<"), Reason.CORRUPT),
    "scanned PDF": ("scan.pdf", documents.scan_pdf(), Reason.NO_TEXT),
    "zip bomb": ("bomb.docx", documents.zip_bomb(400 * MIB), Reason.TOO_LARGE),
    "Word with macros": (
        "macros.docm",
        office.changed(documents.word(("Normal", "Text")), {"[Content_Types].xml": MACRO_TYPES}),
        Reason.UNSUPPORTED,
    ),
    "workbook with a password": ("secret.xlsx", documents.encrypted_word(), Reason.ENCRYPTED),
    "truncated workbook": ("cut.xlsx", office.workbook({"Sheet": [["a"], ["b"]]})[:-900], Reason.CORRUPT),
    "workbook with broken XML": (
        "broken.xlsx",
        office.changed(office.workbook({"Sheet": [["a"]]}), {"xl/worksheets/sheet1.xml": "</x><<"}),
        Reason.CORRUPT,
    ),
    "truncated presentation": ("cut.pptx", office.slides(("One", ["Two"]))[:-2000], Reason.CORRUPT),
    "presentation with broken XML": (
        "broken.pptx",
        office.changed(office.slides(("One", ["Two"])), {"ppt/slides/slide1.xml": "</x><<"}),
        Reason.CORRUPT,
    ),
    "e-book without a package": ("broken.epub", office.packed({"META-INF/container.xml": "<x/>"}), Reason.CORRUPT),
    "truncated e-book": ("cut.epub", office.book(["<p>Text</p>"])[:-300], Reason.CORRUPT),
    "archive in an archive": (
        "nested.docx",
        documents.archive(**{"a.zip": documents.archive(**{"b.zip": b"PK\x03\x04"})}),
        Reason.UNSUPPORTED,
    ),
    "archive of very many parts": (
        "parts.xlsx",
        documents.archive(**{f"xl/{n}.xml": b"" for n in range(25_000)}),
        Reason.TOO_LARGE,
    ),
    "workbook that unpacks to much more": (
        "ratio.xlsx",
        office.changed(office.workbook({"Sheet": [["a"]]}), {"xl/sharedStrings.xml": b" " * (40 * MIB)}),
        Reason.TOO_LARGE,
    ),
    "broken JSON": ("cut.json", b'{"a": [1, 2', Reason.CORRUPT),
    "JSON nested too deeply": ("deep.json", b"[" * 300_000, Reason.CORRUPT),
    "CSV without an end of a quotation": ("open.csv", b'a,b\n1,"' + b"x" * 2_000_000, Reason.CORRUPT),
    "binary named .csv": ("data.csv", bytes(range(256)) * 40, Reason.UNSUPPORTED),
    "too much text": ("long.txt", SENTENCE.encode() * 500_000, Reason.TOO_LARGE),
}


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox()
    await sandbox.warm_up()
    yield sandbox


async def prepared(
    sandbox: Sandbox, path: Path, name: str, data: bytes, limits: Limits = LIMITS, file_bytes: int = 64 * MIB
) -> Prepared:
    path.write_bytes(data)
    request = Request(str(path), name, str(tokenizer_file(None)), OPTIONS, file_bytes, 20_000_000)
    return await sandbox.prepare(request, limits)


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_file_fails_with_its_reason(sandbox: Sandbox, tmp_path: Path, case: str) -> None:
    name, data, reason = BAD[case]
    with pytest.raises(FileFailure) as failure:
        await prepared(sandbox, tmp_path / "file", name, data)
    assert failure.value.reason is reason
    assert failure.value.message.endswith(".") and len(failure.value.message) > 15
    assert str(tmp_path) not in failure.value.message


async def test_a_file_over_the_limit_is_not_read(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(FileFailure) as failure:
        await prepared(sandbox, tmp_path / "file", "big.txt", b"a" * 5000, file_bytes=4096)
    assert failure.value.reason is Reason.TOO_LARGE
    assert "4 KiB" in failure.value.message


async def test_memory_is_limited(sandbox: Sandbox, tmp_path: Path) -> None:
    limits = Limits(memory_bytes=24 * MIB, cpu_s=60, wall_s=60.0)
    with pytest.raises(FileFailure) as failure:
        await prepared(sandbox, tmp_path / "file", "hungry.docx", documents.zip_bomb(30 * MIB), limits)
    assert failure.value.reason in {Reason.OUT_OF_MEMORY, Reason.CRASHED, Reason.CORRUPT}


@pytest.mark.parametrize(
    "limits", [Limits(1024 * MIB, 1, 60.0), Limits(1024 * MIB, 60, 0.5)], ids=["processor", "wall"]
)
async def test_time_is_limited(sandbox: Sandbox, tmp_path: Path, limits: Limits) -> None:
    with pytest.raises(FileFailure) as failure:
        await prepared(sandbox, tmp_path / "file", "slow.txt", SENTENCE.encode() * 390_000, limits)
    assert failure.value.reason is Reason.TIMEOUT


async def test_a_line_of_four_megabytes_is_cut_into_passages(sandbox: Sandbox, tmp_path: Path) -> None:
    page = b"<html><body><p>" + SENTENCE.encode() * 82_000 + b"</p></body></html>"
    assert b"\n" not in page and len(page) > 4_000_000
    result = await prepared(sandbox, tmp_path / "file", "line.html", page)
    assert max(passage.tokens for passage in result.passages) <= OPTIONS.size
    assert sum(passage.text.count("inspected") for passage in result.passages) == 82_000


async def test_deeply_nested_elements_are_read(sandbox: Sandbox, tmp_path: Path) -> None:
    page = b"<div>" * 5000 + b"deep" + b"</div>" * 5000 + b"<p>after</p>"
    result = await prepared(sandbox, tmp_path / "file", "deep.html", b"<html><body>" + page)
    assert "deep" in result.passages[0].text


@pytest.mark.parametrize("name", ["notes.pdf", "notes.docx", "notes.html", "notes", "notes.xyz"])
async def test_the_content_says_what_a_file_is(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    result = await prepared(sandbox, tmp_path / "file", name, SENTENCE.encode() * 3)
    assert "Mooring lines" in result.passages[0].text


async def test_many_at_a_time_keep_apart(sandbox: Sandbox, tmp_path: Path) -> None:
    gate = asyncio.Semaphore(8)

    async def one(number: int) -> Prepared | Reason:
        async with gate:
            # Every third is bad: its end must not be taken for that of another.
            data = b"" if number % 3 == 0 else f"Document {number}. {SENTENCE * (number % 7) * 20}".encode()
            try:
                return await prepared(sandbox, tmp_path / str(number), f"{number}.txt", data)
            except FileFailure as failure:
                return failure.reason

    results = await asyncio.gather(*(one(number) for number in range(120)))
    for number, result in enumerate(results):
        if isinstance(result, Prepared):
            assert result.passages[0].text.startswith(f"Document {number}.")
        else:
            assert number % 3 == 0 and result is Reason.EMPTY


async def test_bad_files_fail_and_the_rest_of_the_folder_goes_on(bench: Bench) -> None:
    bench.configure(limits={"text_chars": 20_000_000, "file_bytes": 30 * MIB})
    bad = {name: data for name, data, _ in BAD.values() if name.endswith(tuple(SUFFIXES))}
    bench.write({"good.txt": SENTENCE, "huge.txt": b"a" * (31 * MIB), **bad})
    worker = await bench.start()
    await bench.settled_as({"good.txt": "completed", "huge.txt": "failed"} | dict.fromkeys(bad, "failed"))
    files = await bench.files()
    codes = {name: file.last_error.code for name, file in files.items() if file.last_error}
    assert codes["data.txt"] == codes["archive.docx"] == "unsupported_file"
    assert codes["secret.pdf"] == codes["huge.txt"] == "invalid_file"
    assert worker.poll() is None
    bench.write({"secret.pdf": documents.pdf([["Not secret any more."]])})
    await bench.settled_as(
        {"good.txt": "completed", "huge.txt": "failed"} | dict.fromkeys(bad, "failed") | {"secret.pdf": "completed"}
    )


async def test_a_name_that_climbs_is_only_a_name(bench: Bench) -> None:
    bench.configure(source=False)
    await bench.start()
    store = await bench.catalog.ensure_store(SCOPE, "default")
    name = "../../../../etc/cron.d/evil.txt"
    await bench.objects.put("default/climbing", SENTENCE.encode())
    file = await bench.catalog.create_file(
        SCOPE, filename=name, bytes=len(SENTENCE), sha256="1", object_key="default/climbing"
    )
    await bench.catalog.attach(SCOPE, store.id, file.id)
    await bench.settled_as({name: "completed"})
    assert (await bench.texts(name))[0].startswith("Mooring lines")
