"""What is wrong between rows of a book, in the same words whether memory or a database found it; and what may change.

Each function takes where the row is (``Place``) and gives the Problem. The ``…_change`` functions compare a row
with the one that came before under the same id, and give None where nothing is wrong.
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from policies.book_text import shown
from policies.facts import Event, Instalment, Loan
from policies.problems import ERROR, Problem


class Place(NamedTuple):
    """A file, a line from 1, and a column in characters from 1 (1 where only the row is known)."""

    file: str
    line: int
    column: int = 1


FIXED_OF_LOAN: Final = {
    "borrower_id": "borrower_id",
    "product": "product",
    "currency": "currency",
    "principal_minor": "principal",
    "disbursed_at": "disbursed_at",
    "allocation": "allocation",
}
"""The fields of a loan that no later import may change, with their columns. Of a person only the id is fixed."""


def duplicate_id(place: Place, column: str, value: str, first_line: int) -> Problem:
    """The same borrower, loan or instalment is there twice."""
    return _problem(
        place, "duplicate-id", f"{column}: {shown(value)} is already on line {first_line}", found=value,
        expected="each once", remedy="take one of the two rows out",
    )  # fmt: skip


def event_conflict(place: Place, event_id: str, first: str) -> Problem:
    """The same event_id with other contents; ``first`` says where the other is: ``on line 7``."""
    return _problem(
        place, "event-conflict", f"event_id: {shown(event_id)} is on line {place.line} and, with other contents, "
        f"{first}", found=event_id, expected="one event an id",
        remedy="give the later one an id of its own; a payment is taken back by a reversal",
    )  # fmt: skip


def no_policy(place: Place, loan: Loan, reason: str) -> Problem:
    """A loan that goes by no policy, or by two; ``reason`` is what ``NoPolicy`` says."""
    return _problem(
        place, "no-policy", f"{'product' if loan.policy is None else 'policy'}: {reason}",
        found=loan.policy or loan.product, expected="exactly one published policy",
        remedy="publish a policy for it, or correct the row",
    )  # fmt: skip


def unknown_borrower(place: Place, borrower_id: str) -> Problem:
    """A loan or an event of a borrower that nobody told of."""
    return _unknown(place, "unknown-borrower", "borrower_id", borrower_id, "borrower", "borrowers.csv")


def unknown_loan(place: Place, loan_id: str) -> Problem:
    """An instalment or an event of a loan that nobody told of."""
    return _unknown(place, "unknown-loan", "loan_id", loan_id, "loan", "loans.csv")


def unknown_ref(place: Place, event_type: str, ref: str) -> Problem:
    """A reversal of no payment of its loan, or a release of no hold."""
    what = "payment of this loan" if event_type == "reversal" else "hold"
    return _problem(
        place, "unknown-ref", f"ref: there is no {what} with the event_id {shown(ref)}", found=ref,
        expected=f"the event_id of a {what}", remedy="correct the ref, or add the event that it names",
    )  # fmt: skip


def not_the_borrowers(place: Place, loan_id: str, borrower_id: str) -> Problem:
    """An event names a loan and a borrower whose loan it is not."""
    return _problem(
        place, "not-the-borrowers-loan", f"loan_id: {shown(loan_id)} is no loan of borrower {shown(borrower_id)}",
        found=loan_id, expected="a loan of that borrower", remedy="correct one of the two",
    )  # fmt: skip


def no_instalments(place: Place, loan_id: str) -> Problem:
    """A loan that never falls due."""
    return _problem(
        place, "no-instalments", f"loan_id: {shown(loan_id)} has no instalments", found=loan_id,
        expected="at least one row in instalments.csv", remedy="add its instalments",
    )  # fmt: skip


def number_missing(place: Place, loan_id: str, expected: int, found: int) -> Problem:
    """The numbers of a loan's instalments are not 1, 2, 3, …"""
    return _problem(
        place, "number-missing", f"number: loan {shown(loan_id)} has no instalment {expected} before {found}",
        found=str(found), expected=str(expected), remedy="number the instalments of a loan 1, 2, 3, …",
    )  # fmt: skip


def due_not_later(place: Place, loan_id: str, number: int, due_on: date, before: date) -> Problem:
    """An instalment that does not fall due after the one before it."""
    return _problem(
        place, "due-not-later", f"due_on: instalment {number} of loan {shown(loan_id)} is due on {due_on}, "
        f"the one before it on {before}", found=str(due_on), expected=f"a date after {before}",
        remedy="put the instalments in the order of their dates; join two of one day",
    )  # fmt: skip


def file_missing(file: str, needed_by: str) -> Problem:
    """A file that another one refers to is absent."""
    return _problem(
        Place(file, 0, 0), "file-missing", f"the file is absent, and {needed_by} needs it", expected=file,
        remedy=f"add {file} to the folder",
    )  # fmt: skip


def loan_change(place: Place, old: Loan, new: Loan) -> Problem | None:
    """A loan that comes again may change its policy, segment and tags; anything else is a Problem."""
    for field, column in FIXED_OF_LOAN.items():
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            return _problem(
                place, "loan-changed", f"{column}: loan {shown(new.loan_id)} is already there with another {column}",
                found=_words(after), expected=_words(before),
                remedy="only policy, segment and tags of a loan may change; what happens to it is told by events",
            )  # fmt: skip
    return None


def instalment_change(place: Place, loan_id: str, old: Instalment | None, new: Instalment) -> Problem | None:
    """An instalment of a loan that was there before may not change, nor may one be added (``old`` is None)."""
    if old == new:
        return None
    message = f"number: instalment {new.number} of loan {shown(loan_id)} "
    return _problem(
        place, "instalment-changed", message + ("is new" if old is None else "is already there with other contents"),
        found=_words(new), expected="no such instalment" if old is None else _words(old),
        remedy="instalments of a loan do not change; what happens to it is told by events",
    )  # fmt: skip


def event_change(place: Place, old: Event, new: Event) -> Problem | None:
    """An event that comes again must have the same contents."""
    return None if old == new else event_conflict(place, new.event_id, "in the book that is already there")


def _words(value: object) -> str:
    if isinstance(value, Instalment):
        parts = (value.principal_minor, value.interest_minor, value.fees_minor)
        return f"{value.due_on} {' '.join(map(str, parts))} (minor units)"
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _unknown(place: Place, code: str, column: str, value: str, what: str, file: str) -> Problem:
    return _problem(
        place, code, f"{column}: there is no {what} {shown(value)}", found=value, expected=f"a {what} of {file}",
        remedy=f"correct the {column}, or add the {what}",
    )  # fmt: skip


def _problem(
    place: Place, code: str, message: str, *, found: str | None = None, expected: str | None = None,
    remedy: str | None = None,
) -> Problem:  # fmt: skip
    return Problem(place.file, place.line, place.column, ERROR, code, message, found, expected, remedy)
