"""Which lenders have entries, by a probe of an index each: PostgreSQL before 18 cannot skip along an index itself."""

from __future__ import annotations

from scheduler.store.database import Connection

FOUND = """
WITH RECURSIVE lender AS (
    (SELECT lender_id FROM journal ORDER BY lender_id LIMIT 1)
    UNION ALL
    SELECT n.lender_id FROM lender l CROSS JOIN LATERAL (
        SELECT j.lender_id FROM journal j WHERE j.lender_id > l.lender_id ORDER BY j.lender_id LIMIT 1
    ) n
), found AS (
    SELECT l.lender_id, %(clock)s::bigint AS clock_id FROM lender l
    WHERE EXISTS (SELECT FROM journal j WHERE j.lender_id = l.lender_id AND j.clock_id = %(clock)s)
)
"""
"""Begins a statement that reads from ``found`` (lender_id, clock_id): every lender in the journal of ``clock``.

A thousand test clocks beside it cost nothing.
"""

_EVERY = f"""
{FOUND}
SELECT lender_id FROM found WHERE clock_id = %(clock)s
UNION SELECT lender_id FROM ledger WHERE clock_id = %(clock)s
UNION SELECT lender_id FROM ledger_tile WHERE clock_id = %(clock)s AND level = 0 AND place = 0
UNION SELECT lender_id FROM ledger_checkpoint WHERE clock_id = %(clock)s
ORDER BY 1
"""  # noqa: S608 - the pieces are this file's own


def lenders(connection: Connection, clock_id: int) -> list[str]:
    """Every lender of whom there is an entry, a ledger, a tree or a checkpoint."""
    return [row[0] for row in connection.execute(_EVERY, {"clock": clock_id})]
