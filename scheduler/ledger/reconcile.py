"""Leads a held clock out: gives up, on a person's word, the checkpoints that the database cannot answer for."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from policies.facts import Instant
from scheduler import journal
from scheduler.batch import write_journal
from scheduler.ledger import checkpoints, hold
from scheduler.ledger.checkpoints import Ledger
from scheduler.ledger.errors import LedgerError
from scheduler.ledger.hold import Examination, Named, Witnessed
from scheduler.ledger.keys import signer
from scheduler.ledger.sequencer import LOCK, Sequencer
from scheduler.ledger.witness import Witness
from scheduler.settings import Settings
from scheduler.store.database import Connection
from scheduler.store.tables import THIS_TRANSACTION

_NO_LENDER = "default"
_COUNTED = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

# What the journal has before the end of its ledger and beyond its size: the newest of it, as entry ids go on counting
# where a book is moved.
_STRAYS = """
CREATE TEMP TABLE s_stray ON COMMIT DROP AS
SELECT lender_id, xact, entry_id FROM (
    SELECT j.lender_id, j.xact, j.entry_id, l.size,
           row_number() OVER (PARTITION BY j.lender_id ORDER BY j.entry_id) AS place
    FROM journal j JOIN ledger l USING (lender_id, clock_id)
    WHERE l.clock_id = %(clock)s AND (j.xact, j.entry_id) < (l.next_xact, l.next_entry)
) before WHERE place > size
"""
_FIRST_STRAY = "SELECT min(xact) FROM s_stray"
_MOVE = """
UPDATE journal j SET xact = j.xact + %(by)s FROM s_stray s
WHERE j.lender_id = s.lender_id AND j.clock_id = %(clock)s AND j.xact = s.xact AND j.entry_id = s.entry_id
"""
_UNNUMBERED = """
SELECT EXISTS (
    SELECT FROM journal j WHERE j.lender_id = %(lender)s AND j.clock_id = %(clock)s
      AND (j.xact, j.entry_id) >= (%(next_xact)s, 0)
)
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A clock beside its witnesses: why it is held, what they keep, and how its ledgers stand."""

    held: str | None
    examination: Examination
    ledgers: tuple[Ledger, ...]
    silent: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether there is nothing to lead out of."""
        return self.held is None and self.examination.reason() is None


def compare(connection: Connection, clock_id: int, witnesses: Iterable[Witness]) -> Comparison:
    """Ask every witness. Raises WitnessError where one does not answer: nothing is given up unseen."""
    notes: list[str] = []
    silent = []
    for witness in witnesses:
        kept = witness.read()
        if kept is None:
            silent.append(witness.name)
        notes += kept or []
    examination = hold.look(connection, clock_id, notes, most=None)
    held = hold.why(connection, clock_id)
    return Comparison(held, examination, tuple(checkpoints.ledgers(connection, clock_id)), tuple(silent))


def last_that_holds(found: Iterable[Witnessed], origin: str) -> Witnessed | None:
    """The largest checkpoint of a ledger that holds."""
    return max((w for w in found if w.checkpoint.origin == origin and w.wrong is None), key=_size, default=None)


def first_that_does_not(found: Iterable[Witnessed], origin: str) -> Witnessed | None:
    """The smallest checkpoint of a ledger that does not hold."""
    return min((w for w in found if w.checkpoint.origin == origin and w.wrong is not None), key=_size, default=None)


def lost(found: Iterable[Witnessed], origin: str, size: int) -> int:
    """How many entries at least a witness knew of that a ledger of ``size`` entries does not have."""
    largest = max((_size(w) for w in found if w.checkpoint.origin == origin and w.wrong is not None), default=0)
    return max(0, largest - size)


def accept(
    connection: Connection, clock_id: int, settings: Settings, witnesses: Iterable[Witness], now: Instant, *,
    by: str, why: str,
) -> Comparison:  # fmt: skip
    """Go on from what the database has: write that down, sign it, give it to the witnesses, and release the clock.

    Answers how it stood before; where all is well, nothing is done. Raises LedgerError, and leaves the clock held,
    where a step cannot be done; the same call goes on from there.
    """
    before = compare(connection, clock_id, witnesses)
    if before.well:
        return before
    by_ledger = _by_ledger(connection, clock_id, before)
    _check_keys(settings, before.ledgers)
    sequencer = Sequencer(connection, clock_id, settings)
    sequencer.begin(now)
    _count_on(connection, clock_id)
    _write(connection, clock_id, now, by_ledger, by=by, why=why, was=before.held or before.examination.reason())
    sequencer.tick(now, wait=True)
    for ledger in checkpoints.ledgers(connection, clock_id):
        _all_numbered(connection, clock_id, ledger)
        lines = tuple(hold.giving_up(one, ledger.origin) for one in by_ledger.get(ledger.lender_id, ()))
        if ledger.lender_id in by_ledger:
            note = checkpoints.sign(connection, clock_id, ledger, signer(settings, ledger.origin), now, lines)
            if hold.parsed(note).extensions != lines:
                raise LedgerError("a daemon has signed this size a moment before; run the same command again")
            for witness in witnesses:
                witness.keep(note)
    hold.release(connection, clock_id)
    return before


def _by_ledger(connection: Connection, clock_id: int, before: Comparison) -> dict[str, list[Named]]:
    """What each lender's ledger gives up; what belongs to no ledger here, the first one does."""
    lender_of = {one.origin: one.lender_id for one in before.ledgers}
    first = min(lender_of.values(), default=_NO_LENDER)
    by_ledger: dict[str, list[Named]] = {first: []}
    for one in before.examination.wrong:
        by_ledger.setdefault(lender_of.get(one.checkpoint.origin, first), []).append(one.named)
    return by_ledger


def _check_keys(settings: Settings, ledgers: Iterable[Ledger]) -> None:
    for ledger in ledgers:
        if str(signer(settings, ledger.origin).verifier) != ledger.key:
            raise LedgerError(checkpoints.another_key(ledger))


def _count_on(connection: Connection, clock_id: int) -> None:
    try:
        _count_by_offset(connection, clock_id)
    except psycopg.errors.InsufficientPrivilege as error:
        raise LedgerError(
            "the journal has to count its transactions on from where it was, which only the owner of its table can do; "
            "run the same command with the owner's DULY_DATABASE_URL"
        ) from error


def _count_by_offset(connection: Connection, clock_id: int) -> None:
    """Let new entries come after all that are there, where the server counts its transactions lower than they do.

    Entries that were written here before the count was set right come last too. Nothing that an entry says is changed
    by where it comes to lie.
    """
    keys = {"clock": clock_id}
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, %s::int)", (LOCK, clock_id))
        if not any(one.lower for one in hold.counts(connection, clock_id)):
            return
        # Whoever writes an entry now is waited for, and counts by the new offset from then on.
        connection.execute("LOCK TABLE journal IN ACCESS EXCLUSIVE MODE")
        found = hold.counts(connection, clock_id)
        connection.execute(_STRAYS, keys)
        stray = connection.execute(_FIRST_STRAY).fetchall()[0][0]
        first = connection.execute(_COUNTED).fetchall()[0][0] if stray is None else stray - found[0].offset
        offset = max(one.farthest for one in found) - first
        connection.execute("ALTER TABLE journal DISABLE TRIGGER USER")
        connection.execute(_MOVE, {**keys, "by": offset - found[0].offset})
        connection.execute("ALTER TABLE journal ENABLE TRIGGER USER")
        connection.execute(
            sql.SQL("ALTER TABLE journal ALTER COLUMN xact SET DEFAULT {} + {}").format(
                sql.SQL(THIS_TRANSACTION), sql.Literal(offset)
            )
        )
        connection.execute(
            "UPDATE ledger SET xact_offset = %(offset)s WHERE clock_id = %(clock)s", {**keys, "offset": offset}
        )


def _write(
    connection: Connection, clock_id: int, now: Instant, by_ledger: dict[str, list[Named]], *, by: str, why: str,
    was: str | None,
) -> None:  # fmt: skip
    with connection.transaction():
        for lender_id, given_up in by_ledger.items():
            values = {
                "by": by, "why": why, "was": was,
                "given_up": [
                    {"origin": origin, "size": size, "root": b64encode(root).decode()}
                    for origin, size, root in given_up
                ],
            }  # fmt: skip
            write_journal(connection, lender_id, clock_id, [journal.entry(now, journal.RECONCILED, values)])


def _all_numbered(connection: Connection, clock_id: int, ledger: Ledger) -> None:
    keys = {"lender": ledger.lender_id, "clock": clock_id, "next_xact": ledger.next_xact}
    if connection.execute(_UNNUMBERED, keys).fetchall()[0][0]:
        raise LedgerError(
            "another transaction of this server is open, and what was written after it began cannot be numbered yet: "
            "end it (pg_stat_activity shows it), then run the same command again"
        )


def _size(one: Witnessed) -> int:
    return one.checkpoint.size
