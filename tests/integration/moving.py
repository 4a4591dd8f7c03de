"""Test clocks on a database of a test's own: a book to give them, what they tell, and all that they have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

from sqlmodel import SQLModel

from policies import library
from policies.calendar import zone
from policies.example import example_book
from policies.facts import Instant
from scheduler.clocks import Clocks, open_clocks
from scheduler.history import story
from scheduler.named_clocks import Named, find
from scheduler.settings import Settings
from scheduler.store import clock_rows
from scheduler.store.database import Connection

POLICY = "us-personal-loan.yaml"
START = date(2026, 1, 5)


def at(text: str) -> Instant:
    """The first instant of a day, UTC."""
    return zone("UTC").instant(date.fromisoformat(text).toordinal())


def files(persons: int, days: int = 90, seed: int = 7) -> dict[str, bytes]:
    """An example book of the United States; the demo's with its seed and 120 days."""
    texts = example_book(seed, persons, start=START, days=days, markets=("US",))
    return {name: text.encode() for name, text in texts.items()}


def opened(book: dict[str, bytes]) -> dict[str, Any]:
    """The files of a book, as they are read in."""
    return {name: BytesIO(data) for name, data in book.items()}


@contextmanager
def clocks_of(url: str, home: Path, **settings: Any) -> Iterator[Clocks]:
    """The clocks of a database, with the settings of production but for those given."""
    with open_clocks(Settings(home=home, **settings), url) as clocks:
        yield clocks


def make(clocks: Clocks, name: str, persons: int = 6, begins: str = "2026-01-05") -> Named:
    """A clock with a policy of the library and a book."""
    return clocks.create(
        name, at(begins), files=opened(files(persons)), policies=[(POLICY, library.read(POLICY))], by="a test"
    )


def told(clocks: Clocks, name: str) -> list[str]:
    """All that was decided on a clock since it began, as it is printed."""
    one = find(clocks.connection, name)
    return list(story(clocks.connection, one.clock_id, since=one.began))


def rows(connection: Connection, clock_id: int) -> dict[str, list[str]]:
    """Every row of a clock by table, without the clock's id and name, in an order that does not change."""
    found = {}
    for table in sorted(SQLModel.metadata.tables):
        statement = f"SELECT (to_jsonb(t) - 'clock_id' - 'name')::text FROM {table} t WHERE clock_id = %s ORDER BY 1"  # noqa: S608
        if table == "policy_version":
            statement = statement.replace(" - 'name'", "")
        found[table] = [row[0] for row in connection.execute(statement, (clock_id,)).fetchall()]
    return found


def book_rows(connection: Connection, clock_id: int) -> dict[str, list[str]]:
    """The same, of the tables that a fork copies."""
    return {table: of for table, of in rows(connection, clock_id).items() if table in clock_rows.copied_tables()}
