"""ZIP-based files (Office documents, e-books), looked at before anything in them is unpacked."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from lxml import etree

from ingestion.failures import FileFailure, Reason, corrupt, encrypted, too_large

# The markup that holds the text; pictures are not unpacked, so they do not count.
LARGEST_MARKUP = 256 * 1024 * 1024
MARKUP = (".xml", ".rels", ".vml", ".xhtml", ".html", ".htm", ".opf", ".ncx")
MOST_ENTRIES = 20_000
# Deflate reaches about 1000:1 on one repeated character; markup that people's programs write stays far below this.
LARGEST_RATIO = 400
RATIO_COUNTS_FROM = 32 * 1024 * 1024


# What the libraries raise on damaged files: they check little of what they read before they use it.
BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    etree.LxmlError,
    SyntaxError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OSError,
    EOFError,
    NotImplementedError,
)


@contextmanager
def opened(data: bytes, kind: str) -> Iterator[zipfile.ZipFile]:
    """The archive in `data`; raises FileFailure when it is damaged, encrypted, or would unpack to too much.

    An entry never unpacks to more than the size it declares (zipfile stops there), so the sizes can be relied on.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            _check(archive, kind)
            yield archive
    except BROKEN:
        raise corrupt(kind) from None


@contextmanager
def read_by_library(data: bytes, kind: str, *errors: type[Exception]) -> Iterator[BytesIO]:
    """The file for a library that opens it by itself, whose own `errors` mean that it is damaged."""
    with opened(data, kind):
        pass
    try:
        yield BytesIO(data)
    except (*BROKEN, *errors):
        raise corrupt(kind) from None


def _check(archive: zipfile.ZipFile, kind: str) -> None:
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise FileFailure(Reason.TOO_LARGE, f"The file holds more than {MOST_ENTRIES} parts.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise encrypted(kind.removeprefix("a ").removeprefix("an "))
    markup = [entry for entry in entries if entry.filename.lower().endswith(MARKUP)]
    if sum(entry.file_size for entry in markup) > LARGEST_MARKUP:
        raise too_large("The unpacked document", LARGEST_MARKUP)
    for entry in entries:
        if entry.file_size > RATIO_COUNTS_FROM and entry.file_size > LARGEST_RATIO * max(entry.compress_size, 1):
            raise FileFailure(
                Reason.TOO_LARGE, f"A part of the file unpacks to more than {LARGEST_RATIO} times its size."
            )
