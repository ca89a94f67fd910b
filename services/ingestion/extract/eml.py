"""E-mail (.eml) → its headers, its text, and its attachments read by the extractors of their own kinds."""

import email
import email.policy
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage, Message
from email.utils import parsedate_to_datetime
from typing import Any

from ingestion.document import Block, Document, assemble
from ingestion.extract import html, plain
from ingestion.extract.properties import known
from ingestion.failures import FileFailure, corrupt

Read = Callable[[bytes, str], Document]
"""Reads an attachment: its bytes and its name."""

MOST_ATTACHMENTS = 100
MOST_PARTS = 2_000
_SHOWN = ("From", "To", "Cc", "Date")


def extract(data: bytes, read: Read | None = None) -> Document:
    """The message; attachments are read by `read`, one level deep. One that cannot be read is named, not fatal."""
    message = email.message_from_bytes(data, _class=EmailMessage, policy=email.policy.default)
    if not message.keys():
        raise corrupt("an e-mail")
    subject = _header(message, "Subject")
    headers = [(name, value) for name in _SHOWN if (value := _header(message, name))]
    blocks = [Block("list", f"{name}: {value}") for name, value in headers]
    removed: Counter[str] = Counter()
    for inner in _body(message):
        blocks += (span.block for span in inner.spans)
        removed.update(inner.removed)
    skipped: list[str] = []
    for name, part in _attachments(message):
        try:
            if read is None:
                skipped.append(name)
                continue
            inner = read(_payload(part), name)
        except FileFailure:
            skipped.append(name)
            continue
        removed.update(inner.removed)
        blocks.append(Block("heading", f"Attachment: {name}", 1))
        # Pages of an attachment are not pages of the message.
        blocks += (
            replace(span.block, level=min(span.block.level + 1, 6) if span.block.level else 0, page=None)
            for span in inner.spans
        )
    about = known(author=_header(message, "From"), to=_header(message, "To"), date=_date(message))
    if skipped:
        about["not_read"] = ", ".join(skipped)
    document = assemble(blocks, title=subject or "E-mail without a subject", about=about)
    # The parts were normalised when they were read.
    return replace(document, removed=dict(removed + Counter(document.removed)))


def _header(message: Message, name: str) -> str:
    """A header's text; the library's parsers raise what they like on broken ones."""
    try:
        return " ".join(str(message.get(name) or "").split())
    except Exception:  # noqa: BLE001 - one unreadable header must not cost the message
        return ""


def _date(message: Message) -> datetime | None:
    try:
        return parsedate_to_datetime(_header(message, "Date"))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _parts(message: Message) -> Iterator[Message]:
    """Every part but those inside an attached message."""
    waiting: list[Message] = [message]
    seen = 0
    while waiting and seen < MOST_PARTS:
        part = waiting.pop(0)
        seen += 1
        inner: Any = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inner, list):
            waiting = [*inner, *waiting]
        else:
            yield part


def _is_attachment(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or part.get_content_type() == "message/rfc822" or bool(
        part.get_content_maintype() != "text" and part.get_filename()
    )  # fmt: skip


def _body(message: Message) -> Iterator[Document]:
    """The plain text if there is one, else the HTML."""
    texts = [part for part in _parts(message) if part.get_content_maintype() == "text" and not _is_attachment(part)]
    for part in [part for part in texts if part.get_content_subtype() == "plain"] or texts:
        data = _payload(part)
        if not data.strip():
            continue
        # Where the charset is wrong or missing the reader finds out what it is.
        with suppress(LookupError, ValueError):
            data = data.decode(part.get_content_charset() or "utf-8").encode()
        yield html.extract(data) if part.get_content_subtype() == "html" else plain.extract(data)


def _attachments(message: Message) -> Iterator[tuple[str, Message]]:
    found = 0
    for part in _parts(message):
        if not _is_attachment(part):
            continue
        found += 1
        if found > MOST_ATTACHMENTS:
            return
        fallback = "message.eml" if part.get_content_type() == "message/rfc822" else f"attachment {found}"
        yield " ".join((part.get_filename() or fallback).split())[:200], part


def _payload(part: Message) -> bytes:
    """A part's bytes with its transfer encoding undone; of an attached message, the message."""
    inner: Any = part.get_payload()
    if isinstance(inner, list):
        return inner[0].as_bytes() if inner else b""
    decoded = part.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""
