"""The trace collector's redaction, from the patterns that the services use."""

from collections.abc import Iterator

from common.redaction import collector_statements

# Where text can be in a trace: each with the function that replaces there.
PLACES = {
    "resource": ('replace_all_patterns(attributes, "value", {})',),
    "span": (
        'replace_all_patterns(attributes, "value", {})',
        "replace_pattern(name, {})",
        "replace_pattern(status.message, {})",
    ),
    "spanevent": ('replace_all_patterns(attributes, "value", {})', "replace_pattern(name, {})"),
}


def text() -> str:
    """charts/trace-collector/config/redaction.yaml."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Made by `make generate` from services/common/redaction.py. Edit that."
    yield "# What no trace store may see, whoever sent it: the services redact first, this is the second look. It knows"
    yield "# no check digits, so it also takes numbers that only look like those of a card or an account."
    yield "processors:"
    yield "  transform/redaction:"
    yield "    error_mode: ignore"
    yield "    trace_statements:"
    for context, functions in PLACES.items():
        yield f"      - context: {context}"
        yield "        statements:"
        for pattern in collector_statements():
            for function in functions:
                statement = function.format(pattern).replace("'", "''")
                yield f"          - '{statement}'"
