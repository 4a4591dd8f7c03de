"""A thousand test clocks in one database, each a fork of a small book, advanced by a month one after the other."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from policies.calendar import to_instant
from policies.example import example_book
from scheduler.clocks import open_clocks
from scheduler.durations import later
from scheduler.settings import Settings
from scheduler.store import database
from scheduler.store.embedded import Server

_POLICY = Path(__file__).resolve().parents[1] / "policies" / "library" / "us-personal-loan.yaml"
_START = date(2026, 1, 5)
_BEFORE = "45 days"
PERSONS = 3
FLOOR_S = 60


def run(server: Server, clocks: int = 1_000) -> dict[str, Any]:
    """Advance ``clocks`` forks by a month; seconds for all of them, beside the minute that they may take."""
    with server.maintenance() as connection:
        connection.execute("CREATE DATABASE bench_clocks")
    url = server.database_url("bench_clocks")
    database.migrate(url)
    at = to_instant(datetime(_START.year, _START.month, _START.day, tzinfo=UTC))
    files = {
        name: BytesIO(text.encode()) for name, text in example_book(7, PERSONS, start=_START, markets=("US",)).items()
    }
    try:
        with tempfile.TemporaryDirectory() as home, open_clocks(Settings(home=Path(home)), url) as opened:
            opened.create("first", at, files=files, policies=[(_POLICY.name, _POLICY.read_bytes())])
            opened.advance("first", later(at, _BEFORE))
            begun = time.perf_counter()
            for number in range(1, clocks):
                opened.fork("first", f"fork-{number}")
            forked = time.perf_counter() - begun
            begun = time.perf_counter()
            done = list(opened.advance_aimed(opened.aim_all(lambda one: later(one.now, "1 month"))))
            seconds = time.perf_counter() - begun
    finally:
        with server.maintenance() as connection:
            connection.execute("DROP DATABASE bench_clocks WITH (FORCE)")
    assert len(done) == clocks, len(done)
    assert min(one.messages for one in done) > 0
    return {
        "name": "clocks", "n": clocks, "seconds": round(seconds, 2), "reference_s": FLOOR_S,
        "forked_s": round(forked, 2), "decided": sum(one.borrowers for one in done),
        "messages": sum(one.messages for one in done),
    }  # fmt: skip
