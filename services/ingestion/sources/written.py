"""Documents that a source makes of records: an entry of a feed or an item of an API, written as a small file."""

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ingestion.sources.kind import Attribute, FoundFile, Looking

Format = Literal["html", "markdown", "text"]
SUFFIXES: Mapping[Format, str] = {"html": ".html", "markdown": ".md", "text": ".txt"}
TYPES: Mapping[Format, str] = {"html": "text/html", "markdown": "text/markdown", "text": "text/plain"}
LONGEST_NAME = 120


@dataclass(frozen=True)
class Record:
    """One document: `identity` stays the same when its text changes."""

    identity: str
    title: str
    text: str
    format: Format
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])


def written(record: Record, looking: Looking) -> FoundFile:
    """The record as a file in the look's folder; nothing is written when its content is known already."""
    data = _rendered(record).encode("utf-8", "replace")
    version = f"sha256:{hashlib.sha256(data).hexdigest()}"
    place = looking.folder / hashlib.sha256(record.identity.encode("utf-8", "replace")).hexdigest()
    if looking.known.get(record.identity) != version:
        place.write_bytes(data)
    name = " ".join(record.title.split())[:LONGEST_NAME] or record.identity[-LONGEST_NAME:]
    attributes: dict[str, Attribute] = dict(record.attributes)
    if record.title:
        attributes["title"] = record.title
    return FoundFile(
        record.identity,
        place,
        len(data),
        version,
        # A title is no path, whatever signs are in it.
        filename=name.replace("/", "-") + SUFFIXES[record.format],
        content_type=TYPES[record.format],
        attributes=attributes,
    )


def _rendered(record: Record) -> str:
    """The text with its title as a heading, which passages are embedded and shown with."""
    title = " ".join(record.title.split())
    if record.format == "html":
        heading = html.escape(title)
        return (
            f'<!doctype html><html><head><meta charset="utf-8"><title>{heading}</title></head>'
            f"<body><article><h1>{heading}</h1>{record.text}</article></body></html>"
        )
    if record.format == "markdown":
        return f"# {title}\n\n{record.text}\n" if title else f"{record.text}\n"
    return f"{title}\n\n{record.text}\n" if title else f"{record.text}\n"
