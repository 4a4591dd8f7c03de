"""The ledger: what it costs a wave, how fast it numbers a million entries, and how long one proof takes.

The wave is timed with and without a sequencer at work beside the engines, as in a daemon, in turn. The reference of
the numbering is a bare ``row_number()`` over the same rows, written into a table with the same key; that of a proof is
the tiles it needs, each read alone.
"""

from __future__ import annotations

import random
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench import wave
from bench.book import PAST_DUE, WAVE
from scheduler.clock import SystemClock
from scheduler.ledger import proving
from scheduler.ledger.checkpoints import ledgers
from scheduler.ledger.keeping import Keeper
from scheduler.ledger.sequencer import Sequencer
from scheduler.settings import Settings
from scheduler.store.database import Connection, connect, migrate
from scheduler.store.embedded import Server

_CLOCK = SystemClock()
_TICK_S = 1.0
_SEED = 20_261_125

_FILL = """
INSERT INTO journal (lender_id, clock_id, at, kind, borrower_key, loan_key, place, channel_place, entry)
SELECT 'default', 0, '2026-03-03T10:30:00Z', 'decision', gen_random_uuid(), gen_random_uuid(), 0, 0,
       '{"at":"2026-03-03T10:30:00+00:00","n":' || n || ',"rest":"' || repeat('x', 900) || '"}'
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
"""
_BARE = """
CREATE TABLE bare (number bigint, xact bigint, entry_id bigint, PRIMARY KEY (number));
INSERT INTO bare SELECT row_number() OVER (ORDER BY xact, entry_id) - 1, xact, entry_id FROM journal;
"""


def wave_cost(server: Server, count: int, pairs: int) -> dict[str, Any]:
    """The wave with the ledger kept beside it, and without, alternating; medians in seconds, and what it adds."""
    wave.prepare(server, count)
    with_ledger, without = [], []
    for _ in range(pairs):
        without.append(_wave(server, count, keep=False))
        with_ledger.append(_wave(server, count, keep=True))
    wave.drop(server, "bench_pre", "bench_run")
    ours, bare = median(with_ledger), median(without)
    return {
        "name": "wave+ledger", "n": count, "pairs": pairs, "seconds": round(ours, 4), "reference_s": round(bare, 4),
        "ratio": round(bare / ours, 3), "us_per_step": round(ours / count * 1e6, 1),
        "reference_us": round(bare / count * 1e6, 1),
    }  # fmt: skip


def _wave(server: Server, count: int, *, keep: bool) -> float:
    wave.clone(server, "bench_pre", "bench_run")
    url = server.database_url("bench_run")
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="duly-bench-")))
        engines = wave.engines(url, stack)
        for engine in engines:
            engine.tick(PAST_DUE)
        keeper = Keeper(stack.enter_context(connect(url, hot=True)), 0, Settings(home=home), ())
        keeper.finish(WAVE)
        keeper.connection.execute("CHECKPOINT")
        pool = stack.enter_context(ThreadPoolExecutor(len(engines) + 1))
        done = threading.Event()
        beside = pool.submit(_keep, keeper, done) if keep else None
        begun = _CLOCK.monotonic()
        sent = sum(pool.map(lambda engine: wave.until_done(engine, WAVE), engines))
        seconds = _CLOCK.monotonic() - begun
        done.set()
        if beside is not None:
            beside.result()
            assert ledgers(keeper.connection, 0)[0].size >= count
    assert sent == count, (sent, count)
    return seconds


def _keep(keeper: Keeper, done: threading.Event) -> None:
    """As a daemon does: every second, and once more at the end."""
    while not _CLOCK.wait(_TICK_S, done):
        keeper.number(WAVE)
    keeper.finish(WAVE)


def sequence(server: Server, count: int) -> list[dict[str, Any]]:
    """``count`` entries of the size of a decision, written and then numbered at once; and proofs of any of them."""
    wave.drop(server, "bench_ledger")
    with server.maintenance() as connection:
        connection.execute("CREATE DATABASE bench_ledger")
    url = server.database_url("bench_ledger")
    migrate(url)
    with tempfile.TemporaryDirectory(prefix="duly-bench-") as folder, connect(url, hot=True) as connection:
        connection.execute("SET statement_timeout = 0")
        write_entries(connection, count)
        connection.execute("VACUUM ANALYZE journal")
        connection.execute("CHECKPOINT")
        keeper = Keeper(connection, 0, Settings(home=Path(folder)), ())
        begun = _CLOCK.monotonic()
        numbered = Sequencer(connection, 0, Settings(home=Path(folder))).tick(WAVE)
        seconds = _CLOCK.monotonic() - begun
        keeper.finish(WAVE)
        begun = _CLOCK.monotonic()
        connection.execute(_BARE)
        bare = _CLOCK.monotonic() - begun
        found = [_row("numbering", numbered, 1, seconds, bare), _proofs(connection, count)]
    wave.drop(server, "bench_ledger")
    return found


def write_entries(connection: Connection, count: int) -> None:
    """Entries of the size of a decision, about nobody, ten thousand to a transaction."""
    for first in range(1, count + 1, 10_000):
        connection.execute(_FILL, {"first": first, "last": min(count, first + 9_999)})


def _proofs(connection: Any, count: int) -> dict[str, Any]:
    ledger = ledgers(connection, 0)[0]
    chosen = random.Random(_SEED).sample(range(count), 200)
    probe = "SELECT hashes FROM ledger_tile WHERE lender_id = 'default' AND clock_id = 0 AND level = 0 AND place = %s"
    took, bare = [], []
    for number in chosen:
        begun = _CLOCK.monotonic()
        proving.include(connection, 0, ledger, number)
        took.append(_CLOCK.monotonic() - begun)
        begun = _CLOCK.monotonic()
        assert connection.execute(probe, (number // 256,)).fetchone() is not None
        bare.append(_CLOCK.monotonic() - begun)
    return _row("proof", count, len(chosen), median(took), median(bare))


def _row(name: str, count: int, pairs: int, seconds: float, reference: float) -> dict[str, Any]:
    return {
        "name": name, "n": count, "pairs": pairs, "seconds": round(seconds, 6), "reference_s": round(reference, 6),
        "ratio": round(reference / seconds, 3), "per_s": round(count / seconds) if pairs == 1 else None,
    }  # fmt: skip
