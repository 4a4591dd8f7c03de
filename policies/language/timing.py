"""Reads times as a policy writes them: ``due + 3 business days, 18:00``, ``14 days``, ``18:00``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from policies.contract import BUSINESS_DAY, DAY, MONTH, WEEK, Duration

LIMITS: Final = {DAY: 3_660, BUSINESS_DAY: 2_600, WEEK: 520, MONTH: 120}
"""The longest duration of each unit: about ten years, so that no date leaves the calendar."""

DUE: Final = "due"
OFFER_ANCHORS: Final = ("offer.made", "offer.expires")
LATER_ANCHORS: Final = ("plan.due", "promise.date")
"""Anchors of the language that come with the settlement work."""

_DURATION: Final = re.compile(r"([0-9]{1,9})\s+(business\s+days?|days?|weeks?|months?)")
_AT: Final = re.compile(r"([a-z0-9_.-]+)(?:\s*([+-])([^,+]*))?(?:\s*,([^,]*))?")
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


class TimingError(ValueError):
    """The text is no time; ``code`` is stable, ``expected`` says what would be one."""

    def __init__(self, code: str, message: str, expected: str, remedy: str | None = None) -> None:
        self.code = code
        self.expected = expected
        self.remedy = remedy
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class AtWritten:
    """An ``at`` as written; ``tod`` in seconds since local midnight, empty where the step gives none."""

    anchor: str
    offset: Duration
    tod: int | None


def parse_duration(text: str) -> Duration:
    """``N day(s)``, ``N business day(s)``, ``N week(s)`` or ``N month(s)``; never negative."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise TimingError(
            "not-a-duration", f"'{text[:60]}' is not a duration", "N days, N business days, N weeks or N months",
            "write the number, a blank and the unit, such as 3 days",
        )  # fmt: skip
    unit = re.sub(r"\s+", " ", match[2]).removesuffix("s")
    amount = int(match[1])
    if amount > LIMITS[unit]:
        raise TimingError(
            "duration-too-long", f"{amount} {unit}s is too long", f"at most {LIMITS[unit]:,} {unit}s",
            "write a shorter time",
        )  # fmt: skip
    return Duration(amount, unit)


def parse_clock(text: str) -> int:
    """``HH:MM`` as seconds since midnight."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise TimingError(
            "not-a-time-of-day", f"'{text[:60]}' is not a time of day", "HH:MM from 00:00 to 23:59",
            "write two digits, a colon and two digits, such as 09:30",
        )  # fmt: skip
    return int(match[1]) * 3600 + int(match[2]) * 60


def parse_at(text: str) -> AtWritten:
    """An anchor, then optionally ``+`` or ``-`` a duration, then optionally ``, HH:MM``."""
    match = _AT.fullmatch(text.strip()) if len(text) <= 200 else None
    if match is None:
        raise TimingError(
            "not-a-time", f"'{text[:60]}' is not a time", "due, + or - a duration, and perhaps a time of day",
            "write it like due + 3 business days, 18:00",
        )  # fmt: skip
    anchor, sign, duration, clock = match.groups()
    offset = Duration(0, DAY)
    if sign is not None:
        written = parse_duration(duration.strip())
        if written.amount:
            offset = Duration(-written.amount if sign == "-" else written.amount, written.unit)
    return AtWritten(anchor, offset, None if clock is None else parse_clock(clock.strip()))


def clock_text(tod: int) -> str:
    """Seconds since midnight as ``HH:MM``."""
    return f"{tod // 3600:02}:{tod // 60 % 60:02}"


def duration_text(duration: Duration) -> str:
    """A duration as a policy writes it, without its sign."""
    amount = abs(duration.amount)
    return f"{amount} {duration.unit}{'' if amount == 1 else 's'}"


def at_text(anchor: str, offset: Duration, tod: int) -> str:
    """An ``at`` as a policy writes it in full."""
    if offset.amount == 0:
        return f"{anchor}, {clock_text(tod)}"
    return f"{anchor} {'-' if offset.amount < 0 else '+'} {duration_text(offset)}, {clock_text(tod)}"
