"""Signs checkpoints of the tree as it lies in the database, keeps them, and reads them back."""

from __future__ import annotations

from dataclasses import dataclass

from policies.calendar import to_datetime
from policies.facts import Instant
from scheduler.ledger import tree
from scheduler.ledger.errors import LedgerError
from scheduler.ledger.notes import Checkpoint, Signer, sign_note
from scheduler.store.database import Connection

_MOST_TILES = 512
_HASH_BYTES = 32

_TILE = """
SELECT hashes FROM ledger_tile
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND level = %(level)s AND place = %(place)s
"""
_LEDGERS = """
SELECT lender_id, origin, key, size, next_xact, next_entry, xact_offset FROM ledger
WHERE clock_id = %(clock)s ORDER BY lender_id
"""
_AT = "SELECT note FROM ledger_checkpoint WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND size = %(size)s"
_LATEST = """
SELECT note FROM ledger_checkpoint WHERE lender_id = %(lender)s AND clock_id = %(clock)s ORDER BY size DESC LIMIT 1
"""
_ALL = "SELECT note FROM ledger_checkpoint WHERE lender_id = %(lender)s AND clock_id = %(clock)s ORDER BY size"
_ADD = """
INSERT INTO ledger_checkpoint (lender_id, clock_id, size, note, made_at)
VALUES (%(lender)s, %(clock)s, %(size)s, %(note)s, %(at)s) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """A lender's ledger as it stands; ``key`` is the verifier key that signs now."""

    lender_id: str
    origin: str
    key: str
    size: int
    next_xact: int
    next_entry: int
    xact_offset: int


class StoredTiles:
    """The tiles of a lender's tree, by level and place; those asked for last are kept at hand.

    A tile that grows is read again by no one who holds this: take a new one after the tree has grown.
    """

    def __init__(self, connection: Connection, lender_id: str, clock_id: int) -> None:
        self._connection = connection
        self._keys = {"lender": lender_id, "clock": clock_id}
        self._kept: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, place: int) -> bytes:
        """The hashes of a tile, 32 bytes each. Raises LedgerError where there is none."""
        found = self._kept.get((level, place))
        if found is not None:
            return found
        row = self._connection.execute(_TILE, {**self._keys, "level": level, "place": place}, binary=True).fetchone()
        if row is None:
            raise LedgerError(
                f"the tree of the ledger of {self._keys['lender']} has no tile {level}/{place}, which it must have; "
                "run: duly ledger verify"
            )
        if len(self._kept) >= _MOST_TILES:
            del self._kept[next(iter(self._kept))]
        self._kept[level, place] = found = bytes(row[0])
        return found


def ledgers(connection: Connection, clock_id: int) -> list[Ledger]:
    """The ledgers of a clock, by lender."""
    return [Ledger(*row) for row in connection.execute(_LEDGERS, {"clock": clock_id})]


def root_at(tiles: tree.Tiles, size: int) -> bytes:
    """The root of the tree's first ``size`` leaves. Raises LedgerError where tiles are missing or too short."""
    try:
        return tree.root(tiles, size)
    except (ValueError, IndexError) as error:
        raise LedgerError(f"the tiles of the tree do not reach to {size:,} entries; run: duly ledger verify") from error


def sign(
    connection: Connection, clock_id: int, ledger: Ledger, signer: Signer, now: Instant,
    extensions: tuple[str, ...] = (), *, beside: Signer | None = None,
) -> str:  # fmt: skip
    """The checkpoint at the size of ``ledger``: made, signed and kept where there is none yet; answers the note.

    ``beside`` signs it too: the key of before, where another takes over. Raises LedgerError where one that was given
    out before has another root, and where ``signer`` is not the ledger's.
    """
    if str(signer.verifier) != ledger.key:
        raise LedgerError(another_key(ledger))
    root = root_at(StoredTiles(connection, ledger.lender_id, clock_id), ledger.size)
    signers = (signer,) if beside is None else (signer, beside)
    note = sign_note(Checkpoint(ledger.origin, ledger.size, root, extensions).text(), *signers)
    keys = {"lender": ledger.lender_id, "clock": clock_id, "size": ledger.size}
    connection.execute(_ADD, {**keys, "note": note, "at": to_datetime(now)})
    kept: str = connection.execute(_AT, keys).fetchall()[0][0]
    if Checkpoint.parse(text_of(kept)).root != root:
        raise LedgerError(
            f"the ledger of {ledger.lender_id} has given out a checkpoint of {ledger.size:,} entries with another root "
            "than its tree has now; run: duly ledger verify"
        )
    return kept


def text_of(note: str) -> str:
    """The signed text of a note, its signatures left out."""
    return note.partition("\n\n")[0] + "\n"


def another_key(ledger: Ledger) -> str:
    """Why a daemon does not sign for a ledger."""
    return (
        f"the key of this duly is not the one that signs the ledger of {ledger.lender_id}: give it that key "
        "(DULY_LEDGER_KEY, or ledger.key in DULY_HOME); until then it gives out no checkpoints"
    )


def at(connection: Connection, clock_id: int, lender_id: str, size: int) -> str | None:
    """The checkpoint of exactly so many entries, where one was given out."""
    row = connection.execute(_AT, {"lender": lender_id, "clock": clock_id, "size": size}).fetchone()
    return None if row is None else row[0]


def latest(connection: Connection, clock_id: int, lender_id: str) -> str | None:
    """The checkpoint of the greatest size; none, where none was given out yet."""
    row = connection.execute(_LATEST, {"lender": lender_id, "clock": clock_id}).fetchone()
    return None if row is None else row[0]


def every(connection: Connection, clock_id: int, lender_id: str) -> list[str]:
    """All checkpoints of a lender that were given out, by size."""
    return [row[0] for row in connection.execute(_ALL, {"lender": lender_id, "clock": clock_id})]
