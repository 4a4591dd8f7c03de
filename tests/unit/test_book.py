"""A whole book: what must hold between its rows, and how what is wrong is told."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from policies.book import read_book
from policies.facts import Book, Instalment
from policies.problems import Problem

BORROWERS = """\
borrower_id,first_name,last_name,language,zone,region
b1,Ann,Miller,en,America/New_York,US-NY
b2,Bob,Stone,en,Europe/London,GB
"""
LOANS = """\
loan_id,borrower_id,product,currency,principal,disbursed_at
l1,b1,personal,USD,200.00,2026-01-01T10:00:00-05:00
l2,b2,payday,JPY,100,2026-01-01T10:00:00Z
"""
INSTALMENTS = """\
loan_id,number,due_on,principal,interest,fees
l1,2,2026-03-01,100.00,1.00,0
l1,1,2026-02-01,100.00,1.50,0.25
l2,1,2026-02-01,100,1,0
"""
EVENTS = """\
event_id,at,known_at,type,borrower_id,loan_id,amount,ref,value
r1,2026-02-05T10:00:00Z,,reversal,,l1,,p1,
p2,2026-02-03T10:00:00Z,2026-02-09T10:00:00Z,payment,,l2,7,,
p1,2026-02-04T10:00:00Z,,payment,,l1,20.00,,
h1,2026-02-06T10:00:00Z,,hold,b1,,,,dispute
x1,2026-02-08T10:00:00Z,,release,,,,h1,
"""


def read(*, limit: int = 100, **changed: str | None) -> tuple[Book | None, list[Problem]]:
    """A small right book with other texts for some of its files; None takes the file away."""
    files: dict[str, str | None] = {
        "borrowers": BORROWERS, "loans": LOANS, "instalments": INSTALMENTS, "events": EVENTS
    }  # fmt: skip
    files |= changed
    return read_book(
        {f"{name}.csv": BytesIO(text.encode()) for name, text in files.items() if text is not None}, limit=limit
    )


def told(**changed: str | None) -> list[tuple[str, str, int]]:
    """The code, file and line of each problem of the changed book, which there then is none of."""
    book, problems = read(limit=100, **changed)
    assert problems
    assert book is None
    return [(p.code, p.file, p.line) for p in problems]


def test_a_right_book_has_its_loans_with_instalments_in_order_and_its_events_as_they_became_known() -> None:
    book, problems = read()
    assert problems == []
    assert book is not None
    assert list(book.persons) == ["b1", "b2"]
    assert [part.number for part in book.loans["l1"].instalments] == [1, 2]
    assert book.loans["l1"].instalments[0] == Instalment(1, book.loans["l2"].instalments[0].due_on, 10000, 150, 25)
    assert [event.event_id for event in book.events] == ["p1", "r1", "h1", "x1", "p2"]


def test_an_amount_is_in_the_minor_units_of_the_loans_currency() -> None:
    book, _ = read()
    assert book is not None
    amounts = {event.event_id: event.amount_minor for event in book.events}
    assert (amounts["p1"], amounts["p2"]) == (2000, 7)


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "line"),
    [
        ("borrowers", "b2,Bob", "b1,Bob", "duplicate-id", 3),
        ("loans", "l2,b2", "l1,b2", "duplicate-id", 3),
        ("loans", "l2,b2", "l2,b9", "unknown-borrower", 3),
        ("instalments", "l2,1", "l9,1", "unknown-loan", 4),
        ("instalments", "l1,2", "l1,1", "duplicate-id", 3),
        ("instalments", "l1,2", "l1,3", "number-missing", 2),
        ("instalments", "l1,2,2026-03-01", "l1,2,2026-02-01", "due-not-later", 2),
        ("instalments", "l1,2,2026-03-01", "l1,2,2026-01-31", "due-not-later", 2),
        ("instalments", "l2,1,2026-02-01,100,1", "l2,1,2026-02-01,100,1.5", "too-many-decimals", 4),
        ("events", "payment,,l1", "payment,,l9", "unknown-loan", 4),
        ("events", "payment,,l2,7", "payment,,l2,7.5", "too-many-decimals", 3),
        ("events", "hold,b1", "hold,b9", "unknown-borrower", 5),
        ("events", "l1,,p1", "l1,,p9", "unknown-ref", 2),
        ("events", "l1,,p1", "l1,,p2", "unknown-ref", 2),
        ("events", "l1,,p1", "l1,,h1", "unknown-ref", 2),
        ("events", ",h1,", ",p1,", "unknown-ref", 6),
        ("events", "p2,2026-02-03", "p1,2026-02-03", "event-conflict", 4),
    ],
)
def test_what_is_wrong_between_rows_is_told_at_its_line(file: str, old: str, new: str, code: str, line: int) -> None:
    text = {"borrowers": BORROWERS, "loans": LOANS, "instalments": INSTALMENTS, "events": EVENTS}[file]
    assert text.count(old) == 1
    assert (code, f"{file}.csv", line) in told(**{file: text.replace(old, new)})


def test_a_number_given_twice_is_told_also_where_a_lower_one_stands_between() -> None:
    again = INSTALMENTS + "l1,2,2026-03-01,100.00,1.00,0\n"
    assert told(instalments=again) == [("duplicate-id", "instalments.csv", 5)]


def test_the_column_of_what_is_wrong_between_rows_is_told() -> None:
    _, problems = read(events=EVENTS.replace("l1,,p1", "l9,,p1"))
    line = EVENTS.splitlines()[1].replace("l1", "l9")
    assert [(p.code, p.column) for p in problems] == [("unknown-loan", line.index("l9") + 1)] * 1 + [
        ("unknown-ref", line.index("p1") + 1)
    ]


def test_the_same_event_again_changes_nothing() -> None:
    again = EVENTS + EVENTS.splitlines()[3] + "\n"
    assert read(events=again) == read()


def test_the_same_event_id_with_other_contents_names_both_lines() -> None:
    _, problems = read(events=EVENTS + "p1,2026-02-04T10:00:00Z,,payment,,l1,21.00,,\n")
    assert [p.code for p in problems] == ["event-conflict"]
    assert "line 7" in problems[0].message
    assert "line 4" in problems[0].message


def test_a_contact_names_a_loan_of_the_person() -> None:
    row = "event_id,at,type,borrower_id,loan_id,channel\nc1,2026-02-08T10:00:00Z,contact,b1,l2,call\n"
    assert told(events=row) == [("not-the-borrowers-loan", "events.csv", 2)]


def test_an_event_of_a_loan_may_say_whose_it_is_if_that_is_so() -> None:
    head = "event_id,at,type,borrower_id,loan_id,amount\n"
    assert read(events=head + "p1,2026-02-08T10:00:00Z,payment,b1,l1,20.00\n")[1] == []
    wrong = told(events=head + "p1,2026-02-08T10:00:00Z,payment,b1,l2,20.00\n")
    assert wrong == [("not-the-borrowers-loan", "events.csv", 2)]


def test_a_loan_without_instalments_is_told() -> None:
    text = "".join(line for line in INSTALMENTS.splitlines(keepends=True) if not line.startswith("l2"))
    assert told(instalments=text) == [("no-instalments", "loans.csv", 3)]


def test_a_file_that_others_need_is_told_once_and_not_for_each_row() -> None:
    assert told(borrowers=None) == [("file-missing", "borrowers.csv", 0)]
    assert told(instalments=None) == [("file-missing", "instalments.csv", 0)]
    assert told(borrowers=None, loans=None) == [
        ("file-missing", "loans.csv", 0), ("file-missing", "borrowers.csv", 0)
    ]  # fmt: skip


def test_a_folder_without_any_file_is_no_book() -> None:
    book, problems = read_book({})
    assert book is None
    assert [p.code for p in problems] == ["file-missing"]


def test_a_file_that_nothing_refers_to_may_be_absent() -> None:
    book, problems = read(events=None)
    assert problems == []
    assert book is not None
    assert book.events == ()


def test_a_file_that_is_no_part_of_a_book_is_told_with_the_nearest() -> None:
    book, problems = read_book({"instalment.csv": BytesIO(b"")})
    assert book is None
    assert (problems[0].code, problems[0].remedy) == ("unknown-file", "did you mean instalments.csv?")


def test_a_wrong_row_is_not_told_again_for_each_row_that_refers_to_it() -> None:
    assert told(borrowers=BORROWERS.replace("Europe/London", "Europe/Nowhere")) == [
        ("unknown-zone", "borrowers.csv", 3)
    ]  # fmt: skip
    assert told(loans=LOANS.replace("JPY", "JPX")) == [("unknown-currency", "loans.csv", 3)]
    assert told(instalments=INSTALMENTS.replace("l2,1", "l2,x")) == [("not-a-number", "instalments.csv", 4)]


def test_problems_beyond_the_limit_are_counted() -> None:
    rows = "".join(f"b{n},Ann,Miller,en,Nowhere,US\n" for n in range(3, 13))
    _, problems = read(limit=4, borrowers=BORROWERS + rows)
    assert [p.code for p in problems] == ["unknown-zone"] * 4 + ["more-problems"]
    assert problems[-1].message == "6 more problems not shown"


REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "book-ng"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real book lies beside the checkout only where it was built")
def test_the_real_book_is_read_without_a_problem() -> None:
    streams = {path.name: path.open("rb") for path in REAL.glob("*.csv")}
    try:
        book, problems = read_book(streams)
    finally:
        for stream in streams.values():
            stream.close()
    assert problems == []
    assert book is not None
    assert (len(book.persons), len(book.loans), len(book.events)) == (2218, 8784, 8784)
    assert all(len(loan.instalments) == 1 for loan in book.loans.values())
