"""Numbers the committed entries of each lender without gaps, in the order of transactions, and grows the tree by them.

Any number of daemons may try; one at a time does it. An entry is numbered once no transaction that is still open could
write one before it, so that what has a number is never followed by anything older.
"""

from __future__ import annotations

import secrets
from urllib.parse import quote

from policies.facts import Instant
from scheduler import journal
from scheduler.batch import write_journal
from scheduler.ledger import tree
from scheduler.ledger.checkpoints import StoredTiles
from scheduler.ledger.errors import LedgerError
from scheduler.ledger.hold import lower_count
from scheduler.ledger.keys import signer
from scheduler.ledger.lenders import FOUND
from scheduler.settings import Settings
from scheduler.store.database import Connection

BLOCK = 65_536
"""So many entries of a lender are numbered in one transaction."""

LOCK = 0x6C656467
_HASH_BYTES = 32
_POSITION_BYTES = 16

_TRY = "SELECT pg_try_advisory_xact_lock(%(lock)s, %(clock)s::int)"
_WAIT = "SELECT pg_advisory_xact_lock(%(lock)s, %(clock)s::int)"

# One probe of the index a lender: never the whole journal.
_LENDERS = f"""
{FOUND}
SELECT f.lender_id, l.size, l.next_xact, l.next_entry, l.xact_offset
FROM found f LEFT JOIN ledger l USING (lender_id, clock_id)
WHERE f.clock_id = %(clock)s ORDER BY f.lender_id
"""  # noqa: S608 - the pieces are the ledger's own

# Everything from before it is finished: visible to every later statement, or gone.
_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

_ADD = """
INSERT INTO ledger (lender_id, clock_id, origin, key, size, next_xact, next_entry, xact_offset)
VALUES (%(lender)s, %(clock)s, %(origin)s, %(key)s, 0, 0, 0,
        (SELECT coalesce(max(xact_offset), 0) FROM ledger WHERE clock_id = %(clock)s))
"""

# The leaf hashes of a block, and where each row stands, as two long strings: a row of its own for each entry takes
# the driver longer than the server takes to hash it.
_LEAVES = """
SELECT string_agg(leaf, ''::bytea), string_agg(position, ''::bytea) FROM (
    SELECT sha256('\\x00'::bytea || convert_to(entry, 'UTF8')) AS leaf, int8send(xact) || int8send(entry_id) AS position
    FROM journal
    WHERE lender_id = %(lender)s AND clock_id = %(clock)s
      AND (xact, entry_id) >= (%(next_xact)s, %(next_entry)s) AND xact < %(horizon)s
    ORDER BY xact, entry_id LIMIT %(limit)s
) block
"""

_SAVE_TILES = """
INSERT INTO ledger_tile AS t (lender_id, clock_id, level, place, hashes, first_xact, first_entry)
SELECT %(lender)s, %(clock)s, v.level, v.place, v.hashes, v.first_xact, v.first_entry
FROM unnest(%(levels)s::smallint[], %(places)s::bigint[], %(hashes)b::bytea[], %(xacts)s::bigint[],
            %(entries)s::bigint[]) AS v(level, place, hashes, first_xact, first_entry)
ON CONFLICT (lender_id, clock_id, level, place) DO UPDATE SET hashes = excluded.hashes
"""

_SAVE = """
UPDATE ledger SET size = %(size)s, next_xact = %(next_xact)s, next_entry = %(next_entry)s
WHERE lender_id = %(lender)s AND clock_id = %(clock)s
"""


class Sequencer:
    """Numbers the entries of one clock, on a connection that it has to itself while it does so."""

    def __init__(self, connection: Connection, clock_id: int, settings: Settings, *, block: int = BLOCK) -> None:
        """``block``: how many entries of a lender are numbered in one transaction."""
        self._connection = connection
        self._clock_id = clock_id
        self._settings = settings
        self._block = block

    def tick(self, now: Instant, *, wait: bool = False) -> int:
        """Number what can be numbered; answers how many entries. ``now`` is written where a ledger begins.

        Does nothing where another sequencer is at work, unless it is to ``wait`` for that one. Raises LedgerError where
        the server counts transactions lower than the journal does.
        """
        numbered = 0
        while True:
            added, more = self._round(now, wait)
            numbered += added
            if not more:
                return numbered

    def begin(self, now: Instant) -> None:
        """Let every lender of whom there is an entry have a ledger, and number nothing."""
        keys = {"clock": self._clock_id, "lock": LOCK}
        with self._connection.transaction():
            self._connection.execute(_WAIT, keys)
            for lender_id, size, *_ in self._connection.execute(_LENDERS, keys).fetchall():
                if size is None:
                    self._begin(lender_id, now)

    def _round(self, now: Instant, wait: bool) -> tuple[int, bool]:
        """One transaction: up to a block of each lender. How many were numbered, and whether there is more."""
        keys = {"clock": self._clock_id, "lock": LOCK}
        with self._connection.transaction():
            if wait:
                self._connection.execute(_WAIT, keys)
            elif not self._connection.execute(_TRY, keys).fetchall()[0][0]:
                return 0, False
            found = self._connection.execute(_LENDERS, keys).fetchall()
            missing = [lender_id for lender_id, size, *_ in found if size is None]
            if missing:
                for lender_id in missing:
                    self._begin(lender_id, now)
                # What was just written is numbered by the next round, from the rows as they are then.
                return 0, True
            counted = self._connection.execute(_HORIZON).fetchall()[0][0]
            numbered, more = 0, False
            for lender_id, size, next_xact, next_entry, offset in found:
                horizon = offset + counted
                if horizon < next_xact:
                    raise LedgerError(lower_count(lender_id, next_xact, horizon))
                added = self._extend(lender_id, size, (next_xact, next_entry), horizon)
                numbered += added
                more = more or added == self._block
        return numbered, more

    def _begin(self, lender_id: str, now: Instant) -> None:
        base = self._settings.ledger_origin or f"duly-{secrets.token_hex(8)}"
        origin = f"{base}/{quote(lender_id, safe='')}"
        key = str(signer(self._settings, origin).verifier)
        keys = {"lender": lender_id, "clock": self._clock_id, "origin": origin, "key": key}
        self._connection.execute(_ADD, keys)
        write_journal(
            self._connection, lender_id, self._clock_id, [journal.entry(now, journal.LEDGER_KEY, {"key": key})]
        )

    def _extend(self, lender_id: str, size: int, cursor: tuple[int, int], horizon: int) -> int:
        keys = {"lender": lender_id, "clock": self._clock_id}
        leaves, positions = self._connection.execute(
            _LEAVES,
            {**keys, "next_xact": cursor[0], "next_entry": cursor[1], "horizon": horizon, "limit": self._block},
            binary=True,
        ).fetchall()[0]
        if leaves is None:
            return 0
        added = len(leaves) // _HASH_BYTES
        tiles = StoredTiles(self._connection, lender_id, self._clock_id)
        new_size, changed = tree.grow(tiles, size, leaves)
        self._save_tiles(keys, changed, size, positions)
        last_xact, last_entry = _position(positions, added - 1)
        # A full block may end inside a transaction; else all of them from before the horizon are numbered.
        cut = added == self._block
        self._connection.execute(
            _SAVE,
            {
                **keys, "size": new_size, "next_xact": last_xact if cut else last_xact + 1,
                "next_entry": last_entry + 1 if cut else 0,
            },
        )  # fmt: skip
        return added

    def _save_tiles(
        self, keys: dict[str, object], changed: dict[tuple[int, int], bytes], size: int, positions: bytes
    ) -> None:
        """Write the tiles; of one of level 0 that begins now also which row its first leaf is."""
        order = sorted(changed)
        firsts = [
            _position(positions, place * tree.TILE_WIDTH - size)
            if level == 0 and place * tree.TILE_WIDTH >= size
            else (None, None)
            for level, place in order
        ]
        self._connection.execute(
            _SAVE_TILES,
            {
                **keys, "levels": [level for level, _ in order], "places": [place for _, place in order],
                "hashes": [changed[one] for one in order], "xacts": [xact for xact, _ in firsts],
                "entries": [entry for _, entry in firsts],
            },
        )  # fmt: skip


def _position(positions: bytes, number: int) -> tuple[int, int]:
    """Transaction and entry id of the ``number``-th row of a block."""
    at = number * _POSITION_BYTES
    row = positions[at : at + _POSITION_BYTES]
    return int.from_bytes(row[:8], signed=True), int.from_bytes(row[8:], signed=True)
