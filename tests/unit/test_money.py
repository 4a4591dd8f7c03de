"""Money is whole minor units, read from exact decimal text and nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest

from policies.money import Money, MoneyError, decimal_text, minor_digits, parse_minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("0", "USD", 0),
        ("10", "USD", 1_000),
        ("10.5", "USD", 1_050),
        ("10.05", "USD", 1_005),
        ("0.01", "USD", 1),
        ("007.00", "USD", 700),
        ("1000", "JPY", 1_000),
        ("1.234", "KWD", 1_234),
        ("999999999999999.99", "USD", 99_999_999_999_999_999),
    ],
)
def test_decimal_text_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert parse_minor(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "code"),
    [
        ("", "USD", "not-an-amount"),
        ("-1", "USD", "not-an-amount"),
        ("+1", "USD", "not-an-amount"),
        ("1e2", "USD", "not-an-amount"),
        ("1,000", "USD", "not-an-amount"),
        ("1.", "USD", "not-an-amount"),
        (".5", "USD", "not-an-amount"),
        (" 1", "USD", "not-an-amount"),
        ("1\n", "USD", "not-an-amount"),
        ("\u0661", "USD", "not-an-amount"),
        ("NaN", "USD", "not-an-amount"),
        ("1.001", "USD", "too-many-decimals"),
        ("1.0", "JPY", "too-many-decimals"),
        ("1000000000000000", "USD", "amount-too-large"),
        ("9" * 5_000, "USD", "amount-too-large"),
    ],
)
def test_anything_else_is_refused_with_its_code(text: str, currency: str, code: str) -> None:
    with pytest.raises(MoneyError) as caught:
        parse_minor(text, currency)
    assert caught.value.code == code
    assert len(str(caught.value)) < 100


def test_an_amount_is_written_with_every_decimal_of_its_currency() -> None:
    assert [decimal_text(105, currency) for currency in ("USD", "JPY", "KWD")] == ["1.05", "105", "0.105"]
    assert decimal_text(-5, "USD") == "-0.05"
    assert Money(105, "USD").decimal == Decimal("1.05")
    assert [minor_digits(currency) for currency in ("USD", "JPY", "KWD")] == [2, 0, 3]
