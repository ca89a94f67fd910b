"""What a file says about itself, in the few terms that all kinds share: description, author, date."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

# What programs write in the place of an author when nobody was asked.
_NOBODY = frozenset({"python-docx", "openpyxl", "powerpoint user", "microsoft office user", "user", "admin", "unknown"})
# The comment that python-docx's and python-pptx's own templates carry.
_TEMPLATE = re.compile(r"generated (?:by|using) python-\w+", re.IGNORECASE)
_PDF_DATE = re.compile(r"(?:D:)?(\d{4})(\d{2})(\d{2})")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def of(core: Any) -> dict[str, str]:
    """The core properties of an Office file, as python-docx, python-pptx and openpyxl give them."""
    said = getattr(core, "comments", None) or getattr(core, "description", None) or getattr(core, "subject", None)
    author = getattr(core, "author", None) or getattr(core, "creator", None) or ""
    return known(description=said, author=author, date=getattr(core, "modified", None))


def known(**facts: Any) -> dict[str, str]:
    """The facts that say something, as texts; a date becomes `2024-05-31`."""
    found: dict[str, str] = {}
    for name, value in facts.items():
        text = day(value) if name == "date" else " ".join(str(value or "").split())
        if not text or (name == "author" and text.lower() in _NOBODY) or _TEMPLATE.fullmatch(text):
            continue
        found[name] = text
    return found


def day(value: Any) -> str:
    """The day in a date, an ISO 8601 text or a PDF's `D:20240531…`; empty when there is none."""
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    text = str(value or "").strip()
    if iso := _ISO_DATE.match(text):
        return iso[0]
    if stamped := _PDF_DATE.match(text):
        return "-".join(stamped.groups())
    return ""


def first(values: Mapping[str, Any], *names: str) -> Any:
    """The first of these that has a value."""
    return next((values[name] for name in names if values.get(name)), None)
