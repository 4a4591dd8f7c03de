"""The statements by which refusals reach everybody with the same address, within the transaction of an import.

They take ``lender`` and ``clock``. ``own`` marks a refusal that names no address: it is written down once for its
teller too, with the address of then, so that a borrower who comes later finds it by the address.
"""

from __future__ import annotations

from typing import Final

CREATE: Final = """
CREATE TEMP TABLE s_refusal (
    event_id text COLLATE "C", borrower_id text COLLATE "C", type text COLLATE "C", channel text COLLATE "C",
    address text COLLATE "C", point text COLLATE "C", own boolean, at timestamptz, known_at timestamptz
) ON COMMIT DROP
"""

# The new events that may hold a refusal.
STAGED: Final = """
SELECT s.event_id, s.type, s.channel, s.address, s.text
FROM s_event s
WHERE s.type = ANY(%(types)s) AND NOT EXISTS (
    SELECT FROM event e WHERE e.lender_id = %(lender)s AND e.clock_id = %(clock)s AND e.event_id = s.event_id
)
"""

ADD: Final = """
INSERT INTO s_refusal (event_id, type, channel, address, point, own)
SELECT v.event_id, v.type, v.channel, v.address, v.point, v.address IS NULL
FROM (VALUES (%s::text, %s::text, %s::text, %s::text, %s::text)) v(event_id, type, channel, address, point)
"""

# Who told each, when, and where no address is named, the one of then.
RESOLVE: Final = """
UPDATE s_refusal r
SET borrower_id = e.borrower_id, at = e.at, known_at = e.known_at,
    address = coalesce(r.address, CASE r.point WHEN 'phone' THEN p.phone ELSE p.email END)
FROM event e JOIN person p USING (lender_id, clock_id, borrower_id)
WHERE e.lender_id = %(lender)s AND e.clock_id = %(clock)s AND e.event_id = r.event_id
"""


def _of_new(point: str) -> str:
    """What was refused now, for everybody there is."""
    return f"""
    SELECT r.event_id AS root, p.borrower_id, r.type, r.channel, r.address, r.at, r.known_at
    FROM s_refusal r JOIN person p ON p.lender_id = %(lender)s AND p.clock_id = %(clock)s AND p.{point} = r.address
    WHERE r.own OR p.borrower_id <> r.borrower_id
    """  # noqa: S608 - a column's name


def _of_old(point: str) -> str:
    """What was refused before, for the borrowers of the files: who is new, or has another address now."""
    return f"""
    SELECT coalesce(e.ref, e.event_id) AS root, s.borrower_id, e.type, e.channel, t.address, e.at, e.known_at
    FROM s_borrower s
    JOIN event_text t ON t.lender_id = %(lender)s AND t.clock_id = %(clock)s AND t.address = s.{point}
    JOIN event e ON e.lender_id = t.lender_id AND e.clock_id = t.clock_id AND e.event_id = t.event_id
    WHERE e.type IN ('opt_out', 'opt_in') AND e.borrower_id <> s.borrower_id
    """  # noqa: S608 - a column's name


_PAIRS = f"""
SELECT u.root || '>' || u.borrower_id || '>' || u.channel AS event_id, u.*
FROM ({" UNION ".join((_of_new("phone"), _of_new("email"), _of_old("phone"), _of_old("email")))}) u
"""  # noqa: S608 - the pieces are this file's own

# Whoever gets an event is locked before it is written: it is there from the revision that it brings about, and no
# other fact of theirs may come in between.
LOCK: Final = f"""
SELECT count(*) FROM (
    SELECT 1 FROM borrower b
    WHERE b.lender_id = %(lender)s AND b.clock_id = %(clock)s
      AND b.borrower_id IN (SELECT pair.borrower_id FROM ({_PAIRS}) pair)
    ORDER BY b.borrower_id
    FOR NO KEY UPDATE
) locked
"""  # noqa: S608 - the pieces are this file's own

SHARE: Final = f"""
WITH pair AS ({_PAIRS}), added AS (
    INSERT INTO event (lender_id, clock_id, event_id, borrower_id, at, known_at, type, ref, channel, digest, revision)
    SELECT %(lender)s, %(clock)s, event_id, pair.borrower_id, at, known_at, type, root, channel,
           sha256(convert_to(event_id, 'UTF8')), coalesce(b.revision, 0) + 1
    FROM pair
    LEFT JOIN borrower b ON b.lender_id = %(lender)s AND b.clock_id = %(clock)s AND b.borrower_id = pair.borrower_id
    ORDER BY event_id
    ON CONFLICT DO NOTHING
    RETURNING event_id, borrower_id, known_at
), texts AS (
    INSERT INTO event_text (lender_id, clock_id, event_id, address)
    SELECT %(lender)s, %(clock)s, event_id, pair.address FROM added JOIN pair USING (event_id)
)
INSERT INTO s_told SELECT borrower_id, min(known_at) FROM added GROUP BY borrower_id
"""  # noqa: S608 - the pieces are this file's own
