"""Builds the tree anew from the leaves as they stream by, holding only the tiles at its right edge."""

from __future__ import annotations

from scheduler.ledger.tree import HASH_BYTES, TILE_WIDTH, grow, root


class Rebuilding:
    """The tree over the leaves so far. Memory: what one call of ``extend`` brings, and two tiles a level."""

    def __init__(self) -> None:
        self.size = 0
        self._tiles: dict[tuple[int, int], bytes] = {}

    def extend(self, leaves: bytes) -> dict[tuple[int, int], bytes]:
        """Add leaf hashes (32 bytes each); every tile that they change or begin, by level and place, whole."""
        kept = {at: tile for at, tile in self._tiles.items() if self._at_the_edge(*at)}
        self._tiles = kept
        self.size, changed = grow(self._tile, self.size, leaves)
        self._tiles = kept | changed
        return changed

    def root(self, size: int) -> bytes:
        """The root of the first ``size`` leaves; of sizes from before the last ``extend`` on."""
        return root(self._tile, size)

    def edge(self) -> dict[tuple[int, int], bytes]:
        """The last tile of each level, by level and place."""
        last: dict[int, int] = {}
        for level, place in self._tiles:
            last[level] = max(place, last.get(level, 0))
        return {(level, place): self._tiles[level, place] for level, place in last.items()}

    def _tile(self, level: int, place: int) -> bytes:
        return self._tiles[level, place]

    def _at_the_edge(self, level: int, place: int) -> bool:
        """Whether the tile holds its level's last hash, or the next one will go there."""
        count: int = self.size // TILE_WIDTH**level
        return place in (count // TILE_WIDTH, (count - 1) // TILE_WIDTH)


def is_whole(tile: bytes) -> bool:
    """Whether a tile has all its hashes."""
    return len(tile) == TILE_WIDTH * HASH_BYTES


def hashes(tile: bytes) -> list[bytes]:
    """The hashes of a tile, one by one."""
    return [tile[i : i + HASH_BYTES] for i in range(0, len(tile), HASH_BYTES)]
