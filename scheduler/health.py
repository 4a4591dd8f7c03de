"""Whether all is well with a book in the database: what is due, waits, is set aside, and how its ledger stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from policies.calendar import to_datetime
from policies.facts import SECOND, Instant
from scheduler.gate import BEHIND_S, behind_s, read, too_far
from scheduler.ledger.standing import Standing
from scheduler.ledger.standing import look as look_at_ledger
from scheduler.pauses import ALL, Pause, all_pauses
from scheduler.store.database import Connection
from scheduler.store.people import instant

LATE_S = 300
"""What is due for longer than this, under the real clock, is not being looked after."""

_COUNTS = """
SELECT (SELECT count(*) FROM borrower WHERE clock_id = %(clock)s),
       (SELECT count(*) FROM loan WHERE clock_id = %(clock)s),
       (SELECT count(DISTINCT (lender_id, name)) FROM policy_version WHERE clock_id = %(clock)s),
       (SELECT count(*) FROM policy_version WHERE clock_id = %(clock)s)
"""
_DUE = "SELECT count(*), min(wake_at) FROM borrower WHERE clock_id = %(clock)s AND wake_at <= %(now)s"
_OUTBOX = "SELECT status, count(*) FROM message WHERE clock_id = %(clock)s GROUP BY status"
_OLDEST = """
SELECT min(next_attempt_at) FROM message
WHERE clock_id = %(clock)s AND status IN ('queued', 'sending') AND next_attempt_at <= %(now)s
"""
_SET_ASIDE = """
SELECT borrower_id, set_aside FROM borrower
WHERE clock_id = %(clock)s AND set_aside IS NOT NULL ORDER BY lender_id, borrower_id
"""
_LAST = "SELECT max(at) FROM journal WHERE clock_id = %(clock)s AND kind = 'decision'"

STATUSES = ("queued", "sending", "sent", "failed", "unconfirmed", "withdrawn")


@dataclass(frozen=True, slots=True)
class Health:
    """Counts and instants of one clock's book; ``outbox`` by status, ``set_aside`` as (borrower_id, reason)."""

    now: Instant
    moved: bool
    borrowers: int
    loans: int
    policies: int
    versions: int
    due: int
    due_since: Instant | None
    waiting_since: Instant | None
    outbox: dict[str, int]
    set_aside: tuple[tuple[str, str], ...]
    last_decision: Instant | None
    ledger: Standing
    pauses: tuple[Pause, ...] = ()
    halted: str | None = None
    behind_s: int = 0

    def complaints(self) -> list[str]:
        """What is not well, in words; nothing, where all is."""
        found = []
        if self.ledger.held is not None:
            found.append(f"held, nothing is decided and nothing leaves: {self.ledger.held}")
        if self.halted is not None:
            found.append(f"halted, nothing is decided and nothing leaves: {self.halted}")
        if self.behind_s > BEHIND_S:
            found.append(f"the clock is {self.behind_s:,} seconds behind what was served; messages wait for it")
        if self.set_aside:
            found.append(f"{_number(len(self.set_aside), 'borrower')} set aside")
        if self.outbox["unconfirmed"]:
            found.append(f"{_number(self.outbox['unconfirmed'], 'message')} unconfirmed")
        if not self.moved:
            late = self.now - LATE_S * SECOND
            everything = any(one.scope == ALL for one in self.pauses)
            if self.due_since is not None and self.due_since < late and not everything:
                found.append("borrowers are due and nobody decides; is a daemon running (duly run)?")
            if self.waiting_since is not None and self.waiting_since < late and not self.pauses:
                found.append("messages wait and do not leave; see the daemon's log")
            found += self.ledger.complaints(late)
        return found


def look(connection: Connection, clock_id: int, now: Instant, *, moved: bool) -> Health:
    """How the book of a clock stands at ``now``; ``moved``: it is a test clock's, which is late for nothing."""
    keys = {"clock": clock_id, "now": to_datetime(now)}

    borrowers, loans, policies, versions = connection.execute(_COUNTS, keys).fetchall()[0]
    due, due_since = connection.execute(_DUE, keys).fetchall()[0]
    oldest = connection.execute(_OLDEST, keys).fetchall()[0][0]
    last = connection.execute(_LAST, keys).fetchall()[0][0]
    mark = read(connection, clock_id).mark
    outbox = dict.fromkeys(STATUSES, 0) | dict(connection.execute(_OUTBOX, keys).fetchall())
    return Health(
        now, moved, borrowers, loans, policies, versions, due, _instant(due_since), _instant(oldest), outbox,
        set_aside(connection, clock_id), _instant(last), look_at_ledger(connection, clock_id),
        tuple(all_pauses(connection, clock_id)), too_far(now, mark), behind_s(now, mark),
    )  # fmt: skip


def set_aside(connection: Connection, clock_id: int) -> tuple[tuple[str, str], ...]:
    """The borrowers of a clock who could not be decided, by id, each with the reason."""
    return tuple((row[0], row[1]) for row in connection.execute(_SET_ASIDE, {"clock": clock_id}))


def _instant(at: datetime | None) -> Instant | None:
    return None if at is None else instant(at)


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
