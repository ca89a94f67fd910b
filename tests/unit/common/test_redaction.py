"""Keys and personal data leave a text; what only looks like them stays."""

import pytest

from common import redaction
from common.redaction import PatternError, Redactor, luhn, mod_97

TAKEN_OUT = {
    "write to jane.doe+x@mail.example.co.uk today": "write to [email] today",
    "call +49 171 1234567": "call [phone]",
    "call (555) 123-4567 or 555-123-4567": "call [phone] or [phone]",
    "card 4111 1111 1111 1111, 378282246310005": "card [card], [card]",
    "IBAN DE89 3704 0044 0532 0130 00": "IBAN [iban]",
    "IBAN GB82WEST12345698765432.": "IBAN [iban].",
    "sk-proj-abcdefghijklmnop1234": "[key]",
    "key ghp_abcdefghijklmnopqrstuvwxyz0123456789": "key [key]",
    "fl-0123456789abcdefghij_XYZ": "[key]",
    "AKIAIOSFODNN7EXAMPLE": "[aws-key]",
    "Authorization: Bearer abcdefghijklmnop.qrst": "Authorization: Bearer [credential]",
    '{"password": "hunter22"}': '{"password": "[secret]"}',
    "api_key=0123456789abcdef&x=1": "api_key=[secret]&x=1",
    "postgresql://user:pa55word@host/db": "postgresql://user:[password]@host/db",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl": "[jwt]",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----": "[private-key]",
}
STAYS = [
    "order 4111111111111112",
    "on 2026-11-28 at 10:15:30, 1,234,567 of 7,654,321",
    "doi 10.1016/j.cell.2010.01.012, IL-6, CD4+",
    "span at 1764315600123456789 ns, trace 0af7651916cd43dd8448eb211c80319c",
    "chapters 1-2-3, version 1.2.3.4, 192.168.10.20",
    "the token of my appreciation; a secret: none",
    "file-0123456789abcdef01234567 in vs_0123456789abcdef01234567",
]


@pytest.mark.parametrize(("text", "left"), TAKEN_OUT.items())
def test_secrets_and_personal_data_are_taken_out(text: str, left: str) -> None:
    assert redaction.default().text(text) == left


@pytest.mark.parametrize("text", STAYS)
def test_ordinary_text_stays(text: str) -> None:
    assert redaction.default().text(text) == text


def test_values_of_any_shape_are_redacted_inside() -> None:
    found = redaction.default().value({"a": ["x@y.org", 1, None, {"b": ("z@y.org",)}], "ok": True})
    assert found == {"a": ["[email]", 1, None, {"b": ["[email]"]}], "ok": True}


def test_half_a_surrogate_pair_is_no_obstacle() -> None:
    assert redaction.default().text("\ud800 x@y.org") == "? [email]"


def test_custom_patterns_are_used_and_unusable_ones_named() -> None:
    assert Redactor({"badge": "EMP-[0-9]{6}"}).text("EMP-123456 and x@y.org") == "[badge] and [email]"
    for expression, reason in {"(?<=x)y": "not an expression of RE2", "a*": "nothing at all", "x" * 501: "500"}.items():
        with pytest.raises(PatternError, match=f"mine: .*{reason}"):
            Redactor({"mine": expression})


def test_check_digits() -> None:
    assert luhn("4111-1111-1111-1111")
    assert not luhn("4111-1111-1111-1112")
    assert mod_97("DE89 3704 0044 0532 0130 00")
    assert not mod_97("DE88 3704 0044 0532 0130 00")
