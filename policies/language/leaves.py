"""The kinds of text that a policy file is made of, each read and checked on its own; used by ``model.py``."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Final

from babel import Locale, UnknownLocaleError
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from policies.contract import Duration, Share
from policies.language.findings import did_you_mean
from policies.language.timing import AtWritten, TimingError, parse_at, parse_clock, parse_duration
from policies.language.vocabulary import ACTORS, CHANNELS, HAND_OFFS, LANGUAGE, NAME, REGION, WORD
from policies.money import currencies, shown

MAX_TEXT: Final = 500

_SWITCHES: Final = {"true": True, "on": True, "false": False, "off": False}
_PERCENT: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%")
_PERCENT_OF: Final = re.compile(r"(\S.*?)\s+of\s+(\S+)")
_COUNT: Final = re.compile(r"[0-9]{1,9}")


def failure(code: str, message: str, expected: str, remedy: str | None = None) -> PydanticCustomError:
    """An error of a leaf, with what was expected and what to do."""
    return PydanticCustomError(
        code,
        "{message}",
        {"message": message, "expected": expected, "remedy": remedy},
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise failure("not-a-text", "this is no single value", "a text", "write it on one line after the key")
    if len(value) > MAX_TEXT:
        raise failure("text-too-long", "the text is too long", f"at most {MAX_TEXT} characters", "shorten it")
    return value


def _template(value: Any) -> str:
    if not isinstance(value, str):
        raise failure("not-a-text", "this is no single text", "the text of the message", "write it after the language")
    return value


def _line(value: str) -> str:
    if not value.strip():
        raise failure("empty-text", "there is nothing here", "a text", "write it, or leave the key out")
    # Of every script: any of them would end a header of a mail, or a line of a log.
    if "\t" in value.strip() or len(value.strip().splitlines()) > 1:
        raise failure("not-one-line", "the text has several lines", "one line", "write it on one line")
    return value.strip()


def _named(value: str) -> str:
    if NAME.fullmatch(value) is None:
        raise failure(
            "bad-name", f"{shown(value)} is no name", "small letters, digits, '-' and '_', at most 64",
            "write it like first-reminder",
        )  # fmt: skip
    return value


def _word(value: str) -> str:
    if WORD.fullmatch(value.strip()) is None:
        raise failure(
            "bad-word", f"{shown(value)} is no name", "a name of at most 64 characters", "shorten or quote it"
        )
    return value.strip()


def _region(value: str) -> str:
    if REGION.fullmatch(value) is None:
        raise failure(
            "not-a-region", f"{shown(value)} is no region", "ISO 3166, such as US or US-CA", "write it in capitals"
        )
    return value


def _calendar(value: str) -> str:
    return value if value == "weekdays" else _region(value)


def _language(value: str) -> str:
    if LANGUAGE.fullmatch(value) is not None:
        try:
            Locale.parse(value, sep="-")
            return value
        except (UnknownLocaleError, ValueError):
            pass
    raise failure("unknown-language", f"{shown(value)} is no known language", "BCP 47, such as en or zh-CN", "check it")


def _currency(value: str) -> str:
    if value not in currencies():
        raise failure("unknown-currency", f"{shown(value)} is no currency", "ISO 4217, such as USD", "write its code")
    return value


def _one_of(code: str, what: str, known: tuple[str, ...]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in known:
            message = f"there is no {what} {shown(value)}"
            raise failure(code, message, ", ".join(known), did_you_mean(value, known))
        return value

    return check


def _timed(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        try:
            return parse(_text(value))
        except TimingError as error:
            raise failure(error.code, str(error), error.expected, error.remedy) from None

    return check


def _positive(duration: Duration) -> Duration:
    if duration.amount == 0:
        raise failure("duration-zero", "no time at all", "at least 1 day", "write a longer time, or leave it out")
    return duration


def _switch(value: Any) -> bool:
    text = _text(value)
    if text not in _SWITCHES:
        raise failure("not-a-switch", f"{shown(text)} is no switch", "on or off, true or false", "write on or off")
    return _SWITCHES[text]


def _count(least: int, most: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        text = _text(value).strip()
        if _COUNT.fullmatch(text) is None or not least <= int(text) <= most:
            raise failure(
                "not-a-whole-number", f"{shown(text)} is not in range", f"a whole number from {least} to {most:,}",
                "write digits only",
            )  # fmt: skip
        return int(text)

    return check


def _percent(text: str) -> Decimal | None:
    match = _PERCENT.fullmatch(text.strip())
    return None if match is None or Decimal(match[1]) > 100 else Decimal(match[1]) / 100


def _share_or_amount(value: Any) -> Share | str:
    """A share as such; an amount stays text until the currency is known."""
    text = _text(value).strip()
    if "%" not in text:
        return text
    share = _percent(text)
    if share is None:
        raise failure("not-a-share", f"{shown(text)} is no share", "0% to 100%, or an amount", "write it like 50%")
    return Share(share=share)


def _floor(value: Any) -> tuple[Share, str]:
    text = _text(value).strip()
    match = _PERCENT_OF.fullmatch(text)
    share = _percent(match[1]) if match else None
    if match is None or share is None or match[2] not in ("principal", "balance"):
        raise failure(
            "not-a-floor", f"{shown(text)} is no floor", "a share of principal or of balance",
            "write it like 80% of principal",
        )  # fmt: skip
    return Share(share=share), match[2]


def _mail(value: str) -> str:
    try:
        validate_email(value, check_deliverability=False)
    except EmailNotValidError as error:
        raise failure("not-a-mail-address", f"{shown(value)}: {error}", "one mail address", "check it") from None
    return value


def _schema(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema(schema)


_TEXTUAL: Final = BeforeValidator(_text)
_DURATION_PATTERN: Final = "[0-9]+ (business days?|days?|weeks?|months?)"
_CLOCK_PATTERN: Final = "([01][0-9]|2[0-3]):[0-5][0-9]"

Line = Annotated[str, _TEXTUAL, AfterValidator(_line), _schema(type="string", minLength=1, maxLength=MAX_TEXT)]
Template = Annotated[str, BeforeValidator(_template), _schema(type="string", minLength=1)]
Name = Annotated[str, _TEXTUAL, AfterValidator(_named), _schema(type="string", pattern=f"^{NAME.pattern}$")]
Word = Annotated[str, _TEXTUAL, AfterValidator(_word), _schema(type="string", minLength=1, maxLength=64)]
Region = Annotated[str, _TEXTUAL, AfterValidator(_region), _schema(type="string", pattern=f"^{REGION.pattern}$")]
Calendar = Annotated[
    str, _TEXTUAL, AfterValidator(_calendar), _schema(type="string", pattern=f"^(weekdays|{REGION.pattern})$")
]
Language = Annotated[str, _TEXTUAL, AfterValidator(_language), _schema(type="string", pattern=f"^{LANGUAGE.pattern}$")]
Currency = Annotated[str, _TEXTUAL, AfterValidator(_currency), _schema(type="string", pattern="^[A-Z]{3}$")]
Amount = Annotated[
    str,
    _TEXTUAL,
    _schema(anyOf=[{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}]),
]
Actor = Annotated[
    str, _TEXTUAL, AfterValidator(_one_of("unknown-actor", "actor", ACTORS)), _schema(type="string", enum=list(ACTORS))
]
Channel = Annotated[
    str, _TEXTUAL, AfterValidator(_one_of("unknown-channel", "channel", CHANNELS)),
    _schema(type="string", enum=list(CHANNELS)),
]  # fmt: skip
HandOff = Annotated[
    str, _TEXTUAL, AfterValidator(_one_of("unknown-hand-off", "receiver of a hand-off", HAND_OFFS)),
    _schema(type="string", enum=list(HAND_OFFS)),
]  # fmt: skip
Release = Annotated[
    str, _TEXTUAL, AfterValidator(_one_of("bad-hold-end", "end of a hold", ("release",))), _schema(const="release")
]
MailAddress = Annotated[str, _TEXTUAL, AfterValidator(_mail), _schema(type="string", format="email")]
At = Annotated[
    AtWritten, BeforeValidator(_timed(parse_at)),
    _schema(
        type="string",
        pattern=rf"^[a-z0-9_.-]+( [+-] {_DURATION_PATTERN})?(, {_CLOCK_PATTERN})?$",
    ),
]  # fmt: skip
Clock = Annotated[int, BeforeValidator(_timed(parse_clock)), _schema(type="string", pattern=f"^{_CLOCK_PATTERN}$")]
Length = Annotated[
    Duration, BeforeValidator(_timed(parse_duration)), AfterValidator(_positive),
    _schema(type="string", pattern=f"^{_DURATION_PATTERN}$"),
]  # fmt: skip
Switch = Annotated[
    bool, BeforeValidator(_switch), _schema(anyOf=[{"type": "boolean"}, {"enum": ["on", "off", "true", "false"]}])
]
ShareOrAmount = Annotated[
    Share | str, BeforeValidator(_share_or_amount),
    _schema(anyOf=[{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?( ?%)?$"}]),
]  # fmt: skip
Floor = Annotated[
    tuple[Share, str], BeforeValidator(_floor),
    _schema(type="string", pattern=r"^[0-9]+(\.[0-9]+)? ?% of (principal|balance)$"),
]  # fmt: skip


def whole(least: int, most: int) -> Any:
    """The kind of a whole number in a range, written as digits."""
    return Annotated[
        int, BeforeValidator(_count(least, most)),
        _schema(
            anyOf=[{"type": "integer", "minimum": least, "maximum": most}, {"type": "string", "pattern": "^[0-9]+$"}]
        ),
    ]  # fmt: skip


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _OrOneAlone:
    """Says in the JSON Schema that one value may stand without a list around it."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        listed = handler(core)
        return {"anyOf": [listed["items"], listed]}


def one_or_many(kind: Any, most: int = 200) -> Any:
    """A list of ``kind``, or one alone."""
    return Annotated[list[kind], BeforeValidator(_listed), AfterValidator(_distinct(most)), _OrOneAlone()]


def many(kind: Any, most: int = 200) -> Any:
    """A list of ``kind``, each once, at least one."""
    return Annotated[list[kind], AfterValidator(_distinct(most))]


def _distinct(most: int) -> Callable[[list[Any]], list[Any]]:
    def check(values: list[Any]) -> list[Any]:
        if not 1 <= len(values) <= most:
            raise failure(
                "bad-list-length", f"a list of {len(values)} values", f"1 to {most} values", "write what is meant"
            )
        if len(set(values)) != len(values):
            raise failure("listed-twice", "a value is listed twice", "each value once", "remove one of them")
        return values

    return check
