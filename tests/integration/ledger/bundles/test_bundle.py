"""The evidence for a loan holds in an empty environment, says what happened, and is the same each time it is given."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scheduler.cli.words import rule_in_words
from scheduler.ledger.commit import loan_key
from scheduler.store.database import connect
from tests.integration.ledger.bundles.conftest import Duly, Ended, Files, Told, unpacked
from tests.integration.ledger.bundles.story import LOAN, OTHER_LOAN, PHONES, POLICIES


def entries_of(files: Files) -> list[dict[str, Any]]:
    return [json.loads(json.loads(line)["entry"]) for line in files["entries.jsonl"].splitlines()]


def test_it_is_checked_in_a_fresh_environment_with_cryptography_alone(
    duly: Duly, tmp_path: Path, bare_python: Path
) -> None:
    assert duly("ledger", "bundle", LOAN).code == 0
    given = tmp_path / f"{LOAN}-evidence.zip"
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "verify.py").write_bytes(unpacked(given.read_bytes())["verify.py"])
    shutil.move(given, place / "bundle.zip")
    ended = subprocess.run(
        [bare_python, "-I", "-O", "verify.py", "bundle.zip"], cwd=place, env={}, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    assert ended.stdout.endswith("all good\n") and ended.stdout.count("good   ") == 9


def test_the_story_has_all_that_can_make_a_proof_hard(files: Files) -> None:
    """Else the tests that follow would show little."""
    said = entries_of(files)
    outcomes = Counter(one.get("outcome") for one in said)
    assert outcomes["deferred"] and outcomes["sent"] > 5
    handed = Counter(one["status"] for one in said if one["kind"] == "hand_over")
    assert handed["failed"] and handed["queued"] and handed["sent"]
    assert {one["kind"] for one in said} >= {"decision", "looked", "hand_over", "published", "ledger_key"}
    assert len({one["policy"] for one in said if one["kind"] == "decision"}) == 2
    facts = json.loads(files["facts.json"])
    assert Counter(fact["about"] for fact in facts)["person"] == 2
    assert Counter(fact["about"] for fact in facts)["another loan"] > 1
    phones = [fact["fields"]["phone"]["value"] for fact in facts if fact["about"] == "person"]
    assert phones == list(PHONES)


def test_it_holds_every_entry_of_the_loan_and_every_look_at_its_borrower(told: Told, files: Files) -> None:
    numbers = [json.loads(line)["number"] for line in files["entries.jsonl"].splitlines()]
    with connect(told.url) as connection:
        journal = [row[0] for row in connection.execute("SELECT entry FROM journal ORDER BY xact, entry_id").fetchall()]
        ((salt,),) = connection.execute("SELECT salt FROM person WHERE borrower_id = 'kestrel-1'").fetchall()
    texts = {json.loads(line)["number"]: json.loads(line)["entry"] for line in files["entries.jsonl"].splitlines()}
    assert all(journal[number] == text for number, text in texts.items())
    own = loan_key(bytes(salt), LOAN)
    borrower = next(json.loads(text)["borrower"] for text in texts.values() if "borrower" in text)
    for number, text in enumerate(journal):
        one = json.loads(text)
        if one.get("loan") == own or (one["kind"] in ("decision", "looked") and one["borrower"] == borrower):
            assert number in numbers
    other = loan_key(bytes(salt), OTHER_LOAN)
    assert {one["kind"] for one in entries_of(files) if one.get("loan") == other} == {"decision"}


def test_policies_are_in_it_as_they_were_published_and_in_words(files: Files) -> None:
    sources = [data for name, data in files.items() if name.startswith("policies/") and name.endswith(".yaml")]
    assert sorted(sources) == sorted(POLICIES)
    texts = [data.decode() for name, data in files.items() if name.startswith("policies/") and name.endswith(".txt")]
    assert len(texts) == 2 and all("Ladder" in text and "day-3" in text for text in texts)


def test_the_story_tells_each_decision_with_its_reasons_its_text_and_what_came_of_it(files: Files) -> None:
    told = files["story.txt"].decode()
    for number, one in ((json.loads(line)["number"], json.loads(json.loads(line)["entry"])) for line in lines(files)):
        if one["kind"] == "hand_over":
            assert f"entry {number}: handed over: {one['status']}" in told
        elif one["kind"] == "decision" and one["loan"] == own_loan(files):
            assert f"entry {number}: " in told
            assert all(f"    {rule['rule']}: {rule_in_words(rule['rule'])}" in told for rule in one["because"])
    assert "the line is busy" not in told and "reason (not kept)" in told
    assert "no such number" in told
    assert "    | Kestrelina, " in told


def lines(files: Files) -> list[bytes]:
    return files["entries.jsonl"].splitlines()


def own_loan(files: Files) -> str:
    return next(one["loan"] for one in entries_of(files) if one["kind"] == "hand_over")


def test_the_same_evidence_given_twice_is_the_same_bytes(duly: Duly, tmp_path: Path) -> None:
    for name in ("first.zip", "second.zip"):
        assert duly("ledger", "bundle", LOAN, "--out", tmp_path / name).code == 0
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, "it tells of a person, and is its owner's alone"
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()


def test_the_key_and_a_checkpoint_from_elsewhere_are_compared(
    told: Told, duly: Duly, files: Files, check: Callable[..., Ended], tmp_path: Path
) -> None:  # fmt: skip
    key = str(told.signer().verifier)
    kept = tmp_path / "kept.txt"
    kept.write_bytes(files["checkpoint.txt"])
    ended = check(files, "--key", key, "--checkpoint", kept)
    assert ended.code == 0 and "with the key that you gave" in ended.out and "yours is the same" in ended.out
    with connect(told.url) as connection:
        ((old,),) = connection.execute("SELECT note FROM ledger_checkpoint ORDER BY size LIMIT 1").fetchall()
    kept.write_text(old)
    assert old.encode() != files["checkpoint.txt"]
    ended = check(files, "--checkpoint", kept)
    assert ended.code == 0 and "give --proof too" in ended.out
    newest = tmp_path / "newest.txt"
    newest.write_bytes(files["checkpoint.txt"])
    proof = tmp_path / "proof.txt"
    proof.write_text(duly("ledger", "consistency", kept, newest).out)
    ended = check(files, "--checkpoint", kept, "--proof", proof)
    assert ended.code == 0 and "one ledger with the" in ended.out
    first, *rest = [line for line in proof.read_text().splitlines() if " " not in line]
    proof.write_text("\n".join([*rest, first]))
    assert "does not" in check(files, "--checkpoint", kept, "--proof", proof).wrong


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("no-such-loan",), 1, "there is no loan 'no-such-loan'"),
        ((LOAN, "--redact", "firstname"), 2, "did you mean 'first_name'?"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    duly: Duly, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:  # fmt: skip
    ended = duly("ledger", "bundle", *arguments)
    assert ended.code == code and said in " ".join(ended.err.split())
    assert list(tmp_path.glob("*.zip")) == []


def test_evidence_is_not_written_over_a_file(duly: Duly, tmp_path: Path) -> None:
    there = tmp_path / f"{LOAN}-evidence.zip"
    there.write_bytes(b"something of mine")
    ended = duly("ledger", "bundle", LOAN)
    assert ended.code == 1 and "--out" in ended.err
    assert there.read_bytes() == b"something of mine"
