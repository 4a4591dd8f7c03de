"""Test clocks in one database, each a fork of a small book, advanced by a month: a thousand may take a minute."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import BytesIO

from bench.figures import Row, database, folder
from policies import library
from policies.calendar import to_instant
from policies.example import example_book
from scheduler.clock import SystemClock
from scheduler.clocks import open_clocks
from scheduler.durations import later
from scheduler.settings import Settings
from scheduler.store.embedded import Server

_CLOCK = SystemClock()
_POLICY = "us-personal-loan.yaml"
_START = date(2026, 1, 5)
_BEFORE = "45 days"
_PERSONS = 3
_MINUTE_S = 60
_CLOCKS_A_MINUTE = 1_000


def run(server: Server, clocks: int = _CLOCKS_A_MINUTE) -> Row:
    """Advance ``clocks`` forks by a month; seconds for all of them, beside their part of the minute."""
    at = to_instant(datetime(_START.year, _START.month, _START.day, tzinfo=UTC))
    book = example_book(7, _PERSONS, start=_START, markets=("US",))
    files = {name: BytesIO(text.encode()) for name, text in book.items()}
    with database(server, "bench_clocks") as url, folder() as home, open_clocks(Settings(home=home), url) as opened:
        opened.create("first", at, files=files, policies=[(_POLICY, library.read(_POLICY))])
        opened.advance("first", later(at, _BEFORE))
        begun = _CLOCK.monotonic()
        for number in range(1, clocks):
            opened.fork("first", f"fork-{number}")
        forked = _CLOCK.monotonic() - begun
        begun = _CLOCK.monotonic()
        done = list(opened.advance_aimed(opened.aim_all(lambda one: later(one.now, "1 month"))))
        seconds = _CLOCK.monotonic() - begun
    assert len(done) == clocks, len(done)
    assert min(one.messages for one in done) > 0
    reference = clocks * _MINUTE_S / _CLOCKS_A_MINUTE
    return {
        "name": "clocks", "n": clocks, "pairs": 1, "seconds": round(seconds, 2), "reference_s": round(reference, 2),
        "ratio": round(reference / seconds, 3), "floor": 1, "forked_s": round(forked, 2),
        "decided": sum(one.borrowers for one in done), "messages": sum(one.messages for one in done),
    }  # fmt: skip
