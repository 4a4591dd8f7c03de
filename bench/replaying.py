"""``duly replay --all``: looks decided again a second, beside ``decide()`` alone on the very same looks.

Ours reads the histories from the database, decides in sealed processes, two side by side, and compares every entry.
The reference is what each look gave ``decide()``, kept in memory and decided once more, in two processes as well.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from bench import stories
from bench.figures import Asked, Row, database, folder, in_turn, row
from policies.decide import Borrower, Decision, decide
from policies.facts import Instant
from scheduler.clock import SystemClock
from scheduler.replay import core
from scheduler.replay.reading import keys, read_chunk, read_policies
from scheduler.replay.running import AT_ONCE, SIDE_BY_SIDE, Sum, replay_all, replay_sealed
from scheduler.store.database import Connection, connect

_DAYS = 120
_CLOCK = SystemClock()
_LOOKS: list[tuple[Borrower, Instant]] = []
"""What is decided again by the reference; its processes are forked, and find it here."""


def run(asked: Asked) -> Iterator[Row]:
    """120 days of an example book, as a test clock ran them."""
    persons = asked.size(400, 20_000)
    with folder() as home, database(asked.server, "bench_replay") as url:
        stories.example(url, home, persons, _DAYS)
        with connect(url) as connection:
            _LOOKS[:] = _looks(connection)

            def ours() -> float:
                begun = _CLOCK.monotonic()
                done = _replay(connection)
                seconds = _CLOCK.monotonic() - begun
                assert done.equal and done.looks == len(_LOOKS), done
                return seconds

            mine, theirs = in_turn(asked.pairs, ours, _decide_alone)
    yield row("replay", len(_LOOKS), mine, theirs, processes=SIDE_BY_SIDE)
    _LOOKS.clear()


def _replay(connection: Connection) -> Sum:
    chunks = (read_chunk(connection, 0, some) for some in keys(connection, 0, None, AT_ONCE))
    return replay_all(chunks, read_policies(connection, 0))


def _looks(connection: Connection) -> list[tuple[Borrower, Instant]]:
    """What each look of the book gave ``decide()``, as a replay puts it together."""
    found: list[tuple[Borrower, Instant]] = []

    def noted(borrower: Borrower, now: Instant) -> Decision:
        # The states go on changing in the caller's hands.
        found.append((borrower._replace(states=dict(borrower.states)), now))
        return decide(borrower, now)

    policies = read_policies(connection, 0)
    with patch.object(core, "decide", noted):
        for some in keys(connection, 0, None, AT_ONCE):
            replay_sealed(read_chunk(connection, 0, some).histories, policies)
    return found


def _decide_alone() -> float:
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(SIDE_BY_SIDE + 1)
    at_work = [context.Process(target=_share, args=(gate, part), daemon=True) for part in range(SIDE_BY_SIDE)]
    for one in at_work:
        one.start()
    gate.wait()
    begun = _CLOCK.monotonic()
    for one in at_work:
        one.join()
    seconds = _CLOCK.monotonic() - begun
    assert all(one.exitcode == 0 for one in at_work)
    return seconds


def _share(gate: Any, part: int) -> None:
    gate.wait()
    for borrower, now in _LOOKS[part::SIDE_BY_SIDE]:
        decide(borrower, now)
