"""On a real book, ``simulate`` sends exactly what a short oracle sends that shares no code with it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from datetime import time
from functools import lru_cache

import pytest

from policies.book import read_book
from policies.calendar import zone
from policies.facts import Book
from policies.outcome import CURED, REVIEW, SENT, SUPERSEDED, Line
from policies.simulate import Span, simulate
from policies.versions import Policies, Published
from tests.making import SHARED, policy, step
from tests.oracle import sends, step_name

BOOK = SHARED / "data" / "book-ng"
DAYS = (-3, 0, 1, 3, 7, 15, 30, 60)

pytestmark = pytest.mark.skipif(not BOOK.exists(), reason="../shared/data/book-ng is not beside this checkout")


def _at(day: int) -> str:
    return "due" if day == 0 else f"due {'-' if day < 0 else '+'} {abs(day)} {'day' if abs(day) == 1 else 'days'}"


@lru_cache(maxsize=1)
def _book() -> Book:
    with ExitStack() as stack:
        names = ("borrowers.csv", "loans.csv", "instalments.csv", "events.csv")
        book, problems = read_book({name: stack.enter_context((BOOK / name).open("rb")) for name in names})
    assert book is not None, problems
    return book


@lru_cache(maxsize=1)
def _story() -> list[Line]:
    ladder = replace(policy(step(step_name(day), _at(day)) for day in DAYS), currency="NGN", house=False, end=True)
    book = _book()
    start = min(loan.disbursed_at for loan in book.loans.values())
    return [line for line, _ in simulate(Policies([Published(ladder)]), book, Span(start))]


def test_simulate_sends_exactly_what_the_oracle_sends() -> None:
    local = zone("Africa/Lagos").iso
    sent = [
        json.dumps({"at": local(m.at), "borrower_id": m.borrower_id, "loan_id": m.loan_id, "step": m.step})
        for m in _story()
        if m.outcome == SENT
    ]
    expected = sends(BOOK, DAYS, time(10))
    assert len(expected) > 11_000
    assert sent == expected


def test_every_loan_that_was_paid_late_is_cured_once_and_nothing_is_set_aside() -> None:
    late = [line for line in _story() if line.outcome == CURED]
    assert len({line.loan_id for line in late}) == len(late) == 1_585
    assert {line.outcome for line in _story()} == {SENT, CURED, REVIEW, SUPERSEDED}
