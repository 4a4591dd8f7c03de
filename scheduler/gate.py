"""Whether a daemon may decide and send now, and what time it is for it: read from the database before every tick.

Real time that is served has a high-water mark in the database. A clock far beyond it is no clock to chase people by:
the daemon halts until somebody accepts it. A clock behind it was set back: what is decided is decided at the mark, so
that no entry is older than one before it, and leaves when the clock itself has come to where it was decided.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

import structlog

from policies.calendar import to_datetime, zone
from policies.facts import SECOND, Instant
from scheduler import journal, pauses
from scheduler.batch import write_journal
from scheduler.clock import Clock
from scheduler.pauses import Pauses
from scheduler.store.database import Connection
from scheduler.store.people import instant

FAR_DAYS: Final = 30
"""A clock that is farther than this beyond the mark is not served until it is accepted."""

BEHIND_S: Final = 60
"""A clock that is farther than this behind the mark is complained of."""

_DAY_S: Final = 86_400
_log = structlog.get_logger(__name__)

# One small read: the hold, whether a test clock moved this one, the mark, and what is paused.
_STATE = """
SELECT c.held, c.moved, c.now_at,
       (SELECT json_agg(json_build_array(p.scope, p.lender_id, p.name))::text FROM pause p
        WHERE p.clock_id = c.clock_id)
FROM clock c WHERE c.lender_id = 'default' AND c.clock_id = %(clock)s
"""
# For a database that has no mark yet: what was decided last, by whichever clock.
_DECIDED = """
SELECT at FROM journal
WHERE lender_id = 'default' AND clock_id = %(clock)s AND kind IN ('decision', 'looked', 'hand_over')
ORDER BY xact DESC, entry_id DESC LIMIT 1
"""
_BEGIN = """
UPDATE clock SET now_at = %(at)s
WHERE lender_id = 'default' AND clock_id = %(clock)s AND now_at IS NULL AND NOT moved
"""
_MARK = """
UPDATE clock SET now_at = %(at)s
WHERE lender_id = 'default' AND clock_id = %(clock)s AND now_at < %(at)s AND NOT moved
"""
_ACCEPT = "UPDATE clock SET now_at = %(at)s WHERE lender_id = 'default' AND clock_id = %(clock)s AND NOT moved"


@dataclass(frozen=True, slots=True)
class State:
    """How a clock stands in the database; ``mark`` is none under a test clock, and before real time was served."""

    held: str | None = None
    mark: Instant | None = None
    paused: Pauses = pauses.NONE


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to work: what is decided is decided at ``now``, what has its time by ``wall`` leaves."""

    now: Instant
    wall: Instant
    paused: Pauses


def read(connection: Connection, clock_id: int) -> State:
    """How the clock stands."""
    row = connection.execute(_STATE, {"clock": clock_id}).fetchone()
    if row is None:
        return State()
    held, moved, mark, paused = row
    return State(held, None if moved or mark is None else instant(mark), pauses.parse(paused))


def too_far(now: Instant, mark: Instant | None, speed: int = 1) -> str | None:
    """Why a clock that says ``now`` is not served; none, where it is, or where nothing was served before."""
    if mark is None or now - mark <= FAR_DAYS * _DAY_S * speed * SECOND:
        return None
    iso = zone("UTC").iso
    return (
        f"the clock says {iso(now)}, {(now - mark) // (_DAY_S * SECOND):,} days after what was served last "
        f"({iso(mark)}); correct the clock, or accept it: duly run --accept-clock {iso(now)}"
    )


def behind_s(now: Instant, mark: Instant | None) -> int:
    """By how many seconds a clock that says ``now`` is behind the mark; 0 where it is not."""
    return 0 if mark is None else max(0, (mark - now) // SECOND)


def begin(connection: Connection, clock_id: int, now: Instant) -> None:
    """Let real time have its mark: where none was kept yet, it is the last decision, or now."""
    row = connection.execute(_DECIDED, {"clock": clock_id}).fetchone()
    connection.execute(_BEGIN, {"clock": clock_id, "at": to_datetime(now) if row is None else row[0]})


def accept(connection: Connection, clock_id: int, now: Instant, *, by: str) -> None:
    """Go on from ``now``, whatever the mark; the journal keeps who said so."""
    mark = read(connection, clock_id).mark
    values = {"mark": None if mark is None else zone("UTC").iso(mark), "by": by}
    with connection.transaction():
        connection.execute(_ACCEPT, {"clock": clock_id, "at": to_datetime(now)})
        write_journal(connection, "default", clock_id, [journal.entry(now, journal.CLOCK_ACCEPTED, values)])


class Gate:
    """One daemon's; asked by each job, on the job's own connection. Remembers, and says once, why nothing goes on."""

    def __init__(self, clock: Clock, clock_id: int, speed: int) -> None:
        self._clock = clock
        self._clock_id = clock_id
        self._speed = speed
        self._lock = threading.Lock()
        self._latest: Instant | None = None
        self._mark: Instant | None = None
        self.held: str | None = None
        self.halted: str | None = None
        self.behind_s = 0
        self.paused = pauses.NONE

    def now(self) -> Instant:
        """What the clock says, or the latest instant that was served, where that comes later."""
        wall = self._clock.now()
        return wall if self._latest is None else max(wall, self._latest)

    def served(self) -> Instant:
        """The latest instant that was served; what the clock says, where none was yet."""
        return self._clock.now() if self._latest is None else self._latest

    def ask(self, connection: Connection) -> Pass | None:
        """Leave to work; none, where the clock is held, or is not to be served."""
        state = read(connection, self._clock_id)
        wall = self._clock.now()
        halted = too_far(wall, state.mark, self._speed)
        with self._lock:
            self._tell(state, halted, behind_s(wall, state.mark))
            if state.held is not None or halted is not None:
                return None
            if state.mark is None:
                return Pass(wall, wall, state.paused)
            if self._latest is None or self._mark is None or state.mark < self._mark:
                self._latest = state.mark  # the mark goes back where a clock was accepted, and only there
            self._mark = state.mark
            self._latest = max(wall, state.mark, self._latest)
            return Pass(self._latest, wall, state.paused)

    def mark(self, connection: Connection) -> None:
        """Note in the database how far real time has been served."""
        given = self.ask(connection)
        if given is not None:
            connection.execute(_MARK, {"clock": self._clock_id, "at": to_datetime(given.now)})

    def _tell(self, state: State, halted: str | None, behind: int) -> None:
        stopped = state.held or halted
        before = self.held or self.halted
        late = BEHIND_S * self._speed
        if stopped is not None and stopped != before and (before is None or state.held != self.held):
            _log.error("held: nothing is decided and nothing leaves", why=stopped)
        elif stopped is None and before is not None:
            _log.warning("free to run again")
        if behind > late >= self.behind_s:
            _log.error("the clock is behind what was served; messages leave when it has caught up", seconds=behind)
        if state.paused != self.paused:
            _log.warning("paused" if state.paused.any else "nothing is paused any more", **_shown(state.paused))
        self.held, self.halted, self.behind_s, self.paused = state.held, halted, behind, state.paused


def _shown(paused: Pauses) -> dict[str, object]:
    return {
        "everything": paused.everything, "lenders": sorted(paused.lenders),
        "policies": sorted(name for _, name in paused.policies), "channels": sorted(paused.channels),
        "providers": sorted(paused.providers),
    }  # fmt: skip
