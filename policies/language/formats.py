"""How values look in a message: money, dates and numbers in the reader's language, and texts made harmless."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Any, Final

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from policies.money import Money

MAX_NAME: Final = 64

# Blanks that GSM-7 lacks; one of them would double the price of an SMS.
_BLANKS: Final = str.maketrans({"\xa0": " ", "\u202f": " ", "\u2007": " "})
_SPACES: Final = re.compile(r"[\t\n\r\v\f\x1c-\x1f\x85\u2028\u2029]+")
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff]"
)
_LINKISH: Final = re.compile(r"(?<=[^\W_][^\W_])\.(?=[^\W\d_]{2})|(?<=www)\.(?=\S)|:(?=/)|/(?=/)", re.IGNORECASE)


@lru_cache(maxsize=256)
def _locale(language: str) -> Locale:
    return Locale.parse(language, sep="-")


@lru_cache(maxsize=100_000)
def _money(amount_minor: int, currency: str, language: str) -> str:
    text = format_currency(Money(amount_minor, currency).decimal, currency, locale=_locale(language))
    return text.translate(_BLANKS)


def money_text(value: Money, language: str) -> str:
    """An exact amount as the language writes it, with the currency's decimals."""
    return _money(value.amount_minor, value.currency, language)


@lru_cache(maxsize=20_000)
def date_text(value: date, language: str) -> str:
    """A date as the language writes it, the month by its name where that is usual."""
    return format_date(value, format="medium", locale=_locale(language)).translate(_BLANKS)


@lru_cache(maxsize=20_000)
def number_text(value: int, language: str) -> str:
    """A whole number with the language's grouping."""
    return str(format_decimal(value, locale=_locale(language))).translate(_BLANKS)


def clean_text(value: str) -> str:
    """A value as one line of visible text: line ends become a blank; control, bidi and invisible characters go."""
    if value.isascii() and value.isprintable():
        return value
    return _HIDDEN.sub("", _SPACES.sub(" ", value)).strip()


def clean_name(value: str) -> str:
    """A person's name: as ``clean_text``, at most 64 characters, and nothing in it reads as a link.

    ``evil.example`` becomes ``evil. example`` and ``http://x`` becomes ``http: / /x``; a name is never cut inside a
    character.
    """
    text = clean_text(value)
    if "." in text or "/" in text:
        text = _LINKISH.sub(lambda match: match[0] + " ", text)
    return text if len(text) <= MAX_NAME else text[:MAX_NAME].rstrip()


def clean_values(variables: Any) -> Any:
    """A copy of a template's variables in which every text is clean; used where a template is more than its pieces."""
    return {
        name: {key: clean_name(text) for key, text in value.items()} if name == "borrower" else _clean(value)
        for name, value in variables.items()
    }


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return tuple(_clean(item) for item in value)
    return value
