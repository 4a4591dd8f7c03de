"""Proofs out of the stored tree: that an entry is in it, and that a later checkpoint goes on from an earlier one."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from scheduler.ledger import checkpoints, tree
from scheduler.ledger.checkpoints import Ledger, StoredTiles
from scheduler.ledger.errors import LedgerError
from scheduler.ledger.notes import Checkpoint
from scheduler.ledger.reading import Row, entry_at
from scheduler.store.database import Connection

_FORM = "c2sp.org/tlog-proof@v1"
"""https://c2sp.org/tlog-proof"""


class NotProvable(Exception):
    """There is no such entry or size, or no checkpoint of it yet; the text says which and what to do."""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That an entry is in the tree of a signed checkpoint."""

    number: int
    row: Row
    hashes: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """The proof as C2SP writes it; the entry's text is the extra data."""
        head = (_FORM, f"extra {base64_of(self.row.leaf)}", f"index {self.number}")
        return "\n".join([*head, *map(base64_of, self.hashes), "", self.note]).removesuffix("\n")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two sizes of a consistency proof and the root that it is to have; where the root is from."""

    size: int
    root: bytes
    source: str


def include(connection: Connection, clock_id: int, ledger: Ledger, number: int) -> Inclusion:
    """The proof of an entry up to the latest checkpoint, checked. Raises NotProvable; LedgerError where it fails."""
    if number >= ledger.size:
        raise NotProvable(f"there is no entry {number:,}: {_so_many(ledger)}")
    note = checkpoints.latest(connection, clock_id, ledger.lender_id)
    checkpoint = None if note is None else Checkpoint.parse(checkpoints.text_of(note))
    if note is None or checkpoint is None or checkpoint.size <= number:
        raise NotProvable(
            f"entry {number:,} is not covered by a checkpoint yet; run: duly ledger checkpoint, then this again"
        )
    row = entry_at(connection, ledger.lender_id, clock_id, number)
    if row is None:
        raise LedgerError(f"entry {number:,} is not where its tile says; run: duly ledger verify")
    try:
        hashes = tree.inclusion(StoredTiles(connection, ledger.lender_id, clock_id), number, checkpoint.size)
    except (ValueError, IndexError) as error:
        raise LedgerError(f"the tree lacks hashes that entry {number:,} needs; run: duly ledger verify") from error
    if not tree.holds_inclusion(tree.leaf_hash(row.leaf), number, checkpoint.size, hashes, checkpoint.root):
        raise LedgerError(
            f"entry {number:,} cannot be proved: it is not what the checkpoint of {checkpoint.size:,} entries was "
            "signed over; run: duly ledger verify"
        )
    return Inclusion(number, row, tuple(hashes), note)


def side(connection: Connection, clock_id: int, ledger: Ledger, size: int) -> Side:
    """The checkpoint of a size, or the tree's own root where none was given out. Raises NotProvable."""
    note = checkpoints.at(connection, clock_id, ledger.lender_id, size)
    if note is not None:
        return Side(size, Checkpoint.parse(checkpoints.text_of(note)).root, "a checkpoint of the database")
    if not 0 <= size <= ledger.size:
        raise NotProvable(f"there is no size {size:,}: {_so_many(ledger)}")
    tiles = StoredTiles(connection, ledger.lender_id, clock_id)
    return Side(size, checkpoints.root_at(tiles, size) if size else tree.EMPTY_ROOT, "the tree, without a checkpoint")


def continues(connection: Connection, clock_id: int, ledger: Ledger, old: Side, new: Side) -> list[bytes]:
    """The proof that ``new`` goes on from ``old``, checked. Raises LedgerError where it does not."""
    if new.size > ledger.size:
        raise LedgerError(f"{new.source} is of {new.size:,} entries, and {_so_many(ledger)}; run: duly ledger verify")
    tiles = StoredTiles(connection, ledger.lender_id, clock_id)
    try:
        hashes = tree.consistency(tiles, old.size, new.size)
    except (ValueError, IndexError) as error:
        raise LedgerError("the tree lacks hashes that the proof needs; run: duly ledger verify") from error
    if not tree.holds_consistency(old.size, new.size, hashes, old.root, new.root):
        raise LedgerError(
            f"what was signed at {new.size:,} entries ({new.source}) does not go on from what was signed at "
            f"{old.size:,} ({old.source}): entries were changed in between; run: duly ledger verify"
        )
    return hashes


def base64_of(data: bytes) -> str:
    """As notes and proofs have it."""
    return base64.b64encode(data).decode()


def _so_many(ledger: Ledger) -> str:
    return f"the ledger of {ledger.lender_id} has {ledger.size:,} entries, counted from 0"
