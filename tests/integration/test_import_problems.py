"""Import refuses a book that is wrong, whole, with the problems that reading it into memory finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO

import pytest

from policies.book import read_book
from policies.book_rows import FILES
from policies.problems import InputError
from policies.versions import Policies, Published
from scheduler.ingest import Count, import_book
from scheduler.store.database import Connection, connect
from tests.importing import GOOD, NOW, add, in_order, load, opened, put, refused
from tests.making import policy, step


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as made:
        yield made


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
