"""When a window of hours, or the person's own quiet times, let a contact through: the first instant, place by place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

from policies.calendar import Zone, public_holidays
from policies.compliance.dossier import INCONVENIENT, LIFTED, Note, Times
from policies.compliance.kinds import Hours, Window
from policies.facts import SECOND, Instant

DAY_S: Final = 86_400
LOOK_DAYS: Final = 370
"""How far ahead an opening is looked for, in days; longer than the guard's own bound."""
_QUARTER: Final = 900 * SECOND

IsHoliday = Callable[[int], bool]


def weekday(day: int) -> int:
    """The weekday of an ordinal, Monday 0."""
    return (day - 1) % 7


def at_or_after(zone: Zone, day: int, tod: int) -> Instant:
    """The first instant of ``day`` at which the clock on the wall shows ``tod`` or later, gaps included."""
    if tod >= DAY_S:
        return zone.instant(day + 1)
    at = zone.instant(day, tod)
    skipped = zone.tod(at) - tod
    if skipped <= 0 or zone.day(at) != day:
        return at
    # The clock jumps over ``tod``: the instant of the jump is the first that shows more.
    low, high = at // _QUARTER - skipped // 900 - 1, at // _QUARTER
    while low < high:
        middle = (low + high) // 2
        if zone.offset(middle * _QUARTER) == zone.offset(at):
            high = middle
        else:
            low = middle + 1
    return low * _QUARTER


def _after(zone: Zone, when: Instant, day: int, tod: int) -> Instant:
    """The same, not before ``when``, a time of that day: where the clock shows ``tod`` twice, the one to come."""
    at = at_or_after(zone, day, tod)
    return at if at >= when else when + (tod - zone.tod(when)) * SECOND


# --- windows ----------------------------------------------------------------------------------------------------


def window_opens(rule: Window, zones: Sequence[Zone], holiday: IsHoliday | None, when: Instant) -> Instant | None:
    """The first instant not before ``when`` at which the window is open in every zone; none within a year."""
    if len(zones) == 1:
        return _opens_in(rule, zones[0], holiday, when)
    limit = when + LOOK_DAYS * DAY_S * SECOND
    at = when
    while at <= limit:
        later = at
        for zone in zones:
            found = _opens_in(rule, zone, holiday, at)
            if found is None:
                return None
            later = max(later, found)
        if later == at:
            return at
        at = later
    return None


def _opens_in(rule: Window, zone: Zone, holiday: IsHoliday | None, when: Instant) -> Instant | None:
    day, tod = zone.day(when), zone.tod(when)
    for opens, closes in _hours(rule, day, holiday):
        if tod < closes:
            return when if tod >= opens else _after(zone, when, day, opens)
    for later in range(day + 1, day + LOOK_DAYS):
        for opens, _ in _hours(rule, later, holiday):
            return at_or_after(zone, later, opens)
    return None


def window_closes(rule: Window, zones: Sequence[Zone], holiday: IsHoliday | None, when: Instant) -> Instant | None:
    """The end of the span that is open at ``when`` in every zone; none, where it does not end that day."""
    ends = []
    for zone in zones:
        day, tod = zone.day(when), zone.tod(when)
        for opens, closes in _hours(rule, day, holiday):
            if opens <= tod < closes:
                ends.append(_after(zone, when, day, closes))
    return min(ends, default=None)


def _hours(rule: Window, day: int, holiday: IsHoliday | None) -> Hours:
    if holiday is not None and holiday(day):
        return rule.on_holidays
    return rule.hours[(day - 1) % 7]


@lru_cache(maxsize=256)
def holidays_of(region: str) -> IsHoliday:
    """Whether an ordinal is a public holiday of a region, by the holiday tables."""
    return public_holidays(region)


# --- the person's own times -------------------------------------------------------------------------------------


def quiet_opens(notes: Iterable[Note], channel: str, zones: Sequence[Zone], when: Instant) -> Instant | None:
    """The first instant not before ``when`` that the person did not name as inconvenient; none within a year.

    A designation holds from its own instant until it is lifted or runs out.
    """
    named = _designations(notes, channel, when)
    if not named:
        return when
    limit = when + LOOK_DAYS * DAY_S * SECOND
    at = when
    while at <= limit:
        later = at
        for note in named:
            if note.until is not None and note.until <= at:
                continue
            for zone in zones:
                for times in note.times:
                    ends = _ends(times, zone, at)
                    if ends is not None:
                        later = max(later, ends if note.until is None else min(ends, note.until))
        if later == at:
            return at
        at = later
    return None


def quiet_begins(notes: Iterable[Note], channel: str, zones: Sequence[Zone], when: Instant) -> Instant | None:
    """The next instant of the day of ``when`` at which a time that the person named begins; none that day."""
    starts = []
    for note in _designations(notes, channel, when):
        for zone in zones:
            day, tod = zone.day(when), zone.tod(when)
            starts += [
                _after(zone, when, day, times.opens)
                for times in note.times
                if weekday(day) in times.days and tod < times.opens
            ]
    return min(starts, default=None)


def _designations(notes: Iterable[Note], channel: str, when: Instant) -> list[Note]:
    named = [n for n in notes if n.type == INCONVENIENT and n.at <= when and n.channel in (None, channel)]
    lifted = [n.at for n in notes if n.type == LIFTED and n.at <= when and n.channel in (None, channel)]
    last = max(lifted, default=None)
    return [n for n in named if last is None or n.at > last]


def _ends(times: Times, zone: Zone, at: Instant) -> Instant | None:
    """The end of the named time that holds ``at``; none, where it is outside."""
    day, tod = zone.day(at), zone.tod(at)
    if weekday(day) not in times.days or not times.opens <= tod < times.closes:
        return None
    return _after(zone, at, day, times.closes) if times.closes < DAY_S else zone.instant(day + 1)


def within_times(times: Sequence[Times], zones: Sequence[Zone], at: Instant) -> bool:
    """Whether ``at`` lies in one of the times in every zone; an empty list is all the time."""
    return not times or all(any(_ends(one, zone, at) is not None for one in times) for zone in zones)
