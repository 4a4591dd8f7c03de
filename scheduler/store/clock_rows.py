"""All that the database holds of one clock: copied under another id, and deleted; no table is named here to be copied.

A table that is added later is copied and deleted with the others, as long as it has a ``clock_id``, which each has.
"""

from __future__ import annotations

from typing import Final

from sqlmodel import SQLModel

from scheduler.store.database import Connection
from scheduler.store.tables import SEQUENCED, Clock, NamedClock, PauseRow

APART: Final = frozenset({Clock.__tablename__, NamedClock.__tablename__, PauseRow.__tablename__}) | SEQUENCED
"""What a fork does not copy: the clock's own rows, which it makes anew, the ledger, which no test clock has, and what
an operator has paused: a test clock obeys none."""

# What the real dispatcher has in the air has not left the copy, and nobody of a copy waits for an operator.
_NOTHING_LEFT = """
UPDATE message SET status = 'queued', lease_until = NULL WHERE clock_id = %s AND status = 'sending'
"""
_NOBODY_WAITS = """
UPDATE borrower SET wake_at = least(wake_at, laid_by_at), laid_by_at = NULL
WHERE clock_id = %s AND laid_by_at IS NOT NULL
"""


def copied_tables() -> dict[str, tuple[str, ...]]:
    """The tables of a clock's book and past, each with its columns."""
    return {
        name: tuple(column.name for column in table.columns)
        for name, table in SQLModel.metadata.tables.items()
        if name not in APART
    }


def copy(connection: Connection, source: int, new: int) -> None:
    """Every row of clock ``source`` once more under the id ``new``: one statement a table, in the caller's transaction.

    The journal keeps the places of its entries, so that what is written afterwards comes after them.
    """
    for table, columns in copied_tables().items():
        into = ", ".join(columns)
        values = ", ".join("%(new)s" if column == "clock_id" else column for column in columns)
        connection.execute(
            f"INSERT INTO {table} ({into}) OVERRIDING SYSTEM VALUE "  # noqa: S608 - the names are the tables' own
            f"SELECT {values} FROM {table} WHERE clock_id = %(source)s",
            {"source": source, "new": new},
        )
    for statement in (_NOTHING_LEFT, _NOBODY_WAITS):
        connection.execute(statement, (new,))


def delete(connection: Connection, clock_id: int) -> None:
    """Every row of a test clock; the server refuses it for the real one's journal."""
    for table in sorted(SQLModel.metadata.tables.keys() - SEQUENCED):
        connection.execute(f"DELETE FROM {table} WHERE clock_id = %s", (clock_id,))  # noqa: S608 - as above
