"""The way out of a hold: what is given up is written down, signed, and known to the witnesses."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from scheduler import settings
from scheduler.ledger import checkpoints, hold, reconcile
from scheduler.ledger.errors import LedgerError, Refused, WitnessError
from scheduler.ledger.keys import signer
from scheduler.ledger.notes import Checkpoint, sign_note
from scheduler.ledger.sequencer import Sequencer
from scheduler.ledger.witness import FolderWitness, open_witnesses
from scheduler.store.database import connect
from tests.integration.ledger.holding.books import Book, Restored
from tests.integration.ledger.test_sequencing import append, entries, root_of, root_over
from tests.integration.ledger.test_witnesses import serving


def test_the_comparison_names_the_last_that_holds_and_the_first_that_does_not(book: Book, yesterday: Restored) -> None:
    book.go_on(5)
    book.go_on(5)
    restored = yesterday()
    book.go_on(7)
    book.go_on(4)
    found = reconcile.compare(restored.connection, 0, open_witnesses(book.settings))
    assert not found.well and found.held is None
    witnessed, origin = found.examination.witnessed, found.ledgers[0].origin
    good, bad = reconcile.last_that_holds(witnessed, origin), reconcile.first_that_does_not(witnessed, origin)
    assert good is not None and good.checkpoint.size == 11
    assert bad is not None and bad.checkpoint.size == 18
    assert reconcile.lost(witnessed, origin, 11) == 11


def test_what_was_accepted_is_written_down_signed_and_witnessed(book: Book, yesterday: Restored) -> None:
    book.go_on(5)
    restored = yesterday()
    book.go_on(3)
    lost = Checkpoint.parse(checkpoints.text_of(checkpoints.latest(book.connection, 0, "default") or ""))
    hold.hold(restored.connection, 0, "a witness keeps more")
    restored.accept()
    assert hold.why(restored.connection, 0) is None
    said = json.loads(entries(restored.connection)[-1])
    root = b64encode(lost.root).decode()
    assert said["kind"] == "reconciled"
    assert said["given_up"] == [{"origin": lost.origin, "size": 9, "root": root}]
    assert (said["by"], said["why"], said["was"]) == ("ann", "the disk died", "a witness keeps more")
    signed = Checkpoint.parse(checkpoints.text_of(checkpoints.latest(restored.connection, 0, "default") or ""))
    assert signed.size == restored.size == 7
    assert signed.extensions == (f"duly-reconciled 9 {root}",)
    assert signed.root == root_over(entries(restored.connection))


def test_after_that_a_daemon_begins_free_and_grows_past_what_was_given_up(book: Book, yesterday: Restored) -> None:
    book.go_on(5)
    restored = yesterday()
    book.go_on(3)
    restored.accept()
    for _ in range(6):
        assert restored.reason() is None
        restored.go_on(1)
    assert restored.size == 13
    assert book.reason() is not None


def test_only_what_the_witness_itself_keeps_gives_anything_up(book: Book, yesterday: Restored, tmp_path: Path) -> None:
    book.go_on(5)
    restored = yesterday()
    book.go_on(3)
    kept = {path: path.read_bytes() for path in (tmp_path / "witness").iterdir()}
    restored.accept()
    for path in (tmp_path / "witness").iterdir():
        if path not in kept:
            path.unlink()
    assert restored.reason() is not None


def test_giving_up_is_not_believed_of_a_checkpoint_that_does_not_hold(book: Book, yesterday: Restored) -> None:
    book.go_on(5)
    restored = yesterday()
    book.go_on(3)
    restored.accept()
    book.connection.execute("SELECT 1")
    assert book.reason() is not None


def test_a_hold_whose_cause_is_gone_is_lifted_in_the_same_way(book: Book) -> None:
    book.go_on(5)
    hold.hold(book.connection, 0, "somebody looked at the wrong disk")
    before = book.accept()
    assert before.held == "somebody looked at the wrong disk"
    assert hold.why(book.connection, 0) is None
    assert json.loads(entries(book.connection)[-1])["given_up"] == []


def test_nothing_is_given_up_unseen(book: Book, yesterday: Restored) -> None:
    book.go_on(5)
    hold.hold(book.connection, 0, "held")
    with serving() as server:
        server.get_status = 500
        book.settings = settings.Settings(home=book.settings.home, witness=server.address)
        with pytest.raises(WitnessError):
            book.accept()
    assert hold.why(book.connection, 0) == "held"
    assert book.size == 6


def test_a_clock_stays_held_where_a_witness_does_not_keep_the_way_out(book: Book) -> None:
    book.go_on(5)
    hold.hold(book.connection, 0, "held")
    with serving() as server:
        book.settings = settings.Settings(home=book.settings.home, witness=server.address)
        for status, error in ((503, WitnessError), (409, Refused)):
            server.post_status = status
            with pytest.raises(error):
                book.accept()
            assert hold.why(book.connection, 0) == "held"
        server.post_status = 200
        book.accept()
    assert hold.why(book.connection, 0) is None


def test_only_who_has_the_key_can_lead_out(book: Book, tmp_path: Path) -> None:
    book.go_on(5)
    hold.hold(book.connection, 0, "held")
    book.settings = settings.Settings(home=tmp_path / "elsewhere", witness=book.settings.witness)
    with pytest.raises(LedgerError, match="key"):
        book.accept()
    assert book.size == 6


def test_an_entry_that_an_open_transaction_keeps_from_its_number_is_waited_for_by_the_next_call(book: Book) -> None:
    book.go_on(5)
    hold.hold(book.connection, 0, "held")
    with connect(book.url) as slow:
        with slow.transaction():
            append(slow, 1)
            with pytest.raises(LedgerError, match="open"):
                book.accept()
            assert hold.why(book.connection, 0) == "held"
        book.accept()
    assert hold.why(book.connection, 0) is None


def test_the_checkpoints_of_another_database_can_be_given_up_too(book: Book, yesterday: Restored) -> None:
    restored = yesterday()
    book.go_on(5)
    restored.accept()
    assert restored.reason() is None
    latest = checkpoints.latest(restored.connection, 0, "default") or ""
    origin = checkpoints.ledgers(book.connection, 0)[0].origin
    assert Checkpoint.parse(checkpoints.text_of(latest)).extensions[0].endswith(f" {origin}")


# --- a book that was moved to a server which counts its transactions lower -------------------------------------------

FAR = 1_000_000


def moved(book: Book) -> None:
    """As a logical backup leaves it: rows with numbers that the server is far from."""
    book.spoil(
        f"UPDATE journal SET xact = xact + {FAR}",  # noqa: S608 - a number
        f"UPDATE ledger SET next_xact = next_xact + {FAR}",  # noqa: S608
        f"UPDATE ledger_tile SET first_xact = first_xact + {FAR}",  # noqa: S608
    )


def test_a_book_on_a_server_that_counts_lower_is_held(book: Book) -> None:
    book.go_on(5)
    moved(book)
    reason = book.reason()
    assert reason is not None and "moved here from another server" in reason


def test_a_book_whose_ledger_had_not_begun_is_held_there_too(book: Book) -> None:
    append(book.connection, 5)
    moved(book)
    assert book.reason() is not None


@pytest.mark.parametrize("begun", [True, False])
def test_after_reconciling_entries_go_on_behind_those_that_are_there(book: Book, begun: bool) -> None:
    append(book.connection, 300)
    if begun:
        book.go_on(0)
    moved(book)
    book.accept()
    texts = entries(book.connection)
    book.go_on(400, "after")
    assert entries(book.connection)[: len(texts)] == texts
    assert book.size == len(entries(book.connection))
    assert root_of(book.connection, book.size) == root_over(entries(book.connection))
    assert book.reason() is None


def test_what_was_written_there_before_anybody_looked_comes_last_and_is_numbered(book: Book) -> None:
    book.go_on(300)
    moved(book)
    append(book.connection, 3, "stray")
    assert entries(book.connection)[0] == "stray1"
    book.accept()
    texts = entries(book.connection)
    assert texts[-4:-1] == ["stray1", "stray2", "stray3"]
    assert book.size == len(texts) == 305
    assert root_of(book.connection, book.size) == root_over(texts)
    assert book.reason() is None
    with pytest.raises(Exception, match="append-only"):
        book.connection.execute("UPDATE journal SET entry = ''")


def test_another_lender_that_begins_there_counts_in_the_same_way(book: Book) -> None:
    book.go_on(3)
    moved(book)
    book.accept()
    append(book.connection, 3, lender="other")
    book.go_on(0)
    found: dict[str, Any] = {one.lender_id: one for one in checkpoints.ledgers(book.connection, 0)}
    assert found["other"].size == 4
    assert found["other"].xact_offset == found["default"].xact_offset > 0
    assert book.reason() is None


def test_a_backup_that_forgot_how_the_journal_counts_on_is_held_and_led_out_again(book: Book) -> None:
    book.go_on(3)
    moved(book)
    book.accept()
    book.go_on(3)
    book.connection.execute("ALTER TABLE journal ALTER xact SET DEFAULT (pg_current_xact_id()::text)::bigint")
    assert book.reason() is not None
    append(book.connection, 2, "stray")
    book.accept()
    book.go_on(3)
    texts = entries(book.connection)
    assert book.size == len(texts)
    assert root_of(book.connection, book.size) == root_over(texts)
    assert book.reason() is None


def test_where_all_is_well_nothing_is_changed(book: Book) -> None:
    book.go_on(3)
    assert book.accept().well
    assert book.size == 4


def test_a_checkpoint_that_a_daemon_signed_in_between_does_not_pass_for_the_way_out(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.go_on(3)
    hold.hold(book.connection, 0, "held")
    tick = Sequencer.tick

    def overtaken(self: Sequencer, now: int, *, wait: bool = False) -> int:
        numbered = tick(self, now, wait=wait)
        book.keeper().sign(now)
        return numbered

    monkeypatch.setattr(Sequencer, "tick", overtaken)
    latest = checkpoints.latest(book.connection, 0, "default") or ""
    text = hold.parsed(latest)
    FolderWitness(Path(book.settings.witness or "")).keep(
        sign_note(Checkpoint(text.origin, 2, bytes(32)).text(), signer(book.settings, text.origin))
    )
    with pytest.raises(LedgerError, match="run the same command again"):
        book.accept()
    assert hold.why(book.connection, 0) == "held"


def test_what_was_given_up_takes_no_place_among_the_largest_that_are_compared(book: Book, yesterday: Restored) -> None:
    book.go_on(5)
    restored = yesterday()
    for _ in range(4):
        book.go_on(3)
    restored.accept()
    restored.go_on(1)
    (witness,) = open_witnesses(book.settings)
    origin = checkpoints.ledgers(restored.connection, 0)[0].origin
    forged = Checkpoint(origin, restored.size, bytes(32))
    witness.keep(sign_note(forged.text(), signer(book.settings, origin)))
    found = hold.look(restored.connection, 0, witness.read() or [], most=2)
    assert [one.checkpoint for one in found.wrong] == [forged]
    assert len(found.given_up) == 4
