"""Exact money: whole minor units of a currency, read from and written as decimal text, never a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from babel.numbers import get_currency_precision, list_currencies

MAX_WHOLE_DIGITS: Final = 15
"""More digits before the point than any loan has; a longer number is refused as a slip."""

_DECIMAL: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?")


class MoneyError(ValueError):
    """The text is not an amount of that currency; ``code`` is stable, ``expected`` says what would be one."""

    def __init__(self, code: str, message: str, expected: str) -> None:
        self.code = code
        self.expected = expected
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in whole minor units (cents) of ``currency`` (ISO 4217)."""

    amount_minor: int
    currency: str

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, with as many decimals as the currency has."""
        return Decimal(self.amount_minor).scaleb(-minor_digits(self.currency))


@lru_cache(maxsize=1)
def currencies() -> frozenset[str]:
    """Every ISO 4217 code that the locale data knows."""
    return frozenset(list_currencies())


@lru_cache(maxsize=512)
def minor_digits(currency: str) -> int:
    """How many decimals the currency has: 2 for USD, 0 for JPY, 3 for KWD."""
    return get_currency_precision(currency)


def parse_minor(text: str, currency: str) -> int:
    """Decimal text such as ``10.00`` in minor units; raises MoneyError for a sign, an exponent, a decimal too many."""
    digits = minor_digits(currency)
    example = decimal_text(10 ** (digits + 1), currency)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise MoneyError("not-an-amount", f"{shown(text)} is not an amount", f"digits and a point, such as {example}")
    whole, part = match[1], match[2] or ""
    if len(whole.lstrip("0")) > MAX_WHOLE_DIGITS:
        raise MoneyError(
            "amount-too-large", f"{shown(text)} is too large", f"at most {MAX_WHOLE_DIGITS} digits before the point"
        )
    if len(part) > digits:
        raise MoneyError(
            "too-many-decimals",
            f"{shown(text)} has {len(part)} decimals",
            f"at most {digits}, as {currency} has, such as {example}",
        )
    return int(whole + part.ljust(digits, "0"))


def decimal_text(amount_minor: int, currency: str) -> str:
    """Minor units as decimal text with every decimal of the currency: ``1.00``."""
    digits = minor_digits(currency)
    if digits == 0:
        return str(amount_minor)
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 10**digits)
    return f"{sign}{whole}.{part:0{digits}}"


def shown(text: str, most: int = 40) -> str:
    """A piece of somebody's text, quoted and short enough for a message."""
    return f"'{text if len(text) <= most else text[: most - 1] + '…'}'"
