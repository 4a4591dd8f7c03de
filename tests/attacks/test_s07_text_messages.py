"""S7: nothing that a name may hold changes what an SMS says, where it leads, or what it costs unseen."""

from __future__ import annotations

import json

import pytest

from tests.attacks.journey import BORROWER, POLICY, book, table, write_book

REFUSED = {
    "a link": "Ann. Loan cancelled, pay at http://evil.example",
    "a link in capitals": "WWW.EVIL.EXAMPLE",
    "another scheme": "javascript://x",
    "right to left": "Ann \u202eeel",
    "an isolate": "\u2066Ann",
    "a mark of direction": "Ann\u200f",
    "an arabic mark": "Ann\u061c",
    "a line break": "Ann\nPay 1 to 123",
    "a carriage return": "Ann\rPay",
    "U+0085": "Ann\x85Pay",
    "U+2028": "Ann\u2028Pay",
    "NUL": "Ann\0",
    "an escape": "Ann\x1b[31m",
    "a bell": "Ann\x07",
    "a C1 control": "Ann\x9b31m",
    "DEL": "Ann\x7f",
    "a byte order mark": "\ufeffAnn",
    "an invisible tag": "Ann\U000e0041",
    "500 characters": "A" * 500,
    "a blank": " ",
    "an invisible blank": "\u2003",
}  # fmt: skip


@pytest.mark.parametrize("field", ["first_name", "last_name"])
def test_what_a_name_may_not_hold_is_refused_at_import_each_in_its_row(stored, tmp_path, field):
    rows = [{"borrower_id": f"b-{n}", **BORROWER, field: name} for n, name in enumerate(REFUSED.values())]
    files = {**book({}), "borrowers.csv": table(rows)}
    ended = stored("import", "--json", write_book(tmp_path / "book", files))
    found = [json.loads(line) for line in ended.out.split("\n") if line]
    told = [one for one in found if one["message"].startswith(f"{field}: ")]
    assert ended.code == 1
    assert len(told) == len(REFUSED)
    assert {one["code"] for one in told} == {"forbidden-character", "link-in-name", "too-long", "blank"}
    assert all(len(one["message"]) < 200 and one["message"].isprintable() for one in told)
    assert json.loads(stored("status", "--json").out)["borrowers"] == 0


LONG = "Wolfeschlegelsteinhausenbergerdorff" * 5
HIDDEN = [
    "evil.example/pay",
    "evil。example",
    "A\u200bn\u200bn",
    "pay.at.evil.com",
    "x@evil.example",
    "evil.example:80//x",
]


def test_no_name_makes_a_link_or_a_long_text_or_hides_a_character(journey):
    ended = journey(POLICY, book(*({"first_name": name, "last_name": LONG} for name in HIDDEN)))
    bodies = [ended.sent(f"b-{n:03}", "sms")["body"] for n in range(1, len(HIDDEN) + 1)]
    assert all("evil.example" not in body and "evil.com" not in body and "//" not in body for body in bodies)
    assert all(body.isprintable() and "\u200b" not in body for body in bodies)
    assert all(len(body) <= len("Dear  , please pay.") + 2 * 64 for body in bodies)
    assert "Dear Ann Wolfe" in bodies[2]


@pytest.mark.parametrize(
    ("text", "character"),
    [("Please pay 👍 by Monday.", "👍"), ("Please pay \u2013 now.", "\u2013"), ("Pay “now”.", "“")],
)
def test_a_character_that_makes_every_part_dearer_is_told_before_it_is_published(duly, tmp_path, text, character):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.replace("please pay.", text, 1), encoding="utf-8")
    ended = duly("policy", "check", "--json", path)
    warnings = [one for one in map(json.loads, ended.out.splitlines()) if one["code"].startswith("sms-")]
    assert ended.code == 0
    assert len(warnings) == 1
    assert character in warnings[0]["message"] + str(warnings[0]["found"])
    assert warnings[0]["line"] == POLICY[: POLICY.index("please pay.")].count("\n") + 1


def test_without_such_a_character_there_is_no_such_warning(duly, tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY, encoding="utf-8")
    assert "sms-" not in duly("policy", "check", "--json", path).out
