"""Reads the journal in the order of the ledger: the entry of a number, the number of an entry, all in a stream."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from scheduler.ledger.commit import message_key
from scheduler.ledger.tree import TILE_WIDTH
from scheduler.store.database import Connection

_FETCHED_AT_ONCE = 4_096

_FIRST = """
SELECT first_xact, first_entry FROM ledger_tile
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND level = 0 AND place = %(place)s
"""

_COUNT = """
SELECT count(*) FILTER (WHERE entry_id < %(entry)s OR xact < %(xact)s), count(*) FROM journal
WHERE lender_id = %(lender)s AND clock_id = %(clock)s
  AND (xact, entry_id) >= (%(first_xact)s, %(first_entry)s) AND (xact, entry_id) <= (%(xact)s, %(entry)s)
"""

_COLUMNS = "xact, entry_id, at, kind, borrower_key, loan_key, entry"

_AT = f"""
SELECT {_COLUMNS} FROM journal
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND (xact, entry_id) >= (%(first_xact)s, %(first_entry)s)
ORDER BY xact, entry_id LIMIT 1 OFFSET %(skip)s
"""  # noqa: S608 - the columns are named above

_ALL = f"""
SELECT {_COLUMNS} FROM journal WHERE lender_id = %(lender)s AND clock_id = %(clock)s ORDER BY xact, entry_id
"""  # noqa: S608

_FROM = f"""
SELECT {_COLUMNS} FROM journal
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND (xact, entry_id) >= (%(xact)s, %(entry)s)
ORDER BY xact, entry_id LIMIT %(limit)s
"""  # noqa: S608

_OF_BORROWER = f"""
SELECT {_COLUMNS} FROM journal
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND borrower_key = %(borrower)s
  AND position(%(text)s IN entry) > 0
ORDER BY xact, entry_id
"""  # noqa: S608

_MESSAGE = """
SELECT m.message_id, m.borrower_id, b.key, p.salt FROM message m
JOIN borrower b USING (lender_id, clock_id, borrower_id) LEFT JOIN person p USING (lender_id, clock_id, borrower_id)
WHERE m.lender_id = %(lender)s AND m.clock_id = %(clock)s
  AND m.message_id >= %(message)s AND m.message_id < %(message)s || 'g' LIMIT 2
"""


class Row(NamedTuple):
    """A row of the journal; keys as the database has them, ``entry`` the leaf's text."""

    xact: int
    entry_id: int
    at: datetime
    kind: str
    borrower_key: UUID | None
    loan_key: UUID | None
    entry: str

    @property
    def leaf(self) -> bytes:
        """The leaf data of the tree."""
        return self.entry.encode()


class Position(NamedTuple):
    """How far the ledger has come: its size, and the place in the journal from which on entries wait for a number."""

    size: int
    next_xact: int
    next_entry: int


class NoMessage(Exception):
    """The outbox has no message of this id, or the salt of its borrower is gone; the text says which."""


def position(connection: Connection, lender_id: str, clock_id: int) -> Position:
    """How far the ledger has come; the beginning, where there is none yet."""
    row = connection.execute(
        "SELECT size, next_xact, next_entry FROM ledger WHERE lender_id = %(lender)s AND clock_id = %(clock)s",
        {"lender": lender_id, "clock": clock_id},
    ).fetchone()
    return Position(0, 0, 0) if row is None else Position(*row)


def number_of(connection: Connection, lender_id: str, clock_id: int, xact: int, entry_id: int) -> int | None:
    """The number of a journal row, from 0; none, where there is no such row or it waits for a number.

    Reads O(log n) tiles and at most a tile's worth of rows of an index.
    """
    size, *begin_of_waiting = position(connection, lender_id, clock_id)
    if [xact, entry_id] >= begin_of_waiting:
        return None
    keys = {"lender": lender_id, "clock": clock_id}
    low, high, begin = 0, (size + TILE_WIDTH - 1) // TILE_WIDTH, None
    while low < high:
        middle = (low + high) // 2
        first = connection.execute(_FIRST, {**keys, "place": middle}).fetchone()
        if first is None or first > (xact, entry_id):
            high = middle
        else:
            low, begin = middle + 1, first
    if begin is None:
        return None
    counted = connection.execute(
        _COUNT, {**keys, "xact": xact, "entry": entry_id, "first_xact": begin[0], "first_entry": begin[1]}
    ).fetchone()
    assert counted is not None  # noqa: S101 - an aggregate always answers
    before, with_it = counted
    number: int = (low - 1) * TILE_WIDTH + before
    return number if with_it == before + 1 and number < size else None


def entry_at(connection: Connection, lender_id: str, clock_id: int, number: int) -> Row | None:
    """The journal row of a number; none, where the ledger has not come so far."""
    if not 0 <= number < position(connection, lender_id, clock_id).size:
        return None
    keys = {"lender": lender_id, "clock": clock_id}
    place, skip = divmod(number, TILE_WIDTH)
    first = connection.execute(_FIRST, {**keys, "place": place}).fetchone()
    if first is None:
        return None
    row = connection.execute(_AT, {**keys, "first_xact": first[0], "first_entry": first[1], "skip": skip}).fetchone()
    return None if row is None else Row(*row)


def every_row(connection: Connection, lender_id: str, clock_id: int) -> Iterator[Row]:
    """All rows of a lender's journal in the order of the ledger, in the caller's transaction, a few at a time.

    Row n is entry n; rows from the ``Position`` on wait for a number.
    """
    with connection.cursor(name="duly_every_row") as cursor:
        cursor.itersize = _FETCHED_AT_ONCE
        cursor.execute(_ALL, {"lender": lender_id, "clock": clock_id})
        for row in cursor:
            yield Row(*row)


def rows_from(connection: Connection, lender_id: str, clock_id: int, row: Row, limit: int) -> list[Row]:
    """This row and those after it, ``limit`` at most."""
    parameters = {"lender": lender_id, "clock": clock_id, "xact": row.xact, "entry": row.entry_id, "limit": limit}
    return [Row(*found) for found in connection.execute(_FROM, parameters)]


def entries_of_message(connection: Connection, lender_id: str, clock_id: int, message_id: str) -> list[Row]:
    """The journal rows that name a message, in the order of the ledger.

    ``message_id`` may be the beginning of one. Raises NoMessage where that is none's, or more than one's.
    """
    keys = {"lender": lender_id, "clock": clock_id, "message": message_id}
    found = connection.execute(_MESSAGE, keys).fetchall()
    if not found:
        raise NoMessage(f"there is no message {message_id} in the outbox; duly messages lists them")
    if len(found) > 1:
        raise NoMessage(f"more than one message begins with {message_id}; give more of its id")
    message_id, borrower_id, borrower, salt = found[0]
    if salt is None:
        raise NoMessage(
            f"the salt of borrower {borrower_id} was erased, so no entry can be linked to this message any more; "
            "its number, where it is known, still proves it"
        )
    text = f'"{message_key(bytes(salt), message_id)}"'
    rows = connection.execute(_OF_BORROWER, {**keys, "borrower": borrower, "text": text}).fetchall()
    return [Row(*row) for row in rows]
