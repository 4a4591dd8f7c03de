"""What is left out of a bundle is nowhere in it, its proof holds, and where else a value stands is said."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from policies.facts import Event, Instalment, Loan, Person
from scheduler.ledger.facts import event_fact, loan_fact, person_fact
from scheduler.ledger.redaction import EVENT_FIELDS, FIELDS, LOAN_FIELDS, PERSON_FIELDS
from tests.integration.ledger.bundles.conftest import Duly, Ended, Files, unpacked
from tests.integration.ledger.bundles.story import CANARY, LOAN, PHONES

PERSONAL = (
    "borrower_id", "loan_id", "first_name", "last_name", "phone", "email", "address", "tags", "event_id", "ref", "text",
    "to", "reference", "reason",
)  # fmt: skip

ABSENT = ("segment", "policy", "channel")
"""Nothing in the story has a value of these."""


def given(duly: Duly, tmp_path: Path, *redact: str) -> tuple[Files, str]:
    """The files of a bundle without these fields, and what was told of it."""
    options = [part for name in redact for part in ("--redact", name)]
    out = tmp_path / "redacted.zip"
    out.unlink(missing_ok=True)
    ended = duly("ledger", "bundle", LOAN, "--out", out, *options)
    assert ended.code == 0, ended
    return unpacked(out.read_bytes()), ended.err


def sealed(value: Any, name: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every value of a document with the name of its field, shown or not."""
    if isinstance(value, list):
        return [one for item in value for one in sealed(item, name)]
    if not isinstance(value, dict):
        return []
    if "opening" in value or ("digest" in value and "about" not in value):
        return [(name, value)]
    return [one for key, item in value.items() for one in sealed(item, key)]


def all_sealed(files: Files) -> list[tuple[str, dict[str, Any]]]:
    return [one for name in ("facts.json", "messages.json", "names.json") for one in sealed(json.loads(files[name]))]


def test_every_field_of_a_fact_can_be_left_out() -> None:
    person = Person("b", "f", "l", "en", "Europe/London", "GB", "+1", "e", "a")
    loan = Loan("l", "b", "p", "GBP", 1, 0, (Instalment(1, date(2026, 1, 1), 1),), "p", "s")
    event = Event("e", 0, 0, "t", "b", "l", 1, "r", "c", "a", "v", 0, 0, "t")
    assert set(person_fact(person).fields) == set(PERSON_FIELDS)
    assert set(loan_fact(loan).fields) == set(LOAN_FIELDS)
    assert set(event_fact(event).fields) == set(EVENT_FIELDS)


def test_with_all_that_is_personal_left_out_nothing_of_the_person_is_in_any_file(
    duly: Duly, tmp_path: Path, check: Callable[..., Ended]
) -> None:  # fmt: skip
    files, said = given(duly, tmp_path, *PERSONAL)
    assert check(files).code == 0
    for name, data in files.items():
        for canary in (CANARY, CANARY.upper(), *PHONES, *(phone[1:] for phone in PHONES)):
            assert canary.encode() not in data + name.encode(), (name, canary)
    assert "also stands in" not in said
    assert "(left out)" in files["story.txt"].decode()


def test_with_nothing_left_out_it_is_there(files: Files) -> None:
    """So the test above can fail."""
    for name in ("facts.json", "messages.json", "names.json", "story.txt"):
        assert CANARY.encode() in files[name]


@pytest.mark.parametrize("name", FIELDS)
def test_with_any_field_left_out_the_proof_holds_and_no_value_of_it_has_an_opening(
    duly: Duly, tmp_path: Path, check: Callable[..., Ended], files: Files, name: str
) -> None:  # fmt: skip
    redacted, _ = given(duly, tmp_path, name)
    ended = check(redacted)
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "all good")
    after = all_sealed(redacted)
    assert len(after) == len(all_sealed(files))
    if name in ("subject", "body"):
        after = sealed(json.loads(redacted["messages.json"]))
    field = {"subject": "text", "body": "text", "message_id": "id"}.get(name, name)
    hidden = [value for one, value in after if one == field]
    assert hidden or name in ABSENT
    assert all("value" not in value for value in hidden)


@pytest.mark.parametrize("seed", range(6))
def test_a_value_that_is_left_out_is_nowhere_or_it_is_said_where(
    duly: Duly, tmp_path: Path, check: Callable[..., Ended], files: Files, seed: int
) -> None:  # fmt: skip
    names = random.Random(seed).sample(FIELDS, 5)
    redacted, said = given(duly, tmp_path, ",".join(names))
    assert check(redacted).code == 0
    shown = {(name, json.dumps(value.get("value"))) for name, value in all_sealed(redacted)}
    texts = {name: data.decode() for name, data in redacted.items() if name[:5] not in ("packs", "READM", "verif")}
    for name, value in all_sealed(files):
        word = value.get("value")
        if (name, json.dumps(word)) in shown or not isinstance(word, str) or len(word) < 6:
            continue
        standing = [place for place, text in texts.items() if word in text]
        assert not standing or f"{name} was left out" in said or name in ("id", "text", "event_id", "ref"), (
            name, word, standing,
        )  # fmt: skip


def test_where_a_value_also_stands_is_said_with_what_to_leave_out_too(duly: Duly, tmp_path: Path) -> None:
    _, said = given(duly, tmp_path, "first_name", "principal_minor", "phone")
    about = {line.partition(" ")[0]: line for line in said.splitlines()}
    assert about["first_name"].endswith("leave these out too with --redact email,to,body")
    assert about["phone"].endswith(
        "a value of it also stands in to, reason; leave these out too with --redact to,reason"
    )


def test_a_loan_left_out_is_not_in_the_name_of_the_file_nor_in_the_ids_that_are_made_of_it(
    duly: Duly, tmp_path: Path
) -> None:  # fmt: skip
    ended = duly("ledger", "bundle", LOAN, "--redact", "loan_id")
    assert ended.code == 0 and ended.out == "evidence.zip\n"
    files = unpacked((tmp_path / "evidence.zip").read_bytes())
    for message in json.loads(files["messages.json"]):
        assert "value" not in message["id"]
    for fact in json.loads(files["facts.json"]):
        if fact.get("fields", {}).get("type", {}).get("value") == "receipt":
            assert "value" not in fact["fields"]["ref"] and "value" not in fact["fields"]["event_id"]
