"""One field of a book's CSV file read as a value: ids, names, dates, instants, amounts, places and languages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

import holidays as holiday_tables
from babel import Locale, localedata
from babel.core import get_global

from policies.book_text import forbidden_character, shown
from policies.calendar import to_instant, zone_names
from policies.facts import COMPONENTS, Instant
from policies.money import currencies, minor_digits

MAX_NAME: Final = 200
MAX_LINE: Final = 1_000
MAX_TEXT: Final = 10_000
CHANNELS: Final = ("sms", "email", "letter", "call", "whatsapp", "wechat", "push", "portal", "visit")
"""Ways in which a person is reached, by us or by others."""
MONEY_DECIMALS: Final = 4
"""No currency of ISO 4217 has more; an amount whose currency another file tells is read in ten-thousandths."""
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2199

_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_INSTANT: Final = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[Tt]{_CLOCK}:[0-5][0-9](?:\.[0-9]{{1,6}})?(?:[Zz]|[+-]{_CLOCK})"
)
_AMOUNT: Final = re.compile(r"([0-9]{1,14})(?:\.([0-9]{1,4}))?")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,4}")
_LANGUAGE: Final = re.compile(r"([A-Za-z]{2,3})(?:-([A-Za-z]{4}))?(?:-([A-Za-z]{2}|[0-9]{3}))?")
_REGION: Final = re.compile(r"([A-Z]{2})(?:-([A-Z0-9]{1,3}))?")
_NO_COUNTRY: Final = frozenset({"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK"})
"""Two-letter codes of the locale data that ISO 3166 does not have."""
_SUBDIVISIONS: Final = {code: holiday_tables.country_holidays(code).subdivisions for code in ("US", "CA")}
"""Countries whose subdivisions the holiday tables list whole; elsewhere the shape is checked."""


class FieldError(ValueError):
    """A field that cannot be read: a stable ``code``, what was expected and what to do. The text is the message.

    ``column`` is set where the row as a whole was read, and tells which of its fields is meant.
    """

    def __init__(
        self, code: str, message: str, *, found: str | None = None, expected: str | None = None,
        remedy: str | None = None,
    ) -> None:  # fmt: skip
        self.code, self.found, self.expected, self.remedy = code, found, expected, remedy
        self.column = ""
        super().__init__(message)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """What to say of a word that is unknown but near to a known one: ``did you mean 'zone'?``."""
    close = get_close_matches(word[:80], list(known), n=1, cutoff=0.6)
    return f"did you mean {shown(close[0])}?" if close else None


def an_id(text: str) -> str:
    """An id: 1 to 64 of ``A-Z a-z 0-9 . _ : -``."""
    if _ID.fullmatch(text):
        return text
    raise _refuse("not-an-id", text, "is not an id", "1 to 64 of A-Z a-z 0-9 . _ : -")


def a_line(text: str, most: int = MAX_LINE) -> str:
    """Text on one line, without control characters and not blank."""
    if len(text) > most:
        raise FieldError(
            "too-long", f"the text has {len(text)} characters", found=shown(text), expected=f"at most {most}"
        )
    if (not text.isprintable() and forbidden_character(text)) or not text or text.isspace():
        raise _refuse("blank", text, "is blank", "a text, or nothing")
    return text


def a_name(text: str) -> str:
    """A person's name: any letters, at most 200 characters, no link (it is printed in messages)."""
    if "://" in text or "www." in text.lower():
        raise _refuse("link-in-name", text, "holds a link", "a name; it is printed in messages as it is")
    return a_line(text, MAX_NAME)


def a_label(text: str) -> str:
    """A word of the lender's own (a product, a segment, a reference): one line of at most 200 characters."""
    return a_line(text, MAX_NAME)


def a_channel(text: str) -> str:
    """A way to reach a person."""
    if text in CHANNELS:
        return text
    raise _refuse("unknown-channel", text, "is not a channel", ", ".join(CHANNELS), nearest(text, CHANNELS))


def a_text(text: str) -> str:
    """Free text, which may run over several lines: at most 10,000 characters."""
    if len(text) <= MAX_TEXT and forbidden_character(text, breaks=True) is None:
        return text
    if len(text) > MAX_TEXT:
        raise FieldError(
            "too-long", f"the text has {len(text)} characters", found=shown(text), expected=f"at most {MAX_TEXT}"
        )
    raise _refuse("forbidden-character", text, "cannot be kept", "text", breaks=True)


@lru_cache(maxsize=65_536)
def a_date(text: str) -> date:
    """A date ``YYYY-MM-DD`` between 1900 and 2199."""
    if _DATE.fullmatch(text):
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise _refuse("no-such-date", text, "is not in the calendar", "a day that exists") from None
        if FIRST_YEAR <= day.year <= LAST_YEAR:
            return day
        raise _year(text)
    raise _refuse("not-a-date", text, "is not a date", "YYYY-MM-DD, such as 2026-03-01")


def an_instant(text: str) -> Instant:
    """An instant of RFC 3339 with its offset, to the microsecond, between 1900 and 2199."""
    if _INSTANT.fullmatch(text):
        try:
            when = datetime.fromisoformat(text.upper())
        except ValueError:
            raise _refuse("no-such-date", text, "is not in the calendar", "a day that exists") from None
        if FIRST_YEAR <= when.year <= LAST_YEAR:
            return to_instant(when)
        raise _year(text)
    raise _no_instant(text)


def instant_or_date(text: str) -> Instant | date:
    """A date, which stands for its first instant in the borrower's zone, or an instant."""
    return a_date(text) if len(text) == 10 else an_instant(text)


@lru_cache(maxsize=65_536)
def an_amount_e4(text: str) -> int:
    """An amount of money in ten-thousandths of its unit: digits, a point, up to four decimals; no sign, no exponent."""
    match = _AMOUNT.fullmatch(text)
    if match is not None:
        whole, part = match.groups("")
        return int(whole) * 10_000 + int(part.ljust(MONEY_DECIMALS, "0"))
    if re.fullmatch(r"[0-9]{15,}(?:\.[0-9]+)?", text):
        raise _refuse("amount-too-large", text, "is too large an amount", "at most 14 digits before the point")
    if re.fullmatch(r"[0-9]+\.[0-9]{5,}", text):
        raise _refuse("too-many-decimals", text, "has too many decimals", "no more than the currency has")
    raise _refuse("not-an-amount", text, "is not an amount", "digits and a point, such as 120.00; no sign, no exponent")


@lru_cache(maxsize=65_536)
def in_minor(amount_e4: int, currency: str) -> int:
    """Ten-thousandths as minor units of the currency; raises FieldError for a decimal too many."""
    digits = minor_digits(currency)
    unit: int = 10 ** (MONEY_DECIMALS - digits)
    minor, left = divmod(amount_e4, unit)
    if left:
        text = f"{amount_e4 // 10_000}.{amount_e4 % 10_000:04}".rstrip("0")
        raise FieldError(
            "too-many-decimals", f"{text} has more decimals than {currency}", found=text,
            expected=f"at most {digits} decimal{'' if digits == 1 else 's'}",
        )  # fmt: skip
    return minor


def a_number(text: str) -> int:
    """The number of an instalment: 1 to 99999."""
    if _NUMBER.fullmatch(text):
        return int(text)
    raise _refuse("not-a-number", text, "is not the number of an instalment", "1, 2, 3, …")


@lru_cache(maxsize=4096)
def a_zone(text: str) -> str:
    """A time zone that the tzdata package has."""
    if text in zone_names() and text != "Factory":
        return text
    raise _refuse(
        "unknown-zone", text, "is not a time zone", "an IANA name such as Europe/London", nearest(text, zone_names())
    )


@lru_cache(maxsize=4096)
def a_region(text: str) -> str:
    """A country of ISO 3166 with a subdivision where known (``US-CA``), or ``ZZ``."""
    match = _REGION.fullmatch(text)
    if match is not None:
        country, part = match.groups()
        if text == "ZZ":
            return text
        if country in _countries() and country != "ZZ":
            known = _SUBDIVISIONS.get(country)
            if part is None or known is None or part in known:
                return text
            raise _refuse("unknown-region", text, f"is no part of {country}", f"such as {country}-{known[0]}")
    raise _refuse("unknown-region", text, "is not a region", "ISO 3166, such as GB or US-CA; ZZ where it is unknown")


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    known = map(str, Locale("en").territories)
    return frozenset(code for code in known if len(code) == 2 and code.isalpha()) - _NO_COUNTRY


@lru_cache(maxsize=4096)
def a_language(text: str) -> str:
    """A language of BCP 47 that Babel can write, in its usual capitals: ``en``, ``zh-Hans-CN``, ``es-419``."""
    match = _LANGUAGE.fullmatch(text)
    if match is not None:
        language, script, territory = match[1].lower(), match[2], match[3]
        english = Locale("en")
        if (
            localedata.exists(language)
            and (script is None or script.title() in english.scripts)
            and (territory is None or territory.upper() in english.territories)
        ):
            return "-".join(
                filter(None, (language, script and script.title(), territory and territory.upper()))
            )  # fmt: skip
    raise _refuse("unknown-language", text, "is not a language that can be written", "BCP 47, such as en or zh-CN")


@lru_cache(maxsize=1024)
def a_currency(text: str) -> str:
    """A currency of ISO 4217."""
    if text in currencies() and text in get_global("all_currencies"):
        return text
    raise _refuse("unknown-currency", text, "is not a currency", "ISO 4217, such as USD", nearest(text, currencies()))


@lru_cache(maxsize=4096)
def tags(text: str) -> tuple[str, ...]:
    """Tags with ``;`` between, each once; a tag holds no blank and no comma, which are other files' separators."""
    found = tuple(tag.strip() for tag in text.split(";"))
    if any("," in tag or " " in tag for tag in found):
        raise _refuse("bad-tags", text, "has a blank or a comma in a tag", "tags with ; between")
    if "" in found or len(set(found)) < len(found):
        raise _refuse("bad-tags", text, "has an empty tag, or one twice", "tags with ; between")
    return tuple(map(a_label, found))


@lru_cache(maxsize=64)
def allocation(text: str) -> tuple[str, ...]:
    """The order in which a payment goes to the components; each of them once."""
    found = tuple(text.split())
    if sorted(found) == sorted(COMPONENTS):
        return found
    raise _refuse("bad-allocation", text, "is not an order of the four components", " ".join(COMPONENTS))


def _no_instant(text: str) -> FieldError:
    expected = "RFC 3339 with an offset, such as 2026-03-01T10:00:00+01:00"
    if re.fullmatch(r"[0-9-]{10}[Tt][0-9]{2}:[0-9]{2}:60.*", text):
        return _refuse("leap-second", text, "has a second 60", "seconds 00 to 59", "write :59 of the same minute")
    if re.fullmatch(r"[0-9-]{10}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:\.[0-9]+)?", text):
        return _refuse("no-offset", text, "has no offset from UTC", expected, "add Z, or an offset such as +01:00")
    if re.fullmatch(r"[0-9-]{10}[Tt][0-9:]{8}\.[0-9]{7,}(?:[Zz]|[+-][0-9:]{5})", text):
        return _refuse("too-fine", text, "is finer than a microsecond", "at most six decimals of a second")
    return _refuse("not-an-instant", text, "is not an instant", expected)


def _year(text: str) -> FieldError:
    return _refuse(
        "out-of-range", text, "is out of range", f"a year from {FIRST_YEAR} to {LAST_YEAR}",
        "leave the field empty where there is no end",
    )  # fmt: skip


def _refuse(
    code: str, text: str, message: str, expected: str, remedy: str | None = None, *, breaks: bool = False
) -> FieldError:  # fmt: skip
    """The error for ``text``; a character that no field may hold is the cause before all others."""
    character = forbidden_character(text, breaks=breaks)
    if character is not None:
        return FieldError(
            "forbidden-character", f"{shown(text)} holds {character}", found=character, remedy="take the character out"
        )
    return FieldError(code, f"{shown(text)} {message}", found=shown(text), expected=expected, remedy=remedy)
