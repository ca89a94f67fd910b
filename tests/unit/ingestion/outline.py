"""A document in a form that tests can compare: its blocks as `kind: text`, one a line of a list."""

from ingestion.document import Document


def outline(document: Document) -> list[str]:
    """`heading1: Title`, `paragraph: …`, `list p2: …`."""
    lines: list[str] = []
    for span in document.spans:
        block = span.block
        assert document.text[span.start : span.end] == block.text
        page = f" p{block.page}" if block.page else ""
        lines.append(f"{block.kind}{block.level or ''}{page}: {block.text}")
    return lines
