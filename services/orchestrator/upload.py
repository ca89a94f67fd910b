"""A multipart upload read as it arrives: its file goes to object storage piece by piece, never whole into memory."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from common.errors import ApiError, invalid, too_large

# A form field that is not the file is a word or two.
LONGEST_FIELD_BYTES = 8 * 1024
MOST_FIELDS = 32
LONGEST_HEADERS_BYTES = 8 * 1024


@dataclass
class Part:
    """One part of the form, with what has been read of it since the last look."""

    name: str = ""
    filename: str | None = None
    content_type: str | None = None
    data: list[bytes] = field(default_factory=list[bytes])
    ended: bool = False


class UploadForm:
    """The form of one upload. Fields may stand before or after the file; read `content()` to its end, then `fields`."""

    def __init__(self, request: Request, file_field: str, longest_bytes: int) -> None:
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise ApiError(415, "The body must be multipart/form-data with a boundary.", param="content-type")
        self._body = request.stream()
        self._file_field = file_field
        self._longest_bytes = longest_bytes
        self._parts: list[Part] = []
        self._headers: dict[str, str] = {}
        self._header_name, self._header_value = bytearray(), bytearray()
        self._header_bytes = 0
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )
        self.fields: dict[str, str] = {}
        self.file: Part | None = None
        self.bytes = 0
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of the file's bytes."""
        return self._hash.hexdigest()

    async def until_file(self) -> None:
        """Read as far as the file's first bytes; raises ApiError when the form has no file."""
        while self.file is None:
            if not await self._read_on():
                raise invalid(f"The form has no file in the field '{self._file_field}'.", self._file_field)

    async def content(self) -> AsyncIterator[bytes]:
        """The file's bytes in pieces, and with the last one the rest of the form; raises ApiError over the limit."""
        await self.until_file()
        more = True
        while more:
            for piece in self._taken():
                self.bytes += len(piece)
                if self.bytes > self._longest_bytes:
                    raise too_large(f"The file is over the limit of {self._longest_bytes} bytes.", self._file_field)
                self._hash.update(piece)
                yield piece
            more = await self._read_on()
        if not self._complete:
            raise invalid("The form ends before its last part is complete.", self._file_field)

    async def _read_on(self) -> bool:
        """Parse the next piece of the body; False at its end."""
        piece = await anext(self._body, b"")
        if not piece:
            return False
        try:
            self._parser.write(piece)
        except MultipartParseError:
            raise invalid("The body is not a valid multipart form.", "body") from None
        self._keep_fields()
        return True

    def _taken(self) -> list[bytes]:
        assert self.file is not None
        data, self.file.data = self.file.data, []
        return data

    def _keep_fields(self) -> None:
        for part in [part for part in self._parts if part.ended and part is not self.file]:
            self._parts.remove(part)
            try:
                self.fields[part.name] = b"".join(part.data).decode()
            except UnicodeDecodeError:
                raise invalid("The field is not UTF-8 text.", part.name) from None

    # -- called by the parser, in the order of the bytes

    def _on_part_begin(self) -> None:
        if len(self._parts) + len(self.fields) >= MOST_FIELDS:
            raise invalid(f"The form has more than {MOST_FIELDS} fields.", "body")
        self._parts.append(Part())
        self._headers = {}
        self._header_bytes = 0

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header_name, data, start, end)

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header_value, data, start, end)

    def _grow(self, header: bytearray, data: bytes, start: int, end: int) -> None:
        self._header_bytes += end - start
        if self._header_bytes > LONGEST_HEADERS_BYTES:
            raise invalid("A part of the form has headers that are too long.", "body")
        header += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.decode("latin-1").lower()] = self._header_value.decode("utf-8", "replace")
        self._header_name, self._header_value = bytearray(), bytearray()

    def _on_headers_finished(self) -> None:
        part = self._parts[-1]
        disposition, options = parse_options_header(self._headers.get("content-disposition", "").encode())
        if disposition != b"form-data" or b"name" not in options:
            raise invalid("A part of the form has no name.", "body")
        part.name = options[b"name"].decode("utf-8", "replace")
        part.content_type = self._headers.get("content-type")
        filename = options.get(b"filename")
        part.filename = None if filename is None else filename.decode("utf-8", "replace")
        if part.name == self._file_field and part.filename is not None:
            if self.file is not None:
                raise invalid("The form has more than one file.", self._file_field)
            self.file = part

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._parts[-1]
        part.data.append(data[start:end])
        if part is not self.file and sum(map(len, part.data)) > LONGEST_FIELD_BYTES:
            raise invalid(f"The field has more than {LONGEST_FIELD_BYTES} bytes.", part.name)

    def _on_part_end(self) -> None:
        self._parts[-1].ended = True

    def _on_end(self) -> None:
        self._complete = True
