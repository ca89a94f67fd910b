"""docs/attributes.md, from the registry of attributes."""

from collections.abc import Iterator

from common.attributes import GROUPS
from generators.configuration import row


def text() -> str:
    """The whole document."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Attributes of traces"
    yield ""
    yield "<!-- Made by `make generate` from services/common/attributes.py. Edit that. -->"
    yield ""
    yield "Every name that a span, an event or a resource of the platform can have. A test runs the platform and fails"
    yield "where a name is sent that is not here, or where one is here that is never sent. The names that application"
    yield "authors set are theirs to choose. Content is written only where it is captured; everything else always is."
    yield "Both are redacted, unless content is captured in full."
    for group in GROUPS:
        yield ""
        yield f"## {group.title}"
        yield ""
        yield "| name | type | of | meaning |"
        yield "|---|---|---|---|"
        for each in group.attributes:
            meaning = f"{each.meaning} **Content.**" if each.content else each.meaning
            yield row(f"`{each.name}`", each.type, each.standard, meaning)
