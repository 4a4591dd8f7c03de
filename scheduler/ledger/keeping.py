"""Keeps the ledger of one clock for a daemon or a run: numbers entries, signs checkpoints, gives them to witnesses."""

from __future__ import annotations

from threading import Lock

import structlog

from policies.facts import Instant
from scheduler.ledger import checkpoints, hold
from scheduler.ledger.errors import Refused, WitnessError
from scheduler.ledger.keys import signer
from scheduler.ledger.sequencer import Sequencer
from scheduler.ledger.witness import Witness
from scheduler.settings import Settings
from scheduler.store.database import Connection

_log = structlog.get_logger(__name__)


class Keeper:
    """Works on a connection of its own, from one thread at a time; ``give`` needs no connection and may run beside."""

    def __init__(
        self, connection: Connection, clock_id: int, settings: Settings, witnesses: tuple[Witness, ...]
    ) -> None:  # fmt: skip
        self.connection = connection
        self._clock_id = clock_id
        self._settings = settings
        self._witnesses = witnesses
        self._sequencer = Sequencer(connection, clock_id, settings)
        self._lock = Lock()
        self._latest: dict[str, str] = {}
        self._given: dict[tuple[int, str], str] = {}

    def use(self, connection: Connection) -> None:
        """Go on with another connection, where the one before was lost; what is numbered, the database knows."""
        self.connection = connection
        self._sequencer = Sequencer(connection, self._clock_id, self._settings)

    def examine(self) -> str | None:
        """Why the database is not what the witnesses remember; none, where it is, or where none can say.

        A witness that does not answer holds nobody up: what depends on it is only said, and loudly. Otherwise whoever
        can cut a line could stop every daemon.
        """
        notes = [note for witness in self._witnesses for note in _read(witness)]
        return hold.examine(self.connection, self._clock_id, notes)

    def number(self, now: Instant, *, wait: bool = False) -> int:
        """Number what can be numbered; see ``Sequencer.tick``."""
        return self._sequencer.tick(now, wait=wait)

    def sign(self, now: Instant) -> None:
        """A checkpoint of each ledger at its present size, to be given to the witnesses next.

        Raises LedgerError where the tree contradicts a checkpoint that was given out.
        """
        latest = {}
        for ledger in checkpoints.ledgers(self.connection, self._clock_id):
            if not ledger.size:
                continue
            signs = signer(self._settings, ledger.origin)
            if str(signs.verifier) != ledger.key:
                _log.error("no checkpoint is signed", lender_id=ledger.lender_id, why=checkpoints.another_key(ledger))
                found = checkpoints.latest(self.connection, self._clock_id, ledger.lender_id)
            else:
                found = checkpoints.sign(self.connection, self._clock_id, ledger, signs, now)
            if found is not None:
                latest[ledger.origin] = found
        with self._lock:
            self._latest = latest

    def give(self) -> str | None:
        """Give each witness the latest checkpoint of each ledger that it lacks.

        A failure is logged and made good the next time, with what is the latest by then. Answers why to hold, where a
        witness says that a checkpoint contradicts what it keeps.
        """
        with self._lock:
            latest = dict(self._latest)
        refused = None
        for number, witness in enumerate(self._witnesses):
            for origin, note in latest.items():
                if self._given.get((number, origin)) == note:
                    continue
                try:
                    witness.keep(note)
                except Refused as error:
                    _log.error("a witness refuses a checkpoint", why=str(error))
                    refused = f"{error}; run: duly reconcile"
                except WitnessError as error:
                    _log.warning("a witness did not keep a checkpoint; it is tried again", why=str(error))
                else:
                    self._given[number, origin] = note
        return refused

    def finish(self, now: Instant) -> str | None:
        """Number, sign and give what there is, once all that decides has stopped; answers as ``give`` does."""
        self.number(now, wait=True)
        self.sign(now)
        return self.give()

    def close(self) -> None:
        """Let go of the witnesses."""
        for witness in self._witnesses:
            witness.close()


def _read(witness: Witness) -> list[str]:
    try:
        notes = witness.read()
        for note in notes or ():
            hold.parsed(note)
    except WitnessError as error:
        _log.error("a witness cannot be read; it is not known whether the ledger is whole", why=str(error))
        return []
    if notes is None:
        _log.warning("a witness cannot be read back; it does not say whether the ledger is whole", witness=witness.name)
    return notes or []
