"""What today's code or data decides otherwise is listed: where, when, what, and by which rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import holidays
import pytest

from policies import calendar, judging
from policies.language import environment
from scheduler import journal
from scheduler.ledger import versions
from scheduler.ledger.commit import canonical
from scheduler.replay import core, looks
from scheduler.replay.history import ReplayError
from scheduler.replay.running import Sum
from scheduler.store.database import connect
from tests.histories.driving import World, at, world_at
from tests.histories.stories import begin

Replay = Callable[[str], Sum]


@pytest.fixture
def other_holidays(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[date], None]]:
    """Make a day a holiday everywhere."""
    original = holidays.country_holidays

    def add(day: date) -> None:
        def table(*arguments: Any, **named: Any) -> holidays.HolidayBase:
            made = original(*arguments, **named)
            made.append({day: "Planted"})
            return made

        monkeypatch.setattr(calendar.holiday_tables, "country_holidays", table)
        calendar.business_days.cache_clear()

    yield add
    calendar.business_days.cache_clear()


def test_a_changed_calendar_is_found_with_the_step_that_it_moves(
    replayed: Replay, other_holidays: Callable[[date], None]
) -> None:
    assert replayed("business-days").equal
    other_holidays(date(2026, 4, 7))
    done = replayed("business-days")
    first = next(one for one in done.differences if not one.follows)
    assert (first.loan_id, first.step, first.what) == ("ann-1", "second", ("missing",))
    assert first.at == "2026-04-07T10:00:00+01:00"
    assert first.recorded["outcome"] == "sent" and first.now == {}
    assert first.rules == ("L3", None)
    assert not done.reads


def test_a_calendar_that_differs_on_another_day_differs_in_nothing(
    replayed: Replay, other_holidays: Callable[[date], None]
) -> None:
    other_holidays(date(2026, 12, 1))
    assert replayed("business-days").equal


def test_another_text_is_found_by_its_digest(replayed: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "date_text", lambda value, language: value.isoformat())
    environment.environment.cache_clear()
    done = replayed("part-payments")
    assert done.differing and {one.what for one in done.differences} == {("text",)}
    one = done.differences[0]
    assert one.recorded["text"] != one.now["text"] and len(one.now["text"]) == 64
    assert "Bell" not in repr(done.differences) and "Ann" not in repr(done.differences)


def test_another_reason_is_found_with_both_rules(replayed: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "_because", lambda run, proposal: ({"rule": "L99"},))
    done = replayed("cure")
    one = done.differences[0]
    assert one.what == ("reason",) and one.rules == ("L2", "L99") and one.step == "early"


def test_a_fault_of_today_is_a_difference(replayed: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(borrower: Any, now: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(core, "decide", broken)
    done = replayed("cure")
    assert done.differing == done.looks > 1
    assert {(one.what, one.now["fault"]) for one in done.differences} == {(("fault",), "ZeroDivisionError")}


def test_other_versions_of_data_and_rules_are_notes_and_no_differences(
    replayed: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = {**versions.versions(), "tzdata": "2099.1"}
    monkeypatch.setattr(core, "versions", lambda: today)
    monkeypatch.setattr(core, "digest_of_all", lambda: "0" * 64)
    done = replayed("cure")
    assert done.equal
    assert {(what, now) for what, _, now in done.notes} == {("rules", "0" * 64), ("tzdata", "2099.1")}
    assert set(done.notes.values()) == {done.entries}


def test_entries_are_compared_with_the_versions_that_they_were_written_with(
    replayed: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = canonical({**versions.versions(), "holidays": "99"})
    for module in (journal, looks):
        monkeypatch.setattr(module, "versions_text", lambda: other)
    assert replayed("cure").equal


# --- the database -------------------------------------------------------------------------------------------------


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    with world_at(database_url, tmp_path) as one:
        begin(one, "ann", "bob")
        one.event(at(3, 2, 9), type="payment", loan_id="ann-1", amount="10.00")
        one.days(at(3, 2), 6)
        yield one


CHANGES = {
    "an amount": "UPDATE event SET amount_minor = amount_minor - 1",
    "an instant": "UPDATE event SET at = at + interval '1 second'",
    "when it was known": "UPDATE event SET known_at = known_at + interval '1 second'",
    "an event taken out": "DELETE FROM event",
    "a name": "UPDATE person SET first_name = 'Amy' WHERE borrower_id = 'ann'",
    "a number": "UPDATE person SET phone = '+442079460999' WHERE borrower_id = 'ann'",
    "a zone": "UPDATE borrower SET zone = 'Asia/Tokyo' WHERE borrower_id = 'ann'",
    "a principal": "UPDATE loan SET principal_minor = 1 WHERE loan_id = 'ann-1'",
    "tags": "UPDATE loan SET tags = '{vip}' WHERE loan_id = 'ann-1'",
    "an instalment": "UPDATE instalment SET fees_minor = 1 WHERE loan_id = 'ann-1' AND number = 2",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_fact_changed_in_the_database_is_found(world: World, change: str) -> None:
    assert world.replay().equal
    world.change(CHANGES[change])
    done = world.replay()
    first = done.differences[0]
    assert (first.borrower_id, first.what, first.follows) == ("ann", ("facts",), False)
    assert {one.borrower_id for one in done.differences} == {"ann"}
    assert sum(1 for one in done.differences if one.what == ("facts",)) <= 2


def test_an_entry_that_was_changed_differs_by_what_was_changed(world: World) -> None:
    statement = (
        'UPDATE journal SET entry = replace(entry, \'"channel":"sms"\', \'"channel":"letter"\') '
        'WHERE entry_id = (SELECT max(entry_id) FROM journal WHERE entry LIKE \'%"channel":"sms"%\')'
    )
    with connect(world.url) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        assert connection.execute(statement).rowcount == 1
    done = world.replay()
    assert {one.what for one in done.differences} == {("missing",), ("new",)}
    assert {one.step for one in done.differences} == {"second"}


def test_a_published_text_that_was_changed_stops_the_replay(world: World) -> None:
    world.change("UPDATE policy_version SET source = replace(encode(source, 'escape'), 'was due', 'is due')::bytea")
    with pytest.raises(ReplayError, match="its digest is another"):
        world.replay()


def test_what_is_erased_is_counted_and_the_others_are_replayed(world: World) -> None:
    world.change("DELETE FROM person WHERE borrower_id = 'ann'")
    done = world.replay()
    assert done.equal and (done.erased, done.borrowers) == (1, 1) and done.looks > 1


def test_since_compares_later_looks_alone_of_whoever_was_looked_at_later(world: World) -> None:
    whole = world.replay()
    part = world.replay(since=at(3, 7))
    assert part.equal and part.borrowers == 2 and 0 < part.looks < whole.looks
    assert world.replay(since=at(3, 20)).borrowers == 0
    world.change("UPDATE event SET amount_minor = amount_minor - 1")
    assert world.replay().differing > 0 and not world.replay(since=at(3, 7)).reads


def test_chunks_of_any_size_come_to_the_same_sum(world: World) -> None:
    assert world.replay(at_once=1) == world.replay(at_once=2) == world.replay(at_once=100)
