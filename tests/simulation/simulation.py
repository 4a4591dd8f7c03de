"""The simulation: one process, one seed; in each step one thing happens, and then the invariants are looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from adapters.base import Message
from scheduler.settings import Settings
from scheduler.store.database import connect, conninfo_of
from tests.simulation import book, ending, provider
from tests.simulation.acts import DAY, MINUTE, Borrowers, together
from tests.simulation.connection import (
    AT_COMMIT,
    AT_STATEMENT,
    COMMIT,
    DIE,
    DIE_AFTER,
    GO,
    STATEMENT,
    Died,
    SimulatedConnection,
)  # fmt: skip
from tests.simulation.model import Model
from tests.simulation.process import Process, open_connection
from tests.simulation.stage import Actor, Stage
from tests.simulation.telling import Lender

HOUR = 60 * MINUTE
DAYS = 30
TOLD = 20
MOST_LOOKS_AT_THE_END = 600
LATE_AT_THE_END = 40 * MINUTE

_MESSAGES = "SELECT message_id, status FROM message"
_LOOKED = "SELECT loan_id, (state ->> 0)::bigint FROM loan WHERE state IS NOT NULL AND json_typeof(state) = 'array'"
_REVISIONS = "SELECT borrower_id, revision FROM borrower"
_DUE = """
SELECT (SELECT min(wake_at) FROM borrower WHERE wake_at IS NOT NULL),
       (SELECT min(next_attempt_at) FROM message WHERE status IN ('queued', 'sending'))
"""


class Breach(AssertionError):
    """An invariant does not hold; says at which step of which seed, and what happened before."""


class Stopped(Exception):
    """The step at which to stop has come."""


class Simulation:
    """One run of one seed on an empty database with the schema."""

    def __init__(
        self, seed: int, url: str, home: Path, *, days: int = DAYS, until_step: int | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:  # fmt: skip
        self.seed = seed
        self.trace: list[str] = []
        self._until_step = until_step
        self._tell = tell
        self._url = url
        self.random = Random(seed)
        random = self.random
        self.now = int(book.BEGIN.timestamp()) * 1_000_000
        self.end = self.now + days * DAY
        self._days = days
        self._fault = random.choice((0.0, 0.002, 0.006, 0.015))
        self._interleave = random.choice((0.0, 0.3, 0.8))
        self._strides = random.choice((HOUR, 6 * HOUR, 20 * HOUR))
        self.settings = Settings(
            home=home, witness=f"{home / 'witness'}/", ledger_origin="simulation", lease_s=3_600,
            engine_threads=random.choice((1, 2)), dispatch_connections=random.choice((1, 2, 4)),
            batch=random.choice((1, 2, 50)),
        )  # fmt: skip
        self.model = Model()
        self.borrowers = Borrowers(random, self.model)
        with psycopg.connect(conninfo_of(url), autocommit=True) as setting:
            # Each commit would wait for the disk; what is simulated here is the end of processes, not of the server.
            setting.execute(f'ALTER DATABASE "{setting.info.dbname}" SET synchronous_commit = off')
        self.monitor = connect(url)
        self.stage = Stage(self.monitor)
        self.manners = provider.Manners(seed, self._weights())
        self.idempotent: set[str] = set()
        self.channels = {name: self._channel(name) for name in ("sms", "email", "letter")}
        self.processes: list[Process | None] = [None] * random.choice((1, 1, 2))
        self.lender = Lender(self)
        self._dirty = False
        self._complaints: list[str] = []
        self._last: Any = None

    # --- what there is -----------------------------------------------------------------------------------------

    def _weights(self) -> dict[str, int]:
        worst = self.random.choice((0, 1, 1, 3))
        return {manner: 12 if manner == provider.ACCEPT else worst for manner in provider.MANNERS}

    def _channel(self, name: str) -> provider.SimulatedChannel:
        kind = self.random.choice(("plain", "plain", "idempotent", "looks up"))
        if kind == "idempotent":
            self.idempotent.add(name)
        made = provider.kind_of_channel(f"{name}-out", idempotent=kind == "idempotent", looks_up=kind == "looks up")
        return made(self.manners, self._took, self.stage.point)

    def open(self) -> SimulatedConnection:
        """A connection for whoever is no part of a process."""
        return open_connection(
            self.stage.hook, conninfo=conninfo_of(self._url), autocommit=True, options="-c timezone=UTC"
        )

    def _took(self, message: Message, again: bool) -> None:
        one = provider.accepted_of(message, self.borrowers.borrower_of, self.now)
        self._dirty = True
        found = self.model.accept(one, again=again)
        self.manners.told.append(f"{one.channel} {one.message_id[:8]}: accepted for {one.loan} {one.step}")
        self._complaints += found

    # --- the run ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """From the first book to the last look at the ledger. Raises Breach."""
        try:
            self._begin()
            while self.now < self.end:
                self._stride()
                for _ in range(self.random.randint(1, 6)):
                    self._something()
                self._finish_under_way()
            self._finish()
            ending.check(self)
        except Stopped:
            pass
        finally:
            for process in self.processes:
                if process is not None:
                    process.kill()
            self.lender.close()
            self.monitor.close()

    @property
    def digest(self) -> str:
        """What happened, in 64 digits."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()

    def _begin(self) -> None:
        self.lender.publishes(1)
        self.lender.is_told(self.borrowers.first_book())
        self._tell_all()

    def _something(self) -> None:
        """One thing: somebody goes on, begins, dies, or is restarted."""
        random = self.random
        going = self.stage.parked
        if going and random.random() < 0.75:
            self._go_on(random.choice(going))
            return
        index = random.randrange(len(self.processes))
        process = self.processes[index]
        if process is None:
            self._start(index)
        elif random.random() < self._fault:
            self._kill(index, "is killed")
        elif random.random() < (0.3 if "queued" in self.model.statuses.values() else 0.06):
            # Facts come most of all while something that they may stop is about to leave.
            self.lender.draws()
            self.lender.goes_on()
        elif random.random() < 0.02:
            self.lender.poisons()
        else:
            self._job(process)

    def _start(self, index: int) -> None:
        process = Process(f"process{index}", self.settings, self._url, self.channels, self.stage)
        self.processes[index] = process
        self.step(f"{process.name} starts")
        reason = process.why_held()
        if reason is not None:
            self.breach(f"I6: the ledger is not what the witness remembers: {reason}")

    def _kill(self, index: int, how: str) -> None:
        process = self.processes[index]
        assert process is not None
        self.step(f"{process.name} {how}")
        process.kill()
        self.processes[index] = None
        self._look()

    def _job(self, process: Process, name: str | None = None) -> None:
        free = [one for one in sorted(process.parts) if one not in process.busy]
        if name is None:
            if not free:
                return
            name = self.random.choices(free, [1 if one == "keeper" else 4 for one in free])[0]
        if name == "dispatch" and not any(p is not None and "dispatch" in p.busy for p in self.processes):
            # Nobody is sending: whoever still has a lease is gone, and by now it is over.
            self.monitor.execute("UPDATE message SET lease_until = '-infinity' WHERE status = 'sending'")
        connection: Any = process.parts[name].connection
        if connection.closed:
            process.renew(name)
            connection = process.parts[name].connection
            self.step(f"{process.name} {name} has another connection")
        work = process.job(name, self.now, self.random)
        parks_at = self.parks_at()
        self.step(f"{process.name} {name} begins{'' if parks_at is None else ', straight on'}")
        process.busy[name] = actor = self.stage.begin(f"{process.name} {name}", connection, work, parks_at)
        self.after(actor)

    def parks_at(self) -> int | None:
        """Where one that runs straight on meets its fault; none, where it is parked at each point."""
        if self.manners.calm or self.random.random() >= self._interleave:
            return self.random.randint(1, 12) if self.random.random() < 10 * self._fault else 0
        return None

    def _straight(self, actor: Actor) -> None:
        while actor.state == "parked":
            self._go_on(actor)

    def _go_on(self, actor: Actor) -> None:
        kind, what = actor.at
        order = self._order(kind, actor)
        self.step(f"{actor.name}: {kind} {what}".rstrip() + ("" if order == GO else f" -> {order}"))
        actor.faulted = actor.faulted or order != GO
        self.stage.resume(actor, order)
        self.after(actor)

    def _order(self, kind: str, actor: Actor) -> str:
        if self.manners.calm or (actor.straight is None and self.random.random() >= self._fault):
            return GO
        if actor.straight is not None and (actor.straight != actor.parks_at or actor.faulted):
            return GO
        dies = (DIE,) if actor is not self.lender.actor else ()
        if kind == STATEMENT:
            return self.random.choice((*AT_STATEMENT, *dies))
        if kind == COMMIT:
            return self.random.choice((*AT_COMMIT, *dies, *((DIE_AFTER,) if dies else ())))
        return DIE if dies and kind in ("send", "accepted") else GO

    def after(self, actor: Actor) -> None:
        """Look at what came of it, and at everybody else who has come to an end meanwhile."""
        for note in self.manners.told:
            self.step(f"provider {note}")
        self.manners.told.clear()
        for done in [one for one in self.stage.actors if one.state == "done"]:
            if done in self.stage.actors:
                self._ended(done)
        if self.stage.committed or self._dirty:
            self.stage.committed = self._dirty = False
            self._look()

    def _ended(self, actor: Actor) -> None:
        self.stage.forget(actor)
        error, self._last = actor.error, actor.result
        if error is not None:
            self.step(f"{actor.name} ends with {type(error).__name__}")
        if actor is self.lender.actor:
            self.lender.ended(actor)
            return
        index, name = next(
            (i, n) for i, p in enumerate(self.processes) if p is not None for n, one in p.busy.items() if one is actor
        )
        process = self.processes[index]
        assert process is not None
        del process.busy[name]
        if error is None:
            if name == "keeper" and actor.result is not None:
                self.breach(f"I6: a witness refuses a checkpoint: {actor.result}")
            return
        if isinstance(error, Died):
            self._kill(index, "dies")
        elif isinstance(error, psycopg.OperationalError) and actor.faulted:
            # A daemon goes on with another connection, or with the same where the server only refused.
            if self.random.random() < 0.3:
                self._kill(index, "is killed after that")
        else:
            self.breach(f"I8: {actor.name} failed: {type(error).__name__}: {error}", error)

    # --- time -----------------------------------------------------------------------------------------------------

    def _due(self) -> tuple[datetime | None, datetime | None]:
        return self.monitor.execute(_DUE).fetchall()[0]

    def _next(self) -> int | None:
        found = [at for at in self._due() if at is not None]
        return round(min(found).timestamp() * 1_000_000) if found else None

    def _stride(self) -> None:
        """Nobody is at work: time goes on to what is due next, a little, far, or by three days."""
        random = self.random
        chance = random.random()
        due = self._next()
        if chance < 0.6 and due is not None and due < self.now + 2 * DAY:
            self.now = max(due, self.now)
        elif chance < 0.75:
            self.now += random.randrange(1, 90) * MINUTE
        elif chance < 0.97:
            self.now += random.randrange(1, self._strides)
        else:
            self.now += 3 * DAY
            for index, process in enumerate(self.processes):
                if process is not None and random.random() < 0.5:
                    self._kill(index, "is away for three days")
        self.step("the clock goes on")

    def _finish_under_way(self) -> None:
        while self.stage.actors:
            parked = self.stage.parked
            if parked:
                self._go_on(self.random.choice(parked))
            else:
                self.stage.await_blocked()
                self.after(self.stage.actors[0])

    def _finish(self) -> None:
        """All faults are over: everything told is told, every hold released, and time goes on until nothing is due."""
        self.manners.calm = True
        self.step("all is calm from here on")
        self.lender.cures()
        self._tell_all()
        acts = self.borrowers.release_all(self.now)
        if self.random.random() < 0.4:
            acts += self.borrowers.pay_all(self.now)
        if acts:
            self.lender.is_told(together(acts))
        self._tell_all()
        for _ in range(MOST_LOOKS_AT_THE_END):
            self._work_off()
            due = self._next()
            if due is None:
                return
            self.now = max(due, self.now) + LATE_AT_THE_END
            self.step("the clock goes on")
        self.breach(f"I4: something is still due after {MOST_LOOKS_AT_THE_END} looks")

    def _tell_all(self) -> None:
        while self.lender.pending:
            self.lender.goes_on()
            self._finish_under_way()

    def _work_off(self) -> None:
        """Decide and hand over until nothing is due."""
        for index, process in enumerate(self.processes):
            if process is None:
                self._start(index)
        process = self.processes[0]
        assert process is not None
        for _ in range(MOST_LOOKS_AT_THE_END):
            wake, attempt = (None if at is None else round(at.timestamp() * 1_000_000) for at in self._due())
            if wake is not None and wake <= self.now:
                self._job(process, "engine0")
            elif attempt is not None and attempt <= self.now:
                self._job(process, "dispatch")
            else:
                return
        self.breach("I4: what is due at one instant has no end")

    # --- the steps, and what is looked at after each -----------------------------------------------------------------

    def step(self, what: str) -> None:
        """One more line of the trace."""
        line = f"{datetime.fromtimestamp(self.now // 1_000_000, UTC):%m-%d %H:%M:%S} {what}"
        self.trace.append(line)
        if self._tell is not None:
            self._tell(f"{len(self.trace):5} {line}")
        if self._until_step is not None and len(self.trace) >= self._until_step:
            raise Stopped

    def _look(self) -> None:
        """The cheap invariants: what was accepted is right, and nothing in the database goes back."""
        found = self._complaints
        self._complaints = []
        messages = dict(self.monitor.execute(_MESSAGES).fetchall())
        looked = {**dict.fromkeys(self.lender.poisoned, 1 << 62), **dict(self.monitor.execute(_LOOKED).fetchall())}
        looked |= {loan: self.model.looked.get(loan, 0) for loan in self.lender.poisoned}
        revisions = dict(self.monitor.execute(_REVISIONS).fetchall())
        found += self.model.compare(messages, looked, revisions, frozenset(self.idempotent))
        if found:
            self.breach("; ".join(found))

    def breach(self, what: str, error: BaseException | None = None) -> None:
        """Raise what does not hold, with what is needed to see it again."""
        first = max(0, len(self.trace) - TOLD)
        last = "\n".join(f"{n:6} {line}" for n, line in enumerate(self.trace[first:], first + 1))
        raise Breach(
            f"seed {self.seed}, step {len(self.trace)}: {what}\nthe last {TOLD} steps:\n{last}\n"
            f"again: python -m tests.simulation --seed {self.seed} --days {self._days} --verbose"
        ) from error
