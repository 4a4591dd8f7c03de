"""How the ledgers of a clock stand, for ``duly status``: held, numbered, signed, witnessed, and by which key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policies.facts import Instant
from scheduler.ledger import checkpoints, hold
from scheduler.ledger.errors import WitnessError
from scheduler.ledger.keys import signer
from scheduler.ledger.reading import entry_at
from scheduler.ledger.witness import Witness
from scheduler.settings import Settings
from scheduler.store.database import Connection
from scheduler.store.people import instant

# The first entry without a number: one probe of an index.
_WAITING = """
SELECT j.at FROM journal j
WHERE j.lender_id = %(lender)s AND j.clock_id = %(clock)s AND (j.xact, j.entry_id) >= (%(next_xact)s, %(next_entry)s)
ORDER BY j.xact, j.entry_id LIMIT 1
"""
_CHECKPOINT = """
SELECT size, made_at FROM ledger_checkpoint WHERE lender_id = %(lender)s AND clock_id = %(clock)s
ORDER BY size DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class LedgerStanding:
    """One lender's ledger: its size, since when an entry waits for a number, the last checkpoint, and since when an
    entry waits for one."""

    lender_id: str
    size: int
    waiting_since: Instant | None
    checkpoint_size: int
    checkpoint_at: Instant | None
    unsigned_since: Instant | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Why a clock is held, if it is, and its ledgers by lender."""

    held: str | None
    ledgers: tuple[LedgerStanding, ...]

    def complaints(self, late: Instant) -> Iterator[str]:
        """What has waited since before ``late``, in words."""
        for one in self.ledgers:
            if one.waiting_since is not None and one.waiting_since < late:
                yield (
                    f"entries of {one.lender_id} wait for their number in the ledger; is a daemon running (duly run), "
                    "or a transaction of this server left open?"
                )
            elif one.unsigned_since is not None and one.unsigned_since < late:
                yield f"the ledger of {one.lender_id} has entries without a checkpoint; see the daemon's log"


def look(connection: Connection, clock_id: int) -> Standing:
    """How the ledgers of a clock stand now."""
    ledgers = {one.lender_id: one for one in checkpoints.ledgers(connection, clock_id)}
    found = []
    for lender_id in sorted({*ledgers, *(one.lender_id for one in hold.counts(connection, clock_id))}):
        ledger = ledgers.get(lender_id)
        size, cursor = (0, (0, 0)) if ledger is None else (ledger.size, (ledger.next_xact, ledger.next_entry))
        keys = {"lender": lender_id, "clock": clock_id, "next_xact": cursor[0], "next_entry": cursor[1]}
        waiting = connection.execute(_WAITING, keys).fetchone()
        last = connection.execute(_CHECKPOINT, keys).fetchone()
        signed, made_at = (0, None) if last is None else last
        unsigned = entry_at(connection, lender_id, clock_id, signed)
        found.append(
            LedgerStanding(
                lender_id, size, None if waiting is None else instant(waiting[0]), signed,
                None if made_at is None else instant(made_at), None if unsigned is None else instant(unsigned.at),
            )
        )  # fmt: skip
    return Standing(hold.why(connection, clock_id), tuple(found))


def of_this_machine(
    connection: Connection, clock_id: int, settings: Settings, witnesses: Iterable[Witness], late: Instant
) -> list[str]:
    """What is not well between the database and what this machine has: its key, and its witnesses.

    A checkpoint from after ``late`` may still be on its way.
    """
    found = []
    ledgers = checkpoints.ledgers(connection, clock_id)
    if settings.ledger_key is not None or (settings.home / "ledger.key").exists():
        found += [
            checkpoints.another_key(one) for one in ledgers if str(signer(settings, one.origin).verifier) != one.key
        ]
    for witness in witnesses:
        for one in ledgers:
            row = connection.execute(_CHECKPOINT, {"lender": one.lender_id, "clock": clock_id}).fetchone()
            note = checkpoints.latest(connection, clock_id, one.lender_id)
            if row is None or note is None or instant(row[1]) > late:
                continue
            try:
                if witness.has(note) is False:
                    found.append(f"the witness {witness.name} lacks the last checkpoint of {one.lender_id}")
            except WitnessError as error:
                found.append(f"a witness does not answer: {error}")
                break
    return found
