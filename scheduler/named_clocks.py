"""What test clocks there are, by name: where each stands, and where it is on its way to."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from policies.facts import Instant
from scheduler.clock import REAL
from scheduler.store.database import Connection
from scheduler.store.people import instant

LOCK: Final = 0x64756C79
"""The first half of the lock on moving a clock; the second is the clock's id."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_ALL = """
SELECT n.clock_id, n.name, c.now_at, n.began_at, n.target_at, n.sandbox_only
FROM named_clock n JOIN clock c USING (lender_id, clock_id)
WHERE n.lender_id = 'default' AND (%(name)s::text IS NULL OR n.name = %(name)s) ORDER BY n.name
"""
# Where the clock stands once it is locked, and how far the journal has come.
_TAKE = """
SELECT pg_try_advisory_lock(%(lock)s, %(clock)s::int),
       coalesce(pg_sequence_last_value(pg_get_serial_sequence('journal', 'entry_id')), 0)
"""
_FREE = "SELECT pg_advisory_unlock(%(lock)s, %(clock)s::int)"


class ClockError(Exception):
    """A test clock cannot be had, or cannot do what was asked; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Named:
    """A test clock as it stands: all up to ``now`` is done, unless an advance was cut short on its way to ``target``.

    ``began`` is none where its past is the real clock's; ``sandbox_only``, where its people are, or were, real.
    """

    clock_id: int
    name: str
    now: Instant
    began: Instant | None
    target: Instant | None
    sandbox_only: bool


def all_clocks(connection: Connection) -> list[Named]:
    """Every test clock, by name."""
    return [_named(row) for row in connection.execute(_ALL, {"name": None}).fetchall()]


def known(connection: Connection, name: str) -> Named | None:
    """The test clock of that name; none, where there is none."""
    row = connection.execute(_ALL, {"name": name}).fetchone()
    return None if row is None else _named(row)


def find(connection: Connection, name: str) -> Named:
    """The test clock of that name. Raises ClockError, which names those that there are."""
    one = known(connection, name)
    if one is not None:
        return one
    names = [one.name for one in all_clocks(connection)]
    near = difflib.get_close_matches(name, names, n=1) or names[:5]
    hint = f"did you mean {', '.join(near)}?" if near else "there is none yet; make one with: duly clock create"
    raise ClockError(f"there is no test clock {name[:80]!r}; {hint} (duly clock list shows all)")


def check_name(name: str) -> None:
    """Raise ClockError for what cannot be the name of a test clock: it is a folder's name in the sandbox too."""
    if name == REAL:
        raise ClockError(f"{REAL!r} is the real clock, which is neither made, moved nor dropped; name a test clock")
    if _NAME.fullmatch(name) is None:
        raise ClockError(
            f"{name[:80]!r} cannot be the name of a test clock; expected up to 63 of a-z, 0-9, - and _, a letter or "
            "digit first"
        )


@contextmanager
def taken(connection: Connection, one: Named) -> Iterator[tuple[Named, int]]:
    """Nobody else moves, copies or drops the clock meanwhile; how it stands then, and how far the journal has come.

    Raises ClockError where somebody does. The connection holds the lock: another clock needs no other connection.
    """
    keys = {"lock": LOCK, "clock": one.clock_id}
    locked, journal = connection.execute(_TAKE, keys).fetchall()[0]
    if not locked:
        raise ClockError(f"test clock {one.name!r} is being moved or copied; wait for that to end, or stop it")
    try:
        yield find(connection, one.name), int(journal)
    finally:
        connection.execute(_FREE, keys)


def _named(row: tuple[Any, ...]) -> Named:
    clock_id, name, now, began, target, sandbox_only = row
    return Named(clock_id, name, instant(now), _instant(began), _instant(target), sandbox_only)


def _instant(at: datetime | None) -> Instant | None:
    return None if at is None else instant(at)
