"""The Merkle tree of RFC 6962 over tiles of 256 hashes: growing it, its roots, its proofs, and checking proofs.

A hash is 32 bytes. A node of height ``h`` and place ``i`` stands for the leaves from ``i * 2**h`` on, ``2**h`` of them.
Tile ``n`` of level ``L`` holds the nodes of height ``8 * L`` from place ``256 * n`` on, one after the other; a node is
there once all its leaves are (https://c2sp.org/tlog-tiles). Nodes of heights between are computed when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import pairwise

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

Tiles = Callable[[int, int], bytes]
"""(level, place) -> the hashes of that tile; they may be more than asked about, where the tree has grown since."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf that holds ``data`` (RFC 6962, 2.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children (RFC 6962, 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def grow(tiles: Tiles, size: int, leaves: bytes) -> tuple[int, dict[tuple[int, int], bytes]]:
    """Append leaf hashes, one after the other in ``leaves``, to a tree of ``size`` leaves.

    Returns the new size and each tile that is new or changed, whole, by (level, place). Reads at most one tile of
    each level. Raises ``ValueError`` where ``leaves`` is no whole number of hashes or a tile is too short.
    """
    if size < 0 or len(leaves) % HASH_BYTES:
        raise ValueError(
            f"cannot append {len(leaves)} bytes to {size} leaves; leaf hashes have {HASH_BYTES} bytes each"
        )
    changed: dict[tuple[int, int], bytes] = {}
    level, count, fresh = 0, size, leaves
    while fresh:
        first, kept = divmod(count, TILE_WIDTH)
        hashes = _tile(tiles, level, first, kept) + fresh
        tile_bytes = TILE_WIDTH * HASH_BYTES
        for nth, begin in enumerate(range(0, len(hashes), tile_bytes)):
            changed[level, first + nth] = hashes[begin : begin + tile_bytes]
        fresh = _lift(hashes[: len(hashes) - len(hashes) % tile_bytes], TILE_HEIGHT)
        level, count = level + 1, first
    return size + len(leaves) // HASH_BYTES, changed


def root(tiles: Tiles, size: int) -> bytes:
    """The root of the first ``size`` leaves: MTH of RFC 6962, 2.1. Raises ``ValueError`` where a tile is too short."""
    _expect(size >= 0, f"a tree has no {size} leaves")
    return _Nodes(tiles).over(0, size) if size else EMPTY_ROOT


def inclusion(tiles: Tiles, number: int, size: int) -> list[bytes]:
    """The proof that leaf ``number``, counted from 0, is in the tree of ``size`` leaves: PATH of RFC 6962, 2.1.1.

    Raises ``ValueError`` where there is no such leaf or a tile is too short.
    """
    _expect(0 <= number < size, f"a tree of {size} leaves has no leaf {number}")
    nodes, path = _Nodes(tiles), []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _left(end - begin)
        if number < middle:
            path.append(nodes.over(middle, end))
            end = middle
        else:
            path.append(nodes.over(begin, middle))
            begin = middle
    return path[::-1]


def consistency(tiles: Tiles, old: int, new: int) -> list[bytes]:
    """The proof that the first ``old`` of ``new`` leaves are the tree of ``old``: PROOF of RFC 6962, 2.1.2.

    Nothing needs to be shown of no leaves, or of all: then it is empty. Raises ``ValueError`` where ``old`` is greater
    than ``new``, or a tile is too short.
    """
    _expect(0 <= old <= new, f"a tree of {new} leaves has no first {old}")
    if old in (0, new):
        return []
    nodes, proof = _Nodes(tiles), []
    begin, end = 0, new
    while end != old:
        middle = begin + _left(end - begin)
        if old <= middle:
            proof.append(nodes.over(middle, end))
            end = middle
        else:
            proof.append(nodes.over(begin, middle))
            begin = middle
    if begin:  # where the old tree is whole here, its root is what the checker starts from
        proof.append(nodes.over(begin, end))
    return proof[::-1]


def holds_inclusion(leaf: bytes, number: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether ``proof`` leads from a leaf hash, at ``number`` of ``size``, to ``root`` (RFC 9162, 2.1.3.2)."""
    if not 0 <= number < size or not _are_hashes(leaf, root, *proof):
        return False
    place, last, at = number, size - 1, leaf
    for hash_ in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            at = node_hash(hash_, at)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            at = node_hash(at, hash_)
        place, last = place >> 1, last >> 1
    return last == 0 and at == root


def holds_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether ``proof`` shows that the tree of ``new`` leaves begins with that of ``old`` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new or not _are_hashes(old_root, new_root, *proof):
        return False
    if old == new:
        return not proof and old_root == new_root and (new > 0 or new_root == EMPTY_ROOT)
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    of_old = of_new = path[0]
    for hash_ in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            of_old, of_new = node_hash(hash_, of_old), node_hash(hash_, of_new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            of_new = node_hash(of_new, hash_)
        place, last = place >> 1, last >> 1
    return last == 0 and of_old == old_root and of_new == new_root


class Frontier:
    """The roots of the largest whole subtrees of a growing tree: enough for its root, in memory of O(log size)."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        rest = self.size
        while rest & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            rest >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root of all leaves so far."""
        return _join(self._peaks) if self._peaks else EMPTY_ROOT


class _Nodes:
    """The nodes of a tree; each tile is read once."""

    def __init__(self, tiles: Tiles) -> None:
        self._tiles = tiles
        self._read: dict[tuple[int, int], bytes] = {}

    def over(self, begin: int, end: int) -> bytes:
        """The root of the leaves from ``begin`` to ``end``.

        ``begin`` is a multiple of a power of two that is not less than their number.
        """
        peaks = []
        while begin < end:
            height = (end - begin).bit_length() - 1
            peaks.append(self._node(height, begin >> height))
            begin += 1 << height
        return _join(peaks)

    def _node(self, height: int, place: int) -> bytes:
        level, above = divmod(height, TILE_HEIGHT)
        tile, offset = divmod(place << above, TILE_WIDTH)
        end = offset + (1 << above)
        hashes = self._read.get((level, tile))
        if hashes is None:
            hashes = self._read[level, tile] = self._tiles(level, tile)
        _expect_tile(hashes, level, tile, end)
        return _lift(hashes[offset * HASH_BYTES : end * HASH_BYTES], above)


def _tile(tiles: Tiles, level: int, place: int, count: int) -> bytes:
    """The first ``count`` hashes of a tile; it is not read for none."""
    if not count:
        return b""
    hashes = tiles(level, place)
    _expect_tile(hashes, level, place, count)
    return hashes[: count * HASH_BYTES]


def _lift(hashes: bytes, heights: int) -> bytes:
    """The nodes ``heights`` above a run of nodes whose number is a multiple of 2**heights."""
    for _ in range(heights):
        cuts = pairwise(range(0, len(hashes) + 1, 2 * HASH_BYTES))
        hashes = b"".join([sha256(b"\x01" + hashes[begin:end]).digest() for begin, end in cuts])
    return hashes


def _join(peaks: list[bytes]) -> bytes:
    """The root over the roots of whole subtrees, the largest first."""
    at = peaks[-1]
    for peak in reversed(peaks[:-1]):
        at = node_hash(peak, at)
    return at


def _left(count: int) -> int:
    """The largest power of two that is smaller than ``count``, which is greater than one."""
    return 1 << ((count - 1).bit_length() - 1)


def _are_hashes(*hashes: bytes) -> bool:
    return all(len(one) == HASH_BYTES for one in hashes)


def _expect(good: bool, complaint: str) -> None:
    if not good:
        raise ValueError(complaint)


def _expect_tile(hashes: bytes, level: int, place: int, count: int) -> None:
    found = len(hashes) // HASH_BYTES
    _expect(
        found >= count,
        f"tile {place} of level {level} holds {found} hashes, and {count} are needed; restore the ledger's tiles",
    )
