"""CSV and its relatives → one table: the separator is found by trying, the first row names the columns if it can."""

import csv
from collections import Counter
from collections.abc import Iterator
from io import StringIO

from ingestion.document import Document, assemble
from ingestion.extract import rows
from ingestion.extract.encoding import decode
from ingestion.failures import FileFailure, Reason

SEPARATORS = ",;\t|"
SAMPLE_CHARACTERS = 16_384
# A longer cell means that a quotation mark was opened and never closed.
LONGEST_CELL = 1_000_000


def extract(data: bytes) -> Document:
    """The table in a CSV file; raises FileFailure where a quotation mark is missing."""
    text = decode(data)
    csv.field_size_limit(LONGEST_CELL)
    return assemble(rows.blocks(_rows(text, _separator(text[:SAMPLE_CHARACTERS]))))


def _rows(text: str, separator: str) -> Iterator[rows.Row]:
    number = 0
    try:
        for cells in csv.reader(StringIO(text, newline=""), delimiter=separator):
            number += 1
            yield number, [rows.cell(cell) for cell in cells]
    except csv.Error:
        message = f"The CSV cannot be read after row {number}: probably a quotation mark is missing."
        raise FileFailure(Reason.CORRUPT, message) from None


def _separator(sample: str) -> str:
    """The one that cuts most rows into the same number of cells, more than one."""
    best, most = ",", 0
    for separator in SEPARATORS:
        counts: Counter[int] = Counter()
        try:
            for cells in csv.reader(StringIO(sample, newline=""), delimiter=separator):
                counts[len(cells)] += 1
        except csv.Error:
            continue
        agreeing = max((count for width, count in counts.items() if width > 1), default=0)
        if agreeing > most:
            best, most = separator, agreeing
    return best
