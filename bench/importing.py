"""An import with all its checks, beside COPY of the rows that it wrote into tables without a key or an index.

The reference is also run into tables with all keys and indexes, as ``keyed_s``: what the server itself must do to keep
such rows at all.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.book import DISBURSED, POLICY
from bench.figures import Asked, Row, clone, database, drop, folder, in_turn, row
from scheduler.clock import SystemClock
from scheduler.engine import read_policies
from scheduler.ingest import import_book, read_files
from scheduler.publish import publish
from scheduler.store.database import Connection, connect

FLOOR = 0.15
_LOANS_EACH = 4
_CLOCK = SystemClock()
_TABLES = ("borrower", "person", "loan", "instalment", "event", "event_text")
_BLOCK = 1 << 20


def run(asked: Asked) -> Iterator[Row]:
    """A book of four loans a borrower, two instalments a loan, and a payment for every second one."""
    loans = asked.size(100_000, 1_000_000)
    borrowers = loans // _LOANS_EACH
    with folder() as place, database(asked.server, "bench_import") as url:
        (place / "book").mkdir()
        write_book(place / "book", borrowers)
        with connect(url) as connection, connection.transaction():
            publish(connection, "wave.yaml", POLICY, DISBURSED)
        names: list[str] = []

        def ours() -> float:
            run_url = clone(asked.server, "bench_import", "bench_import_run")
            with connect(run_url) as connection:
                connection.execute("CHECKPOINT")
                policies = read_policies(connection, 0)["default"]
                with read_files(place / "book") as files:
                    begun = _CLOCK.monotonic()
                    done = import_book(connection, files, clock_id=0, now=DISBURSED, policies=policies)
                    seconds = _CLOCK.monotonic() - begun
                assert (done.borrowers.new, done.loans.new) == (borrowers, loans), done
                if not names:
                    names.extend(_dump(connection, place))
            return seconds

        def reference() -> float:
            return _copy(asked, place, names, keyed=False)

        mine, theirs = in_turn(asked.pairs, ours, reference)
        keyed = [_copy(asked, place, names, keyed=True) for _ in range(min(asked.pairs, 3))]
        rows = sum(int((place / f"{name}.count").read_text()) for name in names)
        drop(asked.server, "bench_import_run")
    yield row(
        "import", loans, mine, theirs, floor=FLOOR, borrowers=borrowers, rows=rows, keyed_s=round(median(keyed), 4)
    )


def _dump(connection: Connection, place: Path) -> Iterable[str]:
    """The rows that an import wrote, a file a table."""
    for table in _TABLES:
        with (place / table).open("wb") as file, connection.cursor() as cursor:
            with cursor.copy(f"COPY {table} TO STDOUT") as copy:
                for block in copy:
                    file.write(block)
            (place / f"{table}.count").write_text(str(cursor.rowcount))
        yield table


def _copy(asked: Asked, place: Path, names: Sequence[str], *, keyed: bool) -> float:
    """The very rows, in the order in which they are in the tables, in one transaction."""
    url = clone(asked.server, "bench_import", "bench_import_run")
    with connect(url) as connection:
        if not keyed:
            for table in names:
                connection.execute(f"CREATE TABLE bare_{table} (LIKE {table})")
        connection.execute("CHECKPOINT")
        begun = _CLOCK.monotonic()
        with connection.transaction(), connection.cursor() as cursor:
            for table in names:
                with (
                    (place / table).open("rb") as file,
                    cursor.copy(f"COPY {table if keyed else f'bare_{table}'} FROM STDIN") as copy,
                ):
                    while block := file.read(_BLOCK):
                        copy.write(block)
        return _CLOCK.monotonic() - begun


def write_book(place: Path, borrowers: int) -> None:
    """The CSV files of a book for the policy of ``bench.book``."""
    _write(
        place / "borrowers.csv", "borrower_id first_name last_name language zone region phone email",
        ((f"b{n:07}", "Ann", "Bell", "en", "Europe/London", "GB", f"+447400{n % 1_000_000:06}", f"b{n}@example.com")
         for n in range(borrowers)),
    )  # fmt: skip
    loans = borrowers * _LOANS_EACH
    _write(
        place / "loans.csv", "loan_id borrower_id product currency principal disbursed_at",
        ((f"l{n:07}", f"b{n // _LOANS_EACH:07}", "personal", "GBP", "240.00", "2026-02-02T09:00:00Z")
         for n in range(loans)),
    )  # fmt: skip
    _write(
        place / "instalments.csv", "loan_id number due_on principal interest fees",
        ((f"l{n:07}", part, f"2026-0{2 + part}-02", "120.00", "3.00", "0.00") for n in range(loans) for part in (1, 2)),
    )  # fmt: skip
    _write(
        place / "events.csv", "event_id at type loan_id amount",
        ((f"e{n:07}", "2026-03-01T12:00:00Z", "payment", f"l{n:07}", "123.00") for n in range(0, loans, 2)),
    )  # fmt: skip


def _write(path: Path, header: str, rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split())
        writer.writerows(rows)
