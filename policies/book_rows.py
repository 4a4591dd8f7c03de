"""The four CSV files of a book: their columns, and one record of each read as a row or as problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from operator import itemgetter
from typing import Any, BinaryIO, Final, NamedTuple

from policies import book_values as values
from policies.book_events import EventRow, check_event, event_type
from policies.book_reach import a_phone, an_email
from policies.book_source import Record, column_of, read_records
from policies.book_text import shown
from policies.book_values import FieldError
from policies.facts import COMPONENTS, Loan, Person
from policies.problems import ERROR, Problem

BORROWERS: Final = "borrowers.csv"
LOANS: Final = "loans.csv"
INSTALMENTS: Final = "instalments.csv"
EVENTS: Final = "events.csv"
FILES: Final = (BORROWERS, LOANS, INSTALMENTS, EVENTS)
"""The files of a book, in the order in which they are to be read."""


MOST_COLUMNS: Final = 100
"""No file of a book has so many; a header with more is told once, and not column by column."""


class InstalmentRow(NamedTuple):
    """A row of ``instalments.csv``; amounts in ten-thousandths, as the loan knows the currency (``in_minor``)."""

    loan_id: str
    number: int
    due_on: date
    principal_e4: int
    interest_e4: int
    fees_e4: int


Row = Person | Loan | InstalmentRow | EventRow
"""A row that is right by itself: a person, a loan (without its instalments), an instalment, or an event."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, how a field of it is read, and whether every row must give it."""

    name: str
    read: Callable[[str], Any]
    required: bool = False

    def field(self, text: str) -> Any:
        """The value of a field; None where it is not given. Raises FieldError."""
        if text:
            return self.read(text)
        if self.required:
            raise FieldError("missing-value", "is not given", expected="a value in every row", remedy="fill it in")
        return None


@dataclass(frozen=True, slots=True)
class Table:
    """One file: its columns, in the order in which ``build`` takes their values; build may raise BuildError."""

    columns: tuple[Column, ...]
    build: Callable[[tuple[Any, ...]], Row]


def _person(given: tuple[Any, ...]) -> Row:
    return Person(*given)


def _loan(given: tuple[Any, ...]) -> Row:
    loan_id, borrower_id, product, currency, principal_e4, disbursed_at, policy, segment, tags, allocation = given
    try:
        principal_minor = values.in_minor(principal_e4, currency)
    except FieldError as error:
        error.column = "principal"
        raise
    return Loan(
        loan_id, borrower_id, product, currency, principal_minor, disbursed_at, (), policy, segment, tags or (),
        allocation or COMPONENTS,
    )  # fmt: skip


def _instalment(given: tuple[Any, ...]) -> Row:
    return InstalmentRow._make(given)


def _event(given: tuple[Any, ...]) -> Row:
    if given[2] is None:
        given = (*given[:2], given[1], *given[3:])
    return check_event(EventRow._make(given))


_TABLES: Final = {
    BORROWERS: Table(
        (
            Column("borrower_id", values.an_id, required=True),
            Column("first_name", values.a_name, required=True),
            Column("last_name", values.a_name, required=True),
            Column("language", values.a_language, required=True),
            Column("zone", values.a_zone, required=True),
            Column("region", values.a_region, required=True),
            Column("phone", a_phone),
            Column("email", an_email),
            Column("address", values.a_line),
        ),
        _person,
    ),
    LOANS: Table(
        (
            Column("loan_id", values.an_id, required=True),
            Column("borrower_id", values.an_id, required=True),
            Column("product", values.a_label, required=True),
            Column("currency", values.a_currency, required=True),
            Column("principal", values.an_amount_e4, required=True),
            Column("disbursed_at", values.an_instant, required=True),
            Column("policy", values.a_label),
            Column("segment", values.a_label),
            Column("tags", values.tags),
            Column("allocation", values.allocation),
        ),
        _loan,
    ),
    INSTALMENTS: Table(
        (
            Column("loan_id", values.an_id, required=True),
            Column("number", values.a_number, required=True),
            Column("due_on", values.a_date, required=True),
            Column("principal", values.an_amount_e4, required=True),
            Column("interest", values.an_amount_e4, required=True),
            Column("fees", values.an_amount_e4, required=True),
        ),
        _instalment,
    ),
    EVENTS: Table(
        (
            Column("event_id", values.an_id, required=True),
            Column("at", values.an_instant, required=True),
            Column("known_at", values.an_instant),
            Column("type", event_type, required=True),
            Column("borrower_id", values.an_id),
            Column("loan_id", values.an_id),
            Column("amount", values.an_amount_e4),
            Column("ref", values.a_label),
            Column("channel", values.a_channel),
            Column("address", values.a_line),
            Column("value", values.a_label),
            Column("from", values.instant_or_date),
            Column("until", values.instant_or_date),
            Column("text", values.a_text),
        ),
        _event,
    ),
}


def stream_rows(file: str, stream: BinaryIO) -> Iterator[tuple[int, Row] | Problem]:
    """Every row of one file of a book, each with its line, or a Problem; memory is bounded whatever the stream holds.

    ``file`` is one of FILES. Each row is checked by itself; what needs other rows is for the caller.
    """
    reader = RowReader(file, stream)
    for item in reader:
        yield item if isinstance(item, Problem) else (reader.line, item)


class RowReader:
    """Reads the rows of one file in turn; of the row that it is at, it knows the line and where each column begins."""

    __slots__ = ("_order", "_record", "_stream", "file")

    def __init__(self, file: str, stream: BinaryIO) -> None:
        self.file = file
        self._stream = stream
        self._order: dict[str, int] = {}
        self._record = Record(1, "", [])

    @property
    def line(self) -> int:
        """The line on which the row begins, from 1."""
        return self._record.line

    def problem(
        self, column: str, code: str, message: str, *, found: str | None = None, expected: str | None = None,
        remedy: str | None = None,
    ) -> Problem:  # fmt: skip
        """A Problem of the row that was read last, at a column; the message names the column first."""
        index = self._order.get(column)
        place = 1 if index is None else column_of(self._record.text, index)
        return Problem(
            self.file, self.line, place, ERROR, code, f"{column}: {message}", found=found, expected=expected,
            remedy=remedy,
        )  # fmt: skip

    def __iter__(self) -> Iterator[Row | Problem]:
        table = _TABLES[self.file]
        records = read_records(self.file, self._stream)
        header = next(records, None)
        problems = self._read_header(table, header)
        yield from problems
        if any(p.code != "byte-order-mark" for p in problems):
            return
        names = list(self._order)
        by_name = {column.name: column for column in table.columns}
        reads = [by_name[name].read for name in names]
        required = itemgetter(*(index for index, name in enumerate(names) if by_name[name].required))
        width = len(names)
        # A column that the file does not have reads the None that is put behind the fields.
        in_order = itemgetter(*(self._order.get(column.name, width) for column in table.columns))
        build = table.build
        for record in records:
            if isinstance(record, Problem):
                yield record
                continue
            self._record = record
            fields = record.fields
            if len(fields) != width:
                yield self._wrong_width(width)
                continue
            try:
                found = [read(text) if text else None for read, text in zip(reads, fields, strict=True)]
                if None in required(found):
                    yield from self._explain(by_name, in_order, build)
                    continue
                found.append(None)
                row = build(in_order(found))
            except FieldError:
                yield from self._explain(by_name, in_order, build)
                continue
            yield row

    def _explain(
        self, columns: dict[str, Column], in_order: Callable[[list[Any]], tuple[Any, ...]],
        build: Callable[[tuple[Any, ...]], Row],
    ) -> Iterator[Problem]:  # fmt: skip
        """Every problem of the row: those of its fields, or where there is none, that of the row as a whole."""
        found: list[Any] = []
        good = True
        for name, text in zip(self._order, self._record.fields, strict=True):
            try:
                found.append(columns[name].field(text))
            except FieldError as error:
                good = False
                yield self._field_problem(name, error)
        if good:
            try:
                build(in_order([*found, None]))
            except FieldError as error:
                yield self._field_problem(error.column, error)

    def _field_problem(self, column: str, error: FieldError) -> Problem:
        return self.problem(
            column, error.code, str(error), found=error.found, expected=error.expected, remedy=error.remedy
        )

    def _wrong_width(self, width: int) -> Problem:
        count = len(self._record.fields)
        return Problem(
            self.file, self.line, 1, ERROR, "wrong-field-count", f"the row has {count} fields", found=str(count),
            expected=f"{width}, as the header has",
            remedy="look for a comma too many or too few; a field that holds a comma is written in quotation marks",
        )  # fmt: skip

    def _read_header(self, table: Table, header: Record | Problem | None) -> list[Problem]:
        if isinstance(header, Problem):
            return [header]
        known = [column.name for column in table.columns]
        if header is None:
            return [self._header_problem(0, "empty-file", "the file is empty", expected="a header: " + ",".join(known))]
        problems = []
        if header.text.startswith("\ufeff"):
            problems.append(self._header_problem(
                0, "byte-order-mark", "the file begins with a byte order mark", found="U+FEFF",
                remedy="save it as UTF-8 without a byte order mark",
            ))  # fmt: skip
            header = Record(header.line, header.text[1:], [header.fields[0].removeprefix("\ufeff"), *header.fields[1:]])
        self._record = header
        other = next((s for s in ";\t" if s in header.text), None)
        if len(header.fields) == 1 and other is not None:
            return [*problems, self._header_problem(
                0, "wrong-separator", f"the columns have {'a tab' if other != ';' else other} between them",
                found=other, expected="a comma", remedy="save it as CSV with commas (RFC 4180)",
            )]  # fmt: skip
        if len(header.fields) > MOST_COLUMNS:
            return [*problems, self._header_problem(
                0, "too-many-columns", f"the header has {len(header.fields):,} columns",
                found=str(len(header.fields)), expected=", ".join(known), remedy="take the others out",
            )]  # fmt: skip
        for index, name in enumerate(header.fields):
            if name in self._order:
                problems.append(self._header_problem(
                    index, "duplicate-column", f"{name}: the column is there twice", found=shown(name),
                    remedy="take one of them out",
                ))  # fmt: skip
            elif name not in known:
                close = get_close_matches(name[:80].strip().lower(), known, n=1, cutoff=0.6)
                problems.append(self._header_problem(
                    index, "unknown-column", f"{shown(name)} is not a column of {self.file}", found=shown(name),
                    expected=", ".join(known), remedy=f"did you mean {shown(close[0])}?" if close else None,
                ))  # fmt: skip
            else:
                self._order[name] = index
        problems += [
            self._header_problem(
                0, "missing-column", f"{column.name}: the column is missing", expected="it in the header, as every "
                "row must give it", remedy="add the column",
            )
            for column in table.columns
            if column.required and column.name not in self._order
        ]  # fmt: skip
        return problems

    def _header_problem(
        self, index: int, code: str, message: str, *, found: str | None = None, expected: str | None = None,
        remedy: str | None = None,
    ) -> Problem:  # fmt: skip
        return Problem(
            self.file, self.line, column_of(self._record.text, index), ERROR, code, message, found=found,
            expected=expected, remedy=remedy,
        )  # fmt: skip
