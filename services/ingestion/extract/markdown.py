"""Markdown (CommonMark with tables and front matter) → blocks."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ingestion.document import Block, Document, assemble
from ingestion.extract import html
from ingestion.extract.encoding import decode
from ingestion.extract.properties import first, known

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def extract(data: bytes) -> Document:
    """The document in a Markdown file; a title in its front matter is its title."""
    text = decode(data).replace("\r\n", "\n").replace("\r", "\n")
    said: dict[str, Any] = {}
    front = _FRONT_MATTER.match(text)
    if front:
        said = _front_matter(front[1])
        text = text[front.end() :]
    title = said.get("title")
    about = known(
        description=first(said, "description", "summary"),
        author=first(said, "author", "authors"),
        date=first(said, "date", "updated"),
        url=first(said, "url", "canonical_url"),
    )
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return assemble(_blocks(parser.parse(text)), title="" if title is None else str(title), about=about)


def _front_matter(text: str) -> dict[str, Any]:
    """The values in it that are plain, or lists of plain ones."""
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    found: dict[str, Any] = {}
    for name, value in values.items() if isinstance(values, dict) else ():
        if isinstance(value, list):
            value = ", ".join(str(item) for item in value if isinstance(item, str | int | float))
        if isinstance(value, str | int | float | date):
            found[str(name).lower()] = value
    return found


def _blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    lists: list[int | None] = []  # the next number of each open ordered list, None for a bulleted one
    marker = ""
    heading = 0
    rows: list[list[str]] = []
    for token in tokens:
        kind = token.type
        if kind == "heading_open":
            heading = int(token.tag[1])
        elif kind in {"bullet_list_open", "ordered_list_open"}:
            lists.append(int(token.attrGet("start") or 1) if kind == "ordered_list_open" else None)
        elif kind in {"bullet_list_close", "ordered_list_close"}:
            lists.pop()
        elif kind == "list_item_open":
            number = lists[-1]
            marker = "- " if number is None else f"{number}. "
            lists[-1] = None if number is None else number + 1
        elif kind == "tr_open":
            rows.append([])
        elif kind == "table_close":
            yield Block("table", "\n".join(" | ".join(row) for row in rows), header=1)
            rows = []
        elif kind in {"fence", "code_block"}:
            yield Block("code", token.content.rstrip("\n"))
        elif kind == "html_block":
            yield from html.fragment(token.content)
        elif kind == "inline":
            text = _inline(token.children or [])
            if rows:
                rows[-1].append(text)
            elif heading:
                yield Block("heading", text.replace("\n", " "), heading)
                heading = 0
            elif lists:
                yield Block("list", "  " * (len(lists) - 1) + (marker or "  ") + text)
                marker = ""
            else:
                yield Block("paragraph", text)


def _inline(tokens: Sequence[Token]) -> str:
    """The words of a line: marks and link targets left out, code and the texts of images kept."""
    parts: list[str] = []
    for token in tokens:
        if token.type in {"text", "code_inline"}:
            parts.append(token.content)
        elif token.type == "softbreak":
            parts.append(" ")
        elif token.type == "hardbreak" or (token.type == "html_inline" and _BREAK.fullmatch(token.content)):
            parts.append("\n")
        elif token.type == "image":
            parts.append(token.content)
    return "".join(parts)
