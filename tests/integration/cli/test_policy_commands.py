"""``duly policy``: every problem at once with its place, the canonical form and its digest, tests and differences."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

KEYS = ["file", "line", "column", "severity", "code", "message", "found", "expected", "remedy"]


@pytest.fixture
def wrong(policy: Path, tmp_path: Path) -> Path:
    """The same policy with two mistakes."""
    path = tmp_path / "wrong.yaml"
    text = policy.read_text(encoding="utf-8")
    assert "currency: USD" in text and "product: [personal, payday]" in text
    path.write_text(text.replace("currency: USD", "currency: XQX").replace("  steps:", ""), encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write("colour: blue\n")
    return path


def test_a_good_policy_is_named_with_its_digest(duly, policy):
    ended = duly("policy", "check", policy)
    assert ended.code == 0
    assert "good: us-personal-loan" in ended.out and "sha256:" in ended.out


def test_every_error_is_shown_at_once_with_place_excerpt_and_remedy(duly, wrong):
    ended = duly("policy", "check", wrong)
    assert ended.code == 1
    heads = [line for line in ended.lines if line.startswith(f"{wrong}:")]
    assert len(heads) >= 2 and all(": error[" in head for head in heads)
    assert ended.out.count("^") == len(heads)
    assert ended.out.count("  remedy: ") >= 2


def test_problems_as_json_have_every_key_in_its_order_and_count_from_one(duly, wrong):
    ended = duly("policy", "check", "--json", wrong)
    problems = [json.loads(line) for line in ended.lines]
    assert ended.code == 1 and len(problems) >= 2
    assert all(list(problem) == KEYS for problem in problems)
    assert all(problem["line"] >= 1 and problem["column"] >= 1 for problem in problems)


def test_a_good_policy_has_no_problem_as_json(duly, policy):
    ended = duly("policy", "check", "--json", policy)
    assert (ended.code, ended.out) == (0, "")


def test_a_file_that_is_not_there_is_a_problem_among_others(duly, policy, tmp_path):
    ended = duly("policy", "check", "--json", tmp_path / "none.yaml", policy)
    assert ended.code == 1
    assert [json.loads(line)["code"] for line in ended.lines] == ["file-unreadable"]


def test_the_digest_is_the_sha256_of_the_canonical_form_as_printed(duly, policy):
    shown = json.loads(duly("policy", "show", "--json", policy).out)
    assert list(shown) == ["policy", "digest", "canonical"]
    assert isinstance(shown["canonical"]["steps"], list)
    canonical = json.dumps(shown["canonical"], ensure_ascii=False, separators=(",", ":")).encode()
    assert shown["digest"] == "sha256:" + hashlib.sha256(canonical).hexdigest()


def test_show_names_each_step_offer_and_message(duly, policy):
    ended = duly("policy", "show", policy)
    canonical = json.loads(duly("policy", "show", "--json", policy).out)["canonical"]
    names = [step["step"] for step in canonical["steps"]] + [*canonical["offers"], *canonical["messages"]]
    assert ended.code == 0 and len(names) > 8
    assert [name for name in names if name not in ended.out] == []


def test_the_schema_is_json_schema(duly):
    ended = duly("policy", "schema")
    assert ended.code == 0
    assert json.loads(ended.out)["$schema"].startswith("https://json-schema.org/")


def test_the_same_policy_has_no_difference(duly, policy):
    ended = duly("policy", "diff", policy, policy)
    assert (ended.code, ended.out) == (0, "")
    assert "both mean the same" in ended.err


def test_a_difference_is_said_in_words(duly, policy, tmp_path):
    changed = tmp_path / "changed.yaml"
    text = policy.read_text(encoding="utf-8")
    assert "overdue_from: 1.00" in text
    changed.write_text(text.replace("overdue_from: 1.00", "overdue_from: 2.00"), encoding="utf-8")
    assert duly("policy", "diff", policy, changed).lines == ["overdue_from: 1.00 → 2.00"]
    assert json.loads(duly("policy", "diff", "--json", policy, changed).out) == {"change": "overdue_from: 1.00 → 2.00"}


CASE = """\
policy: us-personal-loan.yaml
cases:
  - name: who pays in time is only told before
    borrower: {zone: America/New_York}
    loan: {disbursed_at: 2026-02-01 09:00, instalments: [{due_on: 2026-03-01, principal: 120.00}]}
    events:
      - {at: 2026-02-28 12:00, type: payment, amount: 120.00}
    expect: [EXPECT]
    until: 2026-03-20
"""


@pytest.fixture
def case(policy: Path, tmp_path: Path):
    """A test file of one case beside the policy, which expects what it is given."""

    def write(expected: str) -> Path:
        (tmp_path / policy.name).write_bytes(policy.read_bytes())
        path = tmp_path / "one.test.yaml"
        path.write_text(CASE.replace("EXPECT", expected), encoding="utf-8")
        return path

    return write


def test_cases_that_pass_are_counted_and_their_coverage_is_shown(duly, case):
    path = case("{at: 2026-02-26 10:30, sent: upcoming, by: sms}")
    ended = duly("policy", "test", "--coverage", path)
    assert ended.code == 0, ended.out
    assert "1 case passed" in ended.out and "1 of 6 steps covered" in ended.out
    assert json.loads(duly("policy", "test", "--json", path).out)["passed"] is True


def test_a_case_that_fails_ends_with_one_and_shows_both_stories(duly, case):
    path = case("{at: 2026-02-26 10:30, sent: upcoming, by: email}")
    ended = duly("policy", "test", path)
    assert ended.code == 1
    assert "who pays in time is only told before" in ended.out and "failed" in ended.out
    assert "sent upcoming by email" in ended.out and "sent upcoming by sms" in ended.out
