"""The platform as a person with a key uses it: upload documents, wait until they can be searched, ask."""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.commands import DeliveryError

STORE = "samples"
KINDS = (".txt", ".md", ".html", ".pdf", ".docx")
TIMEOUT_S = 60.0
READ_S = 300.0


@dataclass(frozen=True)
class Client:
    """The API at `url` (without /v1), with one key."""

    url: str
    key: str

    def call(self, path: str, body: Any = None, *, raw: tuple[bytes, str] | None = None) -> Any:
        """The decoded answer; DeliveryError with the API's own message where it refuses."""
        headers = {"authorization": f"Bearer {self.key}"}
        data = None
        if raw is not None:
            data, headers["content-type"] = raw
        elif body is not None:
            data, headers["content-type"] = json.dumps(body).encode(), "application/json"
        return json.loads(self._bytes(path, data, headers))

    def content(self, file: str) -> bytes:
        """A file's bytes."""
        return self._bytes(f"/v1/files/{file}/content", None, {"authorization": f"Bearer {self.key}"})

    def _bytes(self, path: str, data: bytes | None, headers: dict[str, str]) -> bytes:
        request = urllib.request.Request(self.url + path, data=data, headers=headers)  # noqa: S310 - http of our own
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return answer.read()
        except urllib.error.HTTPError as error:
            raise DeliveryError(
                f"{path} answered {error.code}: {error.read()[:500].decode(errors='replace')}"
            ) from error
        except OSError as error:
            raise DeliveryError(f"{self.url} cannot be reached: {error}") from error

    def unreachable(self) -> str:
        """Why the API cannot be reached; empty when it can."""
        try:
            self.call("/livez")
        except DeliveryError as error:
            return str(error)
        return ""

    def store_of(self, documents: Path) -> str:
        """The id of a store with these documents in it, all of them searchable; made where there is none."""
        for store in self.call("/v1/vector_stores")["data"]:
            if store["name"] == STORE:
                return store["id"]
        files = [self.upload(path) for path in sorted(documents.rglob("*")) if path.suffix in KINDS]
        store = self.call("/v1/vector_stores", {"name": STORE, "file_ids": files})["id"]
        deadline = time.monotonic() + READ_S
        while (counts := self.call(f"/v1/vector_stores/{store}")["file_counts"])["in_progress"]:
            if time.monotonic() > deadline:
                raise DeliveryError(f"documents were not read within {READ_S:.0f} s: {counts}")
            time.sleep(1)
        if counts["failed"]:
            raise DeliveryError(f"some documents could not be read: {counts}")
        return store

    def upload(self, path: Path) -> str:
        """Upload one file and return its id."""
        boundary = uuid.uuid4().hex
        parts: Iterable[bytes] = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'.encode(),
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'.encode(),
            path.read_bytes(),
            f"\r\n--{boundary}--\r\n".encode(),
        )
        return self.call("/v1/files", raw=(b"".join(parts), f"multipart/form-data; boundary={boundary}"))["id"]

    def ask(self, question: str, store: str) -> Any:
        """A cited answer."""
        message = {"role": "user", "content": question}
        return self.call("/v1/chat/completions", {"messages": [message], "vector_store_ids": [store]})
