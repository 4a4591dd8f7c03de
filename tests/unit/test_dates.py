"""A borrower who moves: the new zone takes effect at the next local midnight, and no date that has come is undone."""

from __future__ import annotations

import pytest

from policies.calendar import zone
from policies.facts import SECOND
from policies.loan import LoanFacts
from policies.situation import find_whereabouts
from policies.state import Whereabouts
from tests.making import loan, local, person

MADRID, TOKYO, HAWAII = "Europe/Madrid", "Asia/Tokyo", "Pacific/Honolulu"


def test_where_a_person_is_at_first_is_their_zone() -> None:
    assert find_whereabouts(person(zone_name=MADRID), None, local("2026-03-01 12:00")) == Whereabouts(MADRID)


def test_a_new_zone_waits_for_the_next_local_midnight_of_the_old_one() -> None:
    now, midnight = local("2026-03-01 12:00"), local("2026-03-02 00:00")
    moved = person(zone_name=TOKYO)
    told = find_whereabouts(moved, Whereabouts(MADRID), now)
    assert told == Whereabouts(MADRID, coming=TOKYO, starts=midnight)
    assert find_whereabouts(moved, told, midnight - SECOND).zone == MADRID
    assert find_whereabouts(moved, told, midnight) == Whereabouts(TOKYO, MADRID, midnight)


def test_a_zone_taken_back_before_midnight_never_comes() -> None:
    now = local("2026-03-01 12:00")
    told = find_whereabouts(person(zone_name=TOKYO), Whereabouts(MADRID), now)
    assert find_whereabouts(person(zone_name=MADRID), told, now + SECOND) == Whereabouts(MADRID)


def test_the_first_midnight_of_a_day_that_begins_late_is_its_first_instant() -> None:
    now = local("2026-04-23 12:00", "Africa/Cairo")
    told = find_whereabouts(person(zone_name=TOKYO), Whereabouts("Africa/Cairo"), now)
    assert zone("Africa/Cairo").iso(told.starts) == "2026-04-24T01:00:00+03:00"


@pytest.mark.parametrize(
    ("moved_at", "past_due_at"),
    [
        # The due date was over in Madrid when the move took effect: it stays over, though Hawaii is still in it.
        ("2026-03-02 00:00", "2026-03-02 00:00"),
        # It was not: the day goes by the new zone.
        ("2026-03-01 00:00", "2026-03-02 11:00"),
    ],
)
def test_moving_west_does_not_undo_a_date_that_has_come(moved_at: str, past_due_at: str) -> None:
    one = loan({"2026-03-01": "100.00"}, local("2026-02-01 09:00"))
    facts = LoanFacts(one, (), zone(HAWAII), (zone(MADRID), local(moved_at)))
    assert facts.past_due_at == [local(past_due_at)]


def test_moving_east_lets_no_date_come_before_the_move() -> None:
    one = loan({"2026-03-01": "100.00"}, local("2026-02-01 09:00"))
    moved = local("2026-03-01 23:00")
    facts = LoanFacts(one, (), zone(TOKYO), (zone(MADRID), moved))
    assert facts.past_due_at == [moved]
