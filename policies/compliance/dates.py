"""The dates that rules speak of: periods of notice, validation, limitation, retention; pure functions on dates.

The law counts in different ways, and each function says which is meant: the day of the event is day one (closed
periods, moratoria), or the days after it are counted (notices, deadlines). A year or a month that lacks the day
ends on its last day: 29 February and three years give 28 February (so the EU's Regulation 1182/71 Art. 3(2)(c),
China's Civil Code Art. 202, and *Dodds v Walker* [1981] 1 WLR 1027 for England). Business days are Monday to
Friday without the holidays given; where none are given, those of ``region`` from the holiday tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from policies.calendar import BusinessDays, add, business_days
from policies.contract import MONTH, Duration

US: Final = "US"

RECEIPT_BUSINESS_DAYS: Final = 5
VALIDATION_DAYS: Final = 30
COMPLAINT_DAYS: Final = 15
COMPLAINT_DAYS_AT_MOST: Final = 60


def plus_days(day: date, days: int) -> date:
    """The day so many calendar days after ``day``, which itself is not counted (12 CFR 1006.34(a)(1)(i)(B))."""
    return day + timedelta(days=days)


def plus_months(day: date, months: int) -> date:
    """The same day of the month so many months later; the last day of a month that lacks it."""
    return date.fromordinal(add(day.toordinal(), Duration(months, MONTH), business_days("weekdays")))


def plus_years(day: date, years: int) -> date:
    """The same day so many years later; 28 February for a 29 February in a year that has none."""
    return plus_months(day, 12 * years)


def business_days_after(start: date, n: int, holidays: Iterable[date] | None = None, *, region: str = US) -> date:
    """The ``n``-th business day after ``start``, which is not counted; with ``n`` 0 ``start`` itself.

    The outer limit of a revocation is ten (47 CFR 64.1200(a)(10)).
    """
    if holidays is None:
        return date.fromordinal(_business_days(region).add(start.toordinal(), n))
    closed = frozenset(holidays)
    step, day = timedelta(days=1 if n > 0 else -1), start
    for _ in range(abs(n)):
        day += step
        while day.weekday() > 4 or day in closed:
            day += step
    return day


def _business_days(region: str) -> BusinessDays:
    return business_days(region or US)


def retention_until(last_activity: date, years: int) -> date:
    """The last day on which a record has to be kept: so many years after the last activity.

    12 CFR 1006.100 (three years; a recording from its call); China's PIPL Art. 56 and PBoC Order 2020 No. 5
    (three years); Directive (EU) 2021/2167 Art. 11 (five to ten).
    """
    return plus_years(last_activity, years)


def limitation_end(
    due: date, interruptions: Iterable[date] = (), years: int = 3, *, longest: int | None = None
) -> date:
    """The last day before a claim is barred: so many years after it fell due, or after the last interruption.

    An interruption after the end revives nothing, one before ``due`` changes nothing. ``longest`` bounds the whole
    in years from ``due``. China's Civil Code Art. 188 (three years, at most twenty) and 195; six years in England.
    """
    end = plus_years(due, years)
    for day in sorted(interruptions):
        if due <= day <= end:
            end = plus_years(day, years)
    return end if longest is None else min(end, plus_years(due, longest))


def moratorium_last_day(start: date, days: int = 60) -> date:
    """The last day of a moratorium whose first day is ``start`` (SI 2020/1311 reg. 26: sixty days, it included)."""
    return start + timedelta(days=days - 1)


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A closed period, and the first day after it."""

    first_day: date
    last_day: date
    next_open_day: date


def closed_period(first_day: date, days: int = 7) -> ClosedPeriod:
    """The consecutive days that an event closes, its own day being the first (12 CFR 1006.14(b)(2)(i)(B))."""
    return ClosedPeriod(first_day, first_day + timedelta(days=days - 1), first_day + timedelta(days=days))


def assumed_receipt(
    sent: date, holidays: Iterable[date] | None = None, *, days: int = RECEIPT_BUSINESS_DAYS, region: str = US
) -> date:
    """The day on which a validation notice may be assumed to be received: five days after it was sent.

    Saturdays, Sundays and federal holidays are not counted (12 CFR 1006.34(b)(5)).
    """
    return business_days_after(sent, days, holidays, region=region)


def validation_period_end(
    sent: date | None = None,
    holidays: Iterable[date] | None = None,
    *,
    received: date | None = None,
    days: int = VALIDATION_DAYS,
    receipt_days: int = RECEIPT_BUSINESS_DAYS,
    region: str = US,
) -> date:
    """The last day of the validation period: thirty days after receipt, or after assumed receipt of what was sent.

    12 CFR 1006.34(b)(5). Raises ValueError where neither ``sent`` nor ``received`` is given.
    """
    if received is None:
        if sent is None:
            raise ValueError("a validation period needs the day on which the notice was sent, or received")
        received = assumed_receipt(sent, holidays, days=receipt_days, region=region)
    return received + timedelta(days=days)


@dataclass(frozen=True, slots=True)
class ComplaintDeadline:
    """When a complaint has to be answered, and by when at the latest, where it is complicated."""

    due: date
    latest: date


def complaint_deadline(
    received: date, days: int = COMPLAINT_DAYS, longest: int = COMPLAINT_DAYS_AT_MOST
) -> ComplaintDeadline:
    """Fifteen days after a complaint was received, extended to at most sixty (PBoC Order 2020 No. 5 Art. 43-44)."""
    return ComplaintDeadline(received + timedelta(days=days), received + timedelta(days=longest))


def notice_ends(given: date, days: int) -> date:
    """The first day on which what a notice announces may be done: so many days after the day it was given.

    Fourteen for a default notice (Consumer Credit Act 1974 s. 88), thirty in Australia (National Credit Code
    s. 88), fourteen before a report to a bureau (12 CFR 1006.30(a)).
    """
    return given + timedelta(days=days)
