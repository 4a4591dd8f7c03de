"""Forks processes that append entries, number, sign and witness them all at once, to be killed by whoever reads this.

Reads ``ROUND SEED COUNT`` a line on standard input, and forks so many; each says ``PID WORD`` on standard output after
every thing it did. One process that has imported everything forks the rest: to begin afresh takes a second each.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

from scheduler import settings
from scheduler.ledger.keeping import Keeper
from scheduler.ledger.witness import open_witnesses
from scheduler.store.database import Connection, connect

NOW = 1_772_000_000_000_000

APPEND = """
INSERT INTO journal (lender_id, clock_id, at, kind, place, channel_place, entry)
SELECT %(lender)s, 0, '2026-03-01T09:00:00Z', 'decision', 0, 0, %(text)s || '/' || n
FROM generate_series(1, %(count)s) n
"""


def say(word: str) -> None:
    os.write(1, f"{os.getpid()} {word}\n".encode())


def append(connection: Connection, chance: random.Random, text: str) -> None:
    """A transaction of one to three statements for one or two lenders; some are taken back."""
    connection.execute("BEGIN")
    for part in range(chance.randint(1, 3)):
        lender = chance.choice(("default", "default", "other"))
        connection.execute(APPEND, {"lender": lender, "text": f"{text}/{part}", "count": chance.randint(1, 150)})
    connection.execute(chance.choice(("COMMIT", "COMMIT", "COMMIT", "ROLLBACK")))


def work(url: str, home: Path, witness: Path, seed: str) -> None:
    """What a daemon does with the journal, over and over, until it is killed."""
    chance = random.Random(seed)
    configured = settings.Settings(home=home, witness=f"{witness}/")
    with connect(url) as writing, connect(url) as ledger:
        keeper = Keeper(ledger, 0, configured, open_witnesses(configured))
        step = 0
        while True:
            step += 1
            append(writing, chance, f"{seed}/{step}")
            say("appended")
            if chance.random() < 0.7:
                keeper.number(NOW)
                say("numbered")
            if chance.random() < 0.5:
                keeper.sign(NOW)
                say("signed")
                assert keeper.give() is None
                say("witnessed")


def main(url: str, home: str, witness: str) -> None:
    """See above."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        word, seed, count = line.split()
        for number in range(int(count)):
            if not os.fork():
                try:
                    work(url, Path(home), Path(witness), f"{word}-{seed}-{number}")
                except BaseException as error:
                    say(f"failed:{type(error).__name__}:{str(error)[:200]!r}".replace("\n", " "))
                finally:
                    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
