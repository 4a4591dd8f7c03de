"""The daemon: APScheduler wakes its jobs, the main thread watches the clock, signals end it in order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from types import FrameType
from typing import Final

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from policies.calendar import to_datetime
from policies.facts import SECOND
from scheduler.clock import Clock, SystemClock
from scheduler.engine import Engine
from scheduler.gate import Gate
from scheduler.jobs import Job, Room
from scheduler.ledger import hold
from scheduler.ledger.errors import LedgerError
from scheduler.service import Service
from scheduler.store.database import LOST, connect
from scheduler.tally import Tally
from scheduler.timekeeping import Timekeeper

ROLES: Final = ("engine", "dispatch", "ledger", "witness")
"""What a daemon may do; any number of daemons share the work of each."""

_WATCH_S = 1.0
_JUMP_S = 2.0
_SHORTEST_S = 0.01
_RECOVER_S = 10
_log = structlog.get_logger(__name__)


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
        self, service: Service, clock: Clock, tick_s: int, *, speed: int = 1, checkpoint_s: int = 60,
        roles: tuple[str, ...] = ROLES,
    ) -> None:  # fmt: skip
        """``speed``: how many times as fast the clock runs; the alarm clock, and checkpoints, keep to real time."""
        self._service = service
        self._clock = clock
        self._speed = speed
        self._roles = roles
        self._stop = threading.Event()
        self._failed: Exception | None = None
        self._recovered = clock.monotonic() - _RECOVER_S
        self._checkpoint_s = checkpoint_s * speed
        self._signed = clock.monotonic() - self._checkpoint_s
        self.room = Room()
        self.tally = Tally()
        self.gate = Gate(clock, service.clock_id, speed)
        self._time = Timekeeper(service, clock, self.gate)
        self.jobs = self._made()
        self._alarm = BackgroundScheduler(timezone="UTC", executors={"default": ThreadPoolExecutor(len(self.jobs))})
        for job in self.jobs:
            self._alarm.add_job(
                job, _Pause(max(tick_s / speed, _SHORTEST_S)), id=job.name, coalesce=True, max_instances=1,
                misfire_grace_time=None,
            )  # fmt: skip

    def _made(self) -> tuple[Job, ...]:
        service = self._service
        made = [self._job("clock", self._time.keep, self._time.renew)]
        if "engine" in self._roles:
            made += [
                self._job(f"engine {number}", partial(self._decide, engine), partial(service.renew, engine))
                for number, engine in enumerate(service.engines, start=1)
            ]
        if "dispatch" in self._roles:
            made.append(self._job("dispatch", self._dispatch, partial(service.renew, service.dispatcher)))
        if "ledger" in self._roles:
            made.append(self._job("ledger", self._keep_ledger, partial(service.renew, service.keeper)))
        if "witness" in self._roles:
            made.append(self._job("witness", self._give, lambda: None))
        return tuple(made)

    def _job(self, name: str, work: Callable[[], None], renew: Callable[[], None]) -> Job:
        return Job(name, work, renew, self.room, self._fail)

    def run(self) -> None:
        """Serve until SIGTERM, SIGINT or ``stop``; what is in the air by then is finished. Raises what ended it.

        Where the database is not what the witnesses remember, the clock is held and the daemon stays up, idle.
        """
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        self._time.begin()
        reason = self._service.keeper.examine()
        if reason is not None:
            self._hold(reason)
        self._alarm.start()
        _log.info("daemon started", roles=list(self._roles))
        try:
            self._watch()
        finally:
            self._alarm.shutdown(wait=True)
            self._finish()
            self._time.close()
            for number, handler in previous.items():
                signal.signal(number, handler)
            _log.info("daemon stopped")
        if self._failed is not None:
            raise self._failed

    @property
    def outcomes(self) -> dict[tuple[str, str], int]:
        """How often each adapter came to each status, as (adapter, status)."""
        return dict(self._service.dispatcher.outcomes)

    @property
    def skew_us(self) -> int:
        """How far the machine's clock is before the database's, in microseconds, at the last comparison."""
        return self._time.skew_us

    def stop(self) -> None:
        """Claim nothing more, and end ``run``."""
        self._stop.set()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _fail(self, error: Exception) -> None:
        """A fault that is not the database's ends the daemon loudly: it never runs on in silence."""
        self._failed = self._failed or error
        self._stop.set()

    def _watch(self) -> None:
        """APScheduler stays silent after the clock was set back; so wall and monotonic time are compared."""
        wall, steady = self._clock.now(), self._clock.monotonic()
        while not self._clock.wait(_WATCH_S, self._stop):
            now, ticks = self._clock.now(), self._clock.monotonic()
            jump = (now - wall) / SECOND - (ticks - steady)
            wall, steady = now, ticks
            if abs(jump) > _JUMP_S * self._speed:
                self._time.jumped(round(jump))
                for job in self._alarm.get_jobs():
                    job.modify(next_run_time=to_datetime(SystemClock().now()))

    def _decide(self, engine: Engine) -> None:
        more = True
        while more and not self._stop.is_set():
            given = self.gate.ask(engine.connection)
            if given is None or given.paused.everything:
                return
            tick = engine.tick(given.now, None, given.paused)
            self.tally.decide(tick)
            more = tick.more
            if tick.borrowers:
                _log.info("decided", borrowers=tick.borrowers, lines=tick.lines, messages=tick.messages)

    def _dispatch(self) -> None:
        dispatcher = self._service.dispatcher
        total = 0
        while not self._stop.is_set():
            given = self.gate.ask(dispatcher.connection)
            if given is None:
                break
            if self._clock.monotonic() - self._recovered >= _RECOVER_S:
                self._recovered = self._clock.monotonic()
                settled = dispatcher.recover(given.now)
                if settled:
                    _log.warning("abandoned messages settled", messages=settled)
            handed = 0 if given.paused.everything else dispatcher.tick(given.now, given.wall, given.paused)
            total += handed
            if not handed:
                break
        if total:
            _log.info("handed over", messages=total)

    def _keep_ledger(self) -> None:
        keeper = self._service.keeper
        given = self.gate.ask(keeper.connection)
        if given is None:
            return
        try:
            keeper.number(given.now)
            if self._clock.monotonic() - self._signed >= self._checkpoint_s:
                self._signed = self._clock.monotonic()
                keeper.sign(given.now)
        except LedgerError as error:
            self._hold(f"{error}; run: duly reconcile")

    def _give(self) -> None:
        """Apart from the numbering, so that a witness that is slow to answer keeps nobody waiting."""
        refused = self._service.keeper.give()
        if refused is not None:
            self._hold(refused)

    def _finish(self) -> None:
        """What was decided last has its checkpoint when the daemon ends, where the database is there to have it."""
        keeper = self._service.keeper
        try:
            if "ledger" not in self._roles or self.gate.ask(keeper.connection) is None:
                return
            refused = keeper.finish(self.gate.now())
        except LedgerError as error:
            refused = f"{error}; run: duly reconcile"
        except LOST as error:
            _log.error("the ledger could not be finished; the next daemon does it", reason=type(error).__name__)
            return
        except Exception as error:
            _log.exception("the ledger could not be finished")
            self._fail(error)
            return
        if refused is not None:
            self._hold(refused)

    def _hold(self, reason: str) -> None:
        with connect(self._service.url) as connection:
            hold.hold(connection, self._service.clock_id, reason)
            self.gate.ask(connection)
