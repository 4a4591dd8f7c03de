"""Refusals at import: what one borrower refuses becomes an event of everybody else who has the same number or mail.

So whoever decides reads nothing but a borrower's own events. An event that was made so names its origin in ``ref``.
"""

from __future__ import annotations

from typing import Any, Final

from policies.shared_refusals import TYPES, said_of
from scheduler.store import sharing as sql
from scheduler.store.database import Connection

_AT_ONCE: Final = 1_000


def find_refusals(connection: Connection, keys: dict[str, Any]) -> None:
    """Put what the staged new events refuse into a table of the transaction's own, before they are written."""
    connection.execute(sql.CREATE)
    with connection.cursor(name="refusals") as cursor:
        cursor.execute(sql.STAGED, {**keys, "types": list(TYPES)})
        while rows := cursor.fetchmany(_AT_ONCE):
            found = [
                (event_id, said.type, said.channel, said.address, said.point)
                for event_id, kind, channel, address, text in rows
                for said in said_of(kind, channel, address, text)
            ]
            with connection.cursor() as writer:
                writer.executemany(sql.ADD, found)


def share_refusals(connection: Connection, keys: dict[str, Any]) -> None:
    """Write the events that refusals become for others: new refusals for all borrowers, all refusals for new ones.

    Whoever gets one is to be looked at when it becomes known.
    """
    connection.execute(sql.RESOLVE, keys)
    connection.execute("ANALYZE s_refusal")
    connection.execute(sql.LOCK, keys)
    connection.execute(sql.SHARE, keys)
