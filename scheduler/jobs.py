"""What a daemon does again and again: one job is one thread at a time, and finds its way back to a database it lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from secrets import SystemRandom
from typing import Final

import structlog

from scheduler.clock import SystemClock
from scheduler.store.database import FULL, LOST

_log = structlog.get_logger(__name__)

LONGEST_PAUSE_S: Final = 30
"""A job that cannot go on tries again after so long at the latest."""

_FIRST_PAUSE_S: Final = 0.5
_CLOCK = SystemClock()
_chance = SystemRandom()


def pause_s(failures: int) -> float:
    """How long to wait after so many failures in a row, at least one: doubling, bounded, and spread over its half.

    Many daemons that lost one database do not all come back at once.
    """
    longest_s: float = min(_FIRST_PAUSE_S * (1 << min(failures - 1, 16)), LONGEST_PAUSE_S)
    return longest_s * (1 + _chance.random()) / 2


class Room:
    """Who, of the jobs of one daemon, tries whether the database can write again; the others do nothing meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._trying: str | None = None

    def full(self, name: str) -> None:
        """The database could not write what a job wanted; the first to meet it is the one who tries."""
        with self._lock:
            self._trying = self._trying or name

    def wrote(self, name: str) -> None:
        """A job came through; where it was the one who tried, all go on."""
        with self._lock:
            if self._trying == name:
                self._trying = None

    def closed_to(self, name: str) -> bool:
        """Whether a job has to wait for another to try."""
        with self._lock:
            return self._trying not in (None, name)

    @property
    def is_full(self) -> bool:
        """Whether nothing can be written."""
        return self._trying is not None


class Job:
    """Calls ``work`` when it is woken; where the database is lost it lets time pass, reconnects, and goes on.

    Any other error is none of the database's: ``fail`` is told, and ends the daemon loudly.
    """

    def __init__(
        self, name: str, work: Callable[[], None], renew: Callable[[], None], room: Room,
        fail: Callable[[Exception], None],
    ) -> None:  # fmt: skip
        self.name = name
        self._work = work
        self._renew = renew
        self._room = room
        self._fail = fail
        self._failures = 0
        self._again_s = _CLOCK.monotonic()
        self._lost = False
        self._came_s = _CLOCK.monotonic()
        self.trouble: str | None = None

    @property
    def idle_s(self) -> float:
        """Seconds since it last came to its end, whether it was woken in vain or not."""
        return _CLOCK.monotonic() - self._came_s

    def __call__(self) -> None:
        """What the alarm clock calls."""
        if _CLOCK.monotonic() < self._again_s or self._room.closed_to(self.name):
            self._came_s = _CLOCK.monotonic()
            return
        try:
            if self._lost:
                self._renew()
                self._lost = False
            self._work()
        except LOST as error:
            self._put_off(error)
        except Exception as error:
            _log.exception("job failed", job=self.name)
            self._fail(error)
        else:
            self._go_on()
        self._came_s = _CLOCK.monotonic()

    def _put_off(self, error: Exception) -> None:
        full = isinstance(error, FULL)
        self._failures += 1
        pause = pause_s(self._failures)
        self._again_s = _CLOCK.monotonic() + pause
        # After a full disk the connection is as good as before; after anything else nobody knows.
        self._lost = not full
        self.trouble = "the database cannot write" if full else "the database does not answer"
        if full:
            self._room.full(self.name)
        _log.error(
            self.trouble, job=self.name, reason=type(error).__name__, sqlstate=getattr(error, "sqlstate", None),
            failures=self._failures, again_in_s=round(pause, 1),
        )  # fmt: skip

    def _go_on(self) -> None:
        self._room.wrote(self.name)
        if self._failures:
            _log.warning("the database is there again", job=self.name, failures=self._failures)
        self._failures = 0
        self.trouble = None
