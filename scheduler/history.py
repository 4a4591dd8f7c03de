"""The story as it was: decisions from the journal, under the outcome that their messages came to."""

from __future__ import annotations

import json
from collections.abc import Iterator

from policies.calendar import to_datetime
from policies.facts import Instant
from policies.outcome import SENT
from scheduler import journal
from scheduler.store import queries
from scheduler.store.database import Connection

_STILL_OPEN = frozenset({"queued", "sending"})
_WITHDRAWN = "withdrawn"


def story(
    connection: Connection,
    clock_id: int,
    *,
    since: Instant | None = None,
    until: Instant | None = None,
    loan_id: str | None = None,
) -> Iterator[str]:
    """The printed lines in [since, until), in their order; of one loan, where it is named.

    A message that has not left yet has no line; one that was withdrawn has the line of its withdrawal.
    """
    parameters = {
        "clock": clock_id,
        "since": None if since is None else to_datetime(since),
        "until": None if until is None else to_datetime(until),
        "loan": loan_id,
    }
    with connection.transaction(), connection.cursor(name="story") as cursor:
        cursor.itersize = 5_000
        cursor.execute(queries.STORY, parameters)
        for entry, status, to, subject, body, _loan_id, _at in cursor:
            outcome = json.loads(entry)["outcome"]
            if outcome == SENT:
                if status in _STILL_OPEN or status == _WITHDRAWN:
                    continue
                yield journal.line_of(entry, status, (to, subject, body))
            else:
                yield journal.line_of(entry, outcome, None)
