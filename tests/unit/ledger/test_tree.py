"""The ledger's tree: its roots and proofs are those of RFC 6962, however it grew, and nothing else passes for one."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.ledger.tree import (
    EMPTY_ROOT,
    TILE_WIDTH,
    Frontier,
    consistency,
    grow,
    holds_consistency,
    holds_inclusion,
    inclusion,
    leaf_hash,
    node_hash,
    root,
)

Stored = dict[tuple[int, int], bytes]

# The leaves by which Certificate Transparency's implementations are tested, and the roots of the first 1, 2 … of them
# (github.com/google/certificate-transparency, merkletree/merkle_tree_test.cc).
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


# RFC 6962, 2.1, word by word and slowly: MTH, PATH, PROOF and SUBPROOF over lists of data.


def split(count: int) -> int:
    k = 1
    while 2 * k < count:
        k *= 2
    return k


def mth(data: list[bytes]) -> bytes:
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = split(len(data))
    return sha256(b"\x01" + mth(data[:k]) + mth(data[k:])).digest()


def path(m: int, data: list[bytes]) -> list[bytes]:
    if len(data) == 1:
        return []
    k = split(len(data))
    if m < k:
        return [*path(m, data[:k]), mth(data[k:])]
    return [*path(m - k, data[k:]), mth(data[:k])]


def subproof(m: int, data: list[bytes], known: bool) -> list[bytes]:
    if m == len(data):
        return [] if known else [mth(data)]
    k = split(len(data))
    if m <= k:
        return [*subproof(m, data[:k], known), mth(data[k:])]
    return [*subproof(m - k, data[k:], False), mth(data[:k])]


def data_of(count: int) -> list[bytes]:
    return [number.to_bytes(4, "big") for number in range(count)]


def hashes_of(data: list[bytes]) -> bytes:
    return b"".join(leaf_hash(one) for one in data)


def stored(count: int) -> Stored:
    size, tiles = grow(nothing_is_read, 0, hashes_of(data_of(count)))
    assert size == count
    return tiles


def nothing_is_read(level: int, place: int) -> bytes:
    raise AssertionError(f"tile {place} of level {level} is read, and nothing is there yet")


def reader(tiles: Stored) -> Callable[[int, int], bytes]:
    return lambda level, place: tiles[level, place]


LARGE = 70_000
"""More leaves than 256 * 256, so that the tree has tiles of three levels."""


@pytest.fixture(scope="module")
def large() -> Stored:
    return stored(LARGE)


def test_the_root_of_no_leaves_is_the_hash_of_nothing() -> None:
    assert root(nothing_is_read, 0) == Frontier().root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("count", "expected"), list(enumerate(ROOTS, 1)))
def test_the_roots_of_the_known_leaves_are_the_known_ones(count: int, expected: str) -> None:
    _, tiles = grow(nothing_is_read, 0, hashes_of(LEAVES[:count]))
    frontier = Frontier()
    for one in LEAVES[:count]:
        frontier.add(leaf_hash(one))
    assert root(reader(tiles), count).hex() == frontier.root().hex() == mth(LEAVES[:count]).hex() == expected


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_roots_and_proofs_are_those_of_the_rfc(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 700), "size")
    number = data.draw(st.integers(0, size - 1), "number")
    old = data.draw(st.integers(1, size), "old")
    entries, tiles = data_of(size), reader(stored(size))
    assert root(tiles, size) == mth(entries)
    assert inclusion(tiles, number, size) == path(number, entries)
    assert consistency(tiles, old, size) == subproof(old, entries, True)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_every_proof_of_a_large_tree_holds(large: Stored, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, LARGE), "size")
    number = data.draw(st.integers(0, size - 1), "number")
    old = data.draw(st.integers(0, size), "old")
    tiles = reader(large)
    leaf = leaf_hash(number.to_bytes(4, "big"))
    proof = inclusion(tiles, number, size)
    assert len(proof) <= (size - 1).bit_length()
    assert holds_inclusion(leaf, number, size, proof, root(tiles, size))
    assert holds_consistency(old, size, consistency(tiles, old, size), root(tiles, old), root(tiles, size))


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 65_535, 65_536, 65_537, LARGE])
def test_the_roots_at_the_edges_of_tiles_are_those_of_a_tree_without_tiles(large: Stored, size: int) -> None:
    frontier = Frontier()
    for entry in data_of(size):
        frontier.add(leaf_hash(entry))
    assert frontier.size == size
    assert root(reader(large), size) == frontier.root()


def test_the_tree_of_a_large_ledger_is_the_one_of_the_rfc(large: Stored) -> None:
    assert root(reader(large), LARGE) == mth(data_of(LARGE))


@given(st.lists(st.integers(0, 600), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_tree_grown_in_batches_has_the_tiles_of_one_grown_at_once(batches: list[int]) -> None:
    leaves, tiles, size = hashes_of(data_of(sum(batches))), dict[tuple[int, int], bytes](), 0
    for batch in batches:
        before = dict(tiles)
        size, changed = grow(reader(tiles), size, leaves[size * 32 : (size + batch) * 32])
        assert all(before.get(at) != tile for at, tile in changed.items()), "a tile is returned that did not change"
        assert all(tile.startswith(before.get(at, b"")) for at, tile in changed.items()), "a hash was rewritten"
        tiles |= changed
    assert size == sum(batches)
    assert tiles == stored(size)


def test_a_batch_goes_over_tiles_that_hold_more_than_the_tree_has() -> None:
    tiles, leaves = stored(900), hashes_of(data_of(900))
    _, changed = grow(reader(tiles), 300, leaves[300 * 32 :])
    assert changed == {at: tile for at, tile in tiles.items() if at != (0, 0)}


@pytest.mark.parametrize("size", [1, 256, 300, 65_536, LARGE])
def test_a_level_holds_a_hash_of_each_whole_tile_below(large: Stored, size: int) -> None:
    tiles = large if size == LARGE else stored(size)
    for level in range(4):
        count = size // TILE_WIDTH**level
        places = {place for at, place in tiles if at == level}
        assert places == set(range((count + TILE_WIDTH - 1) // TILE_WIDTH))
        assert sum(len(tiles[level, place]) for place in places) == 32 * count


def test_a_proof_reads_no_tile_twice_and_few_of_them(large: Stored) -> None:
    read: list[tuple[int, int]] = []

    def tiles(level: int, place: int) -> bytes:
        read.append((level, place))
        return large[level, place]

    inclusion(tiles, 12_345, LARGE)
    assert len(read) == len(set(read)) <= 6


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_inclusion_proof_holds_once_anything_in_it_is_changed(large: Stored, data: st.DataObject) -> None:
    size = data.draw(st.integers(2, LARGE), "size")
    number = data.draw(st.integers(0, size - 1), "number")
    tiles, leaf = reader(large), leaf_hash(number.to_bytes(4, "big"))
    proof, top = inclusion(tiles, number, size), root(tiles, size)
    assert holds_inclusion(leaf, number, size, proof, top)

    bit, nth = data.draw(st.integers(0, 255), "bit"), data.draw(st.integers(0, len(proof) - 1), "nth")
    at = data.draw(st.integers(0, len(proof)), "where one is added")
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != number), "another number")
    added = data.draw(st.sampled_from([*proof, top, leaf, bytes(32)]), "added")
    assert not holds_inclusion(flipped(leaf, bit), number, size, proof, top)
    assert not holds_inclusion(leaf, number, size, proof, flipped(top, bit))
    assert not holds_inclusion(leaf, number, size, with_flipped(proof, nth, bit), top)
    assert not holds_inclusion(leaf, number, size, proof[:nth] + proof[nth + 1 :], top)
    assert not holds_inclusion(leaf, number, size, [*proof[:at], added, *proof[at:]], top)
    assert not holds_inclusion(leaf, other, size, proof, top)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_consistency_proof_holds_once_anything_in_it_is_changed(large: Stored, data: st.DataObject) -> None:
    new = data.draw(st.integers(2, LARGE), "new")
    old = data.draw(st.integers(1, new - 1), "old")
    tiles = reader(large)
    proof, first, last = consistency(tiles, old, new), root(tiles, old), root(tiles, new)
    assert holds_consistency(old, new, proof, first, last)

    bit, nth = data.draw(st.integers(0, 255), "bit"), data.draw(st.integers(0, len(proof) - 1), "nth")
    at = data.draw(st.integers(0, len(proof)), "where one is added")
    added = data.draw(st.sampled_from([*proof, first, last, bytes(32)]), "added")
    assert not holds_consistency(old, new, proof, flipped(first, bit), last)
    assert not holds_consistency(old, new, proof, first, flipped(last, bit))
    assert not holds_consistency(old, new, with_flipped(proof, nth, bit), first, last)
    assert not holds_consistency(old, new, proof[:nth] + proof[nth + 1 :], first, last)
    assert not holds_consistency(old, new, [*proof[:at], added, *proof[at:]], first, last)
    assert not holds_consistency(old, new, proof, last, first)
    assert not holds_consistency(old, old, proof, first, first)


def flipped(hash_: bytes, bit: int) -> bytes:
    return (int.from_bytes(hash_, "big") ^ (1 << bit)).to_bytes(32, "big")


def with_flipped(proof: list[bytes], nth: int, bit: int) -> list[bytes]:
    return [*proof[:nth], flipped(proof[nth], bit), *proof[nth + 1 :]]


numbers = st.one_of(st.integers(-3, 12), st.integers(-(2**70), 2**70))
hashes = st.one_of(st.binary(min_size=32, max_size=32), st.binary(max_size=40))


@given(hashes, numbers, numbers, st.lists(hashes, max_size=5), hashes)
def test_what_is_no_proof_is_false_and_never_an_error(
    one: bytes, number: int, size: int, proof: list[bytes], other: bytes
) -> None:
    assert holds_inclusion(one, number, size, proof, other) is (0 <= number < size == 1 and not proof and one == other)
    assert holds_consistency(number, size, proof, one, other) is False or (
        0 <= number == size and not proof and one == other
    )


def test_a_node_is_not_taken_for_a_leaf_nor_a_longer_hash_for_two() -> None:
    left, right = leaf_hash(b"left"), leaf_hash(b"right")
    above = node_hash(left, right)
    assert leaf_hash(left + right) != above
    assert not holds_inclusion(left, 0, 2, [right, b""], above)
    assert not holds_inclusion(left + right[:1], 0, 2, [right[1:]], above)
    assert not holds_inclusion(left, 0, 1, [right], above)


@given(st.data())
def test_a_proof_that_goes_on_above_the_root_does_not_hold(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 300), "size")
    number = data.draw(st.integers(0, size - 1), "number")
    old = data.draw(st.integers(1, size - 1), "old")
    above = data.draw(st.binary(min_size=32, max_size=32), "above")
    tiles = reader(stored(size))
    leaf, first, last = leaf_hash(number.to_bytes(4, "big")), root(tiles, old), root(tiles, size)
    longer = [*inclusion(tiles, number, size), above]
    assert not holds_inclusion(leaf, number, size, longer, node_hash(above, last))
    assert not holds_inclusion(leaf, number, size, longer, node_hash(last, above))
    longer = [*consistency(tiles, old, size), above]
    assert not holds_consistency(old, size, longer, node_hash(above, first), node_hash(above, last))
    assert not holds_consistency(old, size, longer, first, node_hash(last, above))


def test_numbers_that_no_leaf_and_no_tree_has_prove_nothing() -> None:
    one, other = leaf_hash(b"one"), leaf_hash(b"other")
    assert holds_inclusion(one, 0, 1, [], one)
    assert not holds_inclusion(one, -1, 1, [], one)
    assert not holds_inclusion(one, 1, 1, [], one)
    assert not holds_inclusion(one, 0, 0, [], one)
    assert not holds_consistency(-1, 1, [one], one, one)
    assert not holds_consistency(2, 1, [], one, one)
    assert not holds_consistency(3, 5, [], one, other)


def test_two_hashes_that_are_cut_elsewhere_are_not_taken_for_the_two() -> None:
    left, right = leaf_hash(b"left"), leaf_hash(b"right")
    above = node_hash(left, right)
    assert holds_consistency(1, 2, [right], left, above)
    assert not holds_consistency(1, 2, [right[1:]], left + right[:1], above)


def test_nothing_needs_to_be_shown_of_no_leaves_and_of_all() -> None:
    tiles = reader(stored(5))
    assert consistency(tiles, 0, 5) == consistency(tiles, 5, 5) == []
    assert holds_consistency(0, 5, [], EMPTY_ROOT, root(tiles, 5))
    assert not holds_consistency(0, 5, [], root(tiles, 5), root(tiles, 5))
    assert not holds_consistency(0, 5, [root(tiles, 5)], EMPTY_ROOT, root(tiles, 5))
    assert holds_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    assert not holds_consistency(0, 0, [], bytes(32), bytes(32))
    assert not holds_consistency(4, 5, [], root(tiles, 4), root(tiles, 5))


@pytest.mark.parametrize(("number", "size"), [(-1, 5), (5, 5), (0, 0)])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(number: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"a tree of {size} leaves has no leaf {number}"):
        inclusion(reader(stored(5)), number, size)


@pytest.mark.parametrize(("old", "new"), [(-1, 5), (6, 5)])
def test_there_is_no_proof_from_a_size_that_is_not_one_of_before(old: int, new: int) -> None:
    with pytest.raises(ValueError, match=f"a tree of {new} leaves has no first {old}"):
        consistency(reader(stored(5)), old, new)


def test_a_tile_that_was_cut_is_named() -> None:
    tiles = reader({(0, 0): hashes_of(data_of(3))})
    expected = "tile 0 of level 0 holds 3 hashes, and 4 are needed"
    with pytest.raises(ValueError, match=expected):
        root(tiles, 4)
    with pytest.raises(ValueError, match=expected):
        grow(tiles, 4, leaf_hash(b""))


def test_a_tile_that_was_cut_is_noticed_though_its_beginning_was_read() -> None:
    with pytest.raises(ValueError, match="tile 0 of level 0 holds 2 hashes, and 3 are needed"):
        root(reader({(0, 0): hashes_of(data_of(2))}), 3)


def test_leaves_are_whole_hashes() -> None:
    with pytest.raises(ValueError, match="cannot append 33 bytes"):
        grow(nothing_is_read, 0, bytes(33))


def test_a_frontier_has_the_root_of_each_size_as_it_grows() -> None:
    frontier, entries = Frontier(), data_of(70)
    seen = [frontier.root()]
    for entry in entries:
        frontier.add(leaf_hash(entry))
        seen.append(frontier.root())
    assert seen == [mth(entries[:count]) for count in range(71)]
    assert all(one != other for one, other in pairwise(seen))
