"""Lets threads run one at a time, from point to point, in an order that a seed chooses and that is always the same.

A point is a statement, a commit, or a message on its way out. Whoever waits in the server for a lock that a parked
one holds counts as blocked until that one has gone on.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

import psycopg

from tests.simulation.connection import COMMIT, DIE, DIE_AFTER, GO, RETURNED, Died, SimulatedConnection

PARKED = "parked"
BLOCKED = "blocked"
RUNNING = "running"
DONE = "done"

_LOOK_S = 0.02
_STUCK_LOOKS = 3_000

_BLOCKERS = "SELECT pg_blocking_pids(%s)"


class Stuck(Exception):
    """A thread neither reached a point nor waits for a lock: the simulation is at fault, or the product hangs."""


class Actor:
    """One piece of work under way: what it is, where it stands, and how it ended."""

    def __init__(self, name: str, connection: SimulatedConnection, work: Callable[[], Any]) -> None:
        self.name = name
        self.connection = connection
        self.state = RUNNING
        self.at = ("begin", "")
        self.order = GO
        self.doomed = False
        self.parks_at = 0
        self.straight: int | None = None
        """Where it is not parked at each point: how many points it has passed."""
        self.result: Any = None
        self.error: BaseException | None = None
        self.faulted = False
        self._go = threading.Semaphore(0)
        self._work = work
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.arrivals: queue.SimpleQueue[Actor] | None = None

    def _run(self) -> None:
        _mine.actor = self
        self._go.acquire()
        try:
            self.result = self._work()
        except BaseException as error:
            self.error = error
        self._arrive(DONE)

    def _arrive(self, state: str) -> None:
        self.state = state
        assert self.arrivals is not None
        self.arrivals.put(self)

    def park(self, kind: str, what: str) -> str:
        """Wait until it is this one's turn again; answers with what is to happen at this point."""
        self.at = (kind, what)
        self.order = GO
        self._arrive(PARKED)
        self._go.acquire()
        return self.order

    def go(self, order: str) -> None:
        """Let it run on from where it is parked."""
        self.order = order
        self.state = RUNNING
        self._go.release()


class _Mine(threading.local):
    actor: Actor | None = None


_mine = _Mine()


class Stage:
    """The actors under way, and the one rule that a single one of them runs."""

    def __init__(self, monitor: psycopg.Connection[Any]) -> None:
        self._monitor = monitor
        self._arrivals: queue.SimpleQueue[Actor] = queue.SimpleQueue()
        self.actors: list[Actor] = []
        self.deadlocks = 0
        self.committed = False

    @property
    def parked(self) -> list[Actor]:
        """Who can go on, in the order in which they began."""
        return [one for one in self.actors if one.state == PARKED]

    @property
    def blocked(self) -> list[Actor]:
        """Who waits for a lock."""
        return [one for one in self.actors if one.state == BLOCKED]

    def hook(self, connection: SimulatedConnection, kind: str, what: str) -> str:
        """The point of a connection: parks the actor whose thread this is."""
        actor = _mine.actor
        if actor is None:
            return GO
        if kind == RETURNED:
            if actor.state != BLOCKED:
                return DIE if actor.doomed else GO
        elif actor.doomed:
            return DIE
        order = self._pass(actor, kind, what)
        if kind == COMMIT and order in (GO, DIE_AFTER, "cut after"):
            self.committed = True
        return DIE if actor.doomed and order != DIE_AFTER else order

    def point(self, kind: str, what: str) -> None:
        """A point that is none of the database's; raises Died where the process ends there."""
        actor = _mine.actor
        if actor is None:
            return
        if actor.doomed or self._pass(actor, kind, what) == DIE:
            raise Died

    def _pass(self, actor: Actor, kind: str, what: str) -> str:
        """The order at a point. One that runs straight on is parked only where its fault is, or others are blocked."""
        if actor.straight is not None and kind != RETURNED and not self.blocked:
            actor.straight += 1
            if actor.straight != actor.parks_at:
                return GO
        return actor.park(kind, what)

    def begin(
        self, name: str, connection: SimulatedConnection, work: Callable[[], Any], parks_at: int | None = None
    ) -> Actor:  # fmt: skip
        """Begin a piece of work and let it come to its first point, or to its end.

        ``parks_at``: it runs straight on, but for this one point, from 1.
        """
        actor = Actor(name, connection, work)
        if parks_at is not None:
            actor.parks_at, actor.straight = parks_at, 0
        actor.arrivals = self._arrivals
        self.actors.append(actor)
        actor.thread.start()
        actor.go(GO)
        self._wait(actor)
        self._settle()
        return actor

    def resume(self, actor: Actor, order: str = GO) -> None:
        """Let one that is parked go on to its next point, to its end, or until it waits for a lock."""
        actor.go(order)
        self._wait(actor)
        self._settle()

    def doom(self, actors: list[Actor]) -> None:
        """Let these end where they are, without a word: their process is killed."""
        for actor in actors:
            actor.doomed = True
        for actor in actors:
            if actor.state == PARKED:
                self.resume(actor, DIE)
            elif actor.state == BLOCKED:
                actor.connection.cancel()
                self._wait_for_arrival(actor)
                if actor.state == PARKED:
                    self.resume(actor, DIE)
        self._settle()

    def await_blocked(self) -> None:
        """All wait for each other: the server finds that out after a second, and one of them has an error."""
        for _ in range(_STUCK_LOOKS):
            self._collect()
            if self.parked or not self.blocked:
                return
        raise Stuck("all wait for each other, and the server does not say so")

    def forget(self, actor: Actor) -> None:
        """It is done, and what came of it was seen."""
        actor.thread.join()
        self.actors.remove(actor)

    # --- waiting ----------------------------------------------------------------------------------------------

    def _wait(self, actor: Actor) -> None:
        for _ in range(_STUCK_LOOKS):
            self._collect()
            if actor.state != RUNNING:
                return
            if self._waits_for_lock(actor) and actor.state == RUNNING:
                actor.state = BLOCKED
                return
        raise Stuck(f"{actor.name} has come to no point after {actor.at}")

    def _collect(self) -> None:
        try:
            self._arrivals.get(timeout=_LOOK_S)
            while True:
                self._arrivals.get_nowait()
        except queue.Empty:
            pass

    def _waits_for_lock(self, actor: Actor) -> bool:
        connection = actor.connection
        if connection.closed:
            return False
        row = self._monitor.execute(_BLOCKERS, (connection.info.backend_pid,)).fetchone()
        return row is not None and bool(row[0])

    def _settle(self) -> None:
        """Whoever was waiting and has what it waited for comes to its point before anybody else goes on."""
        again = True
        while again:
            again = False
            for actor in self.blocked:
                if not self._waits_for_lock(actor):
                    self._wait_for_arrival(actor)
                    again = True

    def _wait_for_arrival(self, actor: Actor) -> None:
        for _ in range(_STUCK_LOOKS):
            if actor.state in (PARKED, DONE):
                return
            self._collect()
            if actor.state == BLOCKED and not actor.doomed and self._waits_for_lock(actor):
                return
        raise Stuck(f"{actor.name} had its lock and has come to no point after {actor.at}")
