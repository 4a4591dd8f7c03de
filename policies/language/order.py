"""Searches the due dates for one that would put a step before its predecessor."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Final

from policies.calendar import add, business_days
from policies.contract import BUSINESS_DAY, DAY, WEEK, At, Duration

FIRST: Final = date(2024, 1, 1).toordinal()
YEARS: Final = 28
"""After so many years the weekdays of all dates, leap days too, come again."""
LAST: Final = date(2024 + YEARS, 1, 1).toordinal()


def upside_down(before: At, after: At, calendars: Iterable[str]) -> tuple[date, str] | None:
    """A due date, and the calendar, for which ``after`` names an earlier time than ``before``; else none."""
    if {before.offset.unit, after.offset.unit} <= {DAY, WEEK}:
        return (date.fromordinal(FIRST), "weekdays") if _key(after) < _key(before) else None
    for calendar in calendars:
        earlier, later = _days(before.offset, calendar), _days(after.offset, calendar)
        strict = after.tod < before.tod
        for index, (one, other) in enumerate(zip(earlier, later, strict=True)):
            if other < one or (strict and other == one):
                return date.fromordinal(FIRST + index), calendar
    return None


def _key(at: At) -> tuple[int, int]:
    return at.offset.amount * (7 if at.offset.unit == WEEK else 1), at.tod


@lru_cache(maxsize=256)
def _days(offset: Duration, calendar: str) -> list[int]:
    """The day that the offset names, for every due date of the span."""
    business = business_days(calendar)
    if offset.unit != BUSINESS_DAY or offset.amount == 0:
        return [add(day, offset, business) for day in range(FIRST, LAST)]
    amount = offset.amount
    margin = abs(amount) * 3 + 60
    open_days = [day for day in range(FIRST - margin, LAST + margin) if business.is_business(day)]
    if amount > 0:
        return [open_days[bisect_right(open_days, day) + amount - 1] for day in range(FIRST, LAST)]
    return [open_days[bisect_left(open_days, day) + amount] for day in range(FIRST, LAST)]
