"""The daemon: APScheduler wakes engine and dispatcher, the main thread watches the clock, signals end it in order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from types import FrameType

import psycopg
import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from policies.calendar import to_datetime
from policies.facts import SECOND
from scheduler import journal
from scheduler.batch import write_journal
from scheduler.clock import Clock, SystemClock
from scheduler.engine import Engine
from scheduler.ledger import hold
from scheduler.ledger.errors import LedgerError
from scheduler.service import Service
from scheduler.store.database import Connection, connect

_log = structlog.get_logger(__name__)

_WATCH_S = 1.0
_JUMP_S = 2.0
_SHORTEST_S = 0.01
_RECOVER_S = 10


class _Pause(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires ``seconds`` after the last time it did.

    An interval of APScheduler's own lists every firing that it missed, which after a jump of the clock by years is more
    than memory holds.
    """

    def __init__(self, seconds: float) -> None:
        self._pause = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """At once, and then after each pause; never in the past."""
        return now if previous is None else now + self._pause


class Daemon:
    """Runs a service until it is told to stop. What is due is in the database; the alarm clock only wakes."""

    def __init__(
        self, service: Service, clock: Clock, tick_s: int, *, speed: int = 1, checkpoint_s: int = 60
    ) -> None:  # fmt: skip
        """``speed``: how many times as fast the clock runs; the alarm clock, and checkpoints, keep to real time."""
        self._service = service
        self._clock = clock
        self._speed = speed
        self._stop = threading.Event()
        self._failed: Exception | None = None
        self._recovered = clock.monotonic() - _RECOVER_S
        self._checkpoint_s = checkpoint_s * speed
        self._signed = clock.monotonic() - self._checkpoint_s
        self._held = False
        self._alarm = BackgroundScheduler(timezone="UTC")
        jobs: dict[str, Callable[[], None]] = {
            f"engine {number}": partial(self._decide, engine, connection)
            for number, (engine, connection) in enumerate(
                zip(service.engines, service.engine_connections, strict=True), start=1
            )
        }
        jobs["dispatch"] = self._dispatch
        jobs["ledger"] = self._keep_ledger
        jobs["witness"] = self._give
        for name, work in jobs.items():
            self._alarm.add_job(
                self._guarded(name, work), _Pause(max(tick_s / speed, _SHORTEST_S)), id=name, coalesce=True,
                max_instances=1, misfire_grace_time=None,
            )  # fmt: skip

    def run(self) -> None:
        """Serve until SIGTERM, SIGINT or ``stop``; what is in the air by then is finished. Raises what ended it.

        Where the database is not what the witnesses remember, the clock is held and the daemon stays up, idle.
        """
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        reason = self._service.keeper.examine()
        if reason is not None:
            self._hold(reason)
        self._alarm.start()
        _log.info("daemon started")
        try:
            self._watch()
        finally:
            self._alarm.shutdown(wait=True)
            self._guarded("ledger", self._finish_ledger)()
            for number, handler in previous.items():
                signal.signal(number, handler)
            _log.info("daemon stopped")
        if self._failed is not None:
            raise self._failed

    def stop(self) -> None:
        """Claim nothing more, and end ``run``."""
        self._stop.set()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _watch(self) -> None:
        """APScheduler stays silent after the clock was set back; so wall and monotonic time are compared."""
        wall, steady = self._clock.now(), self._clock.monotonic()
        while not self._clock.wait(_WATCH_S, self._stop):
            now, ticks = self._clock.now(), self._clock.monotonic()
            jump = (now - wall) / SECOND - (ticks - steady)
            wall, steady = now, ticks
            if abs(jump) > _JUMP_S * self._speed:
                self._tell_jump(round(jump))
                for job in self._alarm.get_jobs():
                    job.modify(next_run_time=to_datetime(SystemClock().now()))

    def _tell_jump(self, seconds: int) -> None:
        _log.warning("the clock jumped", seconds=seconds)
        entry = journal.entry(self._clock.now(), journal.CLOCK_JUMP, {"seconds": seconds})
        with connect(self._service.url) as connection:
            write_journal(connection, "default", self._service.clock_id, [entry])

    def _guarded(self, name: str, work: Callable[[], None]) -> Callable[[], None]:
        """A job that cannot go on ends the daemon loudly: it never runs on in silence."""

        def job() -> None:
            try:
                work()
            except psycopg.OperationalError as error:
                _log.error("the database does not answer", job=name, reason=type(error).__name__)
                self._failed = self._failed or error
                self._stop.set()
            except Exception as error:
                _log.exception("job failed", job=name)
                self._failed = self._failed or error
                self._stop.set()

        return job

    def _decide(self, engine: Engine, connection: Connection) -> None:
        more = True
        while more and not self._stop.is_set() and self._free(connection):
            tick = engine.tick(self._clock.now())
            more = tick.more
            if tick.borrowers:
                _log.info("decided", borrowers=tick.borrowers, lines=tick.lines, messages=tick.messages)

    def _dispatch(self) -> None:
        connection = self._service.dispatch_connection
        if not self._free(connection):
            return
        if self._clock.monotonic() - self._recovered >= _RECOVER_S:
            self._recovered = self._clock.monotonic()
            settled = self._service.dispatcher.recover(self._clock.now())
            if settled:
                _log.warning("abandoned messages settled", messages=settled)
        total = 0
        while not self._stop.is_set() and self._free(connection):
            handed = self._service.dispatcher.tick(self._clock.now())
            total += handed
            if not handed:
                break
        if total:
            _log.info("handed over", messages=total)

    def _keep_ledger(self) -> None:
        keeper = self._service.keeper
        if not self._free(keeper.connection):
            return
        try:
            keeper.number(self._clock.now())
            if self._clock.monotonic() - self._signed >= self._checkpoint_s:
                self._signed = self._clock.monotonic()
                keeper.sign(self._clock.now())
        except LedgerError as error:
            self._hold(f"{error}; run: duly reconcile")

    def _give(self) -> None:
        """Apart from the numbering, so that a witness that is slow to answer keeps nobody waiting."""
        refused = self._service.keeper.give()
        if refused is not None:
            self._hold(refused)

    def _finish_ledger(self) -> None:
        """What was decided last has its checkpoint when the daemon ends."""
        keeper = self._service.keeper
        if not self._free(keeper.connection):
            return
        try:
            refused = keeper.finish(self._clock.now())
        except LedgerError as error:
            refused = f"{error}; run: duly reconcile"
        if refused is not None:
            self._hold(refused)

    def _free(self, connection: Connection) -> bool:
        """Whether the clock is not held; says so once where it is, and once where it is free again."""
        reason = hold.why(connection, self._service.clock_id)
        if (reason is not None) != self._held:
            self._held = reason is not None
            if reason is not None:
                _log.error("held: nothing is decided and nothing leaves", why=reason)
            else:
                _log.warning("free to run again")
        return reason is None

    def _hold(self, reason: str) -> None:
        with connect(self._service.url) as connection:
            hold.hold(connection, self._service.clock_id, reason)
            self._free(connection)
