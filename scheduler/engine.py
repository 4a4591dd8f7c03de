"""The engine: borrowers whose wake has come are claimed, decided, and saved, all in one commit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import psycopg
import structlog

from policies.calendar import to_datetime
from policies.compliance.packs import digest_of_all
from policies.contract import Policy
from policies.decide import decide
from policies.facts import Instant
from policies.language.check import compile_policy
from policies.outcome import SET_ASIDE
from policies.problems import Problem
from policies.versions import ALWAYS, Policies, Published
from scheduler import journal, pauses
from scheduler.batch import Batch, write_journal
from scheduler.pauses import Pauses
from scheduler.store import queries
from scheduler.store.database import LOST, Connection
from scheduler.store.people import Claimed, claim, claim_keys, instant, read

_MOST_POISONED = 8
# A server that is gone, and a schema that is another's, are no borrower's fault.
_NOT_THEIRS = (*LOST, psycopg.ProgrammingError)
_log = structlog.get_logger(__name__)
# Of two engines of a process one decides while the other waits for the server. Without the lock both decide by turns
# and then wait together, and a second thread gains nothing.
_DECIDING = Lock()


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did: borrowers decided, lines told, and whether it left anything due.

    ``late_s``: how long after their wake those came up who were claimed, in seconds; a batch that failed tells of none.
    """

    borrowers: int = 0
    lines: int = 0
    messages: int = 0
    more: bool = False
    late_s: tuple[float, ...] = ()


class Engine:
    """Decides for one clock. Any number of engines, in any number of processes, share one database."""

    def __init__(
        self, connection: Connection, clock_id: int, link_base: str, batch: int, *, moves_clock: bool = False
    ) -> None:
        """``moves_clock``: this engine's ``now`` is a test clock's, which is kept beside what was decided at it."""
        self._connection = connection
        self._clock_id = clock_id
        self._link_base = link_base
        self._batch = batch
        self._moves_clock = moves_clock
        self._policies: dict[str, Policies] = {}
        self._policies_seen: tuple[int, int | None] | None = None
        self._newest = 0
        self._moved_to: Instant | None = None
        self._paused = pauses.NONE

    @property
    def connection(self) -> Connection:
        """What it works on."""
        return self._connection

    def use(self, connection: Connection) -> None:
        """Go on with another connection, where the one before was lost.

        What was being decided then was either committed or not, and the database alone knows: a borrower whose wake
        has come is claimed again, and one whose commit had come through has a later wake.
        """
        self._connection = connection
        self._policies_seen = None
        self._moved_to = None

    def tick(self, now: Instant, horizon: Instant | None = None, paused: Pauses = pauses.NONE) -> Tick:
        """Decide for up to a batch of borrowers whose wake is not after ``now``.

        A batch that cannot be decided or written is tried again in halves, down to the one borrower, who is set aside.
        Where that is nearly everybody, the fault is not theirs: it is raised, and nobody is set aside.

        A test clock gives a ``horizon``: borrowers whose wake comes until then are decided at that wake. They have
        nothing in common, so that it is all the same in which order they are taken. Whom ``paused`` concerns waits.
        """
        self._read_policies()
        self._paused = paused
        try:
            return self._process(now, horizon or now, None)
        except _NOT_THEIRS:
            raise
        except Exception as error:
            with self._connection.transaction():
                found = claim_keys(self._connection, self._clock_id, horizon or now, self._batch)
            poisoned: list[tuple[tuple[str, str], Exception]] = []
            total = self._halves(now, horizon or now, list(found), poisoned)
            if len(poisoned) > _MOST_POISONED and len(poisoned) * 2 > len(found):
                raise poisoned[0][1] from error
            for key, why in poisoned:
                self._set_aside(now, horizon or now, key, found[key], type(why).__name__)
            return total

    def next_wake(self) -> Instant | None:
        """The next instant at which a borrower of this clock is to be looked at."""
        row = self._connection.execute(queries.NEXT_WAKE, {"clock": self._clock_id}).fetchone()
        return None if row is None or row[0] is None else instant(row[0])

    def _halves(
        self, now: Instant, horizon: Instant, keys: list[tuple[str, str]],
        poisoned: list[tuple[tuple[str, str], Exception]],
    ) -> Tick:  # fmt: skip
        """Decide what can be decided of ``keys``; the others are added to ``poisoned``, each with its own fault.

        Each is tried, also where it is one: another engine may have had the one that failed before.
        """
        if not keys:
            return Tick(more=True)
        try:
            return self._process(now, horizon, keys)
        except _NOT_THEIRS:
            raise
        except Exception as error:
            if len(keys) == 1:
                poisoned.append((keys[0], error))
                return Tick(1, 1, 0, True)
        middle = len(keys) // 2
        total = Tick(more=True)
        for half in (keys[:middle], keys[middle:]):
            one = self._halves(now, horizon, half, poisoned)
            total = Tick(total.borrowers + one.borrowers, total.lines + one.lines, total.messages + one.messages, True)
        return total

    def _process(self, now: Instant, horizon: Instant, these: list[tuple[str, str]] | None) -> Tick:
        with self._connection.transaction():
            rows = claim(self._connection, self._clock_id, now, horizon, self._batch, these)
            if self._moves_clock and now != self._moved_to:
                self._connection.execute(queries.MOVE_CLOCK, {"clock": self._clock_id, "now": to_datetime(now)})
            if not rows.borrowers:
                return Tick()
            saved = Batch(self._clock_id, self._newest, self._link_base)
            with _DECIDING:
                claimed = read(rows, now, self._policies, self._link_base)
                decided = self._unpaused(claimed)
                for one in decided:
                    saved.add(one, decide(one.borrower, one.at))
                saved.close()
            saved.write(self._connection)
        self._moved_to = now
        more = len(claimed) == self._batch or these is not None
        at = to_datetime(now)
        late_s = tuple([max((at - row[3]).total_seconds(), 0) for row in rows.borrowers])
        return Tick(len(decided), saved.lines, saved.messages, more, late_s)

    def _unpaused(self, claimed: list[Claimed]) -> list[Claimed]:
        """Those who may be decided; the others are laid by, in the transaction of the claim."""
        if not self._paused.of_people:
            return claimed
        paused = pauses.kept(self._connection, self._clock_id)
        wait = {id(one) for one in claimed if paused.concern(one.lender_id, one.borrower)}
        if wait:
            keys = [(one.lender_id, one.borrower_id) for one in claimed if id(one) in wait]
            pauses.lay_by(self._connection, self._clock_id, keys)
        return [one for one in claimed if id(one) not in wait]

    def _set_aside(
        self, now: Instant, horizon: Instant, key: tuple[str, str], revision: int, reason: str
    ) -> None:  # fmt: skip
        """The borrower's decision cannot even be written: look no more until a new fact, and say so.

        Where a fact has come since they were claimed at ``revision``, or another engine has them, they stay due.
        """
        lender_id, borrower_id = key
        keys = {"lender": lender_id, "clock": self._clock_id, "borrower": borrower_id, "reason": reason}
        values = {"outcome": SET_ASIDE, "reason": reason}
        with self._connection.transaction():
            held = claim(self._connection, self._clock_id, now, horizon, 1, [key]).borrowers
            if not held or held[0][2] != revision:
                return
            row = self._connection.execute(queries.SET_ASIDE, keys).fetchone()
            assert row is not None  # noqa: S101 - it is under this transaction's lock
            one = journal.entry(now, journal.SET_ASIDE, values, borrower_key=row[0].hex)
            write_journal(self._connection, lender_id, self._clock_id, [one])
        _log.error("borrower set aside", borrower_id=borrower_id, reason=reason)

    def _read_policies(self) -> None:
        row = self._connection.execute(queries.POLICY_COUNT, {"clock": self._clock_id}).fetchone()
        if row == self._policies_seen and row is not None:
            return
        self._policies, self._newest = read_versions(self._connection, self._clock_id)
        self._policies_seen = row


def read_policies(connection: Connection, clock_id: int) -> dict[str, Policies]:
    """The published policies of each lender, compiled; every lender of the clock has an entry."""
    return read_versions(connection, clock_id)[0]


def read_versions(connection: Connection, clock_id: int) -> tuple[dict[str, Policies], int]:
    """The same, and the number of the newest version among them; 0 without any."""
    published: dict[str, list[Published]] = {"default": []}
    newest = 0
    rows = connection.execute(queries.POLICIES, {"clock": clock_id})
    for lender_id, _name, digest, file_name, source, since, number in rows:
        newest = max(newest, number)
        policy, problems = _compiled(file_name, bytes(source), digest_of_all())
        if policy is None or policy.digest != digest:
            reason = problems[0].message if problems else "its digest is another"
            raise RuntimeError(f"the published policy {digest} cannot be read by this version of duly: {reason}")
        published.setdefault(lender_id, []).append(Published(policy, ALWAYS if since is None else instant(since)))
    return {lender_id: Policies(versions) for lender_id, versions in published.items()}, newest


@lru_cache(maxsize=128)
def _compiled(file_name: str, source: bytes, _packs: str) -> tuple[Policy | None, list[Problem]]:
    """Many test clocks in one process have the same policies, which mean the same under the same rule packs."""
    return compile_policy(file_name, source, executing=True)
