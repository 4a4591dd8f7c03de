"""However a book is spoiled, the database finds what memory finds, and takes in what memory takes in."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Rollback

from policies.book import read_book
from policies.problems import InputError, Problem
from scheduler.ingest import Imported, import_book
from scheduler.store.database import Connection, connect
from tests.importing import GOOD, NOW, in_order, opened

Rows = dict[str, list[list[str]]]


@pytest.fixture(scope="module")
def connection(module_database_url: str) -> Iterator[Connection]:
    with connect(module_database_url) as made:
        yield made


@st.composite
def spoiled(draw: st.DrawFn) -> dict[str, str]:
    """The good book after a few slips: rows lost, repeated or moved, fields taken from other rows or cut off."""
    book: Rows = {name: list(csv.reader(StringIO(text, newline=""))) for name, text in GOOD.items()}
    for _ in range(draw(st.integers(0, 4))):
        rows = book[draw(st.sampled_from(sorted(book)))]
        if len(rows) < 2:
            continue
        at, other = draw(st.integers(1, len(rows) - 1)), draw(st.integers(1, len(rows) - 1))
        column = draw(st.integers(0, len(rows[0]) - 1))
        slip = draw(st.sampled_from(("lose", "repeat", "move", "copy", "cut", "clear")))
        if slip == "lose":
            del rows[at]
        elif slip == "repeat":
            rows.insert(other, list(rows[at]))
        elif slip == "move":
            rows[at], rows[other] = rows[other], rows[at]
        elif slip == "copy":
            rows[at] = [*rows[at][:column], rows[other][column], *rows[at][column + 1 :]]
        elif slip == "cut":
            rows[at] = [*rows[at][:column], rows[at][column][:-1], *rows[at][column + 1 :]]
        else:
            rows[at] = [*rows[at][:column], "", *rows[at][column + 1 :]]
    lost = draw(st.sets(st.sampled_from(sorted(book)), max_size=1)) if draw(st.integers(0, 9)) == 0 else set()
    return {name: _text(rows) for name, rows in book.items() if name not in lost}


def _text(rows: list[list[str]]) -> str:
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def imported(connection: Connection, files: dict[str, str]) -> tuple[Imported | None, list[Problem]]:
    """What an import comes to; nothing of it stays."""
    done: Imported | None = None
    try:
        with connection.transaction():
            done = import_book(connection, opened(files), clock_id=0, now=NOW, policies=None)
            raise Rollback
    except InputError as error:
        return None, error.problems
    return done, []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=spoiled())
def test_the_database_and_memory_find_the_same(files: dict[str, str], connection: Connection) -> None:
    book, expected = read_book(opened(files))
    done, found = imported(connection, files)
    assert in_order(found) == in_order(expected)
    if book is not None:
        assert done is not None
        assert (done.borrowers.new, done.loans.new, done.events.new) == (
            len(book.persons), len(book.loans), len(book.events),
        )  # fmt: skip
