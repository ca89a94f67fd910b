"""JSON → readable lines, `path: value`: each object of a list is a block of its own, headed by where it stands."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from ingestion.document import Block, Document, assemble
from ingestion.extract.encoding import decode
from ingestion.extract.properties import known
from ingestion.failures import FileFailure, Reason, empty

# Deeper values are kept as JSON: a path of that many names says nothing to a reader.
DEEPEST_PATH = 12
# Short lists of plain values stand in one line.
LONGEST_LINE = 300


class _Object(list[tuple[str, Any]]):
    """An object's pairs in their order, names that occur twice included."""


def extract(data: bytes) -> Document:
    """The document in a JSON file; several values one after the other are read as JSON lines."""
    text = decode(data)
    try:
        value = _decoded(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and "\n" in text.strip():
            return extract_lines(data)
        _refuse(f"line {error.lineno}: {error.msg}")
    return _document(value)


def extract_lines(data: bytes) -> Document:
    """The document in a file with a JSON value on each line."""
    records: list[Any] = []
    for number, line in enumerate(decode(data).split("\n"), 1):
        if not line.strip():
            continue
        try:
            records.append(_decoded(line))
        except json.JSONDecodeError as error:
            _refuse(f"line {number}: {error.msg}")
    if not records:
        raise empty()
    return _document(records)


def _decoded(text: str) -> Any:
    try:
        # Numbers stay as they are written: 1.10 is a price, and 20 digits are an identifier.
        return json.loads(text, object_pairs_hook=_Object, parse_int=str, parse_float=str)
    except RecursionError:
        raise _too_deep() from None


def _refuse(what: str) -> NoReturn:
    raise FileFailure(Reason.CORRUPT, f"The file is damaged or incomplete: it cannot be read as JSON ({what}).")


def _document(value: Any) -> Document:
    top = dict(value) if isinstance(value, _Object) else {}
    title = next((top[name] for name in ("title", "name") if isinstance(top.get(name), str)), "")
    about = {name: top[name] for name in ("description", "author", "date", "url") if isinstance(top.get(name), str)}
    try:
        return assemble(_blocks(value, ""), title=title, about=known(**about))
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> FileFailure:
    return FileFailure(Reason.CORRUPT, "The JSON is nested too deeply to be read.")


def _blocks(value: Any, path: str) -> Iterator[Block]:
    """The plain values first, in one block headed by the path; each list of objects after them, object by object."""
    lines: list[str] = []
    records: list[tuple[str, list[Any]]] = []
    _collect(value, "", lines, records)
    if lines:
        yield Block("code", "\n".join([path, *lines] if path else lines), header=1 if path else 0)
    for inner, items in records:
        place = _joined(path, inner)
        for number, item in enumerate(items, 1):
            yield from _blocks(item, f"{place}[{number}]" if place else f"[{number}]")


def _collect(value: Any, path: str, lines: list[str], records: list[tuple[str, list[Any]]]) -> None:
    if isinstance(value, _Object):
        if path.count(".") >= DEEPEST_PATH:
            lines.append(f"{path}: {_as_json(value)}")
            return
        for name, inner in value:
            _collect(inner, _joined(path, " ".join(name.split())), lines, records)
    elif isinstance(value, list):
        if any(isinstance(item, list) for item in value) and path.count(".") < DEEPEST_PATH:
            records.append((path, value))
        else:
            lines.extend(_plain_list(value, path))
    else:
        lines.append(f"{path}: {_plain(value)}" if path else _plain(value))


def _plain_list(values: list[Any], path: str) -> list[str]:
    texts = [_plain(value) if not isinstance(value, list) else _as_json(value) for value in values]
    together = ", ".join(texts)
    if len(together) <= LONGEST_LINE:
        return [f"{path}: {together}" if path else together] if texts else []
    return [f"{path}[{number}]: {text}" for number, text in enumerate(texts, 1)]


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(str(value).split())


def _as_json(value: Any) -> str:
    """What is too deep for a path, as it was but in one line."""
    return json.dumps(_restored(value), ensure_ascii=False)


def _restored(value: Any) -> Any:
    if isinstance(value, _Object):
        return {name: _restored(inner) for name, inner in value}
    return [_restored(inner) for inner in value] if isinstance(value, list) else value


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
