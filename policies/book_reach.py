"""Telephone numbers and mail addresses of a book, valid by phonenumbers and email-validator, and quick to tell."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers.phonemetadata import PhoneMetadata

from policies.book_text import forbidden_character, shown
from policies.book_values import FieldError

_E164: Final = re.compile(r"\+[1-9][0-9]{5,14}")
_PLAIN_MAIL: Final = re.compile(r"([A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*)@([A-Za-z0-9.-]{1,253})")
_KINDS: Final = ("mobile", "fixed_line", "toll_free", "voip", "uan", "personal_number")


def a_phone(text: str) -> str:
    """A valid telephone number in E.164 (``+14155550142``)."""
    if _E164.fullmatch(text):
        if _plainly_valid(text):
            return text
        try:
            number = phonenumbers.parse(text, None)
        except phonenumbers.NumberParseException:
            number = None
        if number is not None and phonenumbers.is_valid_number(number):
            written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            if written == text:
                return text
            raise _no_phone(text, f"write it as {written}")
    raise _no_phone(text, None)


def an_email(text: str) -> str:
    """A mail address, its domain in lower case; whether it can be delivered is not asked."""
    match = _PLAIN_MAIL.fullmatch(text)
    if match is not None and len(match[1]) <= 64 and len(text) <= 254:
        domain = _plain_domain(match[2])
        if domain is not None:
            return f"{match[1]}@{domain}"
    try:
        return validate_email(text, check_deliverability=False, strict=True).normalized
    except EmailNotValidError as error:
        character = forbidden_character(text)
        if character is not None:
            raise FieldError(
                "forbidden-character", f"{shown(text)} holds {character}", found=character,
                remedy="take the character out",
            ) from None  # fmt: skip
        reason = str(error).rstrip(".")
        raise FieldError(
            "not-an-email", f"{shown(text)} is not a mail address: {reason}", found=shown(text),
            expected="an address such as ann@example.com",
        ) from None  # fmt: skip


@lru_cache(maxsize=65_536)
def _plain_domain(domain: str) -> str | None:
    """The domain as it is kept, where it is one by itself; else the whole address is to be looked at."""
    try:
        found = validate_email(f"a@{domain}", check_deliverability=False)
    except EmailNotValidError:
        return None
    return found.domain if found.domain == domain.lower() else None


def _plainly_valid(text: str) -> bool:
    """Whether a number matches a kind of its country by the same tables; False where only the library can say.

    Asking the library takes five times as long. It may drop a leading 0 or a national prefix before it looks:
    numbers that begin with either are left to it.
    """
    for size in (1, 2, 3):
        pattern = _country(text[1 : 1 + size])
        if pattern is not None:
            prefix, general, kinds = pattern
            national = text[1 + size :]
            if national[0] == "0" or (prefix is not None and prefix.match(national)):
                return False
            return general.fullmatch(national) is not None and any(kind.fullmatch(national) for kind in kinds)
    return False


_Patterns = tuple[re.Pattern[str] | None, re.Pattern[str], tuple[re.Pattern[str], ...]]


@lru_cache(maxsize=1024)
def _country(code: str) -> _Patterns | None:
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code))
    if regions is None or regions == ("001",):
        return None
    found = PhoneMetadata.metadata_for_region(regions[0], None)
    if found is None or found.leading_digits or found.general_desc is None:
        return None
    prefix = found.national_prefix_for_parsing
    kinds = (getattr(found, kind) for kind in _KINDS)
    patterns = (kind.national_number_pattern for kind in kinds if kind is not None)
    return (
        re.compile(prefix) if prefix else None,
        re.compile(found.general_desc.national_number_pattern or "(?!)"),
        tuple(re.compile(pattern) for pattern in patterns if pattern),
    )


def _no_phone(text: str, remedy: str | None) -> FieldError:
    character = forbidden_character(text)
    if character is not None:
        return FieldError(
            "forbidden-character", f"{shown(text)} holds {character}", found=character, remedy="take the character out"
        )
    return FieldError(
        "not-a-phone", f"{shown(text)} is not a telephone number", found=shown(text),
        expected="a number that exists, in E.164, such as +12025550142", remedy=remedy,
    )  # fmt: skip
