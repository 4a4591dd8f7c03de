"""``duly run --from --speed N``: the daemon itself on a clock that runs N times as fast, up to an instant."""

from __future__ import annotations

import threading

from policies.facts import SECOND, Instant
from policies.simulate import Span
from scheduler.clock import SpeedClock
from scheduler.daemon import Daemon
from scheduler.run_through import take_clock
from scheduler.service import Service


def run_fast(service: Service, span: Span, speed: int, tick_s: int, stop: threading.Event) -> Instant:
    """Serve from the span's start to its end, but in its outages; answers with the instant that was reached.

    A signal ends the daemon that runs; ``stop`` is set then, or where one comes during an outage.
    """
    clock = SpeedClock(take_clock(service, span.start), speed)
    while not stop.is_set() and (span.until is None or clock.now() < span.until):
        now = clock.now()
        awake = span.outages.wake(now)
        if awake > now:
            _pass(clock, awake if span.until is None else min(awake, span.until), stop)
            continue
        ends = _end(span, now)
        if not _serve(Daemon(service, clock, tick_s, speed=speed), clock, ends):
            stop.set()
    return clock.now()


def _end(span: Span, now: Instant) -> Instant | None:
    """Where the daemon that begins now has to stop: the next outage, or the end."""
    far = 1 << 62
    begins = span.outages.before(now, far)
    ends = [end for end in (None if begins == far else begins + 1, span.until) if end is not None]
    return min(ends, default=None)


def _serve(daemon: Daemon, clock: SpeedClock, ends: Instant | None) -> bool:
    """Run the daemon until ``ends``; False where a signal ended it before."""
    if ends is None:
        daemon.run()
        return False
    over = threading.Event()

    def watch() -> None:
        _pass(clock, ends, over)
        daemon.stop()

    watcher = threading.Thread(target=watch, name="until", daemon=True)
    watcher.start()
    try:
        daemon.run()
    finally:
        over.set()
        watcher.join()
    return clock.now() >= ends


def _pass(clock: SpeedClock, until: Instant, stop: threading.Event) -> None:
    """Let the clock come to ``until``, or less, where ``stop`` is set."""
    while not stop.is_set() and (now := clock.now()) < until:
        clock.wait((until - now) / SECOND, stop)
