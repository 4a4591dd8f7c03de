"""Compares the tree as it is stored with the one that the entries give, and says of the first bad entry what it is."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Final, NamedTuple

from scheduler.ledger.contents import iso
from scheduler.ledger.findings import CHANGED, ENTRY_CODES, INSERTED, KEPT, MISSING, MOVED, TREE, Finding, Findings
from scheduler.ledger.reading import Row, entry_at, rows_from
from scheduler.ledger.rebuilding import Rebuilding, hashes, is_whole
from scheduler.ledger.tree import HASH_BYTES, TILE_WIDTH, leaf_hash
from scheduler.store.database import Connection

_AROUND: Final = 256

_LEAVES = """
SELECT place, hashes, first_xact, first_entry FROM ledger_tile
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND level = 0 AND place BETWEEN %(first)s AND %(last)s
ORDER BY place
"""

_TILE = """
SELECT hashes FROM ledger_tile
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND level = %(level)s AND place = %(place)s
"""

_LEVELS = """
SELECT level, count(*), max(place) FROM ledger_tile WHERE lender_id = %(lender)s AND clock_id = %(clock)s
GROUP BY level ORDER BY level
"""


class _First(NamedTuple):
    """Which row a tile of level 0 says that it begins with, and how many bytes it has."""

    xact: int | None
    entry_id: int | None
    length: int


class EntryCheck:
    """Goes along with the stream of entries; from where entries are missing or put in, nothing more is compared."""

    def __init__(self, connection: Connection, lender_id: str, clock_id: int, size: int, findings: Findings) -> None:
        """``size`` is what the ledger's row says it is."""
        self._connection = connection
        self._lender = lender_id
        self._clock = clock_id
        self._keys = {"lender": lender_id, "clock": clock_id}
        self._size = size
        self._findings = findings
        self._found: list[Finding] = []
        self._parted = False

    def compare(
        self, begin: int, rows: list[Row], leaves: list[bytes], changed: dict[tuple[int, int], bytes]
    ) -> None:  # fmt: skip
        """Compare the entries from number ``begin`` on, which is a multiple of a tile's width."""
        if self._parted:
            return
        stored, firsts = self._stored(begin, len(rows))
        joined = b"".join(leaves)
        if joined != b"".join(stored[: len(leaves)]):
            self._differing(begin, rows, leaves, stored)
        if self._parted:
            return
        for place, first in firsts.items():
            self._begins_with(place, first, rows[place * TILE_WIDTH - begin])
        if not self._found:
            for (level, place), tile in sorted(changed.items()):
                if level and is_whole(tile):
                    self._upper(level, place, tile)

    def end(self, rebuilt: Rebuilding) -> None:
        """Compare what is left when all entries were seen: the tiles at the edge, and how many there are."""
        if not self._parted:
            beyond = self._leaves_at(rebuilt.size, _AROUND)
            if beyond or rebuilt.size < self._size:
                self._gone(rebuilt.size)
        if not self._found:
            for (level, place), tile in sorted(rebuilt.edge().items()):
                if level and not is_whole(tile):
                    self._upper(level, place, tile)
            self._count_tiles(rebuilt.size)
        if rebuilt.size != self._size and not self._found:
            text = f"the ledger's row says that it has {self._size:,} entries, and it has {rebuilt.size:,}"
            self._findings.add(Finding("ledger-size", text))

    def settle(self, last_good: int) -> None:
        """Tell what was found; of entries that a checkpoint of ``last_good`` bears out, the tree is at fault."""
        for one in self._found:
            if one.number is not None and one.number < last_good and one.code in ENTRY_CODES:
                text = (
                    f"the tree's hash of entry {one.number:,} was changed; the entry itself is what the checkpoint of "
                    f"{last_good:,} entries was signed over"
                    if one.code != TREE
                    else one.text
                )
                one = replace(one, code=TREE, text=text)
            self._findings.add(one)

    def _stored(self, begin: int, count: int) -> tuple[list[bytes], dict[int, _First]]:
        """The stored leaf hashes from number ``begin`` on, and which rows the tiles say that they begin with."""
        first, last = begin // TILE_WIDTH, (begin + count - 1) // TILE_WIDTH
        leaves: list[bytes] = []
        firsts: dict[int, _First] = {}
        for place, tile, xact, entry in self._connection.execute(_LEAVES, {**self._keys, "first": first, "last": last}):
            # A tile that is not there, or too short, has hashes that are none.
            missing = (place - first) * TILE_WIDTH - len(leaves)
            leaves += [b""] * missing + hashes(bytes(tile))[:TILE_WIDTH]
            firsts[place] = _First(xact, entry, len(tile))
        return leaves, firsts

    def _differing(self, begin: int, rows: list[Row], leaves: list[bytes], stored: list[bytes]) -> None:
        """Name each entry that differs, up to the first from which all do."""
        for at, (row, leaf) in enumerate(zip(rows, leaves, strict=True)):
            held = stored[at] if at < len(stored) else b""
            if leaf == held:
                continue
            number = begin + at
            code, text = self._what(number, row)
            if code == MISSING:
                text = f"{text}; in its place stands: {row.kind}, {iso(row.at)}"
                self._found.append(Finding(code, text, number))
            else:
                self._found.append(Finding(code, text, number, row.kind, iso(row.at)))
            if code in (MISSING, INSERTED):
                self._parted = True
                return
            if len(self._found) == KEPT:
                # To say of each of a million what became of it would take hours and help nobody.
                text = f"{KEPT} entries differ; those after entry {number:,} were not compared with the tree one by one"
                self._findings.add(Finding("entries-not-compared", text))
                self._parted = True
                return

    def _what(self, number: int, row: Row) -> tuple[str, str]:
        """What became of an entry that is not the tree's: a code of ENTRY_CODES, and words."""
        window = rows_from(self._connection, self._lender, self._clock, row, _AROUND)
        here = [leaf_hash(one.leaf) for one in window]
        tree = self._leaves_at(number, _AROUND)
        if not tree or not tree[0]:
            return INSERTED, f"entry {number:,} has no place in the tree: it was put in where all were numbered already"
        ours = here.index(tree[0]) if tree[0] in here else None
        theirs = tree.index(here[0]) if here[0] in tree else None
        if theirs is not None and (ours is not None or self._stands_after(number, theirs, here, tree)):
            return MOVED, f"entry {number:,} is out of its place: it is the tree's entry {number + theirs:,}"
        if ours is not None:
            return (
                INSERTED,
                f"entry {number:,} is not the tree's: {_entries(ours)} {'was' if ours == 1 else 'were'} put in there",
            )
        if theirs is not None:
            return MISSING, f"entry {number:,} is missing: the tree has {_entries(theirs)} there that the journal lacks"
        if number and self._leaves_at(number - _AROUND if number > _AROUND else 0, min(number, _AROUND)).count(here[0]):
            return MOVED, f"entry {number:,} is out of its place: the tree has it earlier"
        return CHANGED, f"entry {number:,} is not what the tree holds: its text was changed"

    def _stands_after(self, number: int, theirs: int, here: list[bytes], tree: list[bytes]) -> bool:
        """Whether all goes on as in the tree after an entry that belongs ``theirs`` further on."""
        return theirs > 0 and len(here) > 1 and len(tree) > 1 and here[1] == tree[1]

    def _gone(self, number: int) -> None:
        self._parted = True
        tree = max(self._size, self._tree_size())
        text = f"entry {number:,} is missing: the journal ends before it, and the tree has {tree:,} entries"
        self._found.append(Finding(MISSING, text, number))

    def _tree_size(self) -> int:
        row = self._connection.execute(
            "SELECT place, length(hashes) FROM ledger_tile WHERE lender_id = %(lender)s AND clock_id = %(clock)s "
            "AND level = 0 ORDER BY place DESC LIMIT 1",
            self._keys,
        ).fetchone()
        return 0 if row is None else int(row[0]) * TILE_WIDTH + int(row[1]) // HASH_BYTES

    def _leaves_at(self, number: int, count: int) -> list[bytes]:
        begin = number // TILE_WIDTH * TILE_WIDTH
        return self._stored(begin, number - begin + count)[0][number - begin :][:count]

    def _begins_with(self, place: int, first: _First, row: Row) -> None:
        number = place * TILE_WIDTH
        if first.length > TILE_WIDTH * HASH_BYTES:
            text = f"the tree's tile from entry {number:,} on holds more than {TILE_WIDTH} hashes"
            self._found.append(Finding(TREE, text, number, row.kind, iso(row.at)))
        if first[:2] != (row.xact, row.entry_id):
            text = (
                f"entry {number:,} is row {row.xact}/{row.entry_id} of the journal, and its tile says that it is row "
                f"{first.xact}/{first.entry_id}: the entries or their tiles were numbered anew"
            )
            self._findings.add(Finding("entry-renumbered", text, number, row.kind, iso(row.at)))

    def _upper(self, level: int, place: int, tile: bytes) -> None:
        row = self._connection.execute(_TILE, {**self._keys, "level": level, "place": place}).fetchone()
        held = b"" if row is None else bytes(row[0])
        if held == tile:
            return
        pairs = zip(hashes(tile), [*hashes(held), *[b""] * TILE_WIDTH], strict=False)
        wrong = next(islice((i for i, (made, kept) in enumerate(pairs) if made != kept), 1), None)
        wide = TILE_WIDTH**level
        first = (place * TILE_WIDTH + (len(tile) // HASH_BYTES - 1 if wrong is None else wrong)) * wide
        told = entry_at(self._connection, self._lender, self._clock, first)
        text = f"the tree's hash over the entries from {first:,} to {first + wide - 1:,} is not what they give"
        kind, at = (None, None) if told is None else (told.kind, iso(told.at))
        self._found.append(Finding(TREE, text, first, kind, at))

    def _count_tiles(self, size: int) -> None:
        held = {level: (count, last) for level, count, last in self._connection.execute(_LEVELS, self._keys)}
        level, hashes_there = 0, size
        while hashes_there or level in held:
            tiles = -(-hashes_there // TILE_WIDTH)
            if held.get(level, (0, None)) != ((tiles, tiles - 1) if tiles else (0, None)):
                text = f"the tree has {held.get(level, (0,))[0]:,} tiles at level {level}; its entries give {tiles:,}"
                self._findings.add(Finding("tile-count", text))
            level, hashes_there = level + 1, hashes_there // TILE_WIDTH


def _entries(count: int) -> str:
    return f"{count:,} entr{'y' if count == 1 else 'ies'}"
