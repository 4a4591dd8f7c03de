"""``duly simulate``: the lines of interfaces.md in their order, a table for people, and clear words for wrong input."""

from __future__ import annotations

import json
import shutil
from datetime import datetime

import pytest

KEYS = [
    "at", "borrower_id", "loan_id", "instalment", "episode", "step", "occurrence", "outcome", "channel", "message",
    "language", "to", "subject", "body", "until", "because",
]  # fmt: skip


def test_each_line_has_every_key_in_its_order_and_the_rule_first(duly, policy, book):
    ended = duly("simulate", "--json", policy, book)
    lines = [json.loads(line) for line in ended.lines]
    assert ended.code == 0 and len(lines) > 50
    assert all(list(line) == KEYS for line in lines)
    assert all(next(iter(one)) == "rule" for line in lines for one in line["because"])


def test_lines_are_ordered_by_instant_borrower_and_loan(duly, policy, book):
    lines = [json.loads(line) for line in duly("simulate", "--json", policy, book).lines]
    keys = [(datetime.fromisoformat(one["at"]), one["borrower_id"], one["loan_id"]) for one in lines]
    assert keys == sorted(keys)


def test_from_and_until_are_half_open(duly, policy, book):
    whole = duly("simulate", "--json", policy, book, "--until", "2026-03-01").lines
    at = json.loads(whole[len(whole) // 2])["at"]
    instant = datetime.fromisoformat(at)
    ended = duly("simulate", "--json", policy, book, "--until", at)
    assert ended.lines == [line for line in whole if datetime.fromisoformat(json.loads(line)["at"]) < instant]


def test_nothing_happens_in_an_outage(duly, policy, book):
    span = ("--from", "2026-01-05", "--until", "2026-04-05")
    without = duly("simulate", "--json", policy, book, *span).lines
    ended = duly("simulate", "--json", policy, book, *span, "--outage", "2026-02-01/2026-02-10")
    start, end = (datetime.fromisoformat(f"{day}T00:00:00+00:00") for day in ("2026-02-01", "2026-02-10"))

    def within(lines):
        told = [json.loads(line) for line in lines]
        return [one for one in told if start <= datetime.fromisoformat(one["at"]) < end and one["outcome"] != "cured"]

    assert within(without) and not within(ended.lines)
    assert ended.lines != without


def test_the_table_has_a_row_for_each_line(duly, policy, book):
    lines = duly("simulate", "--json", policy, book).lines
    ended = duly("simulate", policy, book)
    assert ended.lines[0].split() == ["WHEN", "LOAN", "STEP", "OUTCOME", "BY", "WHY"]
    assert len(ended.lines) == len(lines) + 1


def test_a_book_without_loans_has_no_story(duly, policy, book, tmp_path):
    shutil.copy(book / "borrowers.csv", tmp_path)
    ended = duly("simulate", "--json", policy, tmp_path)
    assert (ended.code, ended.out) == (0, "")


def test_a_loan_that_no_policy_takes_in_is_named_with_the_policies(duly, policy, book, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(policy.read_text(encoding="utf-8").replace("region: US", "region: JP"), encoding="utf-8")
    ended = duly("simulate", other, book)
    assert (ended.code, ended.out) == (1, "")
    assert "loans.csv:2: product: no policy applies to loan l-00001-1" in ended.err
    assert "us-personal-loan" in ended.err and "nothing was simulated" in ended.err


def test_a_loan_that_two_policies_take_in_is_named_with_both(duly, policy, book, tmp_path):
    other = tmp_path / "other.yaml"
    text = policy.read_text(encoding="utf-8").replace("policy: us-personal-loan", "policy: another")
    other.write_text(text, encoding="utf-8")
    ended = duly("simulate", policy, other, book)
    assert (ended.code, ended.out) == (1, "")
    assert "policies another and us-personal-loan both apply to loan l-00001-1" in ended.err


def test_each_bad_row_of_a_book_is_told_with_its_place(duly, policy, book, tmp_path):
    folder = tmp_path / "book"
    shutil.copytree(book, folder)
    loans = folder / "loans.csv"
    rows = loans.read_text(encoding="utf-8").split("\n")
    rows[1], rows[2] = rows[1].replace("USD", "XQX"), rows[2].replace("USD", "usd")
    loans.write_text("\n".join(rows), encoding="utf-8")
    ended = duly("simulate", policy, folder)
    assert (ended.code, ended.out) == (1, "")
    assert "loans.csv:2: currency: " in ended.err and "loans.csv:3: currency: " in ended.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from", "yesterday"), "--from"),
        (("--until", "2026-02-30"), "--until"),
        (("--from", "2026-02-02", "--until", "2026-02-01"), "--until is not after --from"),
        (("--outage", "2026-02-01"), "FROM/TO"),
        (("--outage", "2026-02-02/2026-02-01"), "ends before it begins"),
    ],
)
def test_an_option_that_cannot_be_is_a_usage_error(duly, policy, book, arguments, says):
    ended = duly("simulate", policy, book, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err
