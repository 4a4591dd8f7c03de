"""The story as it was: decisions from the journal, under the outcome that their messages came to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from policies.calendar import to_datetime
from policies.compose import message_id
from policies.facts import Instant
from policies.outcome import SENT
from scheduler import journal
from scheduler.store import queries
from scheduler.store.database import Connection

_STILL_OPEN = frozenset({"queued", "sending"})
_WITHDRAWN = "withdrawn"
_AT_ONCE: Final = 5_000


def story(
    connection: Connection,
    clock_id: int,
    *,
    since: Instant | None = None,
    until: Instant | None = None,
    loan_id: str | None = None,
    after: int = 0,
) -> Iterator[str]:
    """The printed lines in [since, until), in their order; of one loan, where it is named.

    ``after``: only of what was written down after that entry of the journal.

    A message that has not left yet has no line; one that was withdrawn has the line of its withdrawal.
    """
    parameters = {
        "clock": clock_id,
        "since": None if since is None else to_datetime(since),
        "until": None if until is None else to_datetime(until),
        "loan": loan_id,
        "after": after,
    }
    statement = queries.STORY if loan_id is None else queries.STORY_OF_LOAN
    with connection.transaction(), connection.cursor(name="story") as cursor:
        cursor.execute(statement, parameters)
        while rows := cursor.fetchmany(_AT_ONCE):
            yield from _lines(connection, clock_id, rows)


def _lines(connection: Connection, clock_id: int, rows: list[tuple[str, str, str, str]]) -> Iterator[str]:
    """The lines of these decisions: (entry, lender_id, borrower_id, loan_id) each."""
    decided = [(json.loads(entry), *row) for entry, *row in rows]
    messages: dict[str, list[str]] = {}
    for values, lender_id, _borrower_id, loan_id in decided:
        if values["outcome"] == SENT:
            messages.setdefault(lender_id, []).append(_message_id(values, loan_id))
    told: dict[tuple[str, str], tuple[Any, ...]] = {}
    for lender_id, ids in messages.items():
        keys = {"lender": lender_id, "clock": clock_id, "messages": ids}
        told |= {(lender_id, row[0]): row[1:] for row in connection.execute(queries.TOLD_OF, keys)}
    for (entry, *_), (values, lender_id, borrower_id, loan_id) in zip(rows, decided, strict=True):
        outcome = values["outcome"]
        if outcome != SENT:
            yield journal.line_of(entry, borrower_id, loan_id, outcome, None)
            continue
        status, *said = told[lender_id, _message_id(values, loan_id)]
        if status not in _STILL_OPEN and status != _WITHDRAWN:
            yield journal.line_of(entry, borrower_id, loan_id, status, (said[0], said[1], said[2]))


def _message_id(values: dict[str, Any], loan_id: str) -> str:
    return message_id(loan_id, values["instalment"], values["step"], values["occurrence"], values["channel"])
