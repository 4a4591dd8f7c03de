"""Local time and business days: the one place where an instant becomes a date and a date an instant.

Zone rules come from the ``tzdata`` package, never from the system. A day is its proleptic ordinal
(``date.toordinal``), a time of day its seconds since midnight, an instant whole microseconds since 1970 UTC.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from importlib.metadata import version
from typing import Final
from zoneinfo import ZoneInfo

import holidays as holiday_tables
from holidays import registry

from policies.contract import BUSINESS_DAY, DAY, MONTH, WEEK, Duration
from policies.facts import SECOND, Instant

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_DAY_S: Final = 86_400
# Every change of an offset since 1980 fell on a quarter of an hour of UTC, so an offset may be kept per quarter.
_QUARTER: Final = 900 * SECOND
_QUARTERS_FROM: Final = 315_532_800 * SECOND
_KEPT: Final = 200_000
_KEPT_TEXTS: Final = 1_000


class UnknownZone(ValueError):
    """A zone that the tzdata package does not have."""


class Zone:
    """One IANA zone with what was already worked out about it kept."""

    __slots__ = ("_instants", "_offsets", "_tz", "_written", "name")

    def __init__(self, name: str, tz: ZoneInfo) -> None:
        self.name = name
        self._tz = tz
        self._offsets: dict[int, int] = {}
        self._instants: dict[tuple[int, int], Instant] = {}
        self._written: dict[Instant, str] = {}

    def offset(self, at: Instant) -> int:
        """Seconds east of UTC at ``at``."""
        quarter = at // _QUARTER
        found = self._offsets.get(quarter)
        if found is None:
            found = self._offset(at)
            if at >= _QUARTERS_FROM:
                if len(self._offsets) > _KEPT:
                    self._offsets.clear()
                self._offsets[quarter] = found
        return found

    def _offset(self, at: Instant) -> int:
        delta = (EPOCH + timedelta(microseconds=at)).astimezone(self._tz).utcoffset()
        assert delta is not None  # noqa: S101 - a ZoneInfo always has an offset
        return round(delta.total_seconds())

    def day(self, at: Instant) -> int:
        """The ordinal of the local calendar day that holds ``at``."""
        offset = self._offsets.get(at // _QUARTER)
        if offset is None:
            offset = self.offset(at)
        return (at // SECOND + offset) // _DAY_S + _EPOCH_ORDINAL

    def tod(self, at: Instant) -> int:
        """Seconds since local midnight by the clock on the wall."""
        return (at // SECOND + self.offset(at)) % _DAY_S

    def instant(self, day: int, tod: int = 0) -> Instant:
        """The instant at which the local clock shows ``tod`` on ``day``.

        A time that does not exist is read with the offset before the gap (RFC 5545 3.3.5); of two equal times
        the first is meant. With ``tod`` 0 this is the first instant of the day.
        """
        key = (day, tod)
        found = self._instants.get(key)
        if found is None:
            local = datetime.fromordinal(day) + timedelta(seconds=tod)
            delta = local.replace(tzinfo=self._tz).utcoffset()
            assert delta is not None  # noqa: S101 - a ZoneInfo always has an offset
            seconds = (day - _EPOCH_ORDINAL) * _DAY_S + tod - round(delta.total_seconds())
            found = seconds * SECOND
            if len(self._instants) > _KEPT:
                self._instants.clear()
            self._instants[key] = found
        return found

    def iso(self, at: Instant) -> str:
        """RFC 3339 in local time with offset, whole seconds: ``2016-03-29T10:00:00+01:00``."""
        # Of a wave every line has the same few instants.
        found = self._written.get(at)
        if found is None:
            if len(self._written) > _KEPT_TEXTS:
                self._written.clear()
            found = self._written[at] = self._iso(at)
        return found

    def _iso(self, at: Instant) -> str:
        offset = self.offset(at)
        seconds = at // SECOND + offset
        day, tod = divmod(seconds, _DAY_S)
        sign, minutes = ("-", -offset // 60) if offset < 0 else ("+", offset // 60)
        return (
            f"{_iso_day(day + _EPOCH_ORDINAL)}T{tod // 3600:02}:{tod // 60 % 60:02}:{tod % 60:02}"
            f"{sign}{minutes // 60:02}:{minutes % 60:02}"
        )


@lru_cache(maxsize=20_000)
def _iso_day(day: int) -> str:
    return date.fromordinal(day).isoformat()


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Every zone of the tzdata package."""
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(listed.split())


@lru_cache(maxsize=1024)
def zone(name: str) -> Zone:
    """The zone ``name``; raises UnknownZone where tzdata has none of that name."""
    if name not in zone_names():
        raise UnknownZone(f"no zone {name!r}; expected an IANA name such as Europe/London")
    with resources.files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return Zone(name, ZoneInfo.from_file(file, key=name))


class BusinessDays:
    """The business days of one region, or Monday to Friday without holidays (``weekdays``)."""

    __slots__ = ("_days", "_table", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._days: dict[int, bool] = {}
        self._table = None if name == WEEKDAYS else _table(name)

    def is_business(self, day: int) -> bool:
        """Whether the day with this ordinal is one."""
        found = self._days.get(day)
        if found is None:
            when = date.fromordinal(day)
            found = when.weekday() not in _WEEKEND if self._table is None else _is_working_day(self._table, when)
            self._days[day] = found
        return found

    def on_or_after(self, day: int) -> int:
        """The first business day that is not before ``day``."""
        while not self.is_business(day):
            day += 1
        return day

    def add(self, day: int, amount: int) -> int:
        """The ``amount``-th business day after ``day`` (before it, where negative); 0 leaves the day as it is."""
        step = 1 if amount > 0 else -1
        for _ in range(abs(amount)):
            day += step
            while not self.is_business(day):
                day += step
        return day


WEEKDAYS: Final = "weekdays"
_WEEKEND: Final = frozenset({5, 6})


def _table(region: str) -> holiday_tables.HolidayBase | None:
    country, _, part = region.partition("-")
    try:
        try:
            return holiday_tables.country_holidays(country, subdiv=part or None)
        except NotImplementedError:
            return holiday_tables.country_holidays(country)
    except NotImplementedError:
        return None


def _is_working_day(table: holiday_tables.HolidayBase, when: date) -> bool:
    # A table warns, once a year of it is worked out, that some moving feasts of that year are not known. They are
    # not known to us either; the version of the data is recorded with each decision.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return table.is_working_day(when)


@lru_cache(maxsize=512)
def business_days(name: str) -> BusinessDays:
    """The business days of ``weekdays`` or a region (``US-CA``); one without a table has Monday to Friday."""
    return BusinessDays(name)


def has_holidays(region: str) -> bool:
    """Whether the holiday tables know this region's country. Asks their list: a table takes a while to load."""
    return region.partition("-")[0] in _countries()


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    return frozenset(code for _, *codes in registry.COUNTRIES.values() for code in codes)


def public_holidays(region: str) -> Callable[[int], bool]:
    """Whether a day (an ordinal) is a public holiday of a region; never, where no table knows the region."""
    table = _table(region)
    known: dict[int, bool] = {}

    def is_holiday(day: int) -> bool:
        found = known.get(day)
        if found is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                found = known[day] = table is not None and date.fromordinal(day) in table
        return found

    return is_holiday


@lru_cache(maxsize=200_000)
def _add_months(day: int, amount: int) -> int:
    start = date.fromordinal(day)
    months = start.year * 12 + start.month - 1 + amount
    year, month = divmod(months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return date(year, month + 1, min(start.day, last)).toordinal()


def add(day: int, duration: Duration, business: BusinessDays) -> int:
    """``day`` plus a duration; a month that is too short gives its last day."""
    unit = duration.unit
    if unit == DAY:
        return day + duration.amount
    if unit == WEEK:
        return day + 7 * duration.amount
    if unit == MONTH:
        return _add_months(day, duration.amount)
    assert unit == BUSINESS_DAY  # noqa: S101 - the four units are a closed set
    return business.add(day, duration.amount)


def to_instant(when: datetime) -> Instant:
    """An aware datetime as microseconds since 1970 UTC."""
    delta = when - EPOCH
    return (delta.days * _DAY_S + delta.seconds) * SECOND + delta.microseconds


def to_datetime(at: Instant) -> datetime:
    """The instant as an aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=at)


def data_versions() -> dict[str, str]:
    """The versions of zone and holiday data, recorded with decisions."""
    return {"tzdata": version("tzdata"), "holidays": version("holidays")}
