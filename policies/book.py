"""A whole book, read from its CSV files into memory and checked, for simulate and for tests.

For millions of rows, ``book_rows.stream_rows`` reads each file by itself with the same checks of each row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import BinaryIO, Final

from policies import book_conflicts as conflicts
from policies.book_conflicts import Place
from policies.book_events import EventRow
from policies.book_rows import BORROWERS, EVENTS, FILES, INSTALMENTS, LOANS, InstalmentRow, Row, RowReader
from policies.book_text import shown
from policies.book_values import FieldError, in_minor
from policies.facts import Book, Event, Instalment, Loan, Person
from policies.problems import ERROR, Problem

LIMIT: Final = 100


def read_book(files: Mapping[str, BinaryIO], *, limit: int = LIMIT) -> tuple[Book | None, list[Problem]]:
    """The book in ``files`` (name to an open binary file), or no book and what is wrong, in the order of reading.

    At most ``limit`` problems are given, and then one that says how many more there are. Events that are there
    twice with the same contents count once.
    """
    reading = _Reading(frozenset(files), limit)
    for name in sorted(set(files) - set(FILES)):
        reading.add(_unknown_file(name))
    if not files:
        reading.add(conflicts.file_missing(LOANS, "a book"))
    for name, read in (
        (BORROWERS, reading.borrowers),
        (LOANS, reading.loans),
        (INSTALMENTS, reading.instalments),
        (EVENTS, reading.events),
    ):
        if name in files:
            read(RowReader(name, files[name]))
    reading.check_loans()
    reading.check_refs()
    problems = reading.problems()
    return (None if problems else reading.book()), problems


def _unknown_file(name: str) -> Problem:
    close = get_close_matches(name[:80], FILES, n=1, cutoff=0.6)
    return Problem(
        name, 0, 0, ERROR, "unknown-file", f"{shown(name)} is not a file of a book", found=name,
        expected=", ".join(FILES), remedy=f"did you mean {close[0]}?" if close else "take it out of the folder",
    )  # fmt: skip


class _Reading:
    """What has been read so far, and what is wrong with it."""

    def __init__(self, given: frozenset[str], limit: int) -> None:
        self._given = given
        self._limit = limit
        self._problems: list[Problem] = []
        self._more = 0
        self._broken: set[str] = set()
        self._persons: dict[str, Person] = {}
        self._loans: dict[str, Loan] = {}
        self._lines: dict[tuple[str, str], int] = {}
        self._instalments: dict[str, list[tuple[Instalment, int]]] = {}
        self._highest: dict[str, int] = {}
        self._events: dict[str, Event] = {}
        self._refs: list[tuple[Event, Place]] = []
        self._absent: set[str] = set()

    def add(self, problem: Problem) -> None:
        """Keep a problem, or count it where there are enough."""
        if len(self._problems) < self._limit:
            self._problems.append(problem)
        else:
            self._more += 1

    def problems(self) -> list[Problem]:
        """All that was found, up to the limit."""
        if not self._more:
            return self._problems
        text = f"{self._more} more problem{'' if self._more == 1 else 's'} not shown"
        return [*self._problems, Problem("", 0, 0, ERROR, "more-problems", text, remedy="correct these first")]

    def book(self) -> Book:
        """The book that was read, once nothing is wrong with it."""
        loans = {}
        for loan_id, loan in self._loans.items():
            parts = sorted(self._instalments[loan_id], key=lambda item: item[0].number)
            loans[loan_id] = Loan(
                loan.loan_id, loan.borrower_id, loan.product, loan.currency, loan.principal_minor, loan.disbursed_at,
                tuple(part for part, _ in parts), loan.policy, loan.segment, loan.tags, loan.allocation,
            )  # fmt: skip
        events = sorted(self._events.values(), key=lambda event: (event.known_at, event.at, event.event_id))
        return Book(self._persons, loans, tuple(events))

    def borrowers(self, rows: RowReader) -> None:
        """Read ``borrowers.csv``."""
        for row in self._good(rows):
            if isinstance(row, Person) and self._is_first(rows, "borrower_id", row.borrower_id):
                self._persons[row.borrower_id] = row

    def loans(self, rows: RowReader) -> None:
        """Read ``loans.csv``, whose borrowers have been read."""
        for row in self._good(rows):
            if isinstance(row, Loan) and self._is_first(rows, "loan_id", row.loan_id):
                self._loans[row.loan_id] = row
                self._knows_borrower(rows, row.borrower_id)

    def instalments(self, rows: RowReader) -> None:
        """Read ``instalments.csv``, whose loans have been read."""
        for row in self._good(rows):
            if not isinstance(row, InstalmentRow):
                continue
            loan = self._loan(rows, row.loan_id)
            if loan is None:
                continue
            parts = []
            for column, amount_e4 in zip(("principal", "interest", "fees"), row[3:], strict=True):
                parts.append(self._minor(rows, column, amount_e4, loan.currency))
            before = self._instalments.setdefault(row.loan_id, [])
            # Rows mostly come in order, so that a number already there is looked for only below the highest.
            if row.number <= self._highest.get(row.loan_id, 0):
                first = next((line for part, line in before if part.number == row.number), None)
                if first is not None:
                    place = _place(rows, "number")
                    self.add(conflicts.duplicate_id(place, "number", f"{row.loan_id}/{row.number}", first))
                    continue
            else:
                self._highest[row.loan_id] = row.number
            before.append((Instalment(row.number, row.due_on, *parts), rows.line))

    def events(self, rows: RowReader) -> None:
        """Read ``events.csv``, whose borrowers and loans have been read."""
        for row in self._good(rows):
            if not isinstance(row, EventRow):
                continue
            amount_minor = row.amount_e4
            loan = None if row.loan_id is None else self._loan(rows, row.loan_id)
            if loan is not None and amount_minor is not None:
                amount_minor = self._minor(rows, "amount", amount_minor, loan.currency)
            if row.borrower_id is not None:
                self._knows_borrower(rows, row.borrower_id)
                if loan is not None and loan.borrower_id != row.borrower_id:
                    place = _place(rows, "loan_id")
                    self.add(conflicts.not_the_borrowers(place, loan.loan_id, row.borrower_id))
            self._keep_event(rows, Event(*row._replace(amount_e4=amount_minor)))

    def check_loans(self) -> None:
        """Each loan has instalments 1, 2, 3, …, each due after the one before."""
        if INSTALMENTS in self._broken:
            return
        if self._loans and INSTALMENTS not in self._given:
            self.add(conflicts.file_missing(INSTALMENTS, LOANS))
            return
        for loan_id in self._loans:
            if loan_id not in self._instalments:
                place = Place(LOANS, self._lines[LOANS, loan_id])
                self.add(conflicts.no_instalments(place, loan_id))
        for loan_id, parts in self._instalments.items():
            self._check_order(loan_id, parts)

    def check_refs(self) -> None:
        """Each reversal names a payment of its loan; each release a hold, a promise, or a step that held its loan."""
        if EVENTS in self._broken:
            return
        for event, place in self._refs:
            target = self._events.get(event.ref or "")
            if event.type == "reversal":
                good = target is not None and target.type == "payment" and target.loan_id == event.loan_id
            elif target is None:
                good = (event.ref or "").count("/") == 2 and (event.ref or "").partition("/")[0] in self._loans
            else:
                good = target.type in ("hold", "promise")
            if not good:
                self.add(conflicts.unknown_ref(place, event.type, event.ref or ""))

    def _good(self, rows: RowReader) -> Iterator[Row]:
        for item in rows:
            if isinstance(item, Problem):
                # A row that could not be read may be the very one that others refer to.
                self._broken.add(rows.file)
                self.add(item)
            else:
                yield item

    def _check_order(self, loan_id: str, parts: list[tuple[Instalment, int]]) -> None:
        ordered = sorted(parts, key=lambda item: item[0].number)
        for index, (part, line) in enumerate(ordered):
            place = Place(INSTALMENTS, line)
            if part.number != index + 1:
                self.add(conflicts.number_missing(place, loan_id, index + 1, part.number))
                return
            before = ordered[index - 1][0].due_on if index else None
            if before is not None and part.due_on <= before:
                self.add(conflicts.due_not_later(place, loan_id, part.number, part.due_on, before))
                return

    def _keep_event(self, rows: RowReader, event: Event) -> None:
        first = self._events.setdefault(event.event_id, event)
        key = (EVENTS, event.event_id)
        if first is event:
            self._lines[key] = rows.line
            if event.type in ("reversal", "release"):
                self._refs.append((event, _place(rows, "ref")))
        elif first != event:
            place = _place(rows, "event_id")
            self.add(conflicts.event_conflict(place, event.event_id, f"on line {self._lines[key]}"))

    def _is_first(self, rows: RowReader, column: str, value: str) -> bool:
        first_line = self._lines.setdefault((rows.file, value), rows.line)
        if first_line != rows.line:
            self.add(conflicts.duplicate_id(_place(rows, column), column, value, first_line))
        return first_line == rows.line

    def _knows_borrower(self, rows: RowReader, borrower_id: str) -> None:
        if borrower_id not in self._persons and not self._unsure(BORROWERS, rows.file):
            self.add(conflicts.unknown_borrower(_place(rows, "borrower_id"), borrower_id))

    def _loan(self, rows: RowReader, loan_id: str) -> Loan | None:
        loan = self._loans.get(loan_id)
        if loan is None and not self._unsure(LOANS, rows.file):
            self.add(conflicts.unknown_loan(_place(rows, "loan_id"), loan_id))
        return loan

    def _unsure(self, file: str, needed_by: str) -> bool:
        """Whether ``file`` cannot tell what is unknown: it has problems of its own, or is absent (said once)."""
        if file in self._broken or file in self._absent:
            return True
        if file in self._given:
            return False
        self._absent.add(file)
        self.add(conflicts.file_missing(file, needed_by))
        return True

    def _minor(self, rows: RowReader, column: str, amount_e4: int, currency: str) -> int:
        try:
            return in_minor(amount_e4, currency)
        except FieldError as error:
            self._broken.add(rows.file)
            self.add(rows.problem(column, error.code, str(error), found=error.found, expected=error.expected))
            return 0


def _place(rows: RowReader, column: str) -> Place:
    at = rows.problem(column, "", "")
    return Place(at.file, at.line, at.column)
