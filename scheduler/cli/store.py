"""The database of a command: found, started where it is duly's own, and let go of at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from policies.facts import Instant
from scheduler.cli.start import log_by
from scheduler.cli.start import settings as load_settings
from scheduler.clock import SystemClock
from scheduler.service import database_url
from scheduler.settings import Settings
from scheduler.store.database import Connection, connect
from scheduler.store.people import instant
from scheduler.store.tables import REAL_CLOCK


@dataclass(frozen=True, slots=True)
class Store:
    """An open connection, and what it was opened by."""

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
def opened() -> Iterator[Store]:
    """The database that the settings name, else the embedded one, started. Raises DatabaseError, EmbeddedError."""
    chosen = load_settings()
    log_by(chosen, SystemClock())
    url = database_url(chosen)
    connection = connect(url)
    try:
        yield Store(chosen, url, connection)
    finally:
        connection.close()
