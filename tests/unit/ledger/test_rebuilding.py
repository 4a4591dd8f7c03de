"""The tree that verify builds anew as entries stream by: the same tiles and roots as of one that is there at once."""

from __future__ import annotations

from hashlib import sha256

import pytest

from scheduler.ledger.rebuilding import Rebuilding, hashes, is_whole
from scheduler.ledger.tree import EMPTY_ROOT, Frontier, grow


def leaves(count: int) -> list[bytes]:
    return [sha256(str(number).encode()).digest() for number in range(count)]


@pytest.mark.parametrize("at_once", [1, 255, 256, 257, 4_096])
def test_the_root_at_every_size_is_that_of_the_leaves_so_far(at_once: int) -> None:
    given = leaves(1_100 if at_once == 1 else 9_000)
    rebuilt, frontier = Rebuilding(), Frontier()
    assert rebuilt.root(0) == EMPTY_ROOT
    for begin in range(0, len(given), at_once):
        block = given[begin : begin + at_once]
        rebuilt.extend(b"".join(block))
        for size in range(begin + 1, begin + len(block) + 1):
            frontier.add(given[size - 1])
            assert rebuilt.root(size) == frontier.root(), size
    assert rebuilt.size == len(given)


@pytest.mark.parametrize("count", [1, 256, 300, 65_536, 65_537, 66_000])
def test_whole_tiles_come_once_and_the_edge_is_what_is_left(count: int) -> None:
    given = leaves(count)
    _, at_once = grow(lambda level, place: b"", 0, b"".join(given))
    rebuilt, whole = Rebuilding(), {}
    for begin in range(0, count, 4_096):
        for at, tile in rebuilt.extend(b"".join(given[begin : begin + 4_096])).items():
            if is_whole(tile):
                assert at not in whole
                whole[at] = tile
    assert whole | rebuilt.edge() == at_once
    assert b"".join(b"".join(hashes(at_once[0, place])) for place in range(-(-count // 256))) == b"".join(given)


def test_memory_does_not_grow_with_the_ledger() -> None:
    rebuilt = Rebuilding()
    block = b"".join(leaves(4_096))
    held = []
    for _ in range(40):
        rebuilt.extend(block)
        held.append(len(rebuilt._tiles))
    assert max(held) <= 16 + 2 * 3
