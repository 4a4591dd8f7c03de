"""A wave: N loans with a step at one instant, decided and saved by the production engine, beside bare SQL.

The reference writes the very rows of the same run, read from an unlogged staging table, with ``INSERT … SELECT`` and
``UPDATE … FROM`` in one transaction, into the same tables with the same indexes on the same server.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median
from typing import Any

from bench.book import DISBURSED, PAST_DUE, WAVE, fill
from policies.calendar import to_datetime
from policies.facts import Instant
from scheduler.clock import SystemClock
from scheduler.engine import Engine
from scheduler.store.database import connect, migrate
from scheduler.store.embedded import Server

_CLOCK = SystemClock()
_BATCH = 500
_THREADS = 2
"""As a daemon has them: one process, of which one thread decides while another waits for the server."""

_STAGE = """
CREATE UNLOGGED TABLE stage_borrower AS
    SELECT lender_id, clock_id, borrower_id, wake_at, whereabouts, set_aside, facts FROM borrower;
CREATE UNLOGGED TABLE stage_loan AS SELECT lender_id, clock_id, loan_id, state FROM loan;
CREATE UNLOGGED TABLE stage_journal AS SELECT * FROM journal WHERE entry_id > {journal};
CREATE UNLOGGED TABLE stage_message AS SELECT * FROM message;
CREATE UNLOGGED TABLE stage_body AS SELECT * FROM message_body;
"""

_REFERENCE = (
    "INSERT INTO journal (lender_id, clock_id, at, kind, borrower_key, loan_key, place, channel_place, entry) "
    "SELECT lender_id, clock_id, at, kind, borrower_key, loan_key, place, channel_place, entry FROM stage_journal",
    "INSERT INTO message SELECT * FROM stage_message",
    "INSERT INTO message_body SELECT * FROM stage_body",
    "UPDATE loan l SET state = s.state FROM stage_loan s "
    "WHERE l.lender_id = s.lender_id AND l.clock_id = s.clock_id AND l.loan_id = s.loan_id",
    "UPDATE borrower b SET wake_at = s.wake_at, whereabouts = s.whereabouts, set_aside = s.set_aside, "
    "facts = s.facts FROM stage_borrower s WHERE b.lender_id = s.lender_id AND b.clock_id = s.clock_id "
    "AND b.borrower_id = s.borrower_id",
)


def run(server: Server, count: int, pairs: int) -> dict[str, Any]:
    """Time ``pairs`` pairs of ours and the reference, alternating; medians in seconds, rows checked equal."""
    prepare(server, count)
    ours, reference = [], []
    for number in range(pairs):
        ours.append(_ours(server, count))
        if number == 0:
            clone(server, "bench_pre", "bench_ref")
            _stage(server)
        reference.append(_reference(server, count))
    drop(server, "bench_pre", "bench_ref_pre", "bench_ref", "bench_run", "bench_staged")
    mine, theirs = median(ours), median(reference)
    return {
        "name": "wave",
        "n": count,
        "pairs": pairs,
        "seconds": round(mine, 4),
        "reference_s": round(theirs, 4),
        "ratio": round(theirs / mine, 3),
        "us_per_step": round(mine / count * 1e6, 1),
        "reference_us": round(theirs / count * 1e6, 1),
    }


def idle(server: Server, count: int, ticks: int) -> dict[str, Any]:
    """An idle tick over ``count`` borrowers with nothing due: its median beside one probe of the index."""
    prepare(server, count)
    with connect(server.database_url("bench_pre"), hot=True) as connection:
        engine = Engine(connection, 0, "https://pay.example.invalid", _BATCH)
        engine.tick(PAST_DUE)
        probe = "SELECT 1 FROM borrower WHERE clock_id = 0 AND wake_at <= %s LIMIT 1"
        at = to_datetime(PAST_DUE)
        ours, bare = [], []
        for _ in range(ticks):
            begun = _CLOCK.monotonic()
            assert engine.tick(PAST_DUE).borrowers == 0
            ours.append(_CLOCK.monotonic() - begun)
            begun = _CLOCK.monotonic()
            assert connection.execute(probe, (at,)).fetchone() is None
            bare.append(_CLOCK.monotonic() - begun)
    drop(server, "bench_pre")
    return {
        "name": "idle tick",
        "n": count,
        "pairs": ticks,
        "seconds": round(median(ours), 6),
        "reference_s": round(median(bare), 6),
        "ratio": round(median(bare) / median(ours), 3),
    }


def prepare(server: Server, count: int) -> None:
    """A database in which every loan is overdue since midnight and has its first step at the wave's instant."""
    drop(server, "bench_pre")
    with server.maintenance() as connection:
        connection.execute("CREATE DATABASE bench_pre")
    url = server.database_url("bench_pre")
    migrate(url)
    with connect(url, hot=True) as connection:
        fill(connection, count)
        connection.execute("VACUUM ANALYZE")
        engine = Engine(connection, 0, "https://pay.example.invalid", _BATCH)
        for at in (DISBURSED, PAST_DUE):
            until_done(engine, at)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def engines(url: str, stack: ExitStack) -> list[Engine]:
    """The engines of one daemon, each on a connection of its own, which ``stack`` closes."""
    connections = [stack.enter_context(connect(url, hot=True)) for _ in range(_THREADS)]
    return [Engine(one, 0, "https://pay.example.invalid", _BATCH) for one in connections]


def until_done(engine: Engine, at: Instant) -> int:
    """Let an engine decide all that is due; answers how many messages it put in the outbox."""
    total = 0
    while (tick := engine.tick(at)).borrowers:
        total += tick.messages
    return total


def _ours(server: Server, count: int) -> float:
    clone(server, "bench_pre", "bench_run")
    with ExitStack() as stack:
        url = server.database_url("bench_run")
        working = engines(url, stack)
        for engine in working:
            engine.tick(PAST_DUE)
        with connect(url) as connection:
            connection.execute("CHECKPOINT")
        pool = stack.enter_context(ThreadPoolExecutor(_THREADS))
        begun = _CLOCK.monotonic()
        sent = sum(pool.map(lambda engine: until_done(engine, WAVE), working))
        seconds = _CLOCK.monotonic() - begun
    assert sent == count, (sent, count)
    return seconds


def _stage(server: Server) -> None:
    """Put the rows of the run into staging tables of a copy of the database from before it."""
    clone(server, "bench_run", "bench_staged")
    before = _count(server, "bench_pre", "SELECT coalesce(max(entry_id), 0) FROM journal")
    with connect(server.database_url("bench_staged")) as connection:
        connection.execute(_STAGE.format(journal=before))
        dumped = {}
        for table in ("stage_borrower", "stage_loan", "stage_journal", "stage_message", "stage_body"):
            columns = connection.execute(
                "SELECT string_agg(format('%%I %%s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) "
                "FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0",
                (table,),
            ).fetchone()
            assert columns is not None
            with connection.cursor().copy(f"COPY {table} TO STDOUT (FORMAT BINARY)") as copy:
                dumped[table] = (columns[0], [bytes(block) for block in copy])
    drop(server, "bench_ref_pre")
    with server.maintenance() as connection:
        connection.execute("ALTER DATABASE bench_ref RENAME TO bench_ref_pre")
    with connect(server.database_url("bench_ref_pre")) as connection:
        for table, (columns, blocks) in dumped.items():
            connection.execute(f"CREATE UNLOGGED TABLE {table} ({columns})")
            with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:
                for block in blocks:
                    copy.write(block)
        connection.execute("VACUUM ANALYZE")


def _reference(server: Server, count: int) -> float:
    clone(server, "bench_ref_pre", "bench_ref")
    with connect(server.database_url("bench_ref")) as connection:
        connection.execute("CHECKPOINT")
        begun = _CLOCK.monotonic()
        with connection.transaction():
            written = [connection.execute(statement).rowcount for statement in _REFERENCE]
        seconds = _CLOCK.monotonic() - begun
    assert written == [count] * 5, written
    return seconds


def _count(server: Server, name: str, statement: str) -> int:
    with connect(server.database_url(name)) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return int(row[0])


def clone(server: Server, source: str, target: str) -> None:
    """Make ``target`` a copy of the database ``source``."""
    drop(server, target)
    with server.maintenance() as connection:
        connection.execute(f"CREATE DATABASE {target} TEMPLATE {source}")


def drop(server: Server, *names: str) -> None:
    """Drop the databases, where they are there."""
    with server.maintenance() as connection:
        for name in names:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
