"""How far a test clock is moved: ``3 days``, ``1 month``, ``90 minutes``, reckoned in UTC."""

from __future__ import annotations

import re
from calendar import monthrange
from typing import Final

from policies.calendar import to_datetime, to_instant
from policies.facts import SECOND, Instant

EXPECTED: Final = "a number and a unit, such as 3 days, 1 month or 90 minutes"

_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_MONTHS: Final = {"month": 1, "year": 12}
_FORM: Final = re.compile(rf"(\d{{1,9}})\s*({'|'.join((*_SECONDS, *_MONTHS))})s?", re.IGNORECASE)
_LAST_YEAR: Final = 9_000


class DurationError(ValueError):
    """A text says no duration that a clock can be moved by."""


def later(at: Instant, text: str) -> Instant:
    """``at`` and the duration that ``text`` says; a month that is too short gives its last day. Raises DurationError.

    Days are of 24 hours, as a test clock has no zone of its own.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise DurationError(f"{text[:60]!r} is no duration; expected {EXPECTED}")
    amount, unit = int(match[1]), match[2].lower()
    try:
        moved = _months_later(at, amount * _MONTHS[unit]) if unit in _MONTHS else at + amount * _SECONDS[unit] * SECOND
        fits = to_datetime(moved).year < _LAST_YEAR
    except (ValueError, OverflowError):
        fits = False
    if not fits:
        raise DurationError(f"{text[:60]!r} leads past the year {_LAST_YEAR}; expected a shorter time")
    return moved


def _months_later(at: Instant, months: int) -> Instant:
    when = to_datetime(at)
    year, month = divmod(when.year * 12 + when.month - 1 + months, 12)
    day = min(when.day, monthrange(year, month + 1)[1])
    return to_instant(when.replace(year=year, month=month + 1, day=day))
