"""Local time at its edges: clocks that change, days that begin late, midnights that come twice, business days."""

from __future__ import annotations

from datetime import date
from itertools import product
from string import ascii_uppercase

import holidays as holiday_tables
import pytest

from policies.calendar import UnknownZone, add, business_days, has_holidays, zone
from policies.facts import SECOND
from tests.making import duration, local, seconds


def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


@pytest.mark.parametrize(
    ("zone_name", "day", "clock", "shown"),
    [
        ("Europe/Madrid", "2026-03-29", "01:59", "2026-03-29T01:59:00+01:00"),
        ("Europe/Madrid", "2026-03-29", "02:00", "2026-03-29T03:00:00+02:00"),  # does not exist
        ("Europe/Madrid", "2026-03-29", "02:30", "2026-03-29T03:30:00+02:00"),
        ("Europe/Madrid", "2026-03-29", "03:00", "2026-03-29T03:00:00+02:00"),
        ("Europe/Madrid", "2026-10-25", "01:59", "2026-10-25T01:59:00+02:00"),
        ("Europe/Madrid", "2026-10-25", "02:30", "2026-10-25T02:30:00+02:00"),  # twice: the first
        ("Europe/Madrid", "2026-10-25", "03:00", "2026-10-25T03:00:00+01:00"),
        ("America/New_York", "2026-03-08", "02:30", "2026-03-08T03:30:00-04:00"),
        ("America/New_York", "2026-11-01", "01:30", "2026-11-01T01:30:00-04:00"),
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-04T02:45:00+11:00"),  # a gap of half an hour
        ("Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-05T01:45:00+11:00"),
        ("America/Santiago", "2026-04-04", "23:30", "2026-04-04T23:30:00-03:00"),
        ("Asia/Kathmandu", "2026-05-01", "10:00", "2026-05-01T10:00:00+05:45"),
        ("Pacific/Kiritimati", "2026-01-01", "00:00", "2026-01-01T00:00:00+14:00"),
        ("Pacific/Pago_Pago", "2026-01-01", "00:00", "2026-01-01T00:00:00-11:00"),
    ],
)
def test_a_clock_time_is_read_before_the_gap_and_as_the_first_of_two(
    zone_name: str, day: str, clock: str, shown: str
) -> None:
    home = zone(zone_name)
    assert home.iso(home.instant(_day(day), seconds(clock))) == shown


@pytest.mark.parametrize(
    ("zone_name", "day", "shown", "before"),
    [
        ("Europe/Madrid", "2026-03-29", "2026-03-29T00:00:00+01:00", "2026-03-28T23:59:59+01:00"),
        ("Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00+03:00", "2026-04-23T23:59:59+02:00"),
        ("Africa/Cairo", "2026-10-30", "2026-10-30T00:00:00+02:00", "2026-10-29T23:59:59+02:00"),
        ("Asia/Beirut", "2026-03-29", "2026-03-29T01:00:00+03:00", "2026-03-28T23:59:59+02:00"),
        ("Asia/Beirut", "2026-10-25", "2026-10-25T00:00:00+02:00", "2026-10-24T23:59:59+02:00"),
        ("America/Havana", "2026-03-08", "2026-03-08T01:00:00-04:00", "2026-03-07T23:59:59-05:00"),
        ("America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00", "2026-10-31T23:59:59-04:00"),
        ("America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00", "2026-09-05T23:59:59-04:00"),
        ("America/Santiago", "2026-04-05", "2026-04-05T00:00:00-04:00", "2026-04-04T23:59:59-04:00"),
        ("Atlantic/Azores", "2026-03-29", "2026-03-29T01:00:00+00:00", "2026-03-28T23:59:59-01:00"),
        ("Atlantic/Azores", "2026-10-25", "2026-10-25T00:00:00+00:00", "2026-10-24T23:59:59+00:00"),
        ("Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00", "2011-12-29T23:59:59-10:00"),  # never was
        ("Pacific/Apia", "2011-12-31", "2011-12-31T00:00:00+14:00", "2011-12-29T23:59:59-10:00"),
    ],
)
def test_a_day_begins_at_its_first_instant(zone_name: str, day: str, shown: str, before: str) -> None:
    home = zone(zone_name)
    first = home.instant(_day(day))
    assert home.iso(first) == shown
    assert home.iso(first - SECOND) == before
    assert home.day(first - SECOND) < home.day(first)


@pytest.mark.parametrize("zone_name", ["Africa/Cairo", "America/Havana", "Asia/Beirut", "Atlantic/Azores"])
def test_every_day_of_a_year_begins_where_the_one_before_ends(zone_name: str) -> None:
    home = zone(zone_name)
    for day in range(_day("2026-01-01"), _day("2027-01-01")):
        first = home.instant(day)
        assert (home.day(first - SECOND), home.day(first)) == (day - 1, day)


def test_the_two_sides_of_the_date_line_are_a_day_and_an_hour_apart() -> None:
    east, west = (zone(name).instant(_day("2026-07-01")) for name in ("Pacific/Kiritimati", "Pacific/Pago_Pago"))
    assert west - east == 25 * 3600 * SECOND


def test_an_instant_is_a_day_and_a_time_of_day_also_before_1970() -> None:
    home = zone("Europe/Madrid")
    at = local("1969-12-31 23:59", "Europe/Madrid")
    assert (home.day(at), home.tod(at)) == (_day("1969-12-31"), seconds("23:59"))


def test_a_zone_that_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownZone, match="Europe/Atlantis"):
        zone("Europe/Atlantis")


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("2026-01-31", "1 month", "2026-02-28"),
        ("2028-01-31", "1 month", "2028-02-29"),  # a leap year
        ("2028-02-29", "12 months", "2029-02-28"),
        ("2026-01-31", "2 months", "2026-03-31"),  # from the anchor itself, not by way of February
        ("2026-10-31", "4 months", "2027-02-28"),
        ("2026-12-31", "1 month", "2027-01-31"),
        ("2026-11-30", "1 month", "2026-12-30"),
        ("2026-01-31", "1 day", "2026-02-01"),
        ("2028-02-28", "1 day", "2028-02-29"),
        ("2026-12-28", "1 week", "2027-01-04"),
        ("2026-03-06", "1 business day", "2026-03-09"),  # a Friday
        ("2026-03-07", "1 business day", "2026-03-09"),  # a Saturday
        ("2026-03-06", "6 business days", "2026-03-16"),
        ("2026-03-07", "0 business days", "2026-03-07"),
    ],
)
def test_a_length_is_added_to_the_date(start: str, length: str, end: str) -> None:
    assert date.fromordinal(add(_day(start), duration(length), business_days("weekdays"))) == date.fromisoformat(end)


@pytest.mark.parametrize(
    ("start", "amount", "end"),
    [("2026-03-09", -1, "2026-03-06"), ("2026-03-08", -1, "2026-03-06"), ("2026-03-16", -6, "2026-03-06")],
)
def test_business_days_are_counted_backwards_too(start: str, amount: int, end: str) -> None:
    assert business_days("weekdays").add(_day(start), amount) == _day(end)


@pytest.mark.parametrize(
    ("region", "day", "business"),
    [
        ("US", "2026-01-01", False),
        ("US", "2026-07-03", False),  # the 4th of July is a Saturday
        ("US", "2026-05-25", False),  # Memorial Day
        ("US", "2026-12-28", True),
        ("US-CA", "2026-03-31", False),  # Cesar Chavez Day
        ("US", "2026-03-31", True),
        ("GB", "2026-12-25", False),
        ("GB", "2026-12-28", False),  # for Boxing Day, a Saturday
        ("GB", "2026-07-03", True),
        ("GB-SCT", "2026-01-02", False),
        ("GB", "2026-01-02", True),
        ("CN", "2026-02-17", False),  # the new year
        ("CN", "2026-10-01", False),
        ("CN", "2026-12-25", True),
        ("IN", "2026-01-26", False),
        ("IN", "2026-10-02", False),
        ("IN", "2026-08-14", True),
        ("ZZ", "2026-12-25", True),  # no table: Monday to Friday
        ("ZZ", "2026-12-26", False),
        ("weekdays", "2026-01-01", True),
        ("EG", "2026-03-06", False),  # Fridays and Saturdays there
        ("EG", "2026-03-08", True),
    ],
)
def test_business_days_are_those_of_the_region(region: str, day: str, business: bool) -> None:
    assert business_days(region).is_business(_day(day)) is business


def test_only_regions_with_a_table_have_holidays() -> None:
    assert has_holidays("US-TX")
    assert not has_holidays("ZZ")


def test_the_list_of_countries_is_that_of_the_tables() -> None:
    for code in map("".join, product(ascii_uppercase, repeat=2)):
        try:
            known = holiday_tables.country_holidays(code) is not None
        except NotImplementedError:
            known = False
        assert has_holidays(code) is known, code
