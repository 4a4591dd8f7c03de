"""Twelve ways in which the owner of the database may tamper with the ledger, each found by verify and named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scheduler import settings
from scheduler.ledger import checkpoints
from scheduler.ledger.keys import signer
from scheduler.ledger.reconcile import accept
from scheduler.ledger.sequencer import Sequencer
from scheduler.ledger.witness import open_witnesses
from scheduler.store.database import connect
from scheduler.store.embedded import Server
from tests.integration.ledger.conftest import Ledger

SWAP = """
UPDATE journal j SET entry = o.entry FROM journal o
WHERE (j.xact, j.entry_id, o.xact, o.entry_id) IN ((%(ax)s, %(ae)s, %(bx)s, %(be)s), (%(bx)s, %(be)s, %(ax)s, %(ae)s))
"""
FREE = "ALTER TABLE journal ALTER COLUMN entry_id DROP IDENTITY"
HERE = "WHERE xact = %(xact)s AND entry_id = %(entry)s"


def first_finding(ledger: Ledger, *more: object) -> dict[str, Any]:
    """The first thing that verify names; there must be one, and the exit code must say so."""
    ended = ledger.verify(*more)
    assert ended.code == 3, ended
    found: dict[str, Any] = ended.verdict["findings"][0]
    return found


def names_entry(ledger: Ledger, number: int, code: str) -> None:
    """Verify names this entry first, with its kind and instant as its row has them."""
    found = first_finding(ledger)
    assert (found["code"], found["number"]) == (code, number), found
    assert (found["kind"], found["at"]) == kind_and_at(ledger, number)


def kind_and_at(ledger: Ledger, number: int) -> tuple[str, str]:
    xact, entry_id, kind, _ = ledger.entry(number)
    ((at,),) = ledger.rows(f"SELECT at FROM journal {HERE}", xact=xact, entry=entry_id)  # noqa: S608
    return kind, at.isoformat()


def parts(ledger: Ledger, holds: int | None, fails: int) -> None:
    """Verify names these two checkpoints of the witness: the last that holds and the first that does not."""
    verdict = ledger.verify().verdict
    source = str(ledger.witness)
    assert verdict["holds"] == (None if holds is None else {"size": holds, "source": source})
    assert verdict["fails"] == {"size": fails, "source": source}
    first = verdict["findings"][0]
    assert (first["code"], first["size"], first["source"]) == ("witnessed-does-not-hold", fails, source)


def a_decision(ledger: Ledger, begin: int, outcome: str = "sent") -> int:
    """The number of a decision from ``begin`` on."""
    rows = ledger.rows("SELECT kind, entry FROM journal ORDER BY xact, entry_id")
    return next(
        number for number, (kind, text) in enumerate(rows)
        if number >= begin and kind == "decision" and json.loads(text)["outcome"] == outcome
    )  # fmt: skip


def forge(ledger: Ledger, sizes: list[int]) -> None:
    """The tree, the ledger's row and the checkpoints made anew over the journal as it is, by who has the key."""
    ledger.spoil(
        "DELETE FROM ledger_tile", "DELETE FROM ledger_checkpoint",
        "UPDATE ledger SET size = 0, next_xact = 0, next_entry = 0",
    )  # fmt: skip
    configured = settings.Settings(home=ledger.home)
    with connect(ledger.url) as connection:
        Sequencer(connection, 0, configured).tick(0, wait=True)
        (stood,) = checkpoints.ledgers(connection, 0)
        for size in {*(s for s in sizes if s < stood.size), stood.size}:
            checkpoints.sign(connection, 0, replace(stood, size=size), signer(configured, stood.origin), 0)


def at(ledger: Ledger, number: int) -> dict[str, int]:
    xact, entry_id, _, _ = ledger.entry(number)
    return {"xact": xact, "entry": entry_id}


def both(ledger: Ledger, one: int, other: int) -> dict[str, int]:
    (ax, ae, *_), (bx, be, *_) = ledger.entry(one), ledger.entry(other)
    return {"ax": ax, "ae": ae, "bx": bx, "be": be}


def test_an_untouched_ledger_is_well(ledger: Ledger) -> None:
    ended = ledger.verify()
    assert (ended.verdict["findings"], ended.verdict["remarks"]) == ([], [])
    assert ended.code == 0
    assert ended.verdict["size"] == ledger.size > 512
    assert ended.verdict["holds"] == {"size": ledger.sizes[-1], "source": str(ledger.witness)}
    assert len(ledger.sizes) == ended.verdict["checkpoints"] == ended.verdict["outside"] == 4


def test_an_entry_is_edited(ledger: Ledger) -> None:
    number = a_decision(ledger, 300)
    change = f'UPDATE journal SET entry = replace(entry, \'"outcome":"sent"\', \'"outcome":"offer"\') {HERE}'  # noqa: S608
    ledger.spoil(change, **at(ledger, number))
    names_entry(ledger, number, "entry-changed")


def test_the_tail_is_deleted_from_the_journal(ledger: Ledger) -> None:
    number = ledger.size - 5
    ledger.spoil("DELETE FROM journal WHERE (xact, entry_id) >= (%(xact)s, %(entry)s)", **at(ledger, number))
    found = first_finding(ledger)
    assert (found["code"], found["number"]) == ("entry-missing", number)


def test_the_tail_is_deleted_everywhere(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sizes = ledger.sizes
    ((given,),) = ledger.rows("SELECT note FROM ledger_checkpoint WHERE size = %(size)s", size=sizes[-1])
    (tmp_path / "given").write_text(given, encoding="utf-8")
    cut = sizes[-2] + 3
    ledger.spoil("DELETE FROM message_body")
    ledger.spoil("DELETE FROM journal WHERE (xact, entry_id) >= (%(xact)s, %(entry)s)", **at(ledger, cut))
    forge(ledger, sizes)
    parts(ledger, sizes[-2], sizes[-1])
    # Without a witness and without an older checkpoint nobody can tell, and it says so.
    monkeypatch.delenv("DULY_WITNESS")
    alone = ledger.verify()
    assert alone.code == 0
    assert "cannot be found" in alone.verdict["remarks"][0]
    found = first_finding(ledger, "--from", tmp_path / "given")
    assert (found["code"], found["size"], found["source"]) == (
        "witnessed-does-not-hold", sizes[-1], str(tmp_path / "given"),
    )  # fmt: skip


@pytest.mark.parametrize("number", [0, 255, 256, 400])
def test_an_entry_is_deleted_in_the_middle(ledger: Ledger, number: int) -> None:
    kind, at_ = kind_and_at(ledger, number + 1)
    ledger.spoil(f"DELETE FROM journal {HERE}", **at(ledger, number))  # noqa: S608
    # What is missing cannot be described; what stands in its place can.
    found = first_finding(ledger)
    assert (found["code"], found["number"], found["kind"]) == ("entry-missing", number, None)
    assert f"{kind}, {at_}" in found["text"]


@pytest.mark.parametrize("begin", [10, 300])
def test_an_entry_is_inserted(ledger: Ledger, begin: int) -> None:
    rows = ledger.rows("SELECT xact FROM journal ORDER BY xact, entry_id")
    number = next(n for n in range(begin, len(rows)) if rows[n] != rows[n - 1])
    ledger.spoil(
        "INSERT INTO journal (lender_id, clock_id, xact, entry_id, at, kind, borrower_key, loan_key, place, "
        "channel_place, entry) OVERRIDING SYSTEM VALUE SELECT lender_id, clock_id, xact, -1, at, kind, borrower_key, "
        "loan_key, place, channel_place, replace(entry, '{', '{ ') FROM journal WHERE (xact, entry_id) = "
        "(%(xact)s, %(entry)s)",
        **at(ledger, number),
    )
    names_entry(ledger, number, "entry-inserted")


def test_an_entry_is_inserted_behind_all_that_are_numbered(ledger: Ledger) -> None:
    number = ledger.size
    ledger.spoil(
        "INSERT INTO journal (lender_id, clock_id, xact, entry_id, at, kind, place, channel_place, entry) OVERRIDING "
        "SYSTEM VALUE SELECT lender_id, clock_id, xact, entry_id + 1, at, kind, place, channel_place, entry "
        "FROM journal ORDER BY xact DESC, entry_id DESC LIMIT 1"
    )
    names_entry(ledger, number, "entry-inserted")


@pytest.mark.parametrize("apart", [1, 7])
def test_two_entries_are_put_in_another_order(ledger: Ledger, apart: int) -> None:
    number = a_decision(ledger, 200)
    places = both(ledger, number, number + apart)
    ledger.spoil(
        FREE, "UPDATE journal SET entry_id = -7 WHERE xact = %(ax)s AND entry_id = %(ae)s",
        "UPDATE journal SET entry_id = %(ae)s, xact = %(ax)s WHERE xact = %(bx)s AND entry_id = %(be)s",
        "UPDATE journal SET entry_id = %(be)s, xact = %(bx)s WHERE xact = %(ax)s AND entry_id = -7", **places,
    )  # fmt: skip
    names_entry(ledger, number, "entry-moved")


def test_the_texts_of_two_entries_are_exchanged(ledger: Ledger) -> None:
    number = a_decision(ledger, 100)
    ledger.spoil(SWAP, **both(ledger, number, a_decision(ledger, 500)))
    found = first_finding(ledger)
    assert (found["code"], found["number"]) == ("entry-changed", number)


def test_two_messages_exchange_their_bodies(ledger: Ledger) -> None:
    (one,), (other,) = ledger.rows(
        "SELECT min(message_id) FROM message_body WHERE subject IS NOT NULL GROUP BY sent_to ORDER BY 1 LIMIT 2"
    )
    ledger.spoil(
        "UPDATE message_body a SET body = b.body, subject = b.subject FROM message_body b WHERE (a.message_id, "
        "b.message_id) IN ((%(one)s, %(other)s), (%(other)s, %(one)s))",
        one=one, other=other,
    )  # fmt: skip
    ended = ledger.verify()
    assert ended.code == 3
    assert {(f["code"], f["text"].split()[1]) for f in ended.verdict["findings"]} == {
        ("message-changed", one), ("message-changed", other),
    }  # fmt: skip


def test_a_text_or_a_salt_that_was_erased_is_no_fault(ledger: Ledger) -> None:
    ledger.spoil("DELETE FROM message_body WHERE message_id = (SELECT min(message_id) FROM message_body)")
    ledger.spoil("DELETE FROM person WHERE borrower_id = (SELECT max(borrower_id) FROM person)")
    assert ledger.verify().code == 0


def test_the_text_of_a_policy_is_changed(ledger: Ledger) -> None:
    ledger.spoil("UPDATE policy_version SET source = source || convert_to('# ', 'UTF8')")
    number = next(n for n in range(ledger.size) if ledger.entry(n)[2] == "published")
    names_entry(ledger, number, "policy-changed")


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("INSERT INTO policy_version SELECT lender_id, clock_id, 'x', name, file_name, source, since, 7 "
         "FROM policy_version", "policy-not-recorded"),
        ("DELETE FROM policy_version", "policy-missing"),
        ("UPDATE policy_version SET since = '2026-02-01'", "policy-changed"),
    ],
)  # fmt: skip
def test_a_policy_comes_goes_or_holds_from_another_day(ledger: Ledger, statement: str, code: str) -> None:
    ledger.spoil(statement)
    assert first_finding(ledger)["code"] == code


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_tile SET first_entry = first_entry + 1 WHERE level = 0 AND place = 1",
        "UPDATE ledger_tile SET first_xact = first_xact - 1 WHERE level = 0 AND place = 1",
        "UPDATE journal SET entry_id = entry_id - 100000",
    ],
)
def test_entries_are_numbered_anew(ledger: Ledger, statement: str) -> None:
    ledger.spoil(FREE, statement)
    found = first_finding(ledger)
    assert (found["code"], found["number"]) == ("entry-renumbered", 0 if "journal" in statement else 256)


def test_an_entry_gets_the_number_of_a_later_one(ledger: Ledger) -> None:
    number = a_decision(ledger, 120)
    later = ledger.entry(number + 9)
    ledger.spoil(
        FREE,
        "UPDATE journal SET entry_id = entry_id + 1000000",
        "UPDATE journal SET xact = %(bx)s, entry_id = %(be)s WHERE xact = %(xact)s AND entry_id = %(entry)s + 1000000",
        bx=later[0], be=later[1] + 999_999_999, **at(ledger, number),
    )  # fmt: skip
    found = first_finding(ledger)
    assert (found["code"], found["number"]) == ("entry-moved", number)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_everything_is_written_anew_and_signed_with_the_stolen_key(ledger: Ledger, after: int) -> None:
    sizes = ledger.sizes
    number = a_decision(ledger, sizes[after])
    change = f'UPDATE journal SET entry = replace(entry, \'"outcome":"sent"\', \'"outcome":"offer"\') {HERE}'  # noqa: S608
    ledger.spoil(change, **at(ledger, number))
    ledger.spoil("DELETE FROM message_body")
    forge(ledger, sizes)
    parts(ledger, sizes[after], sizes[after + 1])


def test_the_ledger_is_begun_anew_under_another_name(ledger: Ledger) -> None:
    sizes = ledger.sizes
    ledger.spoil("DELETE FROM journal WHERE kind = 'ledger_key'", "DELETE FROM ledger")
    forge(ledger, sizes)
    ended = ledger.verify()
    assert ended.code == 3
    assert {f["code"] for f in ended.verdict["findings"]} == {"ledger-of-another"}
    configured = settings.Settings(home=ledger.home, witness=str(ledger.witness))
    with connect(ledger.url) as connection:
        accept(connection, 0, configured, open_witnesses(configured), 0, by="a test", why="it was begun anew")
    ended = ledger.verify()
    assert (ended.code, [one["size"] for one in ended.verdict["given_up"]]) == (0, sizes)


def test_yesterday_is_restored_and_goes_on(ledger: Ledger, server: Server) -> None:
    name = ledger.url.rpartition("/")[2].partition("?")[0]
    with server.maintenance() as connection:
        connection.execute(f"CREATE DATABASE yesterday TEMPLATE {name}")
    yesterday = ledger.sizes[-1]
    write(ledger, "clock_jump", "what was done after the backup")
    ledger.checkpoint()
    (lost,) = [size for size in ledger.sizes if size > yesterday]
    with server.maintenance() as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        connection.execute(f"ALTER DATABASE yesterday RENAME TO {name}")
    for count in range(3):
        write(ledger, "clock_jump", f"what was done after the backup was put back {count}")
        forge(ledger, [*ledger.sizes, lost])
    assert ledger.size > lost
    parts(ledger, yesterday, lost)


def write(ledger: Ledger, kind: str, text: str, lender: str = "default") -> None:
    entry = json.dumps({"at": "2026-03-01T00:00:00+00:00", "kind": kind, "text": text}, separators=(",", ":"))
    with connect(ledger.url) as connection:
        connection.execute(
            "INSERT INTO journal (lender_id, clock_id, at, kind, place, channel_place, entry) "
            "VALUES (%s, 0, '2026-03-01T00:00:00Z', %s, 0, 0, %s)",
            (lender, kind, entry),
        )


FLIP = "UPDATE ledger_tile SET hashes = set_byte(hashes, %(byte)s, 255 - get_byte(hashes, %(byte)s)) "


@pytest.mark.parametrize("place", [0, 1, -1])
def test_a_leaf_of_the_tree_alone_is_edited(ledger: Ledger, place: int) -> None:
    place = place if place >= 0 else (ledger.size - 1) // 256
    ledger.spoil(f"{FLIP} WHERE level = 0 AND place = %(place)s", byte=32 * 5 + 3, place=place)
    names_entry(ledger, place * 256 + 5, "tree-changed")


def test_a_higher_hash_of_the_tree_alone_is_edited(ledger: Ledger) -> None:
    ledger.spoil(f"{FLIP} WHERE level = 1", byte=32 + 3)
    names_entry(ledger, 256, "tree-changed")


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM ledger_tile WHERE level = 0 AND place = 1", "tree-changed"),
        ("DELETE FROM ledger_tile WHERE level = 1", "tree-changed"),
        ("UPDATE ledger_tile SET hashes = hashes || hashes WHERE level = 0 AND place = 1", "tree-changed"),
        ("UPDATE ledger_tile SET hashes = hashes || hashes WHERE level = 1", "tree-changed"),
        ("UPDATE ledger_tile SET hashes = substr(hashes, 1, 40) WHERE level = 0 AND place = 1", "tree-changed"),
        ("INSERT INTO ledger_tile SELECT lender_id, clock_id, 2, 0, hashes FROM ledger_tile LIMIT 1", "tile-count"),
        ("UPDATE ledger SET size = size - 1", "ledger-size"),
        ("UPDATE ledger SET key = replace(key, '+', '-')", "key-changed"),
        ("DELETE FROM ledger", "ledger-missing"),
    ],
)  # fmt: skip
def test_a_part_of_the_ledger_goes_or_is_changed(ledger: Ledger, statement: str, code: str) -> None:
    ledger.spoil(statement)
    ended = ledger.verify()
    assert ended.code == 3
    assert code in {f["code"] for f in ended.verdict["findings"]}, ended.verdict["findings"]


def other_root(note: str) -> str:
    """The note with another root under the same signature."""
    origin, size, root, rest = note.split("\n", 3)
    return "\n".join([origin, size, ("B" if root[0] == "A" else "A") + root[1:], rest])


def test_a_checkpoint_of_the_database_is_edited(ledger: Ledger) -> None:
    size = ledger.sizes[1]
    ((note,),) = ledger.rows("SELECT note FROM ledger_checkpoint WHERE size = %(size)s", size=size)
    ledger.spoil("UPDATE ledger_checkpoint SET note = %(note)s WHERE size = %(size)s", note=other_root(note), size=size)
    found = first_finding(ledger)
    assert (found["code"], found["size"], found["source"]) == ("checkpoint-not-signed", size, "the database")


def test_a_checkpoint_of_the_witness_is_edited(ledger: Ledger) -> None:
    size = ledger.sizes[1]
    ((note,),) = ledger.rows("SELECT note FROM ledger_checkpoint WHERE size = %(size)s", size=size)
    text = ledger.witness.read_text(encoding="utf-8")
    assert text.count(note) == 1
    ledger.witness.write_text(text.replace(note, other_root(note)), encoding="utf-8")
    found = first_finding(ledger)
    assert (found["code"], found["size"], found["source"]) == ("checkpoint-not-signed", size, str(ledger.witness))


def test_a_checkpoint_is_signed_over_another_root_with_the_stolen_key(ledger: Ledger) -> None:
    size = ledger.sizes[1]
    other = ledger.sizes[2]
    ledger.spoil("UPDATE ledger_checkpoint SET size = %(size)s WHERE size = %(other)s", size=size + 1, other=other)
    found = first_finding(ledger)
    assert (found["code"], found["size"]) == ("checkpoint-misplaced", size + 1)


@pytest.mark.parametrize("column", ["kind = 'looked'", "borrower_key = gen_random_uuid()", "loan_key = NULL",
                                    "at = at + interval '1 hour'"])  # fmt: skip
def test_a_column_says_something_else_than_its_entry(ledger: Ledger, column: str) -> None:
    number = a_decision(ledger, 50)
    ledger.spoil(f"UPDATE journal SET {column} {HERE}", **at(ledger, number))  # noqa: S608
    ended = ledger.verify()
    assert ended.code == 3
    assert ("entry-columns", number) in {(f["code"], f["number"]) for f in ended.verdict["findings"]}
