"""A database that is not what its witnesses remember is held, and each reason is told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler import settings
from scheduler.ledger import checkpoints
from scheduler.ledger.notes import Checkpoint, Signer, sign_note
from scheduler.ledger.witness import FolderWitness, open_witnesses
from tests.integration.ledger.holding.books import NOW, Book, Restored
from tests.integration.ledger.test_sequencing import append, root_of
from tests.integration.ledger.test_witnesses import serving


def test_a_database_that_is_what_the_witness_remembers_is_free(book: Book) -> None:
    assert book.reason() is None
    for _ in range(3):
        book.go_on(100)
        assert book.reason() is None


def test_a_new_witness_of_an_old_database_says_nothing_against_it(book: Book, tmp_path: Path) -> None:
    book.go_on(5)
    book.settings = settings.Settings(home=tmp_path / "home", witness=f"{tmp_path}/new/")
    assert book.reason() is None


def test_a_database_that_was_put_back_to_yesterday_is_held(book: Book, yesterday: Restored) -> None:
    book.go_on(5)
    restored = yesterday()
    assert restored.reason() is None
    book.go_on(3)
    reason = restored.reason()
    assert reason is not None
    assert "keeps a checkpoint of 9 entries" in reason and "this database has 6 entries" in reason
    assert "put back" in reason and "duly reconcile" in reason


def test_a_database_that_went_on_from_yesterday_in_another_way_is_held(book: Book, yesterday: Restored) -> None:
    book.go_on(5)
    restored = yesterday()
    book.go_on(3)
    restored.settings = settings.Settings(home=book.settings.home)
    restored.go_on(10, "other")
    restored.settings = book.settings
    reason = restored.reason()
    assert reason is not None and "the first 9 entries of this database are others" in reason


def test_a_database_that_is_quite_another_is_held(book: Book, yesterday: Restored) -> None:
    restored = yesterday()
    book.go_on(5)
    for _ in range(2):
        reason = restored.reason()
        assert reason is not None and "which this database does not have" in reason
        restored.settings, kept = settings.Settings(home=book.settings.home), restored.settings
        restored.go_on(9)
        restored.settings = kept


def test_a_checkpoint_that_no_key_of_the_ledger_has_signed_is_held_against_it(book: Book, tmp_path: Path) -> None:
    book.go_on(5)
    ledger = checkpoints.ledgers(book.connection, 0)[0]
    text = Checkpoint(ledger.origin, 6, root_of(book.connection, 6)).text()
    FolderWitness(tmp_path / "witness").keep(sign_note(text, Signer.from_seed(ledger.origin, bytes(32))))
    reason = book.reason()
    assert reason is not None and "no key of this ledger has signed" in reason


def test_a_tree_with_a_tile_missing_is_held(book: Book) -> None:
    book.go_on(300)
    book.spoil("DELETE FROM ledger_tile WHERE level = 0 AND place = 1")
    reason = book.reason()
    assert reason is not None and "duly ledger verify" in reason


def test_each_ledger_answers_for_itself(book: Book, yesterday: Restored) -> None:
    append(book.connection, 3, lender="other")
    book.go_on(5)
    restored = yesterday()
    append(book.connection, 3, lender="other")
    book.go_on(0)
    reason = restored.reason()
    assert reason is not None and "the ledger of other" in reason


def test_a_witness_that_does_not_answer_holds_nobody_up(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as server:
        book.settings = settings.Settings(home=book.settings.home, witness=server.address)
        book.go_on(5)
        assert len(server.kept) == 1
        server.get_status = 500
        assert book.reason() is None
        server.get_status, server.kept[0] = 200, server.kept[0].replace("\n6\n", "\n7\n")
        assert book.reason() is not None


def test_a_witness_that_is_down_gets_the_latest_checkpoint_when_it_is_up_again(book: Book) -> None:
    with serving() as server:
        book.settings = settings.Settings(home=book.settings.home, witness=f"{server.address},{book.settings.witness}")
        keeper = book.keeper()
        server.post_status = 503
        for _ in range(2):
            append(book.connection, 5)
            assert keeper.finish(NOW) is None
        assert server.kept == []
        assert len(open_witnesses(book.settings)[1].read() or ()) == 2
        server.post_status = 200
        assert keeper.give() is None
        assert server.kept == [checkpoints.latest(book.connection, 0, "default")]


def test_a_witness_that_refuses_a_checkpoint_is_a_reason_to_hold(book: Book) -> None:
    with serving() as server:
        server.post_status = 409
        book.settings = settings.Settings(home=book.settings.home, witness=server.address)
        append(book.connection, 5)
        reason = book.keeper().finish(NOW)
        assert reason is not None and "refuses" in reason


def test_whoever_has_another_key_numbers_and_does_not_sign(book: Book, tmp_path: Path) -> None:
    book.go_on(5)
    book.settings = settings.Settings(home=tmp_path / "elsewhere", witness=book.settings.witness)
    book.go_on(5)
    assert book.size == 11
    assert [
        Checkpoint.parse(checkpoints.text_of(n)).size for n in checkpoints.every(book.connection, 0, "default")
    ] == [6]
