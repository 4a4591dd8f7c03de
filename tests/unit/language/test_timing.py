"""Times are read as the policy language writes them, and nothing else is."""

from __future__ import annotations

import pytest

from policies.contract import BUSINESS_DAY, DAY, MONTH, WEEK, Duration
from policies.language.timing import AtWritten, TimingError, at_text, parse_at, parse_clock, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("due", AtWritten("due", Duration(0, DAY), None)),
        ("due, 18:00", AtWritten("due", Duration(0, DAY), 64_800)),
        ("due + 1 day", AtWritten("due", Duration(1, DAY), None)),
        ("due - 3 days", AtWritten("due", Duration(-3, DAY), None)),
        ("due + 3 business days, 18:00", AtWritten("due", Duration(3, BUSINESS_DAY), 64_800)),
        ("due - 1 business day", AtWritten("due", Duration(-1, BUSINESS_DAY), None)),
        ("due + 2 weeks, 00:00", AtWritten("due", Duration(2, WEEK), 0)),
        ("due + 1 month, 23:59", AtWritten("due", Duration(1, MONTH), 86_340)),
        ("due + 0 business days", AtWritten("due", Duration(0, DAY), None)),
        ("offer.made + 2 days", AtWritten("offer.made", Duration(2, DAY), None)),
        ("offer.expires - 1 day, 09:00", AtWritten("offer.expires", Duration(-1, DAY), 32_400)),
        ("first-reminder.done + 1 week", AtWritten("first-reminder.done", Duration(1, WEEK), None)),
        ("due+3 days,18:00", AtWritten("due", Duration(3, DAY), 64_800)),
    ],
)
def test_an_at_is_an_anchor_a_duration_and_a_time_of_day(text: str, expected: AtWritten) -> None:
    assert parse_at(text) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not-a-time"),
        ("due +", "not-a-duration"),
        ("due + 3", "not-a-duration"),
        ("due + three days", "not-a-duration"),
        ("due + 3 days 18:00", "not-a-duration"),
        ("due + 3 days, 24:00", "not-a-time-of-day"),
        ("due + 3 days, 9:00", "not-a-time-of-day"),
        ("due + 3 days, 18:00, 19:00", "not-a-time"),
        ("due + 3 days + 1 day", "not-a-time"),
        ("due + 3661 days", "duration-too-long"),
        ("due + 999999999999999999999999 days", "not-a-duration"),
        ("due + ٣ days", "not-a-duration"),
        ("Due + 3 days", "not-a-time"),
        ("due " * 100, "not-a-time"),
    ],
)
def test_anything_else_is_refused_with_its_code(text: str, code: str) -> None:
    with pytest.raises(TimingError) as caught:
        parse_at(text)
    assert caught.value.code == code
    assert caught.value.expected


@pytest.mark.parametrize("text", ["1 day", "2 days", "1 business day", "10 business days", "3 weeks", "1 month"])
def test_a_duration_is_a_number_and_a_unit(text: str) -> None:
    assert str(parse_duration(text).amount) == text.split()[0]
    assert parse_duration(text).unit == text.split(maxsplit=1)[1].removesuffix("s")


def test_a_time_of_day_is_seconds_since_midnight() -> None:
    assert parse_clock("09:30") == 34_200


def test_a_time_is_written_back_in_full() -> None:
    assert at_text("due", Duration(-3, DAY), 37_800) == "due - 3 days, 10:30"
    assert at_text("due", Duration(1, MONTH), 0) == "due + 1 month, 00:00"
    assert at_text("due", Duration(0, DAY), 3_600) == "due, 01:00"
