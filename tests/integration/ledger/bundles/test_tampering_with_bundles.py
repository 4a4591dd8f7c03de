"""A bundle that was damaged, or changed by a lender who signs it anew, is not good, and what is wrong is named."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scheduler.ledger import verify
from scheduler.ledger.notes import Checkpoint, Signer, sign_note
from tests.integration.ledger.bundles.conftest import Duly, Ended, Files, Told, resigned
from tests.integration.ledger.bundles.story import LOAN

Check = Callable[..., Ended]


def document(files: Files, name: str) -> Any:
    return json.loads(files[name])


def with_document(files: Files, name: str, value: Any) -> Files:
    return {**files, name: json.dumps(value, ensure_ascii=False).encode()}


def flipped(data: bytes, bit: int) -> bytes:
    place, within = divmod(bit, 8)
    return data[:place] + bytes([data[place] ^ 1 << within]) + data[place + 1 :]


def test_one_bit_flipped_in_any_file_is_named(files: Files, check: Check) -> None:
    dice = random.Random(4)
    assert len(files) > 25
    for name in sorted(files.keys() - {"verify.py"}):
        size = 8 * len(files[name])
        for bit in {0, size - 1, *(dice.randrange(size) for _ in range(4))}:
            ended = check({**files, name: flipped(files[name], bit)})
            assert ended.code == 1 and name in ended.wrong, (name, bit, ended)


@pytest.mark.parametrize("name", ["manifest.txt", "keys.txt", "checkpoint.txt"])
def test_no_bit_of_the_signed_notes_and_keys_is_without_effect(files: Files, check: Check, name: str) -> None:
    for bit in range(0, 8 * len(files[name]), 1 + len(files[name]) // 8):
        ended = check({**files, name: flipped(files[name], bit)})
        assert ended.code == 1 and name in ended.wrong, (name, bit, ended)


def test_one_bit_flipped_within_the_zip_is_named(
    duly: Duly, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert duly("ledger", "bundle", LOAN, "--out", tmp_path / "whole.zip").code == 0
    whole = (tmp_path / "whole.zip").read_bytes()
    spoilt = tmp_path / "spoilt.zip"
    for name, mark in (("facts.json", b'"first_name"'), ("story.txt", b"The story"), ("packs/eu.yaml", b"eu")):
        at = whole.index(mark, whole.index(name.encode()) + len(name))
        spoilt.write_bytes(flipped(whole, 8 * at + 1))
        capsys.readouterr()
        assert verify.main([str(spoilt)]) == 1
        assert name in capsys.readouterr().out


@pytest.mark.parametrize("name", ["facts.json", "story.txt", "packs/house.yaml", "manifest.txt", "keys.txt"])
def test_a_file_that_is_missing_is_named(files: Files, check: Check, name: str) -> None:
    ended = check({one: data for one, data in files.items() if one != name})
    assert ended.code == 1 and name in ended.wrong


def test_a_file_that_was_put_in_is_named(files: Files, check: Check) -> None:
    assert "more.txt" in check({**files, "more.txt": b"I paid"}).wrong


# --- changed by whoever has the key --------------------------------------------------------------------------------


def test_made_anew_without_a_change_it_is_good(told: Told, files: Files, check: Check) -> None:
    """So the tests below show what was changed, not how."""
    assert resigned(files, told.signer()) == files
    assert check(files).code == 0


def wrong(told: Told, check: Check, files: Files, *options: object) -> str:
    """What is wrong with files that the lender signed anew."""
    ended = check(resigned(files, told.signer()), *options)
    assert ended.code == 1, ended
    return ended.wrong


def test_two_texts_swapped_are_named(told: Told, files: Files, check: Check) -> None:
    messages = document(files, "messages.json")
    first, second = messages[0], next(one for one in messages if one["text"] != messages[0]["text"])
    first["text"], second["text"] = second["text"], first["text"]
    said = wrong(told, check, with_document(files, "messages.json", messages))
    assert said == f"WRONG  messages.json: text: it is not what entry {first['entry']} says"


@pytest.mark.parametrize("part", ["to", "text"])
def test_a_changed_part_of_a_message_is_named(told: Told, files: Files, check: Check, part: str) -> None:
    messages = document(files, "messages.json")
    messages[3][part]["value"] += " "
    said = wrong(told, check, with_document(files, "messages.json", messages))
    assert said == f"WRONG  messages.json: {part}: it is not what entry {messages[3]['entry']} says"


@pytest.mark.parametrize("part", ["reference", "reason"])
def test_a_changed_answer_of_a_provider_is_named(told: Told, files: Files, check: Check, part: str) -> None:
    messages = document(files, "messages.json")
    answers = [one for message in messages for one in message["handed"] if "value" in one.get(part, ())]
    answers[0][part]["value"] = "delivered"
    said = wrong(told, check, with_document(files, "messages.json", messages))
    assert said == f"WRONG  messages.json: {part}: it is not what entry {answers[0]['entry']} says"


def test_a_message_left_out_is_noticed(told: Told, files: Files, check: Check) -> None:
    said = wrong(told, check, with_document(files, "messages.json", document(files, "messages.json")[1:]))
    assert "messages.json: not each message" in said


def test_a_changed_value_of_a_fact_is_named_by_the_entry_that_saw_it_first(
    told: Told, files: Files, check: Check
) -> None:  # fmt: skip
    facts = document(files, "facts.json")
    payment = next(fact for fact in facts if fact.get("fields", {}).get("type", {}).get("value") == "payment")
    payment["fields"]["amount_minor"]["value"] += 1
    look = next(one for one in document(files, "looks.json") if payment["fact"] in one["facts"])
    said = wrong(told, check, with_document(files, "facts.json", facts))
    assert f"facts.json: entry {look['entries'][0]} saw others" in said and str(payment["fact"]) in said


@pytest.mark.parametrize("change", ["dropped", "moved", "twice", "renamed"])
def test_a_fact_dropped_moved_doubled_or_under_another_name_is_noticed(
    told: Told, files: Files, check: Check, change: str
) -> None:  # fmt: skip
    facts, looks = document(files, "facts.json"), document(files, "looks.json")
    with_facts = [look for look in looks if look["facts"]]
    if change == "dropped":
        gone = with_facts[1]["facts"].pop()
        facts = [fact for fact in facts if fact["fact"] != gone]
    elif change == "moved":
        with_facts[2]["facts"].append(with_facts[1]["facts"].pop())
    elif change == "twice":
        with_facts[2]["facts"] = with_facts[1]["facts"] + with_facts[2]["facts"]
    else:
        fields = facts[0]["fields"]
        fields["first_name"], fields["last_name"] = fields["last_name"], fields["first_name"]
    changed = with_document(with_document(files, "facts.json", facts), "looks.json", looks)
    assert "facts.json" in wrong(told, check, changed)


def test_a_value_shown_beside_its_digest_but_without_its_opening_is_refused(
    told: Told, files: Files, check: Check
) -> None:  # fmt: skip
    facts = document(files, "facts.json")
    sealed = facts[0]["fields"]["first_name"]
    opening = bytes.fromhex(sealed["opening"])
    digest = hashlib.sha256(opening + json.dumps(sealed["value"]).encode()).hexdigest()
    facts[0]["fields"]["first_name"] = {"digest": digest}
    good = with_document(files, "facts.json", facts)
    assert check(resigned(good, told.signer())).code == 0
    facts[0]["fields"]["first_name"] = {"digest": digest, "value": "Somebody else"}
    assert "facts.json: fact 1: a value needs its opening" in wrong(
        told, check, with_document(files, "facts.json", facts)
    )


def lines_of(files: Files) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files["entries.jsonl"].splitlines()]


def with_lines(files: Files, lines: list[dict[str, Any]]) -> Files:
    return {**files, "entries.jsonl": b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)}


@pytest.mark.parametrize("change", ["proof", "hash", "text", "number", "order"])
def test_an_entry_with_another_proof_text_or_number_is_named(
    told: Told, files: Files, check: Check, change: str
) -> None:  # fmt: skip
    lines = lines_of(files)
    one = lines[5]
    number = one["number"]
    if change == "proof":
        one["proof"].pop()
    elif change == "hash":
        one["proof"][0] = one["proof"][1]
    elif change == "text":
        one["entry"] = one["entry"].replace('"kind":', '"kind": ')
    elif change == "number":
        one["number"] = number = lines[6]["number"] - 1 if lines[6]["number"] - 1 != number else number - 1
    else:
        lines[5], lines[6] = lines[6], lines[5]
    said = wrong(told, check, with_lines(files, lines))
    assert "entries.jsonl: " in said and (f"entry {number}" in said or "order" in said)


def test_a_decision_left_out_of_a_look_is_noticed(told: Told, files: Files, check: Check) -> None:
    for kind in ("decision", "looked"):
        gone = next(line for line in lines_of(files) if f'"kind":"{kind}"' in line["entry"])
        kept = [line for line in lines_of(files) if line["number"] != gone["number"]]
        assert wrong(told, check, with_lines(files, kept)) == f"WRONG  facts.json: KeyError({gone['number']})"


@pytest.mark.parametrize("who", ["loan", "borrower"])
def test_another_name_is_refused(told: Told, files: Files, check: Check, who: str) -> None:
    names = document(files, "names.json")
    names[who]["value"] += "0"
    assert "names.json: " in wrong(told, check, with_document(files, "names.json", names))


def test_another_text_of_a_policy_is_named(told: Told, files: Files, check: Check) -> None:
    name = next(one for one in sorted(files) if one.startswith("policies/") and one.endswith(".yaml"))
    said = wrong(told, check, {**files, name: files[name] + b"# kinder\n"})
    assert Path(name).name in said and "is not what was published" in said


def test_another_rule_of_a_pack_is_noticed(told: Told, files: Files, check: Check) -> None:
    assert "packs: " in wrong(told, check, {**files, "packs/house.yaml": files["packs/house.yaml"] + b"\n"})


# --- made by another key -----------------------------------------------------------------------------------------


def test_another_key_is_named_wherever_it_signs(told: Told, files: Files, check: Check, tmp_path: Path) -> None:
    own = told.signer()
    thief = Signer.from_seed(own.verifier.name, bytes(range(32)))
    assert "manifest.txt: none of the keys" in check(resigned(files, thief)).wrong
    number = files["keys.txt"].split(b" ")[0].decode()
    stolen = {**files, "keys.txt": f"{number} {thief.verifier}\n".encode()}
    assert "checkpoint.txt: none of the keys" in check(resigned(stolen, thief)).wrong
    text = files["checkpoint.txt"].decode().partition("\n\n")[0] + "\n"
    stolen["checkpoint.txt"] = sign_note(text, thief).encode()
    assert "entries.jsonl: keys.txt names other keys" in check(resigned(stolen, thief)).wrong
    assert "keys.txt: the key that you gave" in check(resigned(stolen, thief), "--key", own.verifier).wrong
    assert "keys.txt: the key that you gave" in check(files, "--key", thief.verifier).wrong


@pytest.mark.parametrize("what", ["root", "origin"])
def test_a_kept_checkpoint_of_another_ledger_is_named(
    told: Told, files: Files, check: Check, tmp_path: Path, what: str
) -> None:  # fmt: skip
    one = Checkpoint.parse(files["checkpoint.txt"].decode().partition("\n\n")[0] + "\n")
    other = Checkpoint(one.origin, one.size, bytes(32)) if what == "root" else Checkpoint("else", one.size, one.root)
    kept = tmp_path / "kept.txt"
    kept.write_text(sign_note(other.text(), told.signer()), encoding="utf-8")
    ended = check(files, "--checkpoint", kept)
    assert ended.code == 1 and "kept.txt is of another ledger, or the ledger was forked" in ended.wrong
