"""Takes keys and personal data out of text: the one list of patterns for the services and for the trace collector.

Expressions are RE2's, which the collector speaks as well: none of them can take for ever. What a pattern alone cannot
tell (a card number from any long number) a check decides here; the collector, which has only patterns, removes both.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import re2 as untyped  # pyright: ignore[reportMissingTypeStubs]

re2: Any = untyped
# A custom pattern is for one word or number, not for a program.
LONGEST_PATTERN = 500


@dataclass(frozen=True, slots=True)
class Pattern:
    """What is taken out: every match of `expression` becomes `[name]`, or what `replacement` says (\\1: a group)."""

    name: str
    expression: str
    check: Callable[[str], bool] | None = None
    replacement: str = ""

    def __post_init__(self) -> None:
        if not self.replacement:
            object.__setattr__(self, "replacement", f"[{self.name}]")


def luhn(text: str) -> bool:
    """Whether the digits of a card number add up (ISO/IEC 7812-1)."""
    digits = [int(char) for char in text if char.isdigit()]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def mod_97(text: str) -> bool:
    """Whether an IBAN's check digits fit (ISO 13616)."""
    plain = "".join(text.split())
    return 15 <= len(plain) <= 34 and int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "private-key",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
    ),
    Pattern("jwt", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    # Of OpenAI, Anthropic, Stripe…; our own; GitHub; GitLab; Slack; Google; Hugging Face; npm; DigitalOcean.
    Pattern(
        "key",
        r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}|\bfl-[A-Za-z0-9_-]{20,}|\bgh[opusr]_[A-Za-z0-9]{20,}"
        r"|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[A-Za-z0-9_-]{16,}|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"
        r"|\bAIza[A-Za-z0-9_-]{30,}|\bhf_[A-Za-z0-9]{20,}|\bnpm_[A-Za-z0-9]{30,}|\bdop_v1_[a-f0-9]{40,}",
    ),
    Pattern("aws-key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    Pattern("credential", r"\b((?i:bearer|basic|token)\s+)[A-Za-z0-9._~+/=-]{16,}", None, r"\1[credential]"),
    Pattern(
        "secret",
        r"((?i:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|auth[_-]?token|account[_-]?key)"
        r"[\"'\\]*\s*[=:]\s*[\"'\\]*)[^\s\"',;&}\]\\\[]{6,}",
        None,
        r"\1[secret]",
    ),
    Pattern("password", r"([a-z][a-z0-9+.-]{1,20}://[^\s:/@]{0,64}:)[^\s@/]{1,256}@", None, r"\1[password]@"),
    Pattern("email", r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"),
    Pattern("iban", r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", mod_97),
    Pattern(
        "card",
        r"\b(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6[0-9]{3})[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}\b"
        r"|\b3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}\b",
        luhn,
    ),
    Pattern(
        "phone",
        r"(?:\+|\b00)[1-9][0-9]{0,2}[ ./-]?\(?[0-9]{1,4}\)?(?:[ ./-]?[0-9]{2,4}){2,4}\b"
        r"|\(0?[0-9]{2,5}\)[ ./-]?[0-9]{3,4}[ ./-]?[0-9]{3,5}\b|\b[0-9]{3}[.-][0-9]{3}[.-][0-9]{4}\b"
        r"|\b0[1-9][0-9]{1,4}[ /-][0-9]{3,4}[ -]?[0-9]{2,5}\b",
    ),
)


class PatternError(ValueError):
    """A custom pattern that cannot be used; the message names it and says why."""


class Redactor:
    """Applies the built-in patterns, and custom ones by name after them.

    One pass with all of them at once finds which occur at all, usually none: a tenth of a millisecond for 30 KB.
    """

    def __init__(self, custom: Mapping[str, str] | None = None) -> None:
        """Raises PatternError."""
        extra = [Pattern(name, checked(name, expression)) for name, expression in (custom or {}).items()]
        self._patterns = (*PATTERNS, *extra)
        self._expressions = [re2.compile(each.expression) for each in self._patterns]
        self._all = re2.Set.SearchSet(_options())
        for each in self._patterns:
            self._all.Add(each.expression)
        self._all.Compile()

    def text(self, text: str) -> str:
        """The text with `[kind]` in the place of what was found."""
        try:
            occurring = self._all.Match(text)
        except UnicodeEncodeError:  # half of a surrogate pair, which no sink could write either
            text = text.encode("utf-8", "replace").decode()
            occurring = self._all.Match(text)
        for number in sorted(occurring or ()):
            pattern = self._patterns[number]
            text = self._expressions[number].sub(_replacement(pattern), text)
        return text

    def value(self, value: Any) -> Any:
        """The same of anything that JSON can say; names in objects stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(inner) for key, inner in cast("Mapping[Any, Any]", value).items()}
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
            return [self.value(inner) for inner in cast("Sequence[Any]", value)]
        return value


def _replacement(pattern: Pattern) -> Any:
    check = pattern.check
    if check is None:
        return pattern.replacement

    def checked_match(match: Any) -> str:
        return pattern.replacement if check(match[0]) else match[0]

    return checked_match


def checked(name: str, expression: str) -> str:
    """The expression of a custom pattern; raises PatternError."""
    if len(expression) > LONGEST_PATTERN:
        raise PatternError(f"{name}: longer than {LONGEST_PATTERN} characters")
    try:
        compiled = re2.compile(expression, _options())
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise PatternError(f"{name}: not an expression of RE2 ({reason})") from None
    if compiled.match("") is not None:
        raise PatternError(f"{name}: matches nothing at all, everywhere")
    return expression


@cache
def default() -> Redactor:
    """The built-in patterns alone."""
    return Redactor()


def collector_statements(patterns: Iterable[Pattern] = PATTERNS) -> list[str]:
    """The patterns as arguments of the collector's `replace_pattern` functions: `"expression", "replacement"`."""
    return [f"{_quoted(each.expression)}, {_quoted(each.replacement.replace(_GROUP, '${1}'))}" for each in patterns]


def _quoted(text: str) -> str:
    # `$` is the collector's own sign for variables in all of its configuration.
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"'


_GROUP = r"\1"


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options
