"""Excel workbooks (.xlsx) → a section for each visible sheet, with the values that its cells showed when last saved."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from defusedxml.common import DefusedXmlException
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from ingestion.document import Block, Document, assemble
from ingestion.extract import archive, properties, rows

# A number as a person reads it: the fifteenth digit is as far as Excel itself goes.
DIGITS = 15


def extract(data: bytes) -> Document:
    """The document in a workbook: values, not formulas; macros, charts and hidden sheets are left out."""
    broken = (InvalidFileException, DefusedXmlException)
    with archive.read_by_library(data, "an Excel workbook", *broken) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of every extension that it does not know
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        blocks = [block for sheet in book.worksheets for block in _sheet(sheet)]
        core = book.properties
        document = assemble(blocks, title=core.title or "", about=properties.of(core))
        # The name of the first sheet is no title: the file's own name says more.
        return document if core.title else replace(document, title="")


def _sheet(sheet: Any) -> Iterator[Block]:
    if sheet.sheet_state != "visible":
        return
    # What the file says of its own extent is often wrong, and sometimes the whole grid.
    sheet.reset_dimensions()
    found = list(rows.blocks(_rows(sheet)))
    if found:
        yield Block("heading", sheet.title, 2)
        yield from found


def _rows(sheet: Any) -> Iterator[rows.Row]:
    for number, cells in enumerate(sheet.iter_rows(), 1):
        if cells:
            yield number, [_text(cell.value, getattr(cell, "number_format", "") or "") for cell in cells]


def _text(value: Any, number_format: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        percent = "%" in number_format
        text = f"{value * 100 if percent else value:.{DIGITS}g}"
        return f"{text}%" if percent else text
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date | time | timedelta):
        return str(value)
    return rows.cell(str(value))
