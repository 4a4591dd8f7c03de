"""The runner of policy tests: what is wrong with a file, how a failure is shown, and what is covered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.testing import run_tests
from policies.testing_told import WIDTH
from tests.case_files import LADDER, LOAN, POLICY, case, run

# --- what is wrong with a file ---------------------------------------------------------------------------------

WRONG: list[tuple[str, str, int, int, str]] = [
    ("case: []\npolicy: p.yaml\ncases: [{}]\n", "unknown-key", 1, 1, "did you mean 'cases'?"),
    ("cases: []\n", "missing-key", 1, 1, "add the policy's file"),
    ("policy: ../p.yaml\ncases: []\n", "policy-elsewhere", 1, 9, "without '..'"),
    ("policy: /etc/p.yaml\n", "policy-elsewhere", 1, 9, "not from the root"),
    ("policy: a\\p.yaml\n", "policy-elsewhere", 1, 9, "write its name"),
    ("policy: 'C:p.yaml'\n", "policy-elsewhere", 1, 9, "write its name"),
    ("policy: q.yaml\n", "policy-unreadable", 1, 9, "add the file"),
    ("policy: p.yaml\n", "no-cases", 1, 1, "write a case"),
    ("[a]\n", "not-a-test", 1, 1, "write the policy's file"),
    ("policy: p.yaml\npolicy: p.yaml\n", "duplicate-key", 2, 1, "keep one"),
    (case("[]", name=""), "missing-key", 4, 5, "say in a few words"),
    (case("[]", loan=""), "no-loan", 4, 5, "write one of the two"),
    (case("[]", loans="[]"), "loan-twice", 7, 5, "write one of the two"),
    (case("[]", borrower="{zome: UTC}"), "unknown-column", 5, 16, "did you mean 'zone'?"),
    (case("[]", borrower="{zone: Europe/Madird}"), "unknown-zone", 5, 22, "did you mean 'Europe/Madrid'?"),
    (case("[]", borrower="{phone: '12'}"), "not-a-phone", 5, 23, ""),
    (case("[]", loan="{instalments: []}"), "no-instalments", 6, 11, ""),
    (case("[]", loan="{instalments: [{due_on: 2026-03-01}]}"), "missing-value", 6, 26, "fill it in"),
    (case("[]", loan=LOAN.replace("100.00", "100.001")), "too-many-decimals", 6, 90, ""),
    (case("[]", events="[{at: 2026-03-01, type: offer_viewed}]"), "event-without-effect", 7, 37, ""),
    (case("[]", events="[{at: 2026-03-01 9:00, type: payment}]"), "not-an-instant", 7, 19, ""),
    (case("[]", events="[{at: 2026-03-01, type: release, ref: x}]"), "unknown-ref", 7, 51, ""),
    (case("[]", outage="2026-03-01"), "not-an-outage", 7, 13, "2026-03-01 18:00/2026-03-03 09:00"),
    (case("[]", outage="2026-03-02/2026-03-01"), "ends-before-it-begins", 7, 13, "turn the two round"),
    (case("[]", until="2026-01-01"), "ends-before-it-begins", 7, 12, ""),
    (case(""), "no-expectation", 7, 12, "expect: [] says that nothing is"),
    (case("[{at: 2026-03-01, sent: not}]"), "unknown-name", 7, 37, "did you mean 'note'?"),
    (case("[{at: 2026-03-01, skipped: frist}]"), "unknown-name", 7, 40, "did you mean 'first'?"),
    (case("[{at: 2026-03-01, sent: note, by: sns}]"), "unknown-name", 7, 47, "did you mean 'sms'?"),
    (case("[{at: 2026-03-01, cured: first}]"), "unknown-name", 7, 38, "write true"),
    (case("[{at: 2026-03-01, sent: note, cured: true}]"), "one-outcome", 7, 43, "write one outcome a line"),
    (case("[{at: 2026-03-01}]"), "one-outcome", 7, 14, ""),
    (case("[{sent: note}]"), "missing-key", 7, 14, "add 'at'"),
    (case("[{at: 2026-02-30 10:00, sent: note}]"), "no-such-date", 7, 19, ""),
    (case("[{at: 2026-03-01, sent: note, bye: sms}]"), "unknown-key", 7, 43, "did you mean 'by'?"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "line", "column", "remedy"), WRONG)
def test_what_is_wrong_is_told_with_its_place_and_remedy(
    text: str, code: str, line: int, column: int, remedy: str
) -> None:
    report = run(text)
    found = [(p.code, p.line, p.column) for p in report.problems]
    assert (code, line, column) in found, report.text()
    problem = next(p for p in report.problems if p.code == code)
    assert remedy in (problem.remedy or "")
    assert not report.passed and report.results == ()


def test_a_problem_of_two_rows_names_the_line_of_this_file() -> None:
    text = case("[]", loan="", loans="\n      - {loan_id: A, instalments: [{due_on: 2026-03-01, principal: 1}]}\n"
                "      - {loan_id: A, instalments: [{due_on: 2026-03-02, principal: 1}]}")  # fmt: skip
    problem = next(p for p in run(text).problems if p.code == "duplicate-id" and p.message.startswith("loan_id"))
    assert (problem.line, problem.column) == (8, 23)
    assert "in line 7" in problem.message


def test_a_case_is_named_once() -> None:
    text = case("[]", until="2026-02-02")
    twice = text + text.partition("cases:\n")[2]
    assert [p.code for p in run(twice).problems] == ["duplicate-case"]


def test_an_error_of_the_policy_is_shown_in_the_policys_own_lines() -> None:
    report = run_tests(
        "tests/p.test.yaml", case("[]").encode(), lambda name: POLICY.replace("due | date", "du").encode()
    )
    assert not report.valid
    assert {p.file for p in report.problems} == {"tests/p.yaml"}
    assert "sms: {en:" in report.text()


@given(st.integers(0, 700), st.sampled_from(["", "{", "]", "x", ": ", "2026-02-30", "9999-12-31", "-1", "''", "[]"]))
@settings(max_examples=150, deadline=None)
def test_a_file_that_was_cut_anywhere_is_read_or_refused_never_a_crash(place: int, put: str) -> None:
    text = case(LADDER, events="[{at: 2026-03-12 12:00, type: payment, amount: 10.00}]", until="2026-03-20")
    report = run(text[:place] + put + text[place + len(put) :])
    assert report.text()
    assert report.valid == bool(report.results)


# --- how it is shown -------------------------------------------------------------------------------------------


def test_a_failure_shows_both_stories_side_by_side_with_the_differing_lines_marked() -> None:
    told = ["{at: 2026-02-26 10:00, sent: note, by: email}", "{at: 2026-03-01 10:00, cured: true}", LADDER[1]]
    report = run(case(told, until="2026-03-03"))
    assert [" ".join(line.split()) for line in report.text().splitlines()] == [
        "p.test.yaml:4: a case",
        "expected | happened",
        f"{'-' * 56} | {'-' * 56}",
        "! 2026-02-26 10:00 sent note by email | 2026-02-26 10:00 sent note by sms step early (L2)",
        "by: expected email, happened sms",
        "! 2026-03-01 10:00 cured |",
        "2026-03-02 10:00 sent note by sms | 2026-03-02 10:00 sent note by sms step first (L3)",
        "",
        "p.test.yaml: 1 of 1 case failed",
    ]
    assert len({line.index("|") for line in report.text().splitlines() if "|" in line}) == 1


def test_a_text_that_lacks_what_it_should_hold_is_shown() -> None:
    text = run(case(["{at: 2026-02-26 10:00, sent: note, text: Hallo}"], until="2026-02-27")).text()
    assert "text does not hold 'Hallo'; it reads: Robin Mar 1, 2026" in text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Co", "Cn", "Zl", "Zp"]), min_size=1, max_size=90))
@settings(max_examples=60, deadline=None)
def test_two_stories_are_never_wider_than_the_page(word: str) -> None:
    text = json.dumps(word, ensure_ascii=False)
    report = run(case([f"{{at: 2026-02-26 10:00, sent: note, text: {text}}}"], until="2026-02-27"))
    if report.results and not report.passed:
        assert max(len(line) for line in report.results[0].text().splitlines()) <= WIDTH


def test_a_report_is_the_same_every_time() -> None:
    text = case(LADDER[:1])
    assert run(text).text(coverage=True) == run(text).text(coverage=True)


def test_a_report_can_be_read_by_a_program() -> None:
    found: dict[str, Any] = json.loads(json.dumps(run(case(LADDER, until="2026-03-20")).as_json()))
    assert found["passed"] and found["policy"] == "small" and found["digest"].startswith("sha256:")
    assert found["cases"][0]["rows"][0] == {
        "expected": "2026-02-26 10:00 sent note by sms",
        "happened": "2026-02-26 10:00 sent note by sms step early (L2)",
        "differs": False,
    }
    problem = run("policy: q.yaml\n").as_json()["problems"][0]
    assert (problem["line"], problem["column"], problem["code"]) == (1, 9, "policy-unreadable")


# --- coverage --------------------------------------------------------------------------------------------------


def test_coverage_says_what_no_case_has_shown() -> None:
    report = run(case(LADDER, until="2026-03-20"))
    assert report.coverage is not None and not report.every_step
    assert report.coverage.missing() == [
        "step away was never done",
        "the when of step first always held",
        "message note was never sent by sms in de",
        "message note was never sent by email in de",
    ]
    assert "4 of 5 steps covered; missing:" in report.text(coverage=True)


def test_coverage_counts_a_step_once_however_many_channels_it_uses_and_each_case_for_itself() -> None:
    text = case(LADDER, until="2026-03-20")
    second = case(LADDER, name="another", until="2026-03-20").partition("cases:\n")[2]
    coverage = run(text + second).coverage
    assert coverage is not None
    assert {step.name: step.done for step in coverage.steps} == {
        "early": 2,
        "first": 2,
        "deal": 2,
        "rest": 2,
        "away": 0,
    }
    assert coverage.offers == {"deal": 2}


def test_a_condition_that_failed_counts_as_failed() -> None:
    coverage = run(
        case("{includes: [{at: 2026-03-02 10:00, skipped: first}]}", loan=LOAN.replace("100.00", "9"))
    ).coverage
    assert coverage is not None
    first = coverage.steps[1]
    assert (first.held, first.failed, first.done, first.outcomes["skipped"]) == (0, 1, 0, 1)
