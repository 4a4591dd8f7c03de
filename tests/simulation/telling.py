"""The lender's side: imports, versions of the policy and migrations are told one by one until they are answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Any

import psycopg

from scheduler.engine import read_policies
from scheduler.ingest import import_book
from scheduler.migrate import moves
from scheduler.publish import publish
from tests.simulation import book
from tests.simulation.acts import Act
from tests.simulation.stage import Actor

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

MOST_VERSIONS = 4
_POISON = '{"episodes": [{}]}'
_LEAVING = "SELECT message_id FROM message WHERE status = 'sending'"
_QUEUED = "SELECT loan_id FROM message WHERE status = 'queued' ORDER BY message_id LIMIT 1"
_STATE = "SELECT state FROM loan WHERE loan_id = %s AND state IS NOT NULL"
_SET_STATE = "UPDATE loan SET state = %s WHERE loan_id = %s"
_WAKE = "UPDATE borrower b SET wake_at = %s FROM loan l WHERE l.loan_id = %s AND b.borrower_id = l.borrower_id"


class Lender:
    """Tells what it was told. An answer that was lost is no answer: the same is told again, as often as it takes."""

    def __init__(self, run: Simulation) -> None:
        self._run = run
        self._connection = run.open()
        self._versions: list[str] = []
        self.pending: list[Callable[[], Any]] = []
        self.actor: Actor | None = None
        self.poisoned: dict[str, Any] = {}
        self.acknowledged: set[str] = set()

    def draws(self) -> None:
        """Something new to tell, where nothing else waits: mostly a fact, now and then a version of the policy."""
        random = self._run.random
        if self.pending:
            return
        if random.random() < 0.06 and len(self._versions) < MOST_VERSIONS:
            self.publishes(len(self._versions) + 1)
            if random.random() < 0.7:
                self.pending.append(self._migrate)
            return
        queued = self._run.monitor.execute(_QUEUED).fetchone()
        if queued is not None and random.random() < 0.4:
            self.is_told(self._run.borrowers.stopping(queued[0], self._run.now))
        else:
            self.is_told(self._run.borrowers.draw(self._run.now))

    def publishes(self, version: int) -> None:
        """A version of the policy is to be published."""
        source = book.policy(Random(f"{self._run.seed}/{version}"), version)

        def work() -> None:
            with self._connection.transaction():
                digest = publish(self._connection, "sim.yaml", source, self._run.now).policy.digest
            if digest not in self._versions:
                self._versions.append(digest)

        self.pending.append(work)

    def _migrate(self) -> None:
        run, connection = self._run, self._connection
        with connection.transaction():
            policies = read_policies(connection, 0)["default"]
            old, new = (policies.version(one) for one in self._versions[-2:])
            list(moves(connection, 0, policies, old, new, run.now, run.settings.link_base, apply=True))

    def is_told(self, act: Act) -> None:
        """An act is to be imported."""

        def work() -> Act:
            policies = read_policies(self._connection, 0)["default"]
            opened = {name: BytesIO(data) for name, data in act.files.items()}
            import_book(self._connection, opened, clock_id=0, now=self._run.now, policies=policies)
            return act

        for kind, what in act.facts:
            self._run.model.begins(kind, **what)
        self._run.step(f"the lender is told: {act.name}")
        self.pending.append(work)

    def goes_on(self) -> None:
        """Begin to tell what is next, where nothing is being told."""
        if self.actor is not None or not self.pending:
            return
        run = self._run
        if self._connection.closed:
            self._connection = run.open()
        parks_at = run.parks_at()
        run.step(f"lender begins{'' if parks_at is None else ', straight on'}")
        # An import has some forty points, a tick ten.
        parks_at = 3 * parks_at if parks_at else parks_at
        self.actor = run.stage.begin("lender", self._connection, self.pending[0], parks_at)
        run.after(self.actor)

    def ended(self, actor: Actor) -> None:
        """The telling came to an end; where it was answered well, that is noted before anything else happens."""
        self.actor = None
        run, error = self._run, actor.error
        if error is not None:
            if not (isinstance(error, psycopg.OperationalError) and actor.faulted):
                run.breach(f"I5: telling failed: {type(error).__name__}: {error}", error)
            return
        self.pending.pop(0)
        run.step("lender is answered: done")
        act = actor.result
        if isinstance(act, Act):
            leaving = frozenset(row[0] for row in run.monitor.execute(_LEAVING).fetchall())
            for kind, what in act.facts:
                run.model.acknowledged(kind, leaving, **what)
            lines = act.files.get("events.csv", b"").decode().splitlines()[1:]
            self.acknowledged.update(line.partition(",")[0] for line in lines)

    # --- poison -------------------------------------------------------------------------------------------------

    def poisons(self) -> None:
        """A contract's state that cannot be read, put there behind everybody's back; the next time it is put right."""
        run = self._run
        if run.stage.actors or self.pending:
            return
        if self.poisoned:
            self.cures()
            return
        loan = run.random.choice(run.borrowers.loans).loan
        row = run.monitor.execute(_STATE, (loan,)).fetchone()
        if row is not None:
            self.poisoned[loan] = row[0]
            run.monitor.execute(_SET_STATE, (_POISON, loan))
            run.step(f"{loan} is poisoned")

    def cures(self) -> None:
        """Put the state right, and have the borrower looked at, as after a fact."""
        run = self._run
        for loan, state in self.poisoned.items():
            run.monitor.execute(_SET_STATE, (json.dumps(state), loan))
            run.monitor.execute(_WAKE, (datetime.fromtimestamp(run.now / 1_000_000, UTC), loan))
            run.step(f"{loan} is put right")
        self.poisoned.clear()

    def close(self) -> None:
        """The run is over."""
        if self.actor is not None:
            self._run.stage.doom([self.actor])
        self._connection.close()
