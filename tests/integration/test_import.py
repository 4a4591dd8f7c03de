"""Import of a book into the database: every field comes through, and exactly those are woken whom it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from policies.book import read_book
from policies.calendar import to_instant
from policies.example import example_book
from policies.problems import InputError
from scheduler.ingest import Count, Imported, import_book, read_files
from scheduler.store.database import Connection, connect
from tests.importing import GOOD, NOW, TABLES, add, counts, load, only, opened, put, rows
from tests.making import SHARED

BOOK = SHARED / "data" / "book-ng"


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as made:
        yield made


# --- what is right ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not BOOK.exists(), reason="../shared/data/book-ng is not beside this checkout")
def test_a_real_book_is_imported_whole(connection: Connection) -> None:
    with read_files(BOOK) as files:
        done = import_book(connection, files, clock_id=0, now=NOW, policies=None)
    assert done == Imported(Count(2_218), Count(8_784), Count(8_784), Count(8_784))


def test_the_example_book_is_imported_as_memory_reads_it(connection: Connection) -> None:
    files = example_book(7, 40, start=date(2026, 1, 5))
    done = load(connection, files)
    book, problems = read_book(opened(files))
    assert book is not None, problems
    assert done.borrowers == Count(40) == Count(len(book.persons))
    assert done.loans == Count(len(book.loans))
    assert done.instalments == Count(sum(len(loan.instalments) for loan in book.loans.values()))
    assert done.events == Count(len(book.events))
    ids = [(loan.loan_id, loan.principal_minor, loan.disbursed_at) for loan in book.loans.values()]
    stored = rows(connection, "SELECT loan_id, principal_minor, disbursed_at FROM loan ORDER BY 1")
    assert [(loan_id, minor, to_instant(at)) for loan_id, minor, at in stored] == sorted(ids)
    known = [(event.event_id, event.at, event.known_at, event.amount_minor) for event in book.events]
    # A refusal is written down once more for each holder of its address, with its origin in ref.
    told = rows(
        connection,
        "SELECT event_id, at, known_at, amount_minor FROM event WHERE type <> 'opt_out' OR ref IS NULL "
        "ORDER BY known_at, at, event_id",
    )
    assert [(i, to_instant(at), to_instant(since), minor) for i, at, since, minor in told] == known


def test_every_field_comes_through_as_it_was_written(connection: Connection) -> None:
    assert load(connection, GOOD) == Imported(Count(3), Count(3), Count(4), Count(8))
    columns = "borrower_id, first_name, last_name, phone, email, address"
    assert rows(connection, f"SELECT {columns} FROM person WHERE borrower_id <> 'b2' ORDER BY 1") == [  # noqa: S608
        ("b1", "Ann", "Lee", "+442079460001", "ann@example.com", "1 Example Street;Leeds"),
        ("b3", "Cy", "Back\\slash", None, "cy@example.com", None),
    ]
    columns = "loan_id, principal_minor, disbursed_at, policy, segment, tags, allocation"
    assert rows(connection, f"SELECT {columns} FROM loan ORDER BY 1") == [  # noqa: S608
        ("l1", 20_000, datetime(2026, 1, 1, 10, tzinfo=UTC), None, "new", ["online", "branch"],
         ["penalty", "fee", "interest", "principal"]),
        ("l2", 5_000, datetime(2026, 1, 2, 9, 0, 0, 123_456, tzinfo=UTC), None, None, [],
         ["interest", "fee", "penalty", "principal"]),
        ("l3", 5_000, datetime(2026, 1, 3, 10, tzinfo=UTC), None, None, [],
         ["penalty", "fee", "interest", "principal"]),
    ]  # fmt: skip
    assert rows(connection, "SELECT * FROM event_text ORDER BY event_id") == [
        ("default", 0, "e3", None, 'she said: "no\\never",\nand\tleft'),
        ("default", 0, "e5", "CY@example.com", "STOP"),
    ]
    assert rows(connection, "SELECT number, principal_minor, interest_minor, fees_minor FROM instalment "
                            "WHERE loan_id IN ('l1', 'l3') ORDER BY loan_id, number") == [
        (1, 10_000, 150, 0), (2, 10_000, 150, 25), (1, 5_000, 100, 0),
    ]  # fmt: skip


def test_every_event_is_about_a_borrower_and_only_some_about_a_loan(connection: Connection) -> None:
    load(connection, GOOD)
    assert rows(connection, "SELECT event_id, borrower_id, loan_id, amount_minor, ref FROM event ORDER BY 1") == [
        ("e1", "b1", "l1", 10_150, None), ("e2", "b1", "l1", None, "e1"), ("e3", "b1", None, None, None),
        ("e4", "b1", None, None, "e3"), ("e5", "b3", None, None, None), ("e6", "b3", "l3", 5_100, None),
        ("e7", "b3", None, None, "e6"), ("e8", "b1", "l2", None, None),
    ]  # fmt: skip
    found = rows(connection, "SELECT from_at, from_on::text, until_at, until_on::text FROM event WHERE type = 'hold'")
    assert found == [(None, "2026-02-06", datetime(2026, 3, 1, tzinfo=UTC), None)]


def test_a_new_borrower_is_looked_at_when_the_first_loan_is_paid_out_and_never_without_a_loan(
    connection: Connection,
) -> None:
    load(connection, add("events.csv", "e9,2026-02-08T09:00:00Z,,opt_out,b2,,,,email,,,,,"))
    assert rows(connection, "SELECT borrower_id, wake_at, revision FROM borrower ORDER BY 1") == [
        ("b1", datetime(2026, 1, 1, 10, tzinfo=UTC), 1),
        ("b2", None, 1),
        ("b3", datetime(2026, 1, 3, 10, tzinfo=UTC), 1),
    ]


def everything(connection: Connection) -> list[list[tuple[Any, ...]]]:
    return [rows(connection, f"SELECT * FROM {t} ORDER BY 1, 2, 3, 4") for t in TABLES if t != "journal"]  # noqa: S608


def test_importing_twice_changes_nothing_and_wakes_nobody(connection: Connection) -> None:
    load(connection, GOOD)
    connection.execute("UPDATE borrower SET wake_at = NULL")
    before = everything(connection)
    done = load(connection, GOOD)
    assert done == Imported(Count(0, 0, 3), Count(0, 0, 3), Count(0, 0, 4), Count(0, 0, 8))
    assert everything(connection) == before


def test_events_alone_add_to_the_book_and_wake_exactly_those_whom_they_concern(connection: Connection) -> None:
    load(connection, GOOD)
    connection.execute("UPDATE borrower SET wake_at = '2030-01-01Z' WHERE borrower_id <> 'b3'")
    header = GOOD["events.csv"].partition("\n")[0]
    done = load(
        connection, {"events.csv": f"{header}\ne9,2026-03-01T09:00:00Z,2026-03-04T00:00:00Z,payment,,l1,5,,,,,,,\n"}
    )
    assert done.events == Count(1)
    assert rows(connection, "SELECT borrower_id, wake_at, revision FROM borrower ORDER BY 1") == [
        ("b1", datetime(2026, 3, 4, tzinfo=UTC), 2),
        ("b2", datetime(2030, 1, 1, tzinfo=UTC), 1),
        ("b3", datetime(2026, 1, 3, 10, tzinfo=UTC), 1),
    ]


def test_a_release_told_later_finds_the_borrower_of_its_hold(connection: Connection) -> None:
    load(connection, GOOD)
    load(connection, only("events.csv", "e9,2026-03-01T09:00:00Z,,release,,,,e6,,,,,,"))
    load(connection, only("events.csv", "e10,2026-03-01T09:00:00Z,,release,,,,l1/2/forbearance,,,,,,"))
    assert rows(connection, "SELECT event_id, borrower_id FROM event WHERE event_id IN ('e9', 'e10') ORDER BY 1") == [
        ("e10", "b1"), ("e9", "b3"),
    ]  # fmt: skip


def test_a_changed_person_and_a_changed_loan_are_looked_at_now(connection: Connection) -> None:
    load(connection, GOOD)
    connection.execute("UPDATE borrower SET wake_at = NULL")
    files = put("borrowers.csv", "b2,Bob", "b2,Robert")
    files["loans.csv"] = files["loans.csv"].replace(
        "JPY,5000,2026-01-03T10:00:00Z,,,,", "JPY,5000,2026-01-03T10:00:00Z,,big,,"
    )
    done = load(connection, files)
    assert (done.borrowers, done.loans) == (Count(0, 1, 2), Count(0, 1, 2))
    now = datetime(2026, 5, 1, tzinfo=UTC)
    assert rows(connection, "SELECT borrower_id, wake_at, revision FROM borrower ORDER BY 1") == [
        ("b1", None, 1), ("b2", now, 2), ("b3", now, 2),
    ]  # fmt: skip
    assert rows(connection, "SELECT first_name FROM person WHERE borrower_id = 'b2'") == [("Robert",)]
    assert rows(connection, "SELECT segment FROM loan WHERE loan_id = 'l3'") == [("big",)]


def test_a_new_loan_of_a_borrower_who_is_there_wakes_them_when_it_is_paid_out(connection: Connection) -> None:
    load(connection, GOOD)
    loan = only("loans.csv", "l9,b2,personal,GBP,10.00,2026-06-01T10:00:00Z,,,,")
    load(connection, {**loan, **only("instalments.csv", "l9,1,2026-07-01,10.00,0,0")})
    assert rows(connection, "SELECT wake_at, revision FROM borrower WHERE borrower_id = 'b2'") == [
        (datetime(2026, 6, 1, 10, tzinfo=UTC), 2)
    ]


def test_lenders_and_clocks_keep_their_books_apart(connection: Connection) -> None:
    for options in ({"lender_id": "other"}, {"clock_id": 7}, {}):
        assert load(connection, GOOD, **options).loans == Count(3)
    assert counts(connection)["event"] == 24


def test_the_journal_tells_of_the_import_without_personal_data(connection: Connection) -> None:
    load(connection, GOOD)
    ((kind, at, entry),) = rows(connection, "SELECT kind, at, entry FROM journal")
    assert (kind, at) == ("imported", datetime(2026, 5, 1, tzinfo=UTC))
    assert '"loans":{"changed":0,"new":3,"unchanged":0}' in entry
    digest = sha256(GOOD["borrowers.csv"].encode()).hexdigest()
    assert f'"borrowers.csv":"sha256:{digest}"' in entry
    assert not any(word in entry for word in ("Ann", "Lee", "example.com", "Street"))


def test_progress_is_told_by_file(connection: Connection) -> None:
    told: list[tuple[str, int]] = []
    load(connection, GOOD, progress=lambda what, count: told.append((what, count)))
    assert told == [
        ("borrowers.csv", 3), ("loans.csv", 3), ("instalments.csv", 4), ("events.csv", 8), ("checking", 0),
        ("writing", 0),
    ]  # fmt: skip


# --- the folder ---------------------------------------------------------------------------------------------------


def test_a_folder_is_read_with_its_csv_files_only(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("about this book", encoding="utf-8")
    (tmp_path / "events.csv").write_text("event_id", encoding="utf-8")
    with read_files(tmp_path) as files:
        assert {name: stream.read() for name, stream in files.items()} == {"events.csv": b"event_id"}
    assert all(stream.closed for stream in files.values())


def test_a_file_of_no_book_is_named_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "borrower.csv").write_text("x", encoding="utf-8")
    with pytest.raises(InputError) as caught, read_files(tmp_path):
        raise AssertionError("it was opened")
    assert caught.value.problems == read_book({"borrower.csv": BytesIO()})[1]


@pytest.mark.parametrize("name", ["nowhere", "events.csv"])
def test_a_path_that_is_no_folder_is_said_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "events.csv").write_text("x", encoding="utf-8")
    with pytest.raises(InputError) as caught, read_files(tmp_path / name):
        raise AssertionError("it was opened")
    (problem,) = caught.value.problems
    assert (problem.file, problem.code) == (str(tmp_path / name), "cannot-read")
