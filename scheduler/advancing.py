"""Moves one test clock at a time: all that is due up to an instant, by the production engine and dispatcher."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.base import Channel
from policies.calendar import to_datetime, zone
from policies.facts import Instant
from policies.simulate import Span
from scheduler.dispatch import Dispatcher
from scheduler.engine import Engine
from scheduler.ledger import hold
from scheduler.ledger.errors import Held
from scheduler.named_clocks import ClockError, Named, taken
from scheduler.run_through import Progress, work_off
from scheduler.settings import Settings
from scheduler.store.database import Connection, connect

_AIM = """
UPDATE named_clock n SET target_at = v.target
FROM unnest(%(clocks)s::bigint[], %(targets)s::timestamptz[]) AS v(clock_id, target)
WHERE n.lender_id = 'default' AND n.clock_id = v.clock_id
"""
_ARRIVE = """
WITH arrived AS (
    UPDATE named_clock SET target_at = NULL WHERE lender_id = 'default' AND clock_id = %(clock)s
)
UPDATE clock SET now_at = %(now)s WHERE lender_id = 'default' AND clock_id = %(clock)s
"""


@dataclass(frozen=True, slots=True)
class Advanced:
    """What an advance did: from where on, how much, and after which entry of the journal it is written down.

    ``clock`` is where it stands now; its ``target`` is none, unless the advance was stopped on the way.
    """

    clock: Named
    since: Instant
    borrowers: int
    messages: int
    after: int


class Mover:
    """Moves clocks one after the other on a connection of its own; used by one thread at a time."""

    def __init__(
        self, settings: Settings, url: str, link_key: bytes, channels_of: Callable[[Named], Mapping[str, Channel]]
    ) -> None:
        self._settings = settings
        self._link_key = link_key
        self._channels_of = channels_of
        # Engine and dispatcher take turns, so they share one. What a test clock decides need not outlive the server.
        self._connection = connect(url, hot=True, lasting=False)

    def advance(
        self, one: Named, to: Instant | None, stop: threading.Event,
        progress: Callable[[Progress], None] | None = None,
    ) -> Advanced:  # fmt: skip
        """Do all that is due up to and including ``to``; see ``Clocks.advance``."""
        with taken(self._connection, one) as (stands, after):
            target = target_of(stands, to)
            reason = hold.why(self._connection, one.clock_id)
            if reason is not None:
                raise Held(reason)
            if target != stands.target:
                aim(self._connection, [(stands, target)])
            done = self._work_off(stands, target, stop, progress)
            if stop.is_set():
                moved = replace(stands, now=done.at, target=target)
            else:
                self._connection.execute(_ARRIVE, {"clock": one.clock_id, "now": to_datetime(target)})
                moved = replace(stands, now=target, target=None)
        return Advanced(moved, stands.now, done.borrowers, done.messages, after)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _work_off(
        self, one: Named, target: Instant, stop: threading.Event, progress: Callable[[Progress], None] | None
    ) -> Progress:
        chosen = self._settings
        dispatcher = Dispatcher(
            self._connection, one.clock_id, self._channels_of(one), link_key=self._link_key,
            connections=chosen.dispatch_connections, lease_s=chosen.lease_s,
        )  # fmt: skip
        engine = Engine(self._connection, one.clock_id, chosen.link_base, chosen.batch, moves_clock=True)
        try:
            return work_off(engine, dispatcher, one.now, Span(one.now, target + 1), stop, progress)
        finally:
            dispatcher.close()


def aim(connection: Connection, aimed: Sequence[tuple[Named, Instant]]) -> None:
    """Note where clocks are on their way to, so that an advance that is cut short can go on."""
    keys = {"clocks": [one.clock_id for one, _ in aimed], "targets": [to_datetime(at) for _, at in aimed]}
    connection.execute(_AIM, keys)


def target_of(one: Named, to: Instant | None) -> Instant:
    """Where the clock goes that is asked to go to ``to``, or on. Raises ClockError where it cannot."""
    iso = zone("UTC").iso
    if to is None:
        if one.target is None:
            raise ClockError(
                f"test clock {one.name!r} stands at {iso(one.now)} and has nowhere to go; say where: "
                "--to INSTANT, or --by DURATION"
            )
        return one.target
    if to < one.now:
        raise ClockError(
            f"test clock {one.name!r} stands at {iso(one.now)} and does not go back to {iso(to)}; fork a clock before "
            f"it is advanced (duly clock fork {one.name} NEW), and that copy is where to go back to"
        )
    if one.target is not None and to < one.target:
        raise ClockError(
            f"test clock {one.name!r} was stopped on its way to {iso(one.target)}, which comes after {iso(to)}; let it "
            f"arrive first: duly clock advance {one.name}"
        )
    return to
