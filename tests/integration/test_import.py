"""Import of a book into the database: all or nothing, with the problems that reading it into memory finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from policies.book import read_book
from policies.book_rows import FILES
from policies.calendar import to_instant
from policies.problems import InputError, Problem
from policies.versions import Policies, Published
from scheduler.ingest import Count, Imported, import_book, read_files
from scheduler.store.database import Connection, connect
from tests.making import SHARED, policy, step

BOOK = SHARED / "data" / "book-ng"
NOW = to_instant(datetime(2026, 5, 1, tzinfo=UTC))
TABLES = ("borrower", "person", "loan", "instalment", "event", "event_text", "journal")

GOOD = {
    "borrowers.csv": """borrower_id,first_name,last_name,language,zone,region,phone,email,address
b1,Ann,Lee,en,Europe/London,GB,+442079460001,ann@example.com,1 Example Street;Leeds
b2,Bob,"O'Neill, Jr",en,Europe/London,GB,,bob@example.com,
b3,Cy,Back\\slash,en,Asia/Tokyo,JP,,cy@example.com,
""",
    "loans.csv": """loan_id,borrower_id,product,currency,principal,disbursed_at,policy,segment,tags,allocation
l1,b1,personal,GBP,200.00,2026-01-01T10:00:00Z,,new,online;branch,
l2,b1,personal,GBP,50.00,2026-01-02T10:00:00.123456+01:00,,,,interest fee penalty principal
l3,b3,personal,JPY,5000,2026-01-03T10:00:00Z,,,,
""",
    "instalments.csv": """loan_id,number,due_on,principal,interest,fees
l1,1,2026-02-01,100.00,1.50,0
l1,2,2026-03-01,100.00,1.50,0.25
l2,1,2026-02-15,50.00,0,0
l3,1,2026-02-20,5000,100,0
""",
    "events.csv": """event_id,at,known_at,type,borrower_id,loan_id,amount,ref,channel,address,value,from,until,text
e1,2026-02-01T09:00:00Z,,payment,,l1,101.50,,,,,,,
e2,2026-02-03T09:00:00Z,2026-02-09T00:00:00Z,reversal,,l1,,e1,,,,,,
e3,2026-02-05T09:00:00Z,,hold,b1,,,,,,dispute,2026-02-06,2026-03-01T00:00:00Z,"she said: ""no\\never"",
and\tleft"
e4,2026-02-07T09:00:00Z,,release,,,,e3,,,,,,
e5,2026-02-08T09:00:00Z,,opt_out,b3,,,,email,CY@Example.com,,,,STOP
e6,2026-02-08T09:00:00Z,,promise,,l3,5100,,,,,,2026-03-15,
e7,2026-02-10T09:00:00Z,,release,,,,e6,,,,,,
e8,2026-02-11T09:00:00Z,,contact,b1,l2,,,call,,no_answer,,,
""",
}


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as made:
        yield made


def opened(files: Mapping[str, str | bytes]) -> dict[str, BytesIO]:
    """A folder's files, given as text or bytes."""
    return {name: BytesIO(text.encode() if isinstance(text, str) else text) for name, text in files.items()}


def load(connection: Connection, files: Mapping[str, str | bytes], **options: Any) -> Imported:
    given: dict[str, Any] = {"clock_id": 0, "now": NOW, "policies": None, **options}
    return import_book(connection, opened(files), **given)


def refused(connection: Connection, files: Mapping[str, str | bytes], **options: Any) -> list[Problem]:
    before = counts(connection)
    with pytest.raises(InputError) as caught:
        load(connection, files, **options)
    assert counts(connection) == before, "a refused book left something behind"
    return caught.value.problems


def counts(connection: Connection) -> dict[str, int]:
    found = {}
    for table in TABLES:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        assert row is not None
        found[table] = row[0]
    return found


def rows(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    return connection.execute(statement).fetchall()


def in_order(problems: list[Problem]) -> list[Problem]:
    """Problems in the order of file and line; memory tells some of them only when it has read all files."""
    return sorted(problems, key=lambda p: (FILES.index(p.file) if p.file in FILES else -1, p.line, p.column, p.code))


def put(name: str, old: str, new: str) -> dict[str, str]:
    """The good book with one piece of one file replaced."""
    assert GOOD[name].count(old) == 1, old
    return {**GOOD, name: GOOD[name].replace(old, new)}


def add(name: str, *lines: str) -> dict[str, str]:
    """The good book with lines at the end of one file."""
    return {**GOOD, name: GOOD[name] + "".join(f"{line}\n" for line in lines)}


def only(name: str, *lines: str) -> dict[str, str]:
    """One file with these lines alone."""
    return {name: "".join(f"{line}\n" for line in (GOOD[name].partition("\n")[0], *lines))}


# --- what is right ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not BOOK.exists(), reason="../shared/data/book-ng is not beside this checkout")
def test_a_real_book_is_imported_whole(connection: Connection) -> None:
    with read_files(BOOK) as files:
        done = import_book(connection, files, clock_id=0, now=NOW, policies=None)
    assert done == Imported(Count(2_218), Count(8_784), Count(8_784), Count(8_784))


def test_every_field_comes_through_as_it_was_written(connection: Connection) -> None:
    assert load(connection, GOOD) == Imported(Count(3), Count(3), Count(4), Count(8))
    assert rows(connection, "SELECT * FROM person WHERE borrower_id <> 'b2' ORDER BY borrower_id") == [
        ("default", 0, "b1", "Ann", "Lee", "+442079460001", "ann@example.com", "1 Example Street;Leeds"),
        ("default", 0, "b3", "Cy", "Back\\slash", None, "cy@example.com", None),
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
    assert '"borrowers.csv":"sha256:' in entry
    assert not any(word in entry for word in ("Ann", "Lee", "example.com", "Street"))


def test_progress_is_told_by_file(connection: Connection) -> None:
    told: list[tuple[str, int]] = []
    load(connection, GOOD, progress=lambda what, count: told.append((what, count)))
    assert told == [
        ("borrowers.csv", 3), ("loans.csv", 3), ("instalments.csv", 4), ("events.csv", 8), ("checking", 0),
        ("writing", 0),
    ]  # fmt: skip


# --- what is wrong ------------------------------------------------------------------------------------------------

Case = tuple[Mapping[str, str | bytes], list[str]]

WRONG: dict[str, Case] = {
    "the same borrower twice": (
        add("borrowers.csv", "b1,Eve,Fox,en,Europe/London,GB,,,"), ["borrowers.csv:5:1 duplicate-id"],
    ),
    "the same loan three times": (
        add("loans.csv", *["l1,b9,personal,GBP,1.00,2026-01-01T10:00:00Z,,,,"] * 2),
        ["loans.csv:5:1 duplicate-id", "loans.csv:6:1 duplicate-id"],
    ),
    "the same instalment twice": (
        add("instalments.csv", "l1,2,2026-03-02,1.00,0,0"), ["instalments.csv:6:4 duplicate-id"],
    ),
    "a loan of nobody": (put("loans.csv", "l2,b1", "l2,b9"), ["loans.csv:3:4 unknown-borrower",
                                                               "events.csv:10:37 not-the-borrowers-loan"]),
    "an event of nobody": (put("events.csv", "opt_out,b3", "opt_out,b9"), ["events.csv:7:34 unknown-borrower"]),
    "an instalment of no loan": (add("instalments.csv", "l9,7,2026-03-02,1.005,0,0"), [
        "instalments.csv:6:1 unknown-loan"]),
    "a payment for an unknown loan": (
        add("events.csv", "e9,2026-02-01T09:00:00Z,,payment,,l9,1.0001,,,,,,,"), ["events.csv:11:35 unknown-loan"],
    ),
    "more decimals than the currency has": (
        add("instalments.csv", "l3,2,2026-05-02,1.5,0,0.001"),
        ["instalments.csv:6:17 too-many-decimals", "instalments.csv:6:23 too-many-decimals"],
    ),
    "a payment with more decimals than the currency has": (
        add("events.csv", "e9,2026-02-01T09:00:00Z,,payment,,l3,1.50,,,,,,,"), ["events.csv:11:38 too-many-decimals"],
    ),
    "a number left out": (put("instalments.csv", "l1,2,", "l1,3,"), ["instalments.csv:3:1 number-missing"]),
    "numbers from 2": (put("instalments.csv", "l2,1,", "l2,2,"), ["instalments.csv:4:1 number-missing"]),
    "a due date not later": (put("instalments.csv", "2026-03-01", "2026-02-01"), ["instalments.csv:3:1 due-not-later"]),
    "a loan without instalments": (put("instalments.csv", "l2,1,2026-02-15,50.00,0,0\n", ""), [
        "loans.csv:3:1 no-instalments"]),
    "an event twice with other contents": (
        add("events.csv", "e1,2026-02-01T09:00:00Z,,payment,,l1,101.51,,,,,,,"), ["events.csv:11:1 event-conflict"],
    ),
    "a reversal of no payment": (put("events.csv", "l1,,e1,", "l1,,e8,"), ["events.csv:3:60 unknown-ref"]),
    "a reversal of another loan's payment": (
        put("events.csv", "reversal,,l1,", "reversal,,l2,"), ["events.csv:3:60 unknown-ref"],
    ),
    "a release of no hold": (put("events.csv", "release,,,,e3", "release,,,,e1"), ["events.csv:6:37 unknown-ref"]),
    "an event that names a loan and another borrower": (
        put("events.csv", "contact,b1,l2", "contact,b1,l3"), ["events.csv:10:37 not-the-borrowers-loan"],
    ),
    "no borrowers": ({n: t for n, t in GOOD.items() if n != "borrowers.csv"}, ["borrowers.csv:0:0 file-missing"]),
    "no loans": ({n: t for n, t in GOOD.items() if n != "loans.csv"}, ["loans.csv:0:0 file-missing"]),
    "no instalments": ({n: t for n, t in GOOD.items() if n != "instalments.csv"}, ["instalments.csv:0:0 file-missing"]),
    "events alone": (
        {"events.csv": GOOD["events.csv"]}, ["borrowers.csv:0:0 file-missing", "loans.csv:0:0 file-missing"],
    ),
    "nothing": ({}, ["loans.csv:0:0 file-missing"]),
    "another file": ({**GOOD, "loan.csv": "x"}, ["loan.csv:0:0 unknown-file"]),
    "a missing column": (put("loans.csv", ",product", ""), ["loans.csv:1:1 missing-column"]),
    "a row that others may refer to": (
        put("loans.csv", "l1,b1,personal,GBP", "l1,b1,personal,XYZ"), ["loans.csv:2:16 unknown-currency"],
    ),
    "a NUL byte": (put("borrowers.csv", "Bob", "B\0b"), ["borrowers.csv:3:4 forbidden-character"]),
    "a lone surrogate": (
        {**GOOD, "borrowers.csv": GOOD["borrowers.csv"].encode().replace(b"Bob", b"B\xed\xa0\x80b")},
        ["borrowers.csv:3:5 not-utf8"],
    ),
    "broken UTF-8": (
        {**GOOD, "events.csv": GOOD["events.csv"].encode().replace(b"STOP", b"ST\xffP")}, ["events.csv:7:66 not-utf8"],
    ),
    "a huge line": (put("borrowers.csv", "Bob", "B" * 200_000), ["borrowers.csv:3:1 record-too-long"]),
    "a byte order mark": ({**GOOD, "loans.csv": "\ufeff" + GOOD["loans.csv"]}, ["loans.csv:1:1 byte-order-mark"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_the_database_finds_what_memory_finds_where_it_is(name: str, connection: Connection) -> None:
    files, places = WRONG[name]
    found = refused(connection, files)
    book, expected = read_book(opened(files))
    assert book is None
    assert in_order(found) == in_order(expected)
    assert [f"{p.file}:{p.line}:{p.column} {p.code}" for p in found] == places


def test_one_row_of_every_file_is_wrong_and_all_are_told_at_once(connection: Connection) -> None:
    bad = {name: text + "x\n" for name, text in GOOD.items()}
    assert [(p.file, p.code) for p in refused(connection, bad)] == [(name, "wrong-field-count") for name in FILES]


def test_problems_beyond_the_limit_are_counted(connection: Connection) -> None:
    lines = [f"e{n},2026-02-01T09:00:00Z,,payment,,l9,1,,,,,,," for n in range(20, 27)]
    files = add("events.csv", "x", *lines)
    found = refused(connection, files, limit=3)
    assert found == read_book(opened(files), limit=3)[1]
    assert [p.line for p in found] == [11, 12, 13, 0]
    assert found[-1].message == "5 more problems not shown"


def test_a_file_that_can_be_read_only_once_is_told_of_by_line(connection: Connection) -> None:
    class Once(BytesIO):
        def seekable(self) -> bool:
            return False

    files = opened(GOOD) | {"events.csv": Once(GOOD["events.csv"].replace("opt_out,b3", "opt_out,b9").encode())}
    with pytest.raises(InputError) as caught:
        import_book(connection, files, clock_id=0, now=NOW, policies=None)
    assert [(p.line, p.column, p.code) for p in caught.value.problems] == [(7, 1, "unknown-borrower")]


# --- on import again ----------------------------------------------------------------------------------------------

AGAIN: dict[str, Case] = {
    "a loan's principal": (put("loans.csv", "GBP,200.00", "GBP,300.00"), ["loans.csv:2:20 loan-changed"]),
    "a loan's borrower": (put("loans.csv", "l1,b1", "l1,b2"), ["loans.csv:2:4 loan-changed"]),
    "a loan's allocation": (
        put("loans.csv", "interest fee penalty principal", ""), ["loans.csv:3:62 loan-changed"],
    ),
    "an instalment's date": (
        put("instalments.csv", "2026-03-01", "2026-03-02"), ["instalments.csv:3:4 instalment-changed"],
    ),
    "an instalment more": (
        add("instalments.csv", "l1,3,2026-04-01,1.00,0,0"), ["instalments.csv:6:4 instalment-changed"],
    ),
    "an event's amount": (put("events.csv", "101.50", "101.51"), ["events.csv:2:1 event-conflict"]),
    "an event's text": (put("events.csv", "STOP", "STOP!"), ["events.csv:7:1 event-conflict"]),
}  # fmt: skip


@pytest.mark.parametrize("name", AGAIN)
def test_what_is_there_may_not_be_told_otherwise(name: str, connection: Connection) -> None:
    load(connection, GOOD)
    files, places = AGAIN[name]
    found = refused(connection, files)
    assert [f"{p.file}:{p.line}:{p.column} {p.code}" for p in found] == places


def test_a_conflict_with_the_book_names_both(connection: Connection) -> None:
    load(connection, GOOD)
    (found,) = refused(connection, put("events.csv", "101.50", "101.51"))
    assert found.message == ("event_id: 'e1' is on line 2 and, with other contents, in the book that is already there")


def test_a_receipt_of_no_message_is_refused(connection: Connection) -> None:
    found = refused(connection, add("events.csv", "e9,2026-02-01T09:00:00Z,,receipt,,,,0123abc,,,delivered,,,"))
    assert [(p.line, p.column, p.code) for p in found] == [(11, 37, "unknown-ref")]
    assert found[0].message == "ref: there is no message with the id '0123abc'"


# --- policies -----------------------------------------------------------------------------------------------------


def test_each_loan_must_go_by_exactly_one_policy(connection: Connection) -> None:
    ladder = policy([step("a", "due")], currency="GBP", name="british")
    found = refused(connection, GOOD, policies=Policies([Published(ladder)]))
    assert [(p.file, p.line, p.column, p.code) for p in found] == [("loans.csv", 4, 7, "no-policy")]
    assert "no policy applies to loan l3" in found[0].message
    both = Policies([Published(ladder), Published(policy([step("a", "due")], currency="JPY", name="japanese"))])
    assert load(connection, GOOD, policies=both).loans == Count(3)


def test_loans_that_were_there_before_are_not_asked_about_again(connection: Connection) -> None:
    load(connection, GOOD)
    assert load(connection, GOOD, policies=Policies([])).loans == Count(0, 0, 3)
    found = refused(
        connection,
        put("loans.csv", "200.00,2026-01-01T10:00:00Z,", "200.00,2026-01-01T10:00:00Z,x"),
        policies=Policies([]),
    )
    assert [(p.line, p.column, p.code) for p in found] == [(2, 48, "no-policy")]


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
