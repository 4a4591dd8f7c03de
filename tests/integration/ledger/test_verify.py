"""What verify says and does besides finding tampering: it writes nothing, and knows what it cannot know."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from scheduler import settings
from scheduler.ledger import checkpoints
from scheduler.ledger.keys import signer
from scheduler.ledger.notes import Checkpoint, sign_note
from scheduler.ledger.reading import entries_of_message, entry_at, every_row, number_of
from scheduler.ledger.reconcile import accept
from scheduler.ledger.rotating import go_over
from scheduler.ledger.sequencer import Sequencer
from scheduler.ledger.witness import open_witnesses
from scheduler.store.database import connect
from scheduler.store.embedded import Server
from tests.integration.ledger.conftest import Ledger
from tests.integration.ledger.test_tampering import HERE, at, first_finding, forge, write

EVERYTHING = """
SELECT string_agg(t, ',' ORDER BY t) FROM (
    SELECT 'journal ' || xmin || ctid FROM journal UNION ALL SELECT 'tile ' || xmin || ctid FROM ledger_tile
    UNION ALL SELECT 'ledger ' || xmin || ctid FROM ledger UNION ALL SELECT 'clock ' || xmin || ctid FROM clock
    UNION ALL SELECT 'checkpoint ' || xmin || ctid FROM ledger_checkpoint
    UNION ALL SELECT 'body ' || xmin || ctid FROM message_body UNION ALL SELECT 'person ' || xmin || ctid FROM person
) rows(t)
"""


def files_below(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_verify_writes_nothing(ledger: Ledger) -> None:
    write(ledger, "clock_jump", "one that waits")
    before = ledger.rows(EVERYTHING), files_below(ledger.home.parent)
    assert ledger.verify().code == 0
    assert ledger.duly("ledger", "verify").code == 0
    assert (ledger.rows(EVERYTHING), files_below(ledger.home.parent)) == before


def test_no_key_is_made_where_there_is_none_and_it_says_so(ledger: Ledger) -> None:
    (ledger.home / "ledger.key").unlink()
    ended = ledger.verify()
    assert ended.code == 0
    assert "no key" in ended.verdict["remarks"][0]
    assert not (ledger.home / "ledger.key").exists()


def test_entries_that_wait_for_a_number_are_counted(ledger: Ledger) -> None:
    write(ledger, "clock_jump", "one")
    write(ledger, "clock_jump", "two")
    assert ledger.verify().verdict["waiting"] == 2
    assert "and 2 wait for a number" in ledger.duly("ledger", "verify").out


def test_it_tells_a_person_in_a_few_lines(ledger: Ledger) -> None:
    good = ledger.duly("ledger", "verify")
    assert (good.code, good.err) == (0, "")
    assert re.search(r"^well +yes$", good.out, re.MULTILINE)
    assert re.search(rf"^entries +{ledger.size}$", good.out, re.MULTILINE)
    ledger.spoil(f"UPDATE journal SET entry = entry || ' ' {HERE}", **at(ledger, 9))  # noqa: S608
    bad = ledger.duly("ledger", "verify")
    assert bad.code == 3
    assert re.search(r"^well +NO: entry 9 is not what the tree holds", bad.out, re.MULTILINE)
    assert bad.err.splitlines()[0].startswith("duly: entry-changed: entry 9 ")


def test_an_empty_database_is_well(stored_empty: Ledger) -> None:
    ended = stored_empty.verify()
    assert (ended.code, ended.verdict["size"], ended.verdict["origin"]) == (0, 0, None)


@pytest.fixture
def stored_empty(ledger: Ledger, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A database without an entry, and no witness."""
    monkeypatch.setenv("DULY_DATABASE_URL", database_url)
    monkeypatch.delenv("DULY_WITNESS")
    return Ledger(database_url, ledger.home, ledger.witness, ledger.duly)


def test_what_was_given_up_by_reconcile_is_told_and_is_no_fault(ledger: Ledger, tmp_path: Path, server: Server) -> None:
    sizes = ledger.sizes
    ((lost,),) = ledger.rows("SELECT note FROM ledger_checkpoint WHERE size = %(size)s", size=sizes[-1])
    (tmp_path / "lost").write_text(lost, encoding="utf-8")
    cut(ledger, sizes[-2] + 1)
    assert ledger.verify().code == 3
    configured = settings.Settings(home=ledger.home, witness=str(ledger.witness))
    with connect(ledger.url) as connection:
        accept(connection, 0, configured, open_witnesses(configured), 0, by="a test", why="the end was lost")
    ended = ledger.verify()
    assert (ended.code, ended.verdict["fails"]) == (0, None)
    assert ended.verdict["given_up"] == [{"size": sizes[-1], "source": str(ledger.witness)}]
    # Whoever was given that checkpoint may still hold the lender to it.
    found = first_finding(ledger, "--from", tmp_path / "lost")
    assert (found["code"], found["size"], found["source"]) == (
        "witnessed-does-not-hold", sizes[-1], str(tmp_path / "lost"),
    )  # fmt: skip


def cut(ledger: Ledger, number: int) -> None:
    """Take the end away, from the journal and from all that is made over it."""
    sizes = ledger.sizes
    ledger.spoil("DELETE FROM message_body")
    ledger.spoil("DELETE FROM journal WHERE (xact, entry_id) >= (%(xact)s, %(entry)s)", **at(ledger, number))
    forge(ledger, [size for size in sizes if size <= number])


def test_a_key_that_this_machine_never_had_is_found(ledger: Ledger) -> None:
    (ledger.home / "ledger.key").write_text("ab" * 32 + "\n")
    assert first_finding(ledger)["code"] == "key-unknown"


def test_a_thief_cannot_let_the_ledger_go_over_to_a_key_of_his_own(ledger: Ledger, tmp_path: Path) -> None:
    thief = settings.Settings(home=tmp_path / "thief")
    ((origin, after),) = ledger.rows("SELECT origin, key FROM ledger")
    key = str(signer(thief, origin).verifier)
    entry = json.dumps(
        {"after": after, "at": "2026-03-01T00:00:00+00:00", "key": key, "kind": "ledger_key"}, separators=(",", ":")
    )
    with connect(ledger.url) as connection:
        connection.execute(
            "INSERT INTO journal (lender_id, clock_id, at, kind, place, channel_place, entry) "
            "VALUES ('default', 0, '2026-03-01T00:00:00Z', 'ledger_key', 0, 0, %s)",
            (entry,),
        )
    ledger.spoil("UPDATE ledger SET key = %(key)s", key=key)
    with connect(ledger.url) as connection:
        Sequencer(connection, 0, thief).tick(0)
        (stood,) = checkpoints.ledgers(connection, 0)
        checkpoints.sign(connection, 0, stood, signer(thief, origin), 0)
    found = first_finding(ledger)
    assert (found["code"], found["size"]) == ("key-not-endorsed", ledger.size)


def test_the_key_is_rotated_and_all_holds(ledger: Ledger) -> None:
    before = ledger.duly("ledger", "key", "show").out.split()[-1]
    ended = ledger.duly("ledger", "key", "rotate", "--json")
    assert ended.code == 0, ended
    said = json.loads(ended.out)
    assert said["after"] == before
    assert said["checkpoint"].count("\n\u2014 ") == 2
    assert said["checkpoint"] in ledger.witness.read_text(encoding="utf-8")
    assert ledger.duly("ledger", "key", "show").out.split()[-1] == said["key"] != before
    assert sorted(path.name for path in ledger.home.glob("ledger.key*")) == ["ledger.key"]
    write(ledger, "clock_jump", "signed by the new key alone")
    signed = ledger.duly("ledger", "checkpoint")
    assert (signed.code, signed.out.count("\u2014 ")) == (0, 1)
    ended = ledger.verify()
    assert (ended.code, ended.verdict["findings"]) == (0, [])


def test_a_set_key_is_rotated_to_the_next_that_is_set(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = (ledger.home / "ledger.key").read_text().strip()
    monkeypatch.setenv("DULY_LEDGER_KEY", seed)
    refused = ledger.duly("ledger", "key", "rotate")
    assert refused.code == 1
    assert "DULY_LEDGER_KEY_NEXT" in refused.err
    monkeypatch.setenv("DULY_LEDGER_KEY_NEXT", "cd" * 32)
    ended = ledger.duly("ledger", "key", "rotate")
    assert ended.code == 0
    assert "set DULY_LEDGER_KEY to what DULY_LEDGER_KEY_NEXT is" in ended.err
    # Whoever still has the old key signs nothing.
    write(ledger, "clock_jump", "not signed yet")
    assert ledger.duly("ledger", "checkpoint").code == 3
    monkeypatch.setenv("DULY_LEDGER_KEY", "cd" * 32)
    monkeypatch.delenv("DULY_LEDGER_KEY_NEXT")
    assert ledger.duly("ledger", "checkpoint").code == 0
    assert ledger.verify().code == 0


def test_a_retired_key_signs_nothing_any_more(ledger: Ledger) -> None:
    old = settings.Settings(home=ledger.home.parent / "old")
    old.home.mkdir()
    (old.home / "ledger.key").write_bytes((ledger.home / "ledger.key").read_bytes())
    (old.home / "ledger.key").chmod(0o600)
    assert ledger.duly("ledger", "key", "rotate").code == 0
    write(ledger, "clock_jump", "after it was retired")
    ledger.checkpoint()
    with connect(ledger.url) as connection:
        (stood,) = checkpoints.ledgers(connection, 0)
        root = checkpoints.root_at(checkpoints.StoredTiles(connection, "default", 0), stood.size)
        note = sign_note(Checkpoint(stood.origin, stood.size, root).text(), signer(old, stood.origin))
    ledger.spoil("UPDATE ledger_checkpoint SET note = %(note)s WHERE size = %(size)s", note=note, size=stood.size)
    found = first_finding(ledger)
    assert (found["code"], found["size"]) == ("checkpoint-wrong-key", stood.size)


def test_every_number_leads_to_its_row_and_back(ledger: Ledger) -> None:
    with connect(ledger.url) as connection:
        with connection.transaction():
            rows = list(every_row(connection, "default", 0))
        assert len(rows) == ledger.size
        for number in {0, 1, 254, 255, 256, 257, 511, 512, len(rows) - 1, *range(0, len(rows), 17)}:
            row = rows[number]
            assert entry_at(connection, "default", 0, number) == row
            assert number_of(connection, "default", 0, row.xact, row.entry_id) == number
            assert number_of(connection, "default", 0, row.xact, row.entry_id + 10_000_000) is None
        for number in (-1, len(rows), len(rows) + 600):
            assert entry_at(connection, "default", 0, number) is None
        write(ledger, "clock_jump", "it waits")
        (xact, entry_id, *_) = ledger.entry(len(rows))
        assert number_of(connection, "default", 0, xact, entry_id) is None
        assert entry_at(connection, "default", 0, len(rows)) is None


def test_a_messages_entries_are_those_that_name_it(ledger: Ledger) -> None:
    ((message, channel),) = ledger.rows("SELECT message_id, channel FROM message ORDER BY message_id LIMIT 1")
    with connect(ledger.url) as connection:
        rows = entries_of_message(connection, "default", 0, message)
    assert [row.kind for row in rows] == ["decision", "hand_over"]
    assert json.loads(rows[0].entry)["channel"] == channel


def test_a_ledger_that_was_changed_everywhere_is_told_of_shortly(ledger: Ledger) -> None:
    ledger.spoil("UPDATE journal SET entry = entry || ' '")
    verdict = ledger.verify().verdict
    assert [(f["code"], f["number"]) for f in verdict["findings"][:100]] == [("entry-changed", n) for n in range(100)]
    assert verdict["counts"]["entries-not-compared"] == 1


def test_what_no_witness_has_yet_is_said(ledger: Ledger) -> None:
    write(ledger, "clock_jump", "numbered, and in no checkpoint")
    size = ledger.size
    with connect(ledger.url) as connection:
        Sequencer(connection, 0, settings.Settings(home=ledger.home)).tick(0)
    verdict = ledger.verify().verdict
    assert verdict["well"]
    assert f"has the entries from {size:,} on yet" in verdict["remarks"][0]


def test_each_lender_has_a_ledger_and_a_verdict_of_their_own(ledger: Ledger) -> None:
    write(ledger, "clock_jump", "of another lender", lender="other")
    ledger.checkpoint()
    good = [json.loads(line) for line in ledger.verify().out.splitlines()]
    assert [(v["lender"], v["well"], v["outside"]) for v in good] == [("default", True, 4), ("other", True, 1)]
    ledger.spoil("UPDATE journal SET entry = entry || ' ' WHERE lender_id = 'other'")
    ended = ledger.verify()
    assert ended.code == 3
    assert [json.loads(line)["well"] for line in ended.out.splitlines()] == [True, False]
    assert "name one of them with --lender" in ledger.duly("ledger", "prove", 0).err
    assert ledger.duly("ledger", "prove", 0, "--lender", "default").code == 0


def test_a_rotation_that_was_broken_off_goes_on(ledger: Ledger) -> None:
    seed, following = bytes.fromhex((ledger.home / "ledger.key").read_text().strip()), bytes(31) + b"7"
    (ledger.home / "ledger.key.next").write_text(following.hex() + "\n")
    (ledger.home / "ledger.key.next").chmod(0o600)
    with connect(ledger.url) as connection:
        (gone,) = go_over(connection, 0, settings.Settings(home=ledger.home), seed, following, 0, "a test")
    # Here it was broken off: the old key is still in its place, and nobody who has it signs.
    assert ledger.duly("ledger", "checkpoint").code == 3
    ended = ledger.duly("ledger", "key", "rotate", "--json")
    assert (ended.code, json.loads(ended.out)["key"]) == (0, gone.key)
    assert len(ledger.rows("SELECT FROM journal WHERE kind = 'ledger_key'")) == 2
    verdict = ledger.verify().verdict
    assert (verdict["findings"], verdict["remarks"]) == ([], [])


def test_a_later_version_of_a_policy_is_as_it_was_published(ledger: Ledger, tmp_path: Path) -> None:
    ((source,),) = ledger.rows("SELECT source FROM policy_version")
    later = tmp_path / "later.yaml"
    later.write_bytes(bytes(source).replace(b"title: ", b"title: Later, ", 1))
    assert ledger.duly("policy", "publish", later, "--from", "2027-03-01").code == 0
    assert ledger.duly("ledger", "checkpoint").code == 0
    assert ledger.rows("SELECT count(*) FROM policy_version") == [(2,)]
    assert ledger.verify().code == 0


def test_a_witness_that_cannot_be_read_is_not_well(ledger: Ledger) -> None:
    ledger.witness.write_bytes(b"what is this\n\n\xe2\x80\x94 no checkpoint\n" + ledger.witness.read_bytes())
    found = first_finding(ledger)
    assert found["source"] == str(ledger.witness)
    assert found["code"] in ("witness-unreadable", "checkpoint-unreadable")
    ledger.witness.write_bytes(b"what is this\n\xff\n\xe2\x80\x94 x y\n")
    found = first_finding(ledger)
    assert (found["code"], found["source"]) == ("witness-unreadable", str(ledger.witness))


def test_checkpoints_that_the_database_lost_are_counted(ledger: Ledger) -> None:
    ledger.spoil("DELETE FROM ledger_checkpoint WHERE size = %(size)s", size=ledger.sizes[1])
    ended = ledger.verify()
    assert (ended.code, ended.verdict["checkpoints"], ended.verdict["outside"]) == (0, 3, 4)
    assert "1 of the checkpoints outside the database hold" in ended.verdict["remarks"][0]
