"""The database of a command: found, started where it is duly's own, and let go of at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from policies.calendar import zone
from policies.facts import Instant
from scheduler.cli.start import log_by
from scheduler.cli.start import settings as load_settings
from scheduler.clock import REAL, SystemClock
from scheduler.named_clocks import ClockError, find
from scheduler.service import database_url
from scheduler.settings import Settings
from scheduler.store.database import Connection, connect
from scheduler.store.people import instant
from scheduler.store.tables import REAL_CLOCK


@dataclass(frozen=True, slots=True)
class Store:
    """An open connection, the clock whose book it is about, and what it was opened by."""

    settings: Settings
    url: str
    connection: Connection
    clock_id: int = REAL_CLOCK

    def clock(self) -> tuple[Instant, bool]:
        """What time it is for this database, and whether a test clock moved it there."""
        row = self.connection.execute(
            "SELECT now_at, moved FROM clock WHERE clock_id = %(clock)s", {"clock": self.clock_id}
        ).fetchone()
        if row is not None and row[1] and row[0] is not None:
            return instant(row[0]), True
        return SystemClock().now(), False

    def now(self) -> Instant:
        """The instant at which its clock stands."""
        return self.clock()[0]


@contextmanager
def opened(clock: str = REAL, *, changing: bool = False) -> Iterator[Store]:
    """The database that the settings name, else the embedded one, started. Raises DatabaseError, EmbeddedError.

    Raises ClockError where there is no test clock of that name, and where one that is on its way is to be ``changing``.
    """
    chosen = load_settings()
    log_by(chosen, SystemClock())
    url = database_url(chosen)
    connection = connect(url)
    try:
        yield Store(chosen, url, connection, _id_of(connection, clock, changing=changing))
    finally:
        connection.close()


def _id_of(connection: Connection, clock: str, *, changing: bool) -> int:
    if clock == REAL:
        return REAL_CLOCK
    one = find(connection, clock)
    if changing and one.target is not None:
        raise ClockError(
            f"test clock {clock!r} is on its way to {zone('UTC').iso(one.target)}, and what it is told now would come "
            f"out of order; let it arrive first: duly clock advance {clock}"
        )
    return one.clock_id
