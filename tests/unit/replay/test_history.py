"""What a look could see: the versions of that revision, and the events known by then."""

from __future__ import annotations

import json

import pytest

from policies.facts import Event, Loan, Person
from scheduler.replay.history import EventThen, History, LoanThen, PersonThen, Written
from scheduler.replay.looks import Aside, Moved, Recorded, taken_apart


def ann(phone: str | None = None) -> Person:
    return Person("b1", "Ann", "Bell", "en", "Europe/London", "GB", phone)


def loan(name: str, *tags: str) -> Loan:
    return Loan(name, "b1", "personal", "GBP", 100, 0, (), tags=tags)


HISTORY = History(
    "default", "b1", bytes(32),
    (PersonThen(2, ann()), PersonThen(5, ann("1"))),
    (LoanThen(2, loan("l1")), LoanThen(4, loan("l1", "vip")), LoanThen(6, loan("l2"))),
    (EventThen(3, Event("e1", 10, 10, "payment")), EventThen(2, Event("e2", 20, 20, "payment"))),
    (),
)  # fmt: skip


@pytest.mark.parametrize(
    ("revision", "phone", "loans"),
    [
        (2, None, [("l1", ())]),
        (4, None, [("l1", ("vip",))]),
        (5, "1", [("l1", ("vip",))]),
        (9, "1", [("l1", ("vip",)), ("l2", ())]),
    ],
)
def test_a_look_sees_the_versions_of_its_revision(
    revision: int, phone: str | None, loans: list[tuple[str, tuple[str, ...]]]
) -> None:
    seen = HISTORY.at(revision, 100)
    assert seen is not None and seen.person.person.phone == phone
    assert [(one.loan_id, one.tags) for one in seen.known.loans] == loans


def test_nobody_is_seen_before_the_first_version() -> None:
    assert HISTORY.at(1, 100) is None


@pytest.mark.parametrize(
    ("revision", "now", "events"),
    [(2, 100, ["e2"]), (3, 100, ["e1", "e2"]), (3, 19, ["e1"]), (3, 20, ["e1", "e2"]), (3, 9, []), (2, 19, [])],
)
def test_an_event_is_seen_once_it_is_there_and_known(revision: int, now: int, events: list[str]) -> None:
    seen = HISTORY.at(revision, now)
    assert seen is not None and [one.event_id for one in seen.known.events] == events


def written(*entries: tuple[int, str]) -> list[Written]:
    return [Written(xact, json.dumps({"kind": kind, "now": n})) for n, (xact, kind) in enumerate(entries)]


def test_entries_of_one_transaction_are_one_look_and_those_of_the_next_another() -> None:
    found = list(taken_apart(written((7, "decision"), (7, "decision"), (8, "looked"), (6, "decision"))))
    assert [len(one.texts) if isinstance(one, Recorded) else 0 for one in found] == [2, 1, 1]
    assert [one.now for one in found if isinstance(one, Recorded)] == [0, 2, 3]


def test_what_was_moved_or_set_aside_stands_between_looks() -> None:
    entries = written(
        (1, "decision"), (2, "migrated"), (2, "migrated"), (3, "set_aside"), (4, "looked"), (5, "hand_over")
    )
    kinds = [type(one) for one in taken_apart(entries)]
    assert kinds == [Recorded, Moved, Moved, Aside, Recorded]
