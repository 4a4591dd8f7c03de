"""Tells the time, and waits; the only place that reads the time of day or lets time pass.

A ``Clock`` is handed down to whatever needs one, so that the same engine runs on real time, on time that a
test or ``duly run --from`` moves, and on time that runs many times as fast.
"""

from __future__ import annotations

import threading
import time
from typing import Final, Protocol

from policies.facts import SECOND, Instant

REAL: Final = "real"
"""What the real clock is called where a clock is named."""

_LOOK_S = 0.01


class Clock(Protocol):
    """What tells the time and lets it pass. Safe to use from many threads."""

    def now(self) -> Instant:
        """Microseconds since 1970-01-01T00:00:00Z; may jump, where the machine's time is set."""
        ...

    def monotonic(self) -> float:
        """Seconds of this clock since some fixed point; never runs back. For durations only."""
        ...

    def wait(self, seconds: float, event: threading.Event) -> bool:
        """Let ``seconds`` of this clock pass, or less: it ends when ``event`` is set. Whether it is set."""
        ...


class SystemClock:
    """Real time."""

    def now(self) -> Instant:
        """Microseconds since the epoch, by the machine."""
        return time.time_ns() // 1_000

    def monotonic(self) -> float:
        """Seconds, by the machine's monotonic clock."""
        return time.monotonic()

    def wait(self, seconds: float, event: threading.Event) -> bool:
        """Wait in real time."""
        return event.wait(max(0.0, seconds))


class SpeedClock:
    """Time that begins at ``start`` (microseconds since the epoch) and runs ``factor`` times as fast.

    Its monotonic seconds are its own too: between two looks, ``now`` and ``monotonic`` move by the same.
    """

    def __init__(self, start: Instant, factor: int) -> None:
        if factor < 1:
            raise ValueError(f"factor is {factor}; expected a whole number of at least 1")
        self._start = start
        self._factor = factor
        self._begun_ns = time.monotonic_ns()

    def now(self) -> Instant:
        """Microseconds since the epoch, in fast time."""
        return self._start + self._passed_us()

    def monotonic(self) -> float:
        """Seconds of fast time since this clock was made."""
        return self._passed_us() / SECOND

    def wait(self, seconds: float, event: threading.Event) -> bool:
        """Wait ``seconds`` of fast time."""
        return event.wait(max(0.0, seconds) / self._factor)

    def _passed_us(self) -> int:
        return (time.monotonic_ns() - self._begun_ns) * self._factor // 1_000


class MovedClock:
    """Time that stands still until its owner moves it: the test clock."""

    def __init__(self, start: Instant) -> None:
        self._start = start
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> Instant:
        """The instant to which it was moved last."""
        return self._now

    def monotonic(self) -> float:
        """Seconds by which it was moved since it was made."""
        return (self._now - self._start) / SECOND

    def advance_to(self, instant: Instant) -> None:
        """Move it to ``instant``, in microseconds since the epoch; ``ValueError`` where that lies in its past."""
        with self._lock:
            if instant < self._now:
                raise ValueError(f"the clock stands at {self._now} and cannot go back to {instant}")
            self._now = instant

    def wait(self, seconds: float, event: threading.Event) -> bool:
        """Wait until the owner has moved it by ``seconds``; another thread must be that owner."""
        until = self._now + round(max(0.0, seconds) * SECOND)
        while self._now < until and not event.is_set():
            event.wait(_LOOK_S)
        return event.is_set()
