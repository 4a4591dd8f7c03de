"""All that the database holds of one clock: copied under another id, and deleted; no table is named here to be copied.

A table that is added later is copied and deleted with the others, as long as it has a ``clock_id``, which each has.
"""

from __future__ import annotations

from typing import Final

from sqlmodel import SQLModel

from scheduler.store.database import Connection
from scheduler.store.tables import SEQUENCED, Clock, NamedClock

APART: Final = frozenset({Clock.__tablename__, NamedClock.__tablename__}) | SEQUENCED
"""What a fork does not copy: the clock's own rows, which it makes anew, and the ledger, which no test clock has."""


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


def delete(connection: Connection, clock_id: int) -> None:
    """Every row of a test clock; the server refuses it for the real one's journal."""
    for table in sorted(SQLModel.metadata.tables.keys() - SEQUENCED):
        connection.execute(f"DELETE FROM {table} WHERE clock_id = %s", (clock_id,))  # noqa: S608 - as above
