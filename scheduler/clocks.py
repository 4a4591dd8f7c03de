"""Test clocks: any number beside the real one, each at its own time with its own book, in one database.

What is due on one is decided and handed over by the production engine and dispatcher, wake by wake; its messages reach
the sandbox, or an adapter whose host is this machine. Its journal is written like any other, and is in no ledger.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO, Final

from adapters.base import CHANNELS, Channel
from adapters.sandbox import SandboxChannel
from policies.calendar import to_datetime
from policies.facts import Instant
from scheduler.advancing import Advanced, Mover, aim, target_of
from scheduler.clock import REAL, SystemClock
from scheduler.engine import read_policies
from scheduler.ingest import import_book
from scheduler.key_files import link_key
from scheduler.named_clocks import LOCK, ClockError, Named, all_clocks, check_name, find, known, taken
from scheduler.publish import publish
from scheduler.run_through import Progress
from scheduler.service import open_channels
from scheduler.settings import Settings
from scheduler.store import clock_rows
from scheduler.store.database import connect
from scheduler.store.people import instant
from scheduler.store.tables import REAL_CLOCK

_MAKING: Final = LOCK + 1

_NEXT_ID = "SELECT 1 + greatest((SELECT max(clock_id) FROM clock), (SELECT max(clock_id) FROM named_clock), 0)"
_ADD = """
INSERT INTO named_clock (lender_id, clock_id, name, began_at, target_at, sandbox_only)
VALUES ('default', %(clock)s, %(name)s, %(began)s, %(target)s, %(sandbox)s)
"""
_ADD_CLOCK = "INSERT INTO clock (lender_id, clock_id, now_at, moved) VALUES ('default', %(clock)s, %(now)s, true)"
_REAL_NOW = "SELECT now_at FROM clock WHERE lender_id = 'default' AND clock_id = %s AND moved"


class Clocks:
    """Makes, copies, moves and drops the test clocks of one database; used by one thread at a time."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self._url = url
        self._movers: list[Mover] = []
        self._stack = ExitStack()
        self.connection = connect(url)
        self._stack.callback(self.connection.close)
        self._link_key = link_key(settings)
        self._channels: dict[str, Channel] | None = None
        self._carriers: dict[str, dict[str, Channel]] = {}
        self._opening = threading.Lock()

    def close(self) -> None:
        """Let go of connections and adapters."""
        self._stack.close()

    # --- made, copied, dropped ----------------------------------------------------------------------------------

    def create(
        self, name: str, at: Instant | None = None, *, files: Mapping[str, BinaryIO] | None = None,
        policies: Iterable[tuple[str, bytes]] = (), by: str | None = None,
    ) -> Named:  # fmt: skip
        """A new clock that stands at ``at`` (now, without), with the policies and the book given; all, or nothing.

        Raises ClockError for a name that is taken or none, InputError for a policy or a book with errors.
        """
        begins = SystemClock().now() if at is None else at
        with self._new(name) as clock_id:
            self._add(clock_id, name, begins, Named(clock_id, name, begins, begins, None, False))
            for file, source in policies:
                publish(self.connection, file, source, begins, clock_id=clock_id, by=by)
            if files is not None:
                published = read_policies(self.connection, clock_id)["default"]
                import_book(self.connection, files, clock_id=clock_id, now=begins, policies=published, by=by)
        return find(self.connection, name)

    def fork(self, source: str, name: str) -> Named:
        """A new clock with all that the other one has, its past too; from then on each goes its own way.

        A copy of the real clock (``real``) stands at its now, and sends to nowhere but the sandbox, as do its copies.
        Raises ClockError where the source is absent or on the move, or the name is taken or none.
        """
        of = None if source == REAL else find(self.connection, source)
        with ExitStack() as stack:
            if of is not None:
                of = stack.enter_context(taken(self.connection, of))[0]
            clock_id = stack.enter_context(self._new(name))
            if of is None:
                at = self._real_now()
                of = Named(REAL_CLOCK, REAL, at, None, None, True)
            self._add(clock_id, name, of.now, of)
            clock_rows.copy(self.connection, of.clock_id, clock_id)
        return find(self.connection, name)

    def drop(self, name: str) -> None:
        """All of that clock is gone, its messages in the sandbox too. Raises ClockError where it is absent or moves."""
        one = find(self.connection, name)
        with taken(self.connection, one), self.connection.transaction():
            self.connection.execute("SET LOCAL statement_timeout = 0")
            clock_rows.delete(self.connection, one.clock_id)
        self._carriers.pop(name, None)
        shutil.rmtree(self.folder(name), ignore_errors=True)

    def folder(self, name: str) -> Path:
        """Where the sandbox writes the messages of that clock."""
        return Path(self._settings.adapter_options("sandbox")["folder"]) / "clocks" / name

    def _add(self, clock_id: int, name: str, now: Instant, like: Named) -> None:
        # Messages of an earlier clock of the name would stand for those of this one, which have the same ids.
        shutil.rmtree(self.folder(name), ignore_errors=True)
        values = {
            "clock": clock_id, "name": name, "now": to_datetime(now), "began": _optional(like.began),
            "target": _optional(like.target), "sandbox": like.sandbox_only,
        }  # fmt: skip
        self.connection.execute(_ADD, values)
        self.connection.execute(_ADD_CLOCK, values)

    @contextmanager
    def _new(self, name: str) -> Iterator[int]:
        """The id of a new clock, in a transaction that sees one instant of the database."""
        check_name(name)
        self.connection.execute("SELECT pg_advisory_lock(%s, 0)", (_MAKING,))
        try:
            with self.connection.transaction():
                self.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                self.connection.execute("SET LOCAL statement_timeout = 0")
                if known(self.connection, name) is not None:
                    raise ClockError(
                        f"there is a test clock {name!r} already; give the new one another name, or drop that one "
                        f"first (duly clock drop {name})"
                    )
                yield int(self.connection.execute(_NEXT_ID).fetchall()[0][0])
        finally:
            self.connection.execute("SELECT pg_advisory_unlock(%s, 0)", (_MAKING,))

    def _real_now(self) -> Instant:
        row = self.connection.execute(_REAL_NOW, (REAL_CLOCK,)).fetchone()
        return SystemClock().now() if row is None or row[0] is None else instant(row[0])

    def carry_by(self, name: str, channel: Channel) -> None:
        """Let an adapter carry, while this object lives, what that clock sends by the adapter's channels.

        Raises ClockError where it could reach anybody but this machine, and for a copy of the real clock.
        """
        one = find(self.connection, name)
        if one.sandbox_only:
            raise ClockError(f"test clock {name!r} is a copy of the real clock, and sends to nowhere but the sandbox")
        if not channel.loopback():
            raise ClockError(
                f"adapter {channel.name!r} reaches real people; under a test clock messages go to the sandbox, or to a "
                "host on this machine: give it an address such as 127.0.0.1"
            )
        self._carriers.setdefault(name, {}).update(dict.fromkeys(channel.channels, channel))

    # --- moved --------------------------------------------------------------------------------------------------

    def advance(
        self, name: str, to: Instant | None = None, stop: threading.Event | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Advanced:  # fmt: skip
        """Do all that is due on the clock up to and including ``to``; without, where a cut advance was on its way to.

        Raises ClockError where the clock is absent, on the move, past ``to``, or was on its way further.
        """
        check_name(name)
        return self._mover(0).advance(find(self.connection, name), to, stop or threading.Event(), progress)

    def aim_all(self, to: Callable[[Named], Instant | None] | None = None) -> list[Named]:
        """Note where each clock is to go, before the first of them moves; answers those that have a way to go.

        ``to`` says where from where it stands; a clock whose advance was cut short goes on to where it was on its way.
        Raises ClockError, and moves none, where one stands past it.
        """
        clocks = all_clocks(self.connection)
        if to is not None:
            aim(self.connection, [(one, target_of(one, to(one))) for one in clocks if one.target is None])
            clocks = all_clocks(self.connection)
        return [one for one in clocks if one.target is not None]

    def advance_aimed(self, clocks: Sequence[Named], stop: threading.Event | None = None) -> Iterator[Advanced]:
        """Advance each of the clocks to where it was aimed at, a few at a time; ends early where ``stop`` is set."""
        event = stop or threading.Event()
        free: SimpleQueue[Mover] = SimpleQueue()
        for number in range(min(self._settings.engine_threads, len(clocks))):
            free.put(self._mover(number))

        def advance(one: Named) -> Advanced | None:
            if event.is_set():
                return None
            mover = free.get()
            try:
                return mover.advance(one, one.target, event)
            finally:
                free.put(mover)

        pool = ThreadPoolExecutor(max(1, free.qsize()), thread_name_prefix="clock")
        try:
            yield from (done for done in pool.map(advance, clocks) if done is not None)
        finally:
            pool.shutdown(cancel_futures=True)

    def _mover(self, number: int) -> Mover:
        while len(self._movers) <= number:
            mover = Mover(self._settings, self._url, self._link_key, self._channels_of)
            self._stack.callback(mover.close)
            self._movers.append(mover)
        return self._movers[number]

    def _channels_of(self, one: Named) -> dict[str, Channel]:
        """What carries the messages of a clock: the sandbox in a folder of its own, where nothing else is chosen."""
        sandbox = SandboxChannel(self.folder(one.name))
        if one.sandbox_only:
            return dict.fromkeys(CHANNELS, sandbox)
        with self._opening:
            if self._channels is None:
                self._channels = open_channels(self._settings, test_clock=True)
                for channel in {id(c): c for c in self._channels.values()}.values():
                    self._stack.callback(channel.close)
            chosen = self._channels
        carriers = {channel: sandbox if isinstance(by, SandboxChannel) else by for channel, by in chosen.items()}
        return carriers | self._carriers.get(one.name, {})


@contextmanager
def open_clocks(settings: Settings, url: str) -> Iterator[Clocks]:
    """The test clocks of the database at ``url``, which has the schema; let go of at the end."""
    clocks = Clocks(settings, url)
    try:
        yield clocks
    finally:
        clocks.close()


def _optional(at: Instant | None) -> datetime | None:
    return None if at is None else to_datetime(at)
