"""How far a test clock is moved: by seconds to weeks of fixed length, by months of the calendar."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.calendar import to_datetime, to_instant
from policies.facts import SECOND
from scheduler.durations import DurationError, later


def moved(at: str, text: str) -> str:
    return to_datetime(later(to_instant(datetime.fromisoformat(at)), text)).isoformat()


@pytest.mark.parametrize(
    ("text", "to"),
    [
        ("0 days", "2026-01-31T10:00:00+00:00"), ("1 second", "2026-01-31T10:00:01+00:00"),
        ("90 minutes", "2026-01-31T11:30:00+00:00"), ("36 hours", "2026-02-01T22:00:00+00:00"),
        ("1 day", "2026-02-01T10:00:00+00:00"), ("2 weeks", "2026-02-14T10:00:00+00:00"),
        ("1 month", "2026-02-28T10:00:00+00:00"), ("13 Months", "2027-02-28T10:00:00+00:00"),
        ("25 months", "2028-02-29T10:00:00+00:00"), ("1 year", "2027-01-31T10:00:00+00:00"),
        (" 3days ", "2026-02-03T10:00:00+00:00"),
    ],
)  # fmt: skip
def test_a_duration_leads_to_its_instant(text: str, to: str) -> None:
    assert moved("2026-01-31T10:00:00+00:00", text) == to


@pytest.mark.parametrize("text", ["", "day", "-1 day", "1.5 days", "1 business day", "1 day 2 hours", "1 fortnight"])
def test_what_is_none_is_told_with_what_is_expected(text: str) -> None:
    with pytest.raises(DurationError, match="is no duration; expected a number and a unit"):
        later(0, text)


@pytest.mark.parametrize("text", ["999999999 weeks", "999999999 years", "8000 years"])
def test_nothing_leads_past_the_years_that_can_be_reckoned(text: str) -> None:
    with pytest.raises(DurationError, match="leads past the year 9000"):
        later(to_instant(datetime.fromisoformat("2026-01-31T10:00:00+00:00")), text)


@given(
    seconds=st.integers(0, 7_000_000_000),
    months=st.integers(0, 600),
)
def test_a_month_keeps_the_day_or_takes_the_last_one(seconds: int, months: int) -> None:
    at = seconds * SECOND
    begun, ended = to_datetime(at), to_datetime(later(at, f"{months} months"))
    assert (ended.year * 12 + ended.month) - (begun.year * 12 + begun.month) == months
    assert ended.timetz() == begun.timetz()
    assert ended.day == begun.day or (ended.day < begun.day and (ended + timedelta(days=1)).day == 1)
