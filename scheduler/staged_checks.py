"""What is wrong between the staged rows of a book, found by set-based SQL, in the words of ``book_conflicts``.

Each check is a statement that gives a line and what its Problem tells of the row. Checks that take rows out leave
each id once for the checks after them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from policies import book_conflicts as conflicts
from policies.book_conflicts import Place
from policies.book_rows import BORROWERS, EVENTS, INSTALMENTS, LOANS
from policies.book_text import shown
from policies.book_values import FieldError, in_minor
from policies.calendar import EPOCH
from policies.facts import Instalment, Loan
from policies.problems import ERROR, Problem
from policies.versions import NoPolicy, Policies
from scheduler.findings import Findings
from scheduler.store import staged_conflicts as sql
from scheduler.store.database import Connection

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: the file whose rows it looks at, and how a Problem is made of a row that it finds.

    ``refers_to`` is the file that could make the row right: where that file has errors of its own, nothing is said.
    ``only`` says which of the rows that the statement gives are wrong. Without ``by_column`` the row as a whole is.
    ``whole`` is a file of which every row must have been read, and ``breaks`` says that a row was not read after all.
    An ``unsound`` check is left out where one look at all rows of its file found them sound.
    """

    file: str
    sql: str
    problem: Callable[[Place, Values], Problem]
    refers_to: str | None = None
    only: str = "true"
    by_column: bool = True
    whole: str | None = None
    unsound: bool = False
    breaks: bool = False


def _decimals(place: Place, row: Values) -> Problem:
    column, amount_e4, currency = row
    try:
        in_minor(amount_e4, currency)
    except FieldError as error:
        return Problem(
            *place, ERROR, error.code, f"{column}: {error}", found=error.found, expected=error.expected,
            remedy=error.remedy,
        )  # fmt: skip
    raise AssertionError(f"{amount_e4} is an amount of {currency}")


def _order(place: Place, row: Values) -> Problem:
    loan_id, number, at, due_on, before = row
    if number != at:
        return conflicts.number_missing(place, loan_id, at, number)
    return conflicts.due_not_later(place, loan_id, number, due_on, before)


def _loan_changed(place: Place, row: Values) -> Problem:
    loan_id = row[0]
    old, new = (
        Loan(loan_id, borrower, product, currency, minor, (at - EPOCH) // timedelta(microseconds=1), (),
             allocation=tuple(order))
        for borrower, product, currency, minor, at, order in (row[1:7], row[7:13])
    )  # fmt: skip
    return _certain(conflicts.loan_change(place, old, new))


def _instalment_changed(place: Place, row: Values) -> Problem:
    loan_id, number = row[:2]
    old = None if row[2] is None else Instalment(number, *row[2:6])
    return _certain(conflicts.instalment_change(place, loan_id, old, Instalment(number, *row[6:10])))


def _certain(problem: Problem | None) -> Problem:
    if problem is None:
        raise AssertionError("the database finds a difference where memory finds none")
    return problem


def _ref(place: Place, row: Values) -> Problem:
    kind, ref = row
    if kind != "receipt":
        return conflicts.unknown_ref(place, kind, ref)
    return Problem(
        *place, ERROR, "unknown-ref", f"ref: there is no message with the id {shown(ref)}", found=ref,
        expected="the id of a message that was decided here", remedy="correct the ref, or take the row out",
    )  # fmt: skip


_SOUND: Final = {INSTALMENTS: sql.SOUND_INSTALMENTS, EVENTS: sql.SOUND_EVENTS}
"""What tells that the ``unsound`` checks of a file would find nothing, in one look for all of them."""

_CHECKS: Final = (
    Check(BORROWERS, sql.DUPLICATE_BORROWERS, lambda p, r: conflicts.duplicate_id(p, "borrower_id", *r)),
    Check(LOANS, sql.DUPLICATE_LOANS, lambda p, r: conflicts.duplicate_id(p, "loan_id", *r)),
    Check(LOANS, sql.LOANS_OF_NOBODY, lambda p, r: conflicts.unknown_borrower(p, *r), refers_to=BORROWERS),
    Check(LOANS, sql.CHANGED_LOANS, _loan_changed),
    Check(
        INSTALMENTS, sql.INSTALMENTS_OF_NO_LOAN, lambda p, r: conflicts.unknown_loan(p, *r), refers_to=LOANS,
        unsound=True,
    ),
    Check(INSTALMENTS, sql.INSTALMENT_DECIMALS, _decimals, unsound=True, breaks=True),
    Check(
        INSTALMENTS, sql.DUPLICATE_INSTALMENTS,
        lambda p, r: conflicts.duplicate_id(p, "number", f"{r[0]}/{r[1]}", r[2]), unsound=True,
    ),
    Check(INSTALMENTS, sql.CHANGED_INSTALMENTS, _instalment_changed, unsound=True),
    Check(
        EVENTS, sql.EVENTS_OF_NO_LOAN, lambda p, r: conflicts.unknown_loan(p, *r), refers_to=LOANS, unsound=True
    ),
    Check(EVENTS, sql.EVENT_DECIMALS, _decimals, unsound=True, breaks=True),
    Check(EVENTS, sql.EVENTS_OF_NOBODY, lambda p, r: conflicts.unknown_borrower(p, *r), refers_to=BORROWERS),
    Check(EVENTS, sql.NOT_THE_BORROWERS, lambda p, r: conflicts.not_the_borrowers(p, *r), unsound=True),
    Check(EVENTS, sql.EVENT_TWICE, lambda p, r: conflicts.event_conflict(p, r[0], f"on line {r[1]}"), only="differs"),
    Check(
        EVENTS, sql.CHANGED_EVENTS,
        lambda p, r: conflicts.event_conflict(p, r[0], "in the book that is already there"),
    ),
    Check(
        LOANS, sql.LOANS_WITHOUT_INSTALMENTS, lambda p, r: conflicts.no_instalments(p, *r), by_column=False,
        whole=INSTALMENTS,
    ),
    Check(INSTALMENTS, sql.INSTALMENT_ORDER, _order, by_column=False, whole=INSTALMENTS, unsound=True),
    Check(EVENTS, sql.UNKNOWN_REFS, _ref, whole=EVENTS),
)  # fmt: skip
"""In the order in which they are to run."""


class Checks:
    """Runs the checks over what was staged of the files ``given``, for one lender and clock."""

    def __init__(
        self, connection: Connection, keys: dict[str, Any], given: frozenset[str], there: dict[str, bool],
        findings: Findings,
    ) -> None:  # fmt: skip
        """``there``: whether borrowers.csv and loans.csv add to rows that are there already."""
        self._connection = connection
        self._keys = keys
        self._given = given
        self._there = there
        self._findings = findings
        self._missing: set[str] = set()

    def run(self, policies: Policies | None) -> None:
        """Every check whose files were given."""
        sound: dict[str, bool] = {}
        for check in _CHECKS:
            if check.file not in self._given or not self._is_whole(check.whole):
                continue
            if check.unsound and check.file not in sound:
                row = self._connection.execute(_SOUND[check.file], self._keys).fetchone()
                sound[check.file] = bool(row and row[0])
            if not (check.unsound and sound[check.file]):
                self._run(check)
        if LOANS in self._given and INSTALMENTS not in self._given and self._any_new_loan():
            self._file_missing(INSTALMENTS, LOANS)
        if policies is not None:
            self._policies(policies)

    def _is_whole(self, file: str | None) -> bool:
        return file is None or (file in self._given and file not in self._findings.broken)

    def _run(self, check: Check) -> None:
        """The rows that a check finds are problems, unless the file that they refer to cannot tell."""
        statement = f"""
            WITH found AS ({check.sql}) SELECT count(*) OVER (), * FROM found WHERE {check.only}
            ORDER BY 2, 3 LIMIT %(limit)s
        """  # noqa: S608 - the pieces are this project's own
        rows = self._connection.execute(statement, {**self._keys, "limit": self._findings.limit}).fetchall()
        if not rows or check.refers_to in self._findings.broken:
            return
        if check.refers_to is not None and not self._can_tell(check.refers_to):
            self._file_missing(check.refers_to, check.file)
            return
        problems = [check.problem(Place(check.file, row[1]), row[2:]) for row in rows]
        self._findings.add_found(check.file, problems, rows[0][0], by_column=check.by_column)
        if check.breaks:
            self._findings.broken.add(check.file)

    def _any_new_loan(self) -> bool:
        return self._connection.execute(sql.ANY_NEW_LOAN, self._keys).fetchone() is not None

    def _can_tell(self, file: str) -> bool:
        return file in self._given or self._there[file]

    def _file_missing(self, file: str, needed_by: str) -> None:
        if file not in self._missing:
            self._missing.add(file)
            self._findings.add_found(file, [conflicts.file_missing(file, needed_by)], 1)

    def _policies(self, policies: Policies) -> None:
        """Each new or changed loan goes by exactly one published policy; asked once for all that are alike."""
        problems = []
        rows = self._connection.execute(sql.POLICY_QUESTIONS, self._keys).fetchall()
        for line, loan_id, borrower_id, policy, product, region, currency in rows:
            loan = Loan(loan_id, borrower_id, product, currency, 0, 0, (), policy)
            try:
                policies.name_for(loan, region)
            except NoPolicy as error:
                problems.append(conflicts.no_policy(Place(LOANS, line), loan, str(error)))
        self._findings.add_found(LOANS, problems[: self._findings.limit], len(problems), by_column=True)
