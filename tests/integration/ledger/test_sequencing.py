"""Entries get their numbers: without gaps, in the order of transactions, once, and never the whole read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scheduler import settings
from scheduler.ledger import checkpoints, tree
from scheduler.ledger.checkpoints import StoredTiles
from scheduler.ledger.errors import LedgerError
from scheduler.ledger.sequencer import Sequencer
from scheduler.store.database import Connection, connect

NOW = 1_772_000_000_000_000

APPEND = """
INSERT INTO journal (lender_id, clock_id, at, kind, place, channel_place, entry)
SELECT %(lender)s, 0, '2026-03-01T09:00:00Z', 'decision', 0, 0, %(text)s || n FROM generate_series(1, %(count)s) n
"""


def append(connection: Connection, count: int, text: str = "e", lender: str = "default") -> None:
    """Some entries, in a transaction of their own or in the caller's."""
    connection.execute(APPEND, {"lender": lender, "text": text, "count": count})


def sequencer(connection: Connection, home: Path, **options: int) -> Sequencer:
    return Sequencer(connection, 0, settings.Settings(home=home), **options)


def sizes(connection: Connection) -> dict[str, int]:
    return {one.lender_id: one.size for one in checkpoints.ledgers(connection, 0)}


def entries(connection: Connection, lender: str = "default") -> list[str]:
    rows = connection.execute(
        "SELECT entry FROM journal WHERE lender_id = %s AND clock_id = 0 ORDER BY xact, entry_id", (lender,)
    )
    return [row[0] for row in rows]


def tiles_of(connection: Connection, lender: str = "default") -> dict[tuple[int, int], tuple[bytes, int, int]]:
    rows = connection.execute(
        "SELECT level, place, hashes, first_xact, first_entry FROM ledger_tile WHERE lender_id = %s", (lender,)
    )
    return {(row[0], row[1]): (bytes(row[2]), row[3], row[4]) for row in rows}


def root_over(texts: list[str]) -> bytes:
    """The root over the entries, one leaf at a time."""
    frontier = tree.Frontier()
    for text in texts:
        frontier.add(tree.leaf_hash(text.encode()))
    return frontier.root()


def root_of(connection: Connection, size: int, lender: str = "default") -> bytes:
    return tree.root(StoredTiles(connection, lender, 0), size)


def test_every_entry_gets_a_number_and_the_key_that_signs_gets_the_last_one(database_url: str, tmp_path: Path) -> None:
    with connect(database_url) as connection:
        append(connection, 700)
        assert sequencer(connection, tmp_path).tick(NOW) == 701
        texts = entries(connection)
        assert sizes(connection) == {"default": 701}
        assert root_of(connection, 701) == root_over(texts)
        assert json.loads(texts[700])["kind"] == "ledger_key"
        assert json.loads(texts[700])["key"] == checkpoints.ledgers(connection, 0)[0].key


def test_with_nothing_new_nothing_is_written(database_url: str, tmp_path: Path) -> None:
    with connect(database_url) as connection:
        append(connection, 3)
        one = sequencer(connection, tmp_path)
        one.tick(NOW)
        before = connection.execute("SELECT ctid, xmin::text FROM ledger_tile").fetchall()
        assert one.tick(NOW) == 0
        assert connection.execute("SELECT ctid, xmin::text FROM ledger_tile").fetchall() == before


def test_an_open_transaction_holds_back_what_comes_after_it_and_is_numbered_in_its_place(
    database_url: str, tmp_path: Path
) -> None:
    with connect(database_url) as connection, connect(database_url) as slow:
        append(connection, 2, "before")
        one = sequencer(connection, tmp_path)
        one.tick(NOW)
        size = sizes(connection)["default"]
        with slow.transaction():
            append(slow, 2, "slow")
            append(connection, 2, "fast")
            assert one.tick(NOW) == 0
        assert one.tick(NOW) == 4
        texts = entries(connection)
        assert texts[size:] == ["slow1", "slow2", "fast1", "fast2"]
        assert root_of(connection, size + 4) == root_over(texts)


def test_a_transaction_that_is_rolled_back_leaves_no_gap(database_url: str, tmp_path: Path) -> None:
    with connect(database_url) as connection:
        one = sequencer(connection, tmp_path)
        append(connection, 1)
        with pytest.raises(ZeroDivisionError), connection.transaction():
            append(connection, 5, "gone")
            raise ZeroDivisionError
        append(connection, 1)
        assert one.tick(NOW) == 3
        assert root_of(connection, 3) == root_over(entries(connection))


@pytest.mark.parametrize("block", [1, 7, 256, 300])
def test_blocks_cut_anywhere_give_the_same_tiles_as_one(database_url: str, tmp_path: Path, block: int) -> None:
    with connect(database_url) as connection:
        append(connection, 600 if block > 7 else 60)
        append(connection, 300 if block > 7 else 30)
        total = sequencer(connection, tmp_path, block=block).tick(NOW)
        cut = tiles_of(connection)
        with connection.transaction():
            connection.execute("DELETE FROM ledger_tile")
            connection.execute("UPDATE ledger SET size = 0, next_xact = 0, next_entry = 0")
        assert sequencer(connection, tmp_path).tick(NOW) == total
        assert tiles_of(connection) == cut
        assert cut[0, 0][1] > 0


def test_single_ticks_give_the_same_tiles_as_one(database_url: str, tmp_path: Path) -> None:
    with connect(database_url) as connection:
        one = sequencer(connection, tmp_path)
        for count in (1, 254, 1, 1, 255, 256, 3):
            append(connection, count)
            one.tick(NOW)
        singly = tiles_of(connection)
        with connection.transaction():
            connection.execute("DELETE FROM ledger_tile")
            connection.execute("UPDATE ledger SET size = 0, next_xact = 0, next_entry = 0")
        one.tick(NOW)
        assert tiles_of(connection) == singly


def test_each_tile_knows_the_row_of_its_first_leaf(database_url: str, tmp_path: Path) -> None:
    with connect(database_url) as connection:
        one = sequencer(connection, tmp_path, block=100)
        append(connection, 300)
        append(connection, 300)
        one.tick(NOW)
        rows = connection.execute("SELECT xact, entry_id FROM journal ORDER BY xact, entry_id").fetchall()
        tiles = tiles_of(connection)
        assert [tiles[0, place][1:] for place in range(3)] == [rows[256 * place] for place in range(3)]


def test_each_lender_has_numbers_of_its_own(database_url: str, tmp_path: Path) -> None:
    with connect(database_url) as connection:
        append(connection, 3, lender="acme/1 ü")
        append(connection, 5, lender="bank")
        one = sequencer(connection, tmp_path)
        assert one.tick(NOW) == 10
        assert sizes(connection) == {"acme/1 ü": 4, "bank": 6}
        for lender, size in sizes(connection).items():
            assert root_of(connection, size, lender) == root_over(entries(connection, lender))
        origins = [ledger.origin for ledger in checkpoints.ledgers(connection, 0)]
        assert origins[0].endswith("/acme%2F1%20%C3%BC")
        assert origins[1].endswith("/bank")


def test_entries_of_another_clock_are_left_alone(database_url: str, tmp_path: Path) -> None:
    with connect(database_url) as connection:
        append(connection, 2)
        connection.execute(APPEND.replace("%(lender)s, 0", "%(lender)s, 7"), {"lender": "a", "text": "x", "count": 2})
        assert sequencer(connection, tmp_path).tick(NOW) == 3
        assert sizes(connection) == {"default": 3}


def test_while_one_sequencer_is_at_work_another_does_nothing(database_url: str, tmp_path: Path) -> None:
    with connect(database_url) as connection, connect(database_url) as other:
        append(connection, 2)
        with other.transaction():
            other.execute("SELECT pg_advisory_xact_lock(1818584167, 0)")
            assert sequencer(connection, tmp_path).tick(NOW) == 0
        assert sequencer(connection, tmp_path).tick(NOW) == 3


def test_a_server_that_counts_lower_is_refused(database_url: str, tmp_path: Path) -> None:
    with connect(database_url) as connection:
        append(connection, 2)
        one = sequencer(connection, tmp_path)
        one.tick(NOW)
        connection.execute("UPDATE ledger SET next_xact = next_xact + 1000000")
        with pytest.raises(LedgerError, match="moved here from another server"):
            one.tick(NOW)
