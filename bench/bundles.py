"""``duly ledger bundle`` for a loan with 200 entries in a large ledger, beside reading these entries and tiles alone.

Ours is the command from its start to its end: numbering, signing, the proofs, the texts, the file, and its check. The
reference is two statements on an open connection: the entries about the borrower, and the tiles that they lie in.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import ledger, stories
from bench.figures import Asked, Row, database, folder, in_turn, row
from scheduler.clock import SystemClock
from scheduler.ledger.evidence import read_evidence
from scheduler.ledger.tree import TILE_WIDTH
from scheduler.store.database import Connection, connect

ASKED_S = 1.0
_ENTRIES = 200
_STEPS = 100
_PARTS = 30
_DAYS = 330
_LOAN = "l-1"
_CLOCK = SystemClock()
_FILES = {
    "borrowers.csv": b"borrower_id,first_name,last_name,language,zone,region,phone,email\n"
    b"b-1,Ann,Bell,en,Europe/London,GB,+447400123456,ann@example.com\n",
    "loans.csv": b"loan_id,borrower_id,product,currency,principal,disbursed_at\n"
    b"l-1,b-1,personal,GBP,120.00,2026-01-06T09:00:00Z\n",
    "instalments.csv": b"loan_id,number,due_on,principal,interest,fees\nl-1,1,2026-01-20,120.00,3.00,0.00\n",
}
_READ = """
SELECT j.xact, j.entry_id, j.entry FROM journal j JOIN borrower b
  ON b.lender_id = j.lender_id AND b.clock_id = j.clock_id AND b.key = j.borrower_key
JOIN loan l ON l.lender_id = b.lender_id AND l.clock_id = b.clock_id AND l.borrower_id = b.borrower_id
WHERE j.lender_id = 'default' AND j.clock_id = 0 AND l.loan_id = %(loan)s ORDER BY j.xact, j.entry_id
"""
_TILES = """
SELECT level, place, hashes FROM ledger_tile
WHERE lender_id = 'default' AND clock_id = 0 AND level = 0 AND place = ANY(%(places)s)
"""


def run(asked: Asked) -> Iterator[Row]:
    """The other entries lie between those of the loan, as those of other borrowers do."""
    others = asked.size(100_000, 1_000_000)
    with folder() as home, database(asked.server, "bench_bundle") as url:
        stories.tell(url, home, _policy(), _FILES, 0)
        with connect(url) as connection:
            for part in range(1, _PARTS + 1):
                ledger.write_entries(connection, others // _PARTS)
                stories.go_on(url, home, _DAYS * part // _PARTS)
            connection.execute("VACUUM ANALYZE")
        # The first one signs a checkpoint of what is new, and is not counted.
        _bundle(url, home)
        with connect(url) as connection:
            begun = _CLOCK.monotonic()
            evidence = read_evidence(connection, 0, _LOAN)
            reading_s = _CLOCK.monotonic() - begun
            assert len(evidence.entries) >= _ENTRIES, len(evidence.entries)
            places = sorted({entry.number // TILE_WIDTH for entry in evidence.entries})
            mine, theirs = in_turn(asked.pairs, lambda: _bundle(url, home), lambda: _bare(connection, places))
    yield row(
        "bundle", len(evidence.entries), mine, theirs, asked_s=ASKED_S, reading_s=round(reading_s, 4),
        start_s=round(_start(), 4), ledger=others, tiles=len(places),
    )  # fmt: skip


def _bundle(url: str, home: Path) -> float:
    out = home / "evidence.zip"
    words = [str(Path(sys.executable).with_name("duly")), "ledger", "bundle", _LOAN, "--out", str(out)]
    given = {**os.environ, "DULY_DATABASE_URL": url, "DULY_HOME": str(home)}
    begun = _CLOCK.monotonic()
    ended = subprocess.run(words, env=given, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    seconds = _CLOCK.monotonic() - begun
    assert ended.returncode == 0, ended.stderr
    with zipfile.ZipFile(out) as bundle:
        assert bundle.read("entries.jsonl").count(b"\n") >= _ENTRIES
    out.unlink()
    return seconds


def _start() -> float:
    """Seconds that Python takes to start and to import what the command needs, of the seconds of the command."""
    begun = _CLOCK.monotonic()
    subprocess.run([sys.executable, "-c", "import scheduler.cli.main, scheduler.cli.store"], check=True)
    return _CLOCK.monotonic() - begun


def _bare(connection: Connection, places: list[int]) -> float:
    begun = _CLOCK.monotonic()
    entries: list[Any] = connection.execute(_READ, {"loan": _LOAN}).fetchall()
    tiles: list[Any] = connection.execute(_TILES, {"places": places}).fetchall()
    seconds = _CLOCK.monotonic() - begun
    assert len(entries) >= _ENTRIES and len(tiles) == len(places), (len(entries), len(tiles))
    return seconds


def _policy() -> bytes:
    """One message each third day, as often as it takes."""
    steps = "\n".join(
        f"  step-{n}: {{at: due + {3 * n} days, send: {{message: overdue, by: [sms]}}}}" for n in range(1, _STEPS + 1)
    )
    return f"""\
policy: long-story
title: A message each third day
currency: GBP
languages: [en]
rules: {{house: off}}
send_at: "10:30"
lender: {{name: Acme Credit, reply_to: help@acme.example, phone: "+44 20 7946 0000"}}
end: true
steps:
{steps}
messages:
  overdue:
    sms:
      en: >-
        {{{{ borrower.first_name }}}}, {{{{ overdue | money }}}} on loan {{{{ loan.loan_id }}}} was due
        {{{{ due | date }}}}. See {{{{ links.view }}}} {{{{ lender.name }}}}
""".encode()
