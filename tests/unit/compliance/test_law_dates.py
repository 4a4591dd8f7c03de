"""The dates that rules speak of, as the law counts them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.compliance import dates

A_DAY = st.dates(date(2000, 1, 1), date(2100, 12, 31))


def test_ten_business_days_leave_out_weekends_and_the_holidays_given() -> None:
    assert dates.business_days_after(date(2026, 10, 5), 10, [date(2026, 10, 12)]) == date(2026, 10, 20)
    assert dates.business_days_after(date(2026, 10, 5), 10, []) == date(2026, 10, 19)


def test_without_holidays_given_those_of_the_region_count() -> None:
    assert dates.business_days_after(date(2026, 10, 5), 10) == date(2026, 10, 20)
    assert dates.business_days_after(date(2026, 10, 5), 10, region="weekdays") == date(2026, 10, 19)


@given(A_DAY, st.integers(1, 40))
def test_a_business_day_is_never_on_a_weekend_and_none_is_skipped(start: date, n: int) -> None:
    end = dates.business_days_after(start, n, [])
    between = [start + timedelta(days=step) for step in range(1, (end - start).days + 1)]
    assert end.weekday() < 5
    assert sum(1 for day in between if day.weekday() < 5) == n


@pytest.mark.parametrize(
    ("last", "years", "until"),
    [
        (date(2026, 2, 28), 3, date(2029, 2, 28)),
        (date(2028, 2, 29), 3, date(2031, 2, 28)),
        (date(2024, 2, 29), 4, date(2028, 2, 29)),
        (date(2026, 10, 14), 3, date(2029, 10, 14)),
    ],
)
def test_a_record_is_kept_until_the_same_day_years_later_or_the_last_of_february(
    last: date, years: int, until: date
) -> None:
    assert dates.retention_until(last, years) == until


def test_a_demand_restarts_limitation_unless_it_is_too_late_or_too_early() -> None:
    due = date(2023, 3, 1)
    assert dates.limitation_end(due, [date(2025, 6, 10)], 3) == date(2028, 6, 10)
    assert dates.limitation_end(due, [date(2022, 1, 1)], 3) == date(2026, 3, 1)
    assert dates.limitation_end(due, [date(2026, 3, 2)], 3) == date(2026, 3, 1)
    assert dates.limitation_end(due, [date(2026, 3, 1)], 3) == date(2029, 3, 1)


def test_each_demand_in_time_restarts_limitation_up_to_the_longest() -> None:
    demands = [date(2041, 1, 1), *(date(year, 1, 1) for year in range(2025, 2041, 2))]
    assert dates.limitation_end(date(2023, 3, 1), demands, 3) == date(2044, 1, 1)
    assert dates.limitation_end(date(2023, 3, 1), demands, 3, longest=20) == date(2043, 3, 1)


def test_the_first_day_of_a_moratorium_is_one_of_its_days() -> None:
    assert dates.moratorium_last_day(date(2026, 9, 3), 60) == date(2026, 11, 1)
    assert dates.moratorium_last_day(date(2026, 9, 3), 1) == date(2026, 9, 3)


def test_the_day_of_a_conversation_is_the_first_of_the_seven_that_it_closes() -> None:
    period = dates.closed_period(date(2026, 8, 11), 7)
    assert (period.last_day, period.next_open_day) == (date(2026, 8, 17), date(2026, 8, 18))


def test_a_notice_is_assumed_received_five_days_later_without_weekends_and_federal_holidays() -> None:
    assert dates.assumed_receipt(date(2026, 10, 5)) == date(2026, 10, 13)
    assert dates.assumed_receipt(date(2026, 10, 5), []) == date(2026, 10, 12)


def test_the_validation_period_ends_thirty_days_after_receipt_or_assumed_receipt() -> None:
    assert dates.validation_period_end(date(2026, 10, 5)) == date(2026, 11, 12)
    assert dates.validation_period_end(received=date(2026, 10, 7)) == date(2026, 11, 6)


def test_a_validation_period_without_a_day_to_begin_is_refused() -> None:
    with pytest.raises(ValueError, match="sent, or received"):
        dates.validation_period_end()


def test_a_complaint_has_fifteen_days_and_at_most_sixty() -> None:
    found = dates.complaint_deadline(date(2026, 10, 5))
    assert (found.due, found.latest) == (date(2026, 10, 20), date(2026, 12, 4))


def test_calendar_days_after_a_day_do_not_count_it() -> None:
    assert dates.plus_days(date(2026, 10, 5), 5) == date(2026, 10, 10)
    assert dates.notice_ends(date(2026, 10, 1), 14) == date(2026, 10, 15)
    assert dates.plus_months(date(2026, 11, 30), 3) == date(2027, 2, 28)
