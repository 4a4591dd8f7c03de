"""The staging of an import: temporary tables that take the rows of the files as they are read, and their writing.

Instants are staged as microseconds since 1970 UTC, amounts of instalments and events in ten-thousandths, each row
with its line. The tables go with the transaction. Statements take ``lender``, ``clock`` and ``now``.
"""

from __future__ import annotations

from typing import Final

CREATE: Final = """
SET LOCAL statement_timeout = 0;
SET LOCAL work_mem = '64MB';
CREATE TEMP TABLE s_borrower (
    line integer, borrower_id text COLLATE "C", first_name text COLLATE "C", last_name text COLLATE "C",
    language text COLLATE "C", zone text COLLATE "C", region text COLLATE "C", phone text COLLATE "C",
    email text COLLATE "C", address text COLLATE "C"
) ON COMMIT DROP;
CREATE TEMP TABLE s_loan (
    line integer, loan_id text COLLATE "C", borrower_id text COLLATE "C", product text COLLATE "C",
    currency text COLLATE "C", principal_minor bigint, disbursed bigint, policy text COLLATE "C",
    segment text COLLATE "C", tags text COLLATE "C", allocation text COLLATE "C"
) ON COMMIT DROP;
CREATE TEMP TABLE s_instalment (
    line integer, loan_id text COLLATE "C", number integer, due_on date, principal bigint, interest bigint,
    fees bigint
) ON COMMIT DROP;
CREATE TEMP TABLE s_event (
    line integer, digest bytea, event_id text COLLATE "C", at bigint, known_at bigint, type text COLLATE "C",
    borrower_id text COLLATE "C", loan_id text COLLATE "C", amount bigint, ref text COLLATE "C",
    channel text COLLATE "C", address text COLLATE "C", value text COLLATE "C", from_at bigint, from_on date,
    until_at bigint, until_on date, text text COLLATE "C"
) ON COMMIT DROP;
CREATE TEMP TABLE s_unit (currency text COLLATE "C" PRIMARY KEY, unit bigint) ON COMMIT DROP;
CREATE TEMP TABLE s_whose (event_id text COLLATE "C", borrower_id text COLLATE "C") ON COMMIT DROP;
CREATE TEMP TABLE s_told (borrower_id text COLLATE "C", wake_at timestamptz) ON COMMIT DROP
"""

COPY: Final = {
    "borrowers.csv": "COPY s_borrower FROM STDIN (NULL '')",
    "loans.csv": "COPY s_loan FROM STDIN (NULL '')",
    "instalments.csv": "COPY s_instalment FROM STDIN (NULL '')",
    "events.csv": "COPY s_event FROM STDIN (NULL '')",
}

ANALYZE: Final = {
    "borrowers.csv": "ANALYZE s_borrower",
    "loans.csv": "ANALYZE s_loan",
    "instalments.csv": "ANALYZE s_instalment",
    "events.csv": "ANALYZE s_event",
}

COPY_UNITS: Final = "COPY s_unit FROM STDIN"
ANALYZE_UNITS: Final = "ANALYZE s_unit"

# Two imports into one book wait for each other; nobody else takes this lock.
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%(lender)s || '/' || %(clock)s::bigint, 0))"

# Whether there is a book already: borrowers, loans.
THERE: Final = """
SELECT EXISTS (SELECT FROM borrower WHERE lender_id = %(lender)s AND clock_id = %(clock)s),
       EXISTS (SELECT FROM loan WHERE lender_id = %(lender)s AND clock_id = %(clock)s)
"""


def instant_of(column: str) -> str:
    """A staged instant as a ``timestamptz``: exact, as only whole microseconds are added."""
    return f"timestamptz 'epoch' + {column} * interval '1 microsecond'"


# Where an id may be of a row in the files (n) or of one that is there already (o).
LOANS: Final = """
LEFT JOIN s_loan n ON n.loan_id = s.loan_id
LEFT JOIN loan o ON o.lender_id = %(lender)s AND o.clock_id = %(clock)s AND o.loan_id = s.loan_id
"""

# Locks whoever the files may tell about, in the order of their keys, before anything about them is read.
LOCK: Final = """
SELECT count(*) FROM (
    SELECT 1 FROM borrower b
    WHERE b.lender_id = %(lender)s AND b.clock_id = %(clock)s AND b.borrower_id IN (
        SELECT borrower_id FROM s_borrower
        UNION ALL SELECT borrower_id FROM s_loan
        UNION ALL SELECT borrower_id FROM s_event WHERE borrower_id IS NOT NULL
        UNION ALL SELECT l.borrower_id FROM s_event s JOIN loan l
            ON l.lender_id = %(lender)s AND l.clock_id = %(clock)s
            AND l.loan_id = coalesce(s.loan_id, split_part(s.ref, '/', 1))
        UNION ALL SELECT h.borrower_id FROM s_event s JOIN event h
            ON h.lender_id = %(lender)s AND h.clock_id = %(clock)s AND h.event_id = s.ref WHERE s.type = 'release'
        UNION ALL SELECT m.borrower_id FROM s_event s JOIN message m
            ON m.lender_id = %(lender)s AND m.clock_id = %(clock)s AND m.message_id = s.ref WHERE s.type = 'receipt'
    )
    ORDER BY b.borrower_id
    FOR NO KEY UPDATE
) locked
"""

# A release is about the borrower of its hold, of the files or there already, or of the loan that it names with a
# step; a receipt is about the borrower of its message.
WHOSE: Final = f"""
INSERT INTO s_whose
SELECT s.event_id, coalesce(h.borrower_id, s.borrower_id, o.borrower_id, n.borrower_id)
FROM (SELECT e.event_id, e.ref, t.borrower_id, coalesce(t.loan_id, split_part(e.ref, '/', 1)) AS loan_id
      FROM s_event e LEFT JOIN s_event t ON t.event_id = e.ref WHERE e.type = 'release') s
LEFT JOIN event h ON h.lender_id = %(lender)s AND h.clock_id = %(clock)s AND h.event_id = s.ref
{LOANS}
UNION ALL
SELECT s.event_id, m.borrower_id
FROM s_event s JOIN message m
  ON m.lender_id = %(lender)s AND m.clock_id = %(clock)s AND m.message_id = s.ref
WHERE s.type = 'receipt'
"""  # noqa: S608 - the pieces are this file's own

# New rows are written in the order of their keys: an index that grows at its end costs half of one that grows all over.

_OLD_PERSON: Final = """
borrower b JOIN person p USING (lender_id, clock_id, borrower_id)
WHERE b.lender_id = %(lender)s AND b.clock_id = %(clock)s AND b.borrower_id = s.borrower_id
"""

# Of the borrowers in the files: those whose row says something else than before.
CHANGED_PERSONS: Final = f"""
CREATE TEMP TABLE s_changed ON COMMIT DROP AS
SELECT s.*, b.revision + 1 AS revision FROM s_borrower s, {_OLD_PERSON}
AND (s.first_name, s.last_name, s.language, s.zone, s.region, s.phone, s.email, s.address) IS DISTINCT FROM
    (p.first_name, p.last_name, b.language, b.zone, b.region, p.phone, p.email, p.address)
"""  # noqa: S608

# What they said until now, for replays.
KEEP_PERSONS: Final = """
INSERT INTO past_fact (lender_id, clock_id, borrower_id, ref, revision, said)
SELECT p.lender_id, p.clock_id, p.borrower_id, 'person', p.revision,
       json_build_array(p.first_name, p.last_name, b.language, b.zone, b.region, p.phone, p.email, p.address)
FROM s_changed s, person p JOIN borrower b USING (lender_id, clock_id, borrower_id)
WHERE p.lender_id = %(lender)s AND p.clock_id = %(clock)s AND p.borrower_id = s.borrower_id
"""

UPDATE_PERSONS: Final = """
UPDATE person p SET first_name = s.first_name, last_name = s.last_name, phone = s.phone, email = s.email,
       address = s.address, revision = s.revision
FROM s_changed s
WHERE p.lender_id = %(lender)s AND p.clock_id = %(clock)s AND p.borrower_id = s.borrower_id
"""

TELL_CHANGED_PERSONS: Final = "INSERT INTO s_told SELECT borrower_id, %(now)s FROM s_changed"

_NEW_BORROWER: Final = """
NOT EXISTS (
    SELECT FROM borrower b
    WHERE b.lender_id = %(lender)s AND b.clock_id = %(clock)s AND b.borrower_id = s.borrower_id
)
"""

INSERT_PERSONS: Final = f"""
INSERT INTO person (lender_id, clock_id, borrower_id, first_name, last_name, phone, email, address)
SELECT %(lender)s, %(clock)s, s.borrower_id, s.first_name, s.last_name, s.phone, s.email, s.address
FROM s_borrower s WHERE {_NEW_BORROWER}
ORDER BY s.borrower_id
"""  # noqa: S608

# Of loans that were there before, instalments are there too, and were found to be the same. Before the loans are
# written: who is new is known by them, and the planner knows how many rows it meets.
INSERT_INSTALMENTS: Final = f"""
INSERT INTO instalment (lender_id, clock_id, loan_id, number, due_on, principal_minor, interest_minor, fees_minor)
SELECT %(lender)s, %(clock)s, s.loan_id, s.number, s.due_on, s.principal / u.unit, s.interest / u.unit,
       s.fees / u.unit
FROM s_instalment s {LOANS}
JOIN s_unit u ON u.currency = n.currency
WHERE o.loan_id IS NULL
ORDER BY s.loan_id, s.number
"""  # noqa: S608

_NEW_EVENT: Final = """
NOT EXISTS (
    SELECT FROM event e WHERE e.lender_id = %(lender)s AND e.clock_id = %(clock)s AND e.event_id = s.event_id
)
"""

INSERT_TEXTS: Final = f"""
INSERT INTO event_text (lender_id, clock_id, event_id, address, text)
SELECT %(lender)s, %(clock)s, s.event_id, s.address, s.text
FROM s_event s
WHERE (s.address IS NOT NULL OR s.text IS NOT NULL) AND {_NEW_EVENT}
"""  # noqa: S608

# How many events are new; the borrower of each is to be looked at when it becomes known.
INSERT_EVENTS: Final = f"""
WITH added AS (
    INSERT INTO event (lender_id, clock_id, event_id, borrower_id, loan_id, at, known_at, type, amount_minor, ref,
                       channel, value, from_at, from_on, until_at, until_on, digest, revision)
    SELECT %(lender)s, %(clock)s, s.event_id, coalesce(o.borrower_id, n.borrower_id, s.borrower_id, w.borrower_id),
           s.loan_id, {instant_of("s.at")}, {instant_of("s.known_at")}, s.type, s.amount / u.unit, s.ref, s.channel,
           s.value, {instant_of("s.from_at")}, s.from_on, {instant_of("s.until_at")}, s.until_on, s.digest,
           coalesce(b.revision, 0) + 1
    FROM s_event s {LOANS}
    LEFT JOIN s_unit u ON u.currency = coalesce(o.currency, n.currency)
    LEFT JOIN s_whose w ON w.event_id = s.event_id
    LEFT JOIN borrower b ON b.lender_id = %(lender)s AND b.clock_id = %(clock)s
        AND b.borrower_id = coalesce(o.borrower_id, n.borrower_id, s.borrower_id, w.borrower_id)
    WHERE {_NEW_EVENT}
    ORDER BY s.event_id
    RETURNING borrower_id, known_at
), told AS (
    INSERT INTO s_told SELECT borrower_id, min(known_at) FROM added GROUP BY borrower_id
)
SELECT count(*) FROM added
"""  # noqa: S608

# How many loans are changed; the borrower of each is to be looked at now. What they said until then is kept.
UPDATE_LOANS: Final = """
WITH other AS (
    SELECT l.loan_id, l.borrower_id, l.revision, l.policy AS policy_before, l.segment AS segment_before,
           l.tags AS tags_before, s.policy, s.segment, coalesce(string_to_array(s.tags, ';'), '{}') AS tags
    FROM s_loan s JOIN loan l ON l.lender_id = %(lender)s AND l.clock_id = %(clock)s AND l.loan_id = s.loan_id
    WHERE (s.policy, s.segment, coalesce(string_to_array(s.tags, ';'), '{}'))
          IS DISTINCT FROM (l.policy, l.segment, l.tags)
), kept AS (
    INSERT INTO past_fact (lender_id, clock_id, borrower_id, ref, revision, said)
    SELECT %(lender)s, %(clock)s, borrower_id, 'loan/' || loan_id, revision,
           json_build_array(policy_before, segment_before, tags_before)
    FROM other
), changed AS (
    UPDATE loan l SET policy = o.policy, segment = o.segment, tags = o.tags, revision = b.revision + 1
    FROM other o JOIN borrower b ON b.lender_id = %(lender)s AND b.clock_id = %(clock)s
                                AND b.borrower_id = o.borrower_id
    WHERE l.lender_id = %(lender)s AND l.clock_id = %(clock)s AND l.loan_id = o.loan_id
    RETURNING l.borrower_id
), told AS (
    INSERT INTO s_told SELECT DISTINCT borrower_id, %(now)s::timestamptz FROM changed
)
SELECT count(*) FROM changed
"""

# How many loans are new; the borrower of each is to be looked at when it is paid out.
INSERT_LOANS: Final = f"""
WITH added AS (
    INSERT INTO loan (lender_id, clock_id, loan_id, borrower_id, product, currency, principal_minor, disbursed_at,
                      policy, segment, tags, allocation, key, revision)
    SELECT %(lender)s, %(clock)s, s.loan_id, s.borrower_id, s.product, s.currency, s.principal_minor,
           {instant_of("s.disbursed")}, s.policy, s.segment, coalesce(string_to_array(s.tags, ';'), '{{}}'),
           string_to_array(s.allocation, ' '), duly_key(p.salt, 'loan/' || s.loan_id, s.loan_id),
           coalesce(b.revision, 0) + 1
    FROM s_loan s
    JOIN person p ON p.lender_id = %(lender)s AND p.clock_id = %(clock)s AND p.borrower_id = s.borrower_id
    LEFT JOIN borrower b ON b.lender_id = %(lender)s AND b.clock_id = %(clock)s AND b.borrower_id = s.borrower_id
    WHERE NOT EXISTS (SELECT FROM loan o
                      WHERE o.lender_id = %(lender)s AND o.clock_id = %(clock)s AND o.loan_id = s.loan_id)
    ORDER BY s.loan_id
    RETURNING borrower_id, disbursed_at
), told AS (
    INSERT INTO s_told SELECT borrower_id, min(disbursed_at) FROM added GROUP BY borrower_id
)
SELECT count(*) FROM added
"""  # noqa: S608

# Who was there before: their facts have changed, and somebody has to look at them.
TELL_BORROWERS: Final = """
UPDATE borrower b
SET revision = b.revision + 1, wake_at = least(b.wake_at, w.wake_at), language = coalesce(c.language, b.language),
    zone = coalesce(c.zone, b.zone), region = coalesce(c.region, b.region)
FROM (SELECT borrower_id, min(wake_at) AS wake_at FROM s_told GROUP BY borrower_id) w
LEFT JOIN s_changed c ON c.borrower_id = w.borrower_id
WHERE b.lender_id = %(lender)s AND b.clock_id = %(clock)s AND b.borrower_id = w.borrower_id
"""

# Who is new is looked at once there is a loan.
INSERT_BORROWERS: Final = f"""
INSERT INTO borrower (lender_id, clock_id, borrower_id, language, zone, region, wake_at, revision, key)
SELECT %(lender)s, %(clock)s, s.borrower_id, s.language, s.zone, s.region,
       CASE WHEN l.borrower_id IS NOT NULL THEN w.wake_at END, 1, duly_key(p.salt, 'borrower', s.borrower_id)
FROM s_borrower s
JOIN (SELECT borrower_id, salt FROM person WHERE lender_id = %(lender)s AND clock_id = %(clock)s) p USING (borrower_id)
LEFT JOIN (SELECT borrower_id, min(wake_at) AS wake_at FROM s_told GROUP BY borrower_id) w USING (borrower_id)
LEFT JOIN (SELECT DISTINCT borrower_id FROM s_loan) l USING (borrower_id)
WHERE {_NEW_BORROWER}
ORDER BY s.borrower_id
"""  # noqa: S608

# What the planner knows of tables that have just grown: without it, whoever reads them next may wait for minutes.
ANALYZE_GROWN: Final = {
    "borrowers.csv": "ANALYZE borrower, person",
    "loans.csv": "ANALYZE loan",
    "instalments.csv": "ANALYZE instalment",
    "events.csv": "ANALYZE event, event_text",
}
