"""Whether an import lets so many people be chased today that somebody has to say so: a wrong book is found too late.

Counted are borrowers whose wake comes within a day and of whom a loan has more fallen due by then than was paid on it:
no more is known without deciding for each of them. Fees, waivers and reversals are left out, and so are reminders
before a due date; the figure is the size of the wave, not a forecast.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from policies.calendar import to_datetime
from policies.facts import Instant
from scheduler.store.database import Connection

_AWAKE = """
SELECT count(*) FROM (
    SELECT FROM borrower WHERE clock_id = %(clock)s AND lender_id = %(lender)s AND wake_at <= %(end)s
    LIMIT %(limit)s + 1
) awake
"""
_OWING = """
WITH due AS (
    SELECT n.loan_id, sum(n.principal_minor + n.interest_minor + n.fees_minor) AS minor
    FROM instalment n WHERE n.lender_id = %(lender)s AND n.clock_id = %(clock)s AND n.due_on <= %(day)s
    GROUP BY n.loan_id
), paid AS (
    SELECT e.loan_id, sum(e.amount_minor) AS minor
    FROM event e WHERE e.lender_id = %(lender)s AND e.clock_id = %(clock)s AND e.type = 'payment'
    GROUP BY e.loan_id
)
SELECT count(DISTINCT b.borrower_id)
FROM borrower b JOIN loan l USING (lender_id, clock_id, borrower_id) JOIN due d USING (loan_id)
LEFT JOIN paid p USING (loan_id)
WHERE b.lender_id = %(lender)s AND b.clock_id = %(clock)s AND b.wake_at <= %(end)s AND b.set_aside IS NULL
  AND d.minor > coalesce(p.minor, 0)
"""


class NotReleased(Exception):
    """An import would let more people be chased today than was said to be usual; nothing was imported."""

    def __init__(self, people: int, limit: int) -> None:
        self.people = people
        super().__init__(
            f"after this import {people:,} borrowers who owe would be looked at within a day, and DULY_RELEASE_LIMIT "
            f"is {limit:,}; nothing was imported. See what would be sent (duly simulate), then import with --release"
        )


def check(connection: Connection, keys: dict[str, Any], now: Instant, limit: int) -> None:
    """Raise NotReleased where more than ``limit`` borrowers of a lender would be chased within a day of ``now``.

    In the transaction of the import, once its rows are written. One probe of an index where it is small.
    """
    end = to_datetime(now) + timedelta(days=1)
    asked = {"lender": keys["lender"], "clock": keys["clock"], "end": end, "day": end.date(), "limit": limit}
    if connection.execute(_AWAKE, asked).fetchall()[0][0] <= limit:
        return
    people = int(connection.execute(_OWING, asked).fetchall()[0][0])
    if people > limit:
        raise NotReleased(people, limit)
