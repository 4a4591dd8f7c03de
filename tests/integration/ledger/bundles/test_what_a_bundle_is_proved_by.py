"""A bundle is proved by the newest checkpoint that may be signed, and says what that leaves out; keys may change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scheduler.ledger import hold, keys
from scheduler.settings import Settings
from scheduler.store.database import connect
from tests.integration.ledger.bundles.conftest import Duly, Ended, Told, unpacked
from tests.integration.ledger.bundles.story import LOAN

NEWER = """
INSERT INTO journal (lender_id, clock_id, at, kind, borrower_key, loan_key, place, channel_place, entry)
SELECT lender_id, clock_id, at, kind, borrower_key, loan_key, place, channel_place, entry FROM journal
WHERE kind = 'decision' AND entry NOT LIKE '%%"text":%%' AND loan_key = (SELECT key FROM loan WHERE loan_id = %s)
ORDER BY entry_id DESC LIMIT 1
"""


@pytest.fixture
def one_more(told: Told) -> None:
    """An entry about the loan that has no number yet, as the last one was."""
    with connect(told.url) as connection:
        assert connection.execute(NEWER, (LOAN,)).rowcount == 1


@pytest.fixture
def held(told: Told) -> Iterator[None]:
    """The clock is held."""
    with connect(told.url) as connection:
        hold.hold(connection, 0, "it was put back to yesterday; run: duly reconcile")
        yield
        hold.release(connection, 0)


def test_while_the_clock_is_held_the_latest_checkpoint_proves_it_and_what_is_not_covered_is_said(
    duly: Duly, tmp_path: Path, check: Callable[..., Ended], one_more: None, held: None
) -> None:  # fmt: skip
    ended = duly("ledger", "bundle", LOAN)
    assert ended.code == 0
    assert "no checkpoint was signed for it: it was put back to yesterday" in ended.err
    assert "1 newer entry about it is not in the bundle" in ended.err
    assert check(unpacked((tmp_path / f"{LOAN}-evidence.zip").read_bytes())).code == 0


def test_what_waits_is_numbered_and_covered_first(duly: Duly, tmp_path: Path, one_more: None) -> None:
    ended = duly("ledger", "bundle", LOAN)
    assert ended.code == 0 and "newer entry" not in ended.err
    files = unpacked((tmp_path / f"{LOAN}-evidence.zip").read_bytes())
    texts = [json.loads(line)["entry"] for line in files["entries.jsonl"].splitlines()]
    assert max(texts.count(text) for text in texts) > 1


def test_whoever_has_not_the_ledgers_key_gives_no_evidence(
    duly: Duly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("DULY_LEDGER_KEY", "ab" * 32)
    ended = duly("ledger", "bundle", LOAN)
    assert ended.code == 1 and "DULY_LEDGER_KEY" in ended.err
    assert list(tmp_path.glob("*.zip")) == []


def test_facts_that_are_not_those_of_the_decisions_give_no_evidence(told: Told, duly: Duly, tmp_path: Path) -> None:
    with connect(told.url) as connection:
        connection.execute("UPDATE event SET amount_minor = amount_minor + 1 WHERE event_id = 'kestrel-e1'")
        ended = duly("ledger", "bundle", LOAN)
        connection.execute("UPDATE event SET amount_minor = amount_minor - 1 WHERE event_id = 'kestrel-e1'")
    assert ended.code == 3 and "facts.json: entry" in ended.err and "nothing was written" in ended.err
    assert list(tmp_path.glob("*.zip")) == []


def test_after_the_key_changed_the_new_one_vouches_and_a_checkpoint_of_the_old_one_still_counts(
    told: Told, duly: Duly, tmp_path: Path, check: Callable[..., Ended]
) -> None:  # fmt: skip
    old = str(told.signer().verifier)
    kept = tmp_path / "kept.txt"
    with connect(told.url) as connection:
        ((note,),) = connection.execute("SELECT note FROM ledger_checkpoint ORDER BY size LIMIT 1").fetchall()
    kept.write_text(note, encoding="utf-8")
    assert duly("ledger", "key", "rotate").code == 0
    new = str(keys.signer(Settings(home=told.home), old.partition("+")[0]).verifier)
    assert new != old
    assert duly("ledger", "bundle", LOAN).code == 0
    files = unpacked((tmp_path / f"{LOAN}-evidence.zip").read_bytes())
    assert [line.split(b" ")[1].decode() for line in files["keys.txt"].splitlines()] == [old, new]
    ended = check(files, "--key", new, "--checkpoint", kept)
    assert ended.code == 0, ended
    assert "manifest.txt: none of the keys" in check(files, "--key", old).wrong
