"""Goes over to a new key: an entry names it, the checkpoint with that entry is signed by both, then it signs alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from policies.facts import Instant
from scheduler import journal
from scheduler.batch import write_journal
from scheduler.ledger import checkpoints
from scheduler.ledger.checkpoints import Ledger
from scheduler.ledger.errors import LedgerError
from scheduler.ledger.notes import Signer
from scheduler.ledger.sequencer import Sequencer
from scheduler.settings import Settings
from scheduler.store.database import Connection

_NOW_SIGNS: Final = """
UPDATE ledger SET key = %(key)s WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND key = %(after)s
"""
_WAITS: Final = """
SELECT EXISTS (
    SELECT FROM journal WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND kind = 'ledger_key'
      AND (xact, entry_id) >= (%(next_xact)s, %(next_entry)s)
)
"""


@dataclass(frozen=True, slots=True)
class Rotated:
    """A ledger that went over: its keys of before and from now on, and the checkpoint that both have signed."""

    lender_id: str
    after: str
    key: str
    note: str


def go_over(
    connection: Connection, clock_id: int, settings: Settings, old: bytes, new: bytes, now: Instant, by: str
) -> list[Rotated]:  # fmt: skip
    """Let every ledger of a clock go over from the key of the seed ``old`` to that of ``new``.

    From the entry on a daemon that has the old key signs nothing. The caller puts the new seed in the old one's place
    when all is done. Raises LedgerError where a ledger has neither key, and where an open transaction keeps the entry
    from its number; the same call goes on from there.
    """
    Sequencer(connection, clock_id, settings).tick(now, wait=True)
    found = checkpoints.ledgers(connection, clock_id)
    for ledger in found:
        after, key = _pair(ledger, old, new)
        if ledger.key == str(after.verifier):
            _write(connection, clock_id, ledger, after, key, now, by)
    Sequencer(connection, clock_id, settings).tick(now, wait=True)
    done = []
    for ledger in checkpoints.ledgers(connection, clock_id):
        after, key = _pair(ledger, old, new)
        keys = {"lender": ledger.lender_id, "clock": clock_id}
        waits = {**keys, "next_xact": ledger.next_xact, "next_entry": ledger.next_entry}
        if connection.execute(_WAITS, waits).fetchall()[0][0]:
            raise LedgerError(
                "another transaction of this server is open, and the entry of the new key cannot be numbered yet: end "
                "it (pg_stat_activity shows it), then run the same command again; until then nothing is signed"
            )
        note = checkpoints.sign(connection, clock_id, ledger, key, now, beside=after)
        done.append(Rotated(ledger.lender_id, str(after.verifier), str(key.verifier), note))
    return done


def _pair(ledger: Ledger, old: bytes, new: bytes) -> tuple[Signer, Signer]:
    after, key = Signer.from_seed(ledger.origin, old), Signer.from_seed(ledger.origin, new)
    if ledger.key not in (str(after.verifier), str(key.verifier)):
        raise LedgerError(checkpoints.another_key(ledger))
    return after, key


def _write(
    connection: Connection, clock_id: int, ledger: Ledger, after: Signer, key: Signer, now: Instant, by: str
) -> None:  # fmt: skip
    values = {"key": str(key.verifier), "after": str(after.verifier), "by": by}
    with connection.transaction():
        changed = connection.execute(
            _NOW_SIGNS,
            {
                "lender": ledger.lender_id, "clock": clock_id, "key": values["key"], "after": values["after"],
            },
        )  # fmt: skip
        if changed.rowcount != 1:
            raise LedgerError("the ledger went over to another key meanwhile; look at it with: duly ledger key show")
        write_journal(
            connection, ledger.lender_id, clock_id, [journal.entry(now, journal.LEDGER_KEY, values)]
        )  # fmt: skip
