"""Four processes append at once and are killed at random: numbers have no gap, and all checkpoints belong together."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from scheduler import settings
from scheduler.ledger import checkpoints, tree
from scheduler.ledger.checkpoints import StoredTiles
from scheduler.ledger.hold import keys_of
from scheduler.ledger.keeping import Keeper
from scheduler.ledger.notes import Checkpoint, open_note
from scheduler.ledger.witness import open_witnesses
from scheduler.store.database import connect

NOW = 1_772_000_000_000_000
ROUNDS = int(os.environ.get("DULY_KILL_ROUNDS", "8"))
SEED = int(os.environ.get("DULY_KILL_SEED", "20260301"))
PROCESSES = 4


def killed(nursery: subprocess.Popen[str], chance: random.Random, number: int) -> list[str]:
    """One round: four begin, each is killed after some of its words, at whatever it does then. What they said."""
    assert nursery.stdin is not None and nursery.stdout is not None
    nursery.stdin.write(f"{number} {SEED} {PROCESSES}\n")
    nursery.stdin.flush()
    words: list[str] = []
    left: dict[int, int] = {}
    dead: set[int] = set()
    while len(dead) < PROCESSES:
        pid_text, word = nursery.stdout.readline().split(maxsplit=1)
        pid = int(pid_text)
        assert not word.startswith("failed"), word
        if pid in dead:
            continue
        words.append(word.strip())
        left[pid] = left.setdefault(pid, chance.randint(3, 40)) - 1
        if not left[pid]:
            os.kill(pid, signal.SIGKILL)
            dead.add(pid)
    return words


def test_four_at_once_killed_at_random_leave_one_ledger(database_url: str, tmp_path: Path) -> None:
    print(f"seed {SEED}; DULY_KILL_SEED and DULY_KILL_ROUNDS choose others")  # noqa: T201 - to be repeated
    home, witness = tmp_path / "home", tmp_path / "witness"
    chance = random.Random(SEED)
    nursery = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("nursery.py")), database_url, str(home), str(witness)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    try:
        words = [word for number in range(ROUNDS) for word in killed(nursery, chance, number)]
    finally:
        nursery.kill()
        nursery.communicate()
    assert {"appended", "numbered", "signed", "witnessed"} <= set(words)

    configured = settings.Settings(home=home, witness=f"{witness}/")
    with connect(database_url) as connection:
        keeper = Keeper(connection, 0, configured, open_witnesses(configured))
        assert keeper.finish(NOW) is None
        assert keeper.examine() is None
        notes = open_witnesses(configured)[0].read() or []
        ledgers = checkpoints.ledgers(connection, 0)
        assert {one.lender_id for one in ledgers} == {"default", "other"}
        for ledger in ledgers:
            rows = connection.execute(
                "SELECT xact, entry_id, entry FROM journal WHERE lender_id = %s ORDER BY xact, entry_id",
                (ledger.lender_id,),
            ).fetchall()
            assert ledger.size == len(rows) > 500
            frontier = tree.Frontier()
            roots = [tree.EMPTY_ROOT]
            for _, _, text in rows:
                frontier.add(tree.leaf_hash(text.encode()))
                roots.append(frontier.root())
            tiles = StoredTiles(connection, ledger.lender_id, 0)
            firsts = connection.execute(
                "SELECT first_xact, first_entry FROM ledger_tile WHERE lender_id = %s AND level = 0 ORDER BY place",
                (ledger.lender_id,),
            ).fetchall()
            assert firsts == [row[:2] for row in rows[::256]]
            given_out = {*checkpoints.every(connection, 0, ledger.lender_id)}
            witnessed = {note for note in notes if note.startswith(f"{ledger.origin}\n")}
            assert witnessed <= given_out and len(witnessed) > 5
            verifiers = keys_of(connection, 0, ledger)
            for note in given_out:
                one = Checkpoint.parse(open_note(note, verifiers)[0])
                assert one.root == roots[one.size]
                proof = tree.consistency(tiles, one.size, ledger.size)
                assert tree.holds_consistency(one.size, ledger.size, proof, one.root, roots[ledger.size])
