"""The kinds of text that a pack file is made of, each read and checked on its own; used by ``pack_model.py``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator

from policies.calendar import WEEKDAYS, has_holidays, zone_names
from policies.compliance.kinds import AGENCY, COLLECTORS, EVERYONE, KINDS, Hours
from policies.compliance.lifts import WAYS
from policies.compliance.vocabulary import (
    ADDRESS_KINDS,
    CHANNEL_CLASSES,
    CHANNELS,
    MODES,
    OUTCOMES,
    PURPOSES,
    RELATIONS,
    STAGES,
    STATUSES,
    SURE,
)
from policies.language.findings import did_you_mean
from policies.language.leaves import Name, Region, failure, one_or_many
from policies.money import shown

MAX_PROSE: Final = 4_000
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SEVERAL: Final = ("several", "one")

RULE_ID: Final = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Za-z0-9]+)+")
_SPAN: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))")
_REGION: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")
_PATTERN: Final = re.compile(r"\*?(?:[a-z0-9_]+\*)*[a-z0-9_]*")
_COMPARISON: Final = re.compile(r"(?:>=|<=|!=|>|<)\s*-?\d{1,6}")
_LENGTH: Final = re.compile(r"(\d{1,4}) (minutes?|hours?)")
_SWITCHES: Final = {"true": True, "on": True, "false": False, "off": False}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise failure("not-a-text", "this is no single value", "a text", "write it on one line after the key")
    return value.strip()


def _prose(value: Any) -> str:
    text = " ".join(_text(value).split())
    if not text or len(text) > MAX_PROSE:
        raise failure(
            "bad-prose", "this is no text to read", f"1 to {MAX_PROSE:,} characters", "write it, or shorten it"
        )
    return text


def one_of(code: str, what: str, known: Iterable[str]) -> Any:
    """A word of a closed set; any other is an error with the nearest of them."""
    words = tuple(sorted(known))

    def check(value: Any) -> str:
        text = _text(value)
        if text not in words:
            raise failure(code, f"there is no {what} {shown(text)}", ", ".join(words), did_you_mean(text, words))
        return text

    return Annotated[str, BeforeValidator(check)]


def _shaped(code: str, pattern: re.Pattern[str], what: str, like: str) -> Any:
    def check(value: Any) -> str:
        text = _text(value)
        if len(text) > 80 or not text or pattern.fullmatch(text) is None:
            raise failure(code, f"{shown(text)} is no {what}", what, f"write it like {like}")
        return text

    return Annotated[str, BeforeValidator(check)]


def _whole(least: int, most: int) -> Any:
    def check(value: Any) -> int:
        text = _text(value)
        if re.fullmatch(r"\d{1,6}", text) is None or not least <= int(text) <= most:
            raise failure(
                "not-a-whole-number", f"{shown(text)} is not in range", f"a whole number from {least} to {most:,}",
                "write digits only",
            )  # fmt: skip
        return int(text)

    return Annotated[int, BeforeValidator(check)]


def _switch(value: Any) -> bool:
    text = _text(value)
    if text not in _SWITCHES:
        raise failure("not-a-switch", f"{shown(text)} is no switch", "true or false", "write true or false")
    return _SWITCHES[text]


def _day(value: Any) -> date:
    text = _text(value)
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise failure("not-a-date", f"{shown(text)} is no date", "a date, YYYY-MM-DD", "write it like 2026-09-01")


def _zone(value: Any) -> str:
    text = _text(value)
    if text not in zone_names():
        raise failure(
            "unknown-zone", f"there is no zone {shown(text)}", "an IANA name such as Europe/London",
            did_you_mean(text, zone_names()) if len(text) < 40 else "check it",
        )  # fmt: skip
    return text


def _calendar(value: Any) -> str:
    text = _text(value)
    if text not in ("region", WEEKDAYS) and not (_REGION.fullmatch(text) and has_holidays(text)):
        raise failure(
            "no-holidays-known", f"no holidays of {shown(text)} are known", "a region such as AU or BR-SP, or 'region'",
            "name one that has a table of holidays; 'region' is the borrower's own",
        )  # fmt: skip
    return text


def _test(value: Any) -> str:
    text = _text(value)
    if _WORD.fullmatch(text) is None and _COMPARISON.fullmatch(text) is None:
        raise failure(
            "not-a-test", f"{shown(text)} is no test of a fact", "true, false, a word, or a comparison",
            'write it like true, creditor_notice or "> 15"',
        )  # fmt: skip
    return text


def _within(value: Any) -> int:
    """Seconds."""
    text = _text(value)
    match = _LENGTH.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise failure(
            "not-a-length", f"{shown(text)} is no length of time", "minutes or hours", "write it like 5 minutes"
        )
    return int(match[1]) * (60 if match[2].startswith("minute") else 3600)


# --- hours of a week --------------------------------------------------------------------------------------------------


def _spans(value: Any) -> Hours:
    text = _text(value)
    if text == "closed":
        return ()
    spans = []
    for written in text.split(","):
        match = _SPAN.fullmatch(written.strip())
        if match is None:
            raise failure(
                "not-hours", f"{shown(written.strip())} is no span of hours", "HH:MM-HH:MM, or closed",
                'write it like "08:00-21:00", and several with a comma between',
            )  # fmt: skip
        opens = int(match[1]) * 3600 + int(match[2]) * 60
        closes = int(match[3] or match[5]) * 3600 + int(match[4] or match[6]) * 60
        if closes <= opens:
            raise failure(
                "hours-upside-down", f"{shown(written.strip())} ends before it begins", "the opening first",
                "a span over midnight is two: 20:00-24:00 and, on the next day, 00:00-06:00",
            )  # fmt: skip
        spans.append((opens, closes))
    for before, after in pairwise(spans):
        if after[0] < before[1]:
            raise failure(
                "hours-overlap", "two spans overlap, or are not in order", "spans one after another",
                "write each hour once, the earliest first",
            )  # fmt: skip
    return tuple(spans)


def _weekdays(value: Any) -> tuple[int, ...]:
    text = _text(value)
    found: list[int] = []
    for written in text.split(","):
        first, dash, last = written.strip().partition("-")
        if first not in DAYS or (dash and last not in DAYS) or (dash and DAYS.index(last) <= DAYS.index(first)):
            raise failure(
                "not-days", f"{shown(written.strip())} are no days of the week", "mon, tue, wed, thu, fri, sat, sun",
                "write them like mon-fri, or sat, sun",
            )  # fmt: skip
        found.extend(range(DAYS.index(first), DAYS.index(last if dash else first) + 1))
    return tuple(found)


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise failure("listed-twice", "a value is listed twice", "each value once", "remove one of them")
    return values


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def words(kind: Any) -> Any:
    """A list of ``kind``, each once, or one alone; it may be empty."""
    return Annotated[list[kind], BeforeValidator(_listed), AfterValidator(_distinct)]


def _checked(check: Callable[[Any], Any], result: Any) -> Any:
    return Annotated[result, BeforeValidator(check)]


Prose = _checked(_prose, str)
Whole = _whole(1, 3_650)
Years = _whole(1, 99)
Switch = _checked(_switch, bool)
Day = _checked(_day, date)
Zone = _checked(_zone, str)
HolidaysOf = _checked(_calendar, str)
Test = _checked(_test, str)
Within = _checked(_within, int)
Spans = _checked(_spans, Hours)
Weekdays = _checked(_weekdays, tuple[int, ...])

RuleId = _shaped("bad-rule-id", RULE_ID, "id of a rule", "US-TIME-01")
Fact = _shaped("bad-fact", _WORD, "name of a fact", "employer_prohibits")
NoteType = _shaped("bad-pattern", _PATTERN, "type of note", "dispute_written, or dispute_* for several")
ContentClass = _shaped("bad-pattern", _PATTERN, "class of content", "false_urgency, or false_* for several")
NoteKind = _shaped("bad-pattern", _PATTERN, "kind of a note", "standard")
ConsentTo = _shaped("bad-consent", _WORD, "thing to consent to", "hours, calls, place, electronic, recorded or contact")

Channel = one_of("unknown-channel", "channel", {*CHANNELS, *CHANNEL_CLASSES})
Purpose = one_of("unknown-purpose", "purpose", PURPOSES)
Stage = one_of("unknown-stage", "stage", STAGES)
RelationTo = one_of("unknown-relation", "relation", RELATIONS)
Mode = one_of("unknown-mode", "mode", MODES)
Outcome = one_of("unknown-outcome", "outcome", OUTCOMES)
AddressKind = one_of("unknown-address-kind", "kind of address", ADDRESS_KINDS)
Actors = one_of("unknown-actors", "group of actors", (EVERYONE, COLLECTORS, AGENCY))
Status = one_of("unknown-status", "status", STATUSES)
Sure = one_of("unknown-sureness", "degree of sureness", SURE)
Per = one_of("unknown-count", "count", ("person", "debt"))
OptOutScope = one_of("unknown-scope", "scope of a refusal", ("person", "program"))
Way = one_of("unknown-way", "way to give way", WAYS)
ReplyTo = one_of("unknown-reply", "thing to reply to", ("inbound", "opt_out"))

KindOfRule = one_of("unknown-kind", "kind of rule", KINDS)

Channels, Purposes, Stages, Relations = words(Channel), words(Purpose), words(Stage), words(RelationTo)
Modes, Outcomes, AddressKinds = words(Mode), words(Outcome), words(AddressKind)
NoteTypes, NoteKinds, ContentClasses = words(NoteType), words(NoteKind), words(ContentClass)
RuleIds, Facts, Zones, Regions, Names = words(RuleId), words(Fact), words(Zone), words(Region), words(Name)
SomeNotes, SomeContent, SomeRelations = one_or_many(NoteType), one_or_many(ContentClass), one_or_many(RelationTo)
