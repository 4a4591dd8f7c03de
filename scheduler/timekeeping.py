"""Keeps the high-water mark of real time, and tells the journal where the machine's clock jumped."""

from __future__ import annotations

from collections import deque
from typing import Final

import structlog

from scheduler import gate, journal
from scheduler.batch import write_journal
from scheduler.clock import Clock
from scheduler.gate import Gate
from scheduler.service import Service
from scheduler.store.database import Connection

ALARM_S: Final = 86_400
"""A clock that jumps forward by more is an alarm; for those who are chased it is the same as an outage."""

_MARK_S: Final = 10
_SKEW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_MOST_JUMPS: Final = 1_000
_log = structlog.get_logger(__name__)


class Timekeeper:
    """One daemon's, with a connection of its own; ``jumped`` is called from another thread."""

    def __init__(self, service: Service, clock: Clock, gate: Gate) -> None:
        self._service = service
        self._clock = clock
        self._gate = gate
        self._connection: Connection | None = None
        self._jumps: deque[int] = deque(maxlen=_MOST_JUMPS)
        self._marked = clock.monotonic() - _MARK_S
        self.skew_us = 0
        """How far the machine's clock is before the database's, in microseconds."""

    def begin(self) -> None:
        """Let real time have its mark, before anything is decided."""
        self.renew()
        connection = self._get()
        gate.begin(connection, self._service.clock_id, self._clock.now())
        self._gate.ask(connection)

    def renew(self) -> None:
        """Take another connection for the one that was lost."""
        self.close()
        self._connection = self._service.connect()

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def keep(self) -> None:
        """Journal what jumped, move the mark on, and compare the clocks; at each tick, or seldom."""
        connection = self._get()
        while self._jumps:
            # As of what is served by now: no entry is older than one that others have written meanwhile.
            self._gate.ask(connection)
            entry = journal.entry(self._gate.served(), journal.CLOCK_JUMP, {"seconds": self._jumps[0]})
            write_journal(connection, "default", self._service.clock_id, [entry])
            self._jumps.popleft()
        if self._clock.monotonic() - self._marked >= _MARK_S:
            self._gate.mark(connection)
            row = connection.execute(_SKEW).fetchone()
            self.skew_us = 0 if row is None else self._clock.now() - row[0]
            self._marked = self._clock.monotonic()

    def jumped(self, seconds: int) -> None:
        """The clock was set, by so many seconds; the journal is told as soon as the database can be."""
        self._jumps.append(seconds)
        if seconds > ALARM_S:
            _log.error("the clock jumped far ahead; this is treated as an outage", seconds=seconds)
        else:
            _log.warning("the clock jumped", seconds=seconds)

    def _get(self) -> Connection:
        if self._connection is None:
            self.renew()
        assert self._connection is not None  # noqa: S101 - it was renewed
        return self._connection
