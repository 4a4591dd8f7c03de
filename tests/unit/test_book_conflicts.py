"""A book that comes again: what may change, and what is an error."""

from __future__ import annotations

from datetime import date

import pytest

from policies.book_conflicts import FIXED_OF_LOAN, Place, event_change, instalment_change, loan_change
from policies.facts import Event, Instalment, Loan

LOAN = Loan("l1", "b1", "personal", "USD", 10000, 0, (), "p", "new", ("a",))
PART = Instalment(1, date(2026, 2, 1), 10000, 100, 0)
EVENT = Event("e1", 5, 5, "payment", loan_id="l1", amount_minor=100)
HERE = Place("loans.csv", 7, 3)


def test_a_loan_may_change_its_policy_segment_and_tags() -> None:
    assert loan_change(HERE, LOAN, LOAN._replace(policy=None, segment="old", tags=())) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("borrower_id", "b2"), ("product", "payday"), ("currency", "EUR"), ("principal_minor", 1), ("disbursed_at", 1),
        ("allocation", ("fee", "penalty", "interest", "principal")),
    ],
)  # fmt: skip
def test_a_loan_may_change_nothing_else(field: str, value: object) -> None:
    problem = loan_change(HERE, LOAN, LOAN._replace(**{field: value}))  # type: ignore[arg-type]
    assert problem is not None
    assert (problem.code, problem.file, problem.line, problem.column) == ("loan-changed", *HERE)
    assert FIXED_OF_LOAN[field] in problem.message


def test_an_instalment_may_neither_change_nor_be_added() -> None:
    assert instalment_change(HERE, "l1", PART, Instalment(*PART)) is None
    changed = instalment_change(HERE, "l1", PART, PART._replace(due_on=date(2026, 2, 2)))
    added = instalment_change(HERE, "l1", None, PART)
    assert changed is not None
    assert added is not None
    assert changed.code == added.code == "instalment-changed"
    assert changed.message != added.message


def test_an_event_that_comes_again_has_the_same_contents() -> None:
    assert event_change(HERE, EVENT, Event(*EVENT)) is None
    problem = event_change(HERE, EVENT, EVENT._replace(amount_minor=200))
    assert problem is not None
    assert problem.code == "event-conflict"
