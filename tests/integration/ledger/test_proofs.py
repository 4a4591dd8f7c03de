"""Proofs that the command prints: complete, checkable with what is printed alone, and refused where they fail."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from pathlib import Path

import pytest

from scheduler.ledger.hold import hold
from scheduler.ledger.notes import Checkpoint, Verifier, open_note
from scheduler.ledger.tree import holds_consistency, holds_inclusion, leaf_hash
from scheduler.store.database import connect
from tests.integration.ledger.conftest import Ledger
from tests.integration.ledger.test_tampering import HERE, at, write


def checked(text: str, key: str) -> tuple[int, bytes]:
    """The number and the entry of a proof in the form of c2sp.org/tlog-proof, checked with it and the key alone."""
    head, _, note = text.partition("\n\n")
    form, extra, index, *lines = head.split("\n")
    assert form == "c2sp.org/tlog-proof@v1"
    assert extra.startswith("extra ")
    assert index.startswith("index ")
    entry, number = base64.b64decode(extra.removeprefix("extra ")), int(index.removeprefix("index "))
    said, _ = open_note(note, [Verifier.parse(key)])
    checkpoint = Checkpoint.parse(said)
    hashes = [base64.b64decode(line) for line in lines]
    assert holds_inclusion(leaf_hash(entry), number, checkpoint.size, hashes, checkpoint.root)
    return number, entry


def key_of(ledger: Ledger) -> str:
    return str(ledger.rows("SELECT key FROM ledger")[0][0])


@pytest.mark.parametrize("number", [0, 255, 256, 600, -1])
def test_an_entry_is_proved_up_to_the_latest_checkpoint(ledger: Ledger, number: int) -> None:
    number %= ledger.size
    ended = ledger.duly("ledger", "prove", number)
    assert ended.code == 0
    _, _, _, text = ledger.entry(number)
    assert checked(ended.out, key_of(ledger)) == (number, text.encode())
    assert text in ended.err


def test_a_proof_as_json_holds_the_same(ledger: Ledger) -> None:
    ended = ledger.duly("ledger", "prove", "300", "--json")
    said = json.loads(ended.out)
    assert (ended.code, said["number"], said["lender"]) == (0, 300, "default")
    assert (said["kind"], said["entry"]) == ledger.entry(300)[2:]
    checkpoint = Checkpoint.parse(said["checkpoint"].partition("\n\n")[0] + "\n")
    hashes = [base64.b64decode(one) for one in said["hashes"]]
    assert holds_inclusion(leaf_hash(said["entry"].encode()), 300, checkpoint.size, hashes, checkpoint.root)


def test_every_entry_of_a_message_is_proved(ledger: Ledger) -> None:
    ((message,),) = ledger.rows("SELECT message_id FROM message ORDER BY message_id LIMIT 1")
    ended = ledger.duly("ledger", "prove", message, "--json")
    assert ended.code == 0
    assert [json.loads(line)["kind"] for line in ended.out.splitlines()] == ["decision", "hand_over"]


@pytest.mark.parametrize(("what", "words"), [("999999", "there is no entry 999,999"), ("ab" * 32, "no message")])
def test_what_is_not_there_is_not_proved(ledger: Ledger, what: str, words: str) -> None:
    ended = ledger.duly("ledger", "prove", what)
    assert (ended.code, ended.out) == (1, "")
    assert words in ended.err


def test_an_entry_without_a_checkpoint_says_what_to_do(ledger: Ledger) -> None:
    number = ledger.size
    write(ledger, "clock_jump", "new")
    assert ledger.duly("ledger", "prove", number).code == 1
    ledger.spoil("DELETE FROM ledger_checkpoint WHERE size = (SELECT max(size) FROM ledger_checkpoint)")
    ended = ledger.duly("ledger", "prove", number - 1)
    assert ended.code == 1
    assert "run: duly ledger checkpoint" in ended.err
    assert ledger.duly("ledger", "checkpoint").code == 0
    assert checked(ledger.duly("ledger", "prove", number).out, key_of(ledger))[0] == number


def test_no_proof_is_printed_of_an_entry_that_was_changed(ledger: Ledger) -> None:
    ledger.spoil(f"UPDATE journal SET entry = entry || ' ' {HERE}", **at(ledger, 7))  # noqa: S608
    ended = ledger.duly("ledger", "prove", "7")
    assert (ended.code, ended.out) == (3, "")
    assert "run: duly ledger verify" in ended.err


def test_one_checkpoint_goes_on_from_another(ledger: Ledger, tmp_path: Path) -> None:
    sizes = ledger.sizes
    notes = dict(ledger.rows("SELECT size, note FROM ledger_checkpoint"))
    for size in sizes:
        (tmp_path / str(size)).write_text(notes[size], encoding="utf-8")
    for old, new in pairwise(sizes):
        by_size = ledger.duly("ledger", "consistency", old, new, "--json")
        assert by_size.code == 0
        said = json.loads(by_size.out)
        roots = [Checkpoint.parse(notes[size].partition("\n\n")[0] + "\n").root for size in (old, new)]
        assert [base64.b64decode(said[side]["root"]) for side in ("old", "new")] == roots
        hashes = [base64.b64decode(one) for one in said["hashes"]]
        assert holds_consistency(old, new, hashes, *roots)
        by_file = ledger.duly("ledger", "consistency", tmp_path / str(old), tmp_path / str(new))
        assert by_file.code == 0
        assert by_file.out.splitlines()[2:] == said["hashes"]


def test_a_checkpoint_that_the_ledger_does_not_go_on_from_is_not_well(ledger: Ledger, tmp_path: Path) -> None:
    sizes = ledger.sizes
    ((kept,),) = ledger.rows("SELECT note FROM ledger_checkpoint WHERE size = %(size)s", size=sizes[1])
    (tmp_path / "kept").write_text(kept, encoding="utf-8")
    ledger.spoil(
        "UPDATE ledger_tile SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0)) WHERE level = 1 OR place = 0"
    )
    ended = ledger.duly("ledger", "consistency", tmp_path / "kept", sizes[2])
    assert ended.code == 3
    assert "does not go on from" in ended.err


@pytest.mark.parametrize("spoilt", ["signature", "form"])
def test_a_file_that_the_ledger_has_not_signed_is_no_checkpoint(ledger: Ledger, tmp_path: Path, spoilt: str) -> None:
    ((kept,),) = ledger.rows("SELECT note FROM ledger_checkpoint ORDER BY size LIMIT 1")
    lines = kept.split("\n")
    lines[1 if spoilt == "form" else 2] = "x" if spoilt == "form" else base64.b64encode(bytes(32)).decode()
    (tmp_path / "kept").write_text("\n".join(lines), encoding="utf-8")
    ended = ledger.duly("ledger", "consistency", tmp_path / "kept", ledger.size)
    assert ended.code == 3
    assert str(tmp_path / "kept") in ended.err


def test_the_smaller_size_comes_first_and_an_unknown_one_is_wrong(ledger: Ledger) -> None:
    assert ledger.duly("ledger", "consistency", 500, 400).code == 1
    assert ledger.duly("ledger", "consistency", 5, ledger.size + 1).code == 1
    assert ledger.duly("ledger", "consistency", "nowhere", 5).code == 1
    assert ledger.duly("ledger", "consistency", 0, ledger.size).code == 0


def test_a_checkpoint_is_printed_as_it_was_signed_and_the_witness_has_it(ledger: Ledger) -> None:
    write(ledger, "clock_jump", "new")
    size = ledger.size
    ended = ledger.duly("ledger", "checkpoint")
    assert ended.code == 0
    text, _ = open_note(ended.out, [Verifier.parse(key_of(ledger))])
    assert Checkpoint.parse(text).size == size + 1 == ledger.sizes[-1]
    assert ended.out in ledger.witness.read_text(encoding="utf-8")
    again = ledger.duly("ledger", "checkpoint")
    assert (again.code, again.out) == (0, ended.out)


def test_nothing_is_signed_while_the_clock_is_held(ledger: Ledger) -> None:
    with connect(ledger.url) as connection:
        hold(connection, 0, "a test holds it")
    for command in (("checkpoint",), ("key", "rotate")):
        ended = ledger.duly("ledger", *command)
        assert (ended.code, ended.out) == (3, "")
        assert "a test holds it" in ended.err
