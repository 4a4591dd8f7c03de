"""``duly run --from``: the production engine and dispatcher under a test clock that jumps from wake to wake."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from policies.calendar import to_datetime
from policies.facts import SECOND, Instant
from policies.simulate import Span
from scheduler.clock import MovedClock
from scheduler.dispatch import Dispatcher
from scheduler.engine import Engine
from scheduler.ledger import hold
from scheduler.ledger.errors import Held
from scheduler.named_clocks import LOCK
from scheduler.service import Service
from scheduler.store import queries
from scheduler.store.database import DatabaseError
from scheduler.store.people import instant

# Each person is decided at their own wakes in order, and what was decided is handed over in between; so how far one
# stride reaches changes nothing but the number of commits.
_STRIDE = 31 * 86_400 * SECOND
_CLOCK = "SELECT now_at, moved FROM clock WHERE clock_id = %(clock)s"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come."""

    at: Instant
    borrowers: int
    messages: int


def run_through(
    service: Service, span: Span, stop: threading.Event, progress: Callable[[Progress], None] | None = None
) -> Progress:
    """Everything that is due in the span, in the order of time; ends early where ``stop`` is set.

    A run that was interrupted goes on where it was: the database knows how far the clock had come. In the end, and
    where it ends early, the ledger has its numbers and a checkpoint.
    """
    started = take_clock(service, span.start)
    done = work_off(service.engine, service.dispatcher, started, span, stop, progress)
    finish_ledger(service, done.at)
    return done


def work_off(
    engine: Engine, dispatcher: Dispatcher, started: Instant, span: Span, stop: threading.Event,
    progress: Callable[[Progress], None] | None = None,
) -> Progress:  # fmt: skip
    """Decide and hand over everything that is due from ``started`` to the end of the span, wake by wake.

    Nobody else may decide or send for this clock meanwhile.
    """
    clock = MovedClock(started)
    dispatcher.recover(started, everything=True)
    borrowers = messages = 0
    next_at: Instant | None = span.outages.wake(started)
    while next_at is not None and (span.until is None or next_at < span.until) and not stop.is_set():
        clock.advance_to(next_at)
        now = clock.now()
        horizon = span.outages.before(now, now + _STRIDE)
        if span.until is not None:
            horizon = min(horizon, span.until - 1)
        while not stop.is_set():
            tick = engine.tick(now, horizon)
            handed = 0
            if tick.messages or not tick.borrowers:
                handed = dispatcher.tick(now, horizon)
                while handed and not stop.is_set() and (more := dispatcher.tick(now, horizon)):
                    handed += more
            borrowers += tick.borrowers
            messages += handed
            if not tick.borrowers and not handed:
                break
            if progress is not None:
                progress(Progress(now, borrowers, messages))
        waiting = [t for t in (engine.next_wake(), dispatcher.next_attempt()) if t is not None]
        later = [t for t in waiting if t > horizon]
        next_at = span.outages.wake(min(later)) if later else None
    return Progress(clock.now(), borrowers, messages)


def take_clock(service: Service, start: Instant) -> Instant:
    """Take this clock for one run, mark it as moved, and answer where it stands: ``start``, or further on.

    Raises DatabaseError where another run moves it, or where it has served real time, and Held where it is held or the
    database is not what its witnesses remember.
    """
    connection = service.engine_connection
    keys = {"clock": service.clock_id}
    locked = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCK, service.clock_id)).fetchone()
    if locked is None or not locked[0]:
        raise DatabaseError("another run moves the clock of this database; wait for it, or stop it")
    row = connection.execute(_CLOCK, keys).fetchone()
    if row is not None and not row[1]:
        raise DatabaseError(
            "this database has served the real clock, and a test clock must not move it; "
            "give the test a database of its own (DULY_HOME, or DULY_DATABASE_URL)"
        )
    reason = hold.why(connection, service.clock_id) or service.keeper.examine()
    if reason is not None:
        raise Held(reason)
    at = start if row is None or row[0] is None else max(start, instant(row[0]))
    connection.execute(queries.MOVE_CLOCK, {**keys, "now": to_datetime(at)})
    return at


def finish_ledger(service: Service, now: Instant) -> None:
    """Number what was decided, sign a checkpoint, give it to the witnesses. Raises Held where one refuses it."""
    refused = service.keeper.finish(now)
    if refused is not None:
        hold.hold(service.engine_connection, service.clock_id, refused)
        raise Held(refused)


def stands_at(service: Service) -> Instant | None:
    """Where runs before have left this test clock; none, where there was no run yet."""
    row = service.engine_connection.execute(_CLOCK, {"clock": service.clock_id}).fetchone()
    return None if row is None or not row[1] or row[0] is None else instant(row[0])


def serve_real_time(service: Service) -> None:
    """Note that this database follows real time; raises DatabaseError where a test clock has moved it."""
    row = service.engine_connection.execute(
        "INSERT INTO clock (lender_id, clock_id, moved) VALUES ('default', %(clock)s, false) "
        "ON CONFLICT (lender_id, clock_id) DO UPDATE SET clock_id = excluded.clock_id RETURNING moved",
        {"clock": service.clock_id},
    ).fetchone()
    if row is not None and row[0]:
        raise DatabaseError(
            "a test clock has moved this database (duly run --from); it is never served by the real clock: "
            "give the daemon a database of its own (DULY_HOME, or DULY_DATABASE_URL)"
        )
