"""Holds: from when to when they are in force, and how several of them are one stop."""

from __future__ import annotations

from datetime import date

from policies.calendar import zone
from policies.facts import SECOND, Event
from policies.stops import Stops, holds_of
from tests.making import local

MADRID = zone("Europe/Madrid")
DAY_1, DAY_2, DAY_5, DAY_9 = (local(f"2026-03-{day:02} 12:00") for day in (1, 2, 5, 9))


def _hold(name: str, at: int, **parts: object) -> Event:
    return Event(name, at, at, "hold", loan_id="L", value="dispute", **parts)  # type: ignore[arg-type]


def _release(ref: str, at: int) -> Event:
    return Event(f"{ref}-release", at, at, "release", ref=ref)


def _stops(*events: Event) -> Stops:
    return Stops(holds_of(events, MADRID))


def test_a_hold_until_a_date_ends_at_that_days_first_instant() -> None:
    stops = _stops(_hold("h", DAY_1, until=date(2026, 3, 5)))
    end = local("2026-03-05 00:00")
    assert stops.at(DAY_1 - SECOND) is None
    assert stops.at(DAY_1) is not None
    assert stops.at(end - SECOND) is not None
    assert stops.at(end) is None
    assert stops.free_from(DAY_2) == end


def test_a_hold_may_begin_later_than_it_is_told() -> None:
    stops = _stops(_hold("h", DAY_1, start=date(2026, 3, 5), until=date(2026, 3, 6)))
    assert stops.at(DAY_2) is None
    assert stops.at(local("2026-03-05 00:00")) is not None


def test_a_hold_without_an_end_lasts_until_the_release_that_names_it() -> None:
    held = _hold("h", DAY_1)
    assert _stops(held).free_from(DAY_9) is None
    assert _stops(held, _release("other", DAY_2)).free_from(DAY_9) is None
    assert _stops(held, _release("h", DAY_5)).free_from(DAY_2) == DAY_5


def test_a_release_may_come_in_any_order_and_the_earliest_counts() -> None:
    assert _stops(_release("h", DAY_9), _hold("h", DAY_1), _release("h", DAY_5)).free_from(DAY_2) == DAY_5


def test_a_release_after_the_end_changes_nothing_and_one_before_the_start_undoes_the_hold() -> None:
    until = _hold("h", DAY_2, until=date(2026, 3, 5))
    assert _stops(until, _release("h", DAY_9)).free_from(DAY_2) == local("2026-03-05 00:00")
    assert _stops(until, _release("h", DAY_1)).holds == ()


def test_a_promise_holds_until_the_day_after_its_date() -> None:
    promise = Event("p", DAY_1, DAY_1, "promise", loan_id="L", amount_minor=5_000, until=date(2026, 3, 4))
    stops = _stops(promise)
    assert [hold.reason for hold in stops.holds] == ["promise"]
    assert stops.free_from(DAY_1) == local("2026-03-05 00:00")


def test_of_several_holds_the_one_that_ends_last_counts_and_they_stop_without_a_break() -> None:
    stops = _stops(
        _hold("a", DAY_1, until=date(2026, 3, 5)),
        _hold("b", DAY_2, until=date(2026, 3, 7)),
        _hold("c", local("2026-03-07 00:00"), until=date(2026, 3, 9)),
        _hold("d", local("2026-03-20 00:00")),
    )
    assert stops.free_from(DAY_1) == local("2026-03-09 00:00")
    assert stops.since(local("2026-03-08 12:00")) == DAY_1
    assert stops.since(DAY_9) is None
    assert stops.since(local("2026-03-21 00:00")) == local("2026-03-20 00:00")
