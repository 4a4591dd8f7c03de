"""The hot statements, each with its purpose. None says ``now()``: the instant is a parameter.

Leases alone use the server's ``clock_timestamp()``: they are about real time, whatever clock a book follows.
"""

from __future__ import annotations

# --- engine -----------------------------------------------------------------------------------------------------

# Claims up to %(limit)s borrowers whose wake has come, oldest first; under a test clock, whose wake comes before it is
# moved on (%(horizon)s, else the same as now). FOR NO KEY UPDATE: a payment of theirs that
# is being told only waits for this transaction; SKIP LOCKED: another engine takes others.
CLAIM = """
SELECT b.lender_id, b.borrower_id, b.revision, b.wake_at, b.whereabouts::text, b.language, b.zone, b.region,
       p.first_name, p.last_name, p.phone, p.email, p.address, p.salt, p.revision, b.facts
FROM borrower b JOIN person p USING (lender_id, clock_id, borrower_id)
WHERE b.clock_id = %(clock)s AND b.wake_at <= %(horizon)s
ORDER BY b.wake_at, b.lender_id, b.borrower_id
LIMIT %(limit)s
FOR NO KEY UPDATE OF b SKIP LOCKED
"""

# The same for named borrowers: a batch whose write failed is taken again in halves.
CLAIM_THESE = """
SELECT b.lender_id, b.borrower_id, b.revision, b.wake_at, b.whereabouts::text, b.language, b.zone, b.region,
       p.first_name, p.last_name, p.phone, p.email, p.address, p.salt, p.revision, b.facts
FROM borrower b JOIN person p USING (lender_id, clock_id, borrower_id)
WHERE b.clock_id = %(clock)s AND b.wake_at <= %(horizon)s
  AND (b.lender_id, b.borrower_id) IN (SELECT * FROM unnest(%(lenders)s::text[], %(borrowers)s::text[]))
ORDER BY b.wake_at, b.lender_id, b.borrower_id
FOR NO KEY UPDATE OF b SKIP LOCKED
"""

# The ids of a batch come as two texts with a line feed between: an array of texts takes the driver longer to write
# than the server to read.
_CLAIMED = """
(SELECT unnest(string_to_array(%(lenders)s, E'\\n')) AS lender_id,
        unnest(string_to_array(%(borrowers)s, E'\\n')) AS borrower_id) k
"""


def _us(column: str) -> str:
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


# All facts of the borrowers claimed, a row each: loans with contract state and instalments, events (also those that
# will be known later: the earliest of these is a wake), what was sent since long enough for every cap, and what is
# about to be, since whenever. It is read after the claim, in a snapshot of its own, so that it holds whatever the lock
# had to wait for.
FACTS = f"""
SELECT k.lender_id, k.borrower_id,
    (SELECT json_agg(json_build_array(
            l.loan_id, l.product, l.currency, l.principal_minor, {_us("l.disbursed_at")}, l.policy, l.segment, l.tags,
            l.allocation, l.state,
            (SELECT json_agg(json_build_array(n.number, n.due_on - DATE '0001-01-01' + 1, n.principal_minor,
                                              n.interest_minor, n.fees_minor) ORDER BY n.number)
             FROM instalment n
             WHERE n.lender_id = l.lender_id AND n.clock_id = l.clock_id AND n.loan_id = l.loan_id),
            l.revision
        ) ORDER BY l.loan_id)
     FROM loan l
     WHERE l.lender_id = k.lender_id AND l.clock_id = %(clock)s AND l.borrower_id = k.borrower_id)::text,
    (SELECT json_agg(json_build_array(
            e.event_id, {_us("e.at")}, {_us("e.known_at")}, e.type, e.borrower_id, e.loan_id, e.amount_minor, e.ref,
            e.channel, t.address, e.value, {_us("e.from_at")}, e.from_on - DATE '0001-01-01' + 1, {_us("e.until_at")},
            e.until_on - DATE '0001-01-01' + 1, t.text, e.revision
        ) ORDER BY e.known_at, e.at, e.event_id)
     FROM event e
     LEFT JOIN event_text t ON t.lender_id = e.lender_id AND t.clock_id = e.clock_id AND t.event_id = e.event_id
     WHERE e.lender_id = k.lender_id AND e.clock_id = %(clock)s AND e.borrower_id = k.borrower_id)::text,
    (SELECT json_agg(json_build_array(
            m.message_id, m.loan_id, m.instalment, m.step, m.occurrence, m.channel, {_us("m.decided_at")},
            {_us("m.send_by")}, m.contact_key, m.status, m.revision,
            CASE WHEN m.status = 'queued' THEN (
                SELECT t.sent_to FROM message_body t
                WHERE t.lender_id = m.lender_id AND t.clock_id = m.clock_id AND t.message_id = m.message_id) END
        ) ORDER BY m.decided_at, m.message_id)
     FROM message m
     WHERE m.lender_id = k.lender_id AND m.clock_id = %(clock)s AND m.borrower_id = k.borrower_id
       AND (m.decided_at > %(since)s OR m.status = 'queued') AND m.status NOT IN ('withdrawn', 'failed'))::text
FROM {_CLAIMED}
"""  # noqa: S608 - the pieces are this file's own

# One decision's end: when to look again, the zone in force, and how far the chain of facts has come. The rows come as
# one JSON document, which the server takes apart faster than arrays of text are written.
SAVE_BORROWERS = """
UPDATE borrower b SET wake_at = v.wake_at, whereabouts = v.whereabouts, set_aside = v.set_aside, facts = v.facts
FROM json_to_recordset(%(rows)s::json)
     AS v(lender_id text, borrower_id text, wake_at timestamptz, whereabouts json, set_aside text, facts text)
WHERE b.lender_id = v.lender_id AND b.clock_id = %(clock)s AND b.borrower_id = v.borrower_id
"""

SAVE_LOANS = """
UPDATE loan l SET state = v.state
FROM json_to_recordset(%(rows)s::json) AS v(lender_id text, loan_id text, state json)
WHERE l.lender_id = v.lender_id AND l.clock_id = %(clock)s AND l.loan_id = v.loan_id
"""

COPY_JOURNAL = """
COPY journal (lender_id, clock_id, at, kind, borrower_key, loan_key, place, channel_place, entry) FROM STDIN
"""

COPY_MESSAGES = """
COPY message (lender_id, clock_id, message_id, borrower_id, loan_id, instalment, step, occurrence, contact_key, channel,
              status, decided_at, revision, next_attempt_at, send_by, attempts)
FROM STDIN
"""

COPY_BODIES = """
COPY message_body (lender_id, clock_id, message_id, sent_to, language, subject, body, lender_name, reply_to)
FROM STDIN
"""

# Messages that had not left and were looked at again: withdrawn, or right as they are under the new revision.
WITHDRAW = """
UPDATE message SET status = 'withdrawn'
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND message_id = ANY(%(messages)s) AND status = 'queued'
"""

CONFIRM = """
UPDATE message SET revision = %(revision)s
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND message_id = ANY(%(messages)s) AND status = 'queued'
"""

# The next instant at which the engine has anything to do: one probe of an index.
NEXT_WAKE = "SELECT min(wake_at) FROM borrower WHERE clock_id = %(clock)s AND wake_at IS NOT NULL"

POLICY_COUNT = "SELECT count(*), max(number) FROM policy_version WHERE clock_id = %(clock)s"

POLICIES = """
SELECT lender_id, name, digest, file_name, source, since, number FROM policy_version
WHERE clock_id = %(clock)s ORDER BY lender_id, number
"""

MOVE_CLOCK = """
INSERT INTO clock (lender_id, clock_id, now_at, moved) VALUES ('default', %(clock)s, %(now)s, true)
ON CONFLICT (lender_id, clock_id) DO UPDATE SET now_at = greatest(clock.now_at, excluded.now_at), moved = true
"""

# --- dispatch ---------------------------------------------------------------------------------------------------

# Marks up to %(limit)s messages as leaving. The borrower's row is locked against new facts until this commits, and
# a message decided on older facts stays in the outbox until the engine has looked at it again; as does, under a test
# clock, one whose attempt comes after a wake that is still to be looked at.
_LEAVE = """
WITH ready AS (
    SELECT m.lender_id, m.clock_id, m.message_id
    FROM message m JOIN borrower b USING (lender_id, clock_id, borrower_id)
    WHERE m.clock_id = %(clock)s AND m.status = 'queued' AND m.next_attempt_at <= %(horizon)s
      AND m.revision = b.revision AND (m.send_by IS NULL OR m.send_by > greatest(%(now)s, m.next_attempt_at))
      AND (m.next_attempt_at <= %(now)s OR b.wake_at IS NULL OR b.wake_at > m.next_attempt_at){unpaused}
    ORDER BY m.next_attempt_at, m.message_id
    LIMIT %(limit)s
    FOR NO KEY UPDATE OF m SKIP LOCKED
    FOR SHARE OF b SKIP LOCKED
), leaving AS (
    UPDATE message m SET status = 'sending', attempts = m.attempts + 1,
           lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM ready r
    WHERE m.lender_id = r.lender_id AND m.clock_id = r.clock_id AND m.message_id = r.message_id
    RETURNING m.lender_id, m.message_id, m.borrower_id, m.loan_id, m.channel, m.decided_at, m.attempts,
              greatest(%(now)s, m.next_attempt_at) AS at
)
SELECT l.lender_id, l.message_id, l.borrower_id, l.loan_id, l.channel, l.decided_at, l.attempts, l.at,
       t.sent_to, t.language, t.subject, t.body, t.lender_name, t.reply_to, p.salt
FROM leaving l JOIN message_body t
  ON t.lender_id = l.lender_id AND t.clock_id = %(clock)s AND t.message_id = l.message_id
JOIN person p ON p.lender_id = l.lender_id AND p.clock_id = %(clock)s AND p.borrower_id = l.borrower_id
ORDER BY l.message_id
"""

LEAVE = _LEAVE.replace("{unpaused}", "")

# The same while something is paused: of the lenders, policies (by name) and channels named nothing leaves.
LEAVE_UNPAUSED = _LEAVE.replace(
    "{unpaused}",
    """
      AND m.lender_id <> ALL(%(paused_lenders)s) AND m.channel <> ALL(%(paused_channels)s)
      AND NOT EXISTS (
          SELECT FROM loan l JOIN policy_version v ON v.lender_id = l.lender_id AND v.clock_id = l.clock_id
                                                  AND v.digest = l.state->>1
          WHERE l.lender_id = m.lender_id AND l.clock_id = m.clock_id AND l.loan_id = m.loan_id
            AND (v.lender_id, v.name) IN (
                SELECT * FROM unnest(%(paused_of)s::text[], %(paused_policies)s::text[])
            )
      )""",
)

# A message whose hour has passed goes back to the engine, which decides its step afresh: now, or under a test clock
# when the attempt would have been.
OVERTAKEN = """
UPDATE borrower b SET revision = b.revision + 1, wake_at = least(b.wake_at, o.at)
FROM (
    SELECT m.lender_id, m.borrower_id, greatest(%(now)s, min(m.next_attempt_at)) AS at FROM message m
    WHERE m.clock_id = %(clock)s AND m.status = 'queued' AND m.next_attempt_at <= %(horizon)s
      AND m.send_by <= greatest(%(now)s, m.next_attempt_at)
    GROUP BY m.lender_id, m.borrower_id ORDER BY m.lender_id, m.borrower_id
) o
WHERE b.lender_id = o.lender_id AND b.clock_id = %(clock)s AND b.borrower_id = o.borrower_id
  AND (b.wake_at IS NULL OR b.wake_at > o.at)
"""

# What is known of messages afterwards, where they are still this dispatcher's: the number of the attempt is the fencing
# token. One whose lease ran out has been settled by another, or was taken up again, and is answered for there.
HANDED = """
UPDATE message m SET status = v.status, provider = v.provider, reference = v.reference, reason = v.reason,
       handed_at = v.at, next_attempt_at = coalesce(v.again, m.next_attempt_at), lease_until = NULL
FROM unnest(%(lenders)s::text[], %(messages)s::text[], %(attempts)s::smallint[], %(statuses)s::text[],
            %(providers)s::text[], %(references)s::text[], %(reasons)s::text[], %(agains)s::timestamptz[],
            %(ats)s::timestamptz[])
     AS v(lender_id, message_id, attempts, status, provider, reference, reason, again, at)
WHERE m.lender_id = v.lender_id AND m.clock_id = %(clock)s AND m.message_id = v.message_id AND m.status = 'sending'
  AND m.attempts = v.attempts
RETURNING m.lender_id, m.message_id
"""

# Messages that a dispatcher marked as leaving and never came back for; with %(all)s those under a lease too.
ABANDONED = """
SELECT m.revision = b.revision AND (m.send_by IS NULL OR m.send_by > greatest(%(now)s, m.next_attempt_at)),
       m.lender_id, m.message_id, m.borrower_id, m.loan_id, m.channel, m.decided_at, m.attempts,
       greatest(%(now)s, m.next_attempt_at), t.sent_to, t.language, t.subject, t.body, t.lender_name, t.reply_to, p.salt
FROM message m
JOIN borrower b USING (lender_id, clock_id, borrower_id)
JOIN person p USING (lender_id, clock_id, borrower_id)
JOIN message_body t USING (lender_id, clock_id, message_id)
WHERE m.clock_id = %(clock)s AND m.status = 'sending' AND (%(all)s OR m.lease_until < clock_timestamp())
ORDER BY m.lender_id, m.message_id
FOR NO KEY UPDATE OF m SKIP LOCKED
"""

NEXT_ATTEMPT = """
SELECT min(next_attempt_at) FROM message WHERE clock_id = %(clock)s AND status = 'queued'
"""

# A fact about a borrower: their revision grows and they are looked at; in the transaction of the fact itself.
TOLD = """
UPDATE borrower b SET revision = b.revision + 1, wake_at = least(b.wake_at, v.wake_at)
FROM unnest(%(lenders)s::text[], %(borrowers)s::text[], %(wakes)s::timestamptz[]) AS v(lender_id, borrower_id, wake_at)
WHERE b.lender_id = v.lender_id AND b.clock_id = %(clock)s AND b.borrower_id = v.borrower_id
"""

# After TOLD, in the same transaction: the receipt is there from the revision that it has brought about.
ADD_RECEIPTS = """
INSERT INTO event (lender_id, clock_id, event_id, borrower_id, loan_id, at, known_at, type, ref, value, digest,
                   revision)
SELECT v.lender_id, %(clock)s, v.event_id, v.borrower_id, v.loan_id, v.at, v.at, 'receipt', v.ref, v.value,
       sha256(convert_to(v.event_id, 'UTF8')), b.revision
FROM unnest(%(lenders)s::text[], %(events)s::text[], %(borrowers)s::text[], %(loans)s::text[], %(refs)s::text[],
            %(values)s::text[], %(ats)s::timestamptz[]) AS v(lender_id, event_id, borrower_id, loan_id, ref, value, at)
JOIN borrower b ON b.lender_id = v.lender_id AND b.clock_id = %(clock)s AND b.borrower_id = v.borrower_id
ON CONFLICT DO NOTHING
"""

SET_ASIDE = """
UPDATE borrower SET wake_at = NULL, set_aside = %(reason)s
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND borrower_id = %(borrower)s
RETURNING key
"""

# --- the story as it was ----------------------------------------------------------------------------------------

# Every decision of a clock in the order in which lines are printed, for the loans that are still known by name.
STORY = """
SELECT j.entry, j.lender_id, b.borrower_id, l.loan_id
FROM journal j
JOIN borrower b ON b.lender_id = j.lender_id AND b.clock_id = j.clock_id AND b.key = j.borrower_key
JOIN loan l ON l.lender_id = j.lender_id AND l.clock_id = j.clock_id AND l.borrower_id = b.borrower_id
           AND l.key = j.loan_key
WHERE j.clock_id = %(clock)s AND j.kind = 'decision'
  AND (%(since)s::timestamptz IS NULL OR j.at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR j.at < %(until)s)
  AND j.entry_id > %(after)s
ORDER BY j.at, b.borrower_id, l.loan_id, j.place, j.channel_place, j.entry_id
"""

# The same of one loan.
STORY_OF_LOAN = """
SELECT j.entry, j.lender_id, l.borrower_id, l.loan_id
FROM loan l
JOIN borrower b USING (lender_id, clock_id, borrower_id)
JOIN journal j ON j.lender_id = l.lender_id AND j.clock_id = l.clock_id AND j.borrower_key = b.key
              AND j.loan_key = l.key
WHERE l.clock_id = %(clock)s AND l.loan_id = %(loan)s AND j.kind = 'decision'
  AND (%(since)s::timestamptz IS NULL OR j.at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR j.at < %(until)s)
  AND j.entry_id > %(after)s
ORDER BY j.at, l.borrower_id, l.loan_id, j.place, j.channel_place, j.entry_id
"""

# What became of messages, and what they said.
TOLD_OF = """
SELECT m.message_id, m.status, t.sent_to, t.subject, t.body
FROM message m LEFT JOIN message_body t USING (lender_id, clock_id, message_id)
WHERE m.lender_id = %(lender)s AND m.clock_id = %(clock)s AND m.message_id = ANY(%(messages)s)
"""
