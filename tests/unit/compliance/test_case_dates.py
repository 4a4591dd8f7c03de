"""Date calculations of a case file, by any of their names."""

from __future__ import annotations

import pytest

from policies.compliance.case_judge import judge_case
from policies.compliance.case_known import Known
from policies.compliance.cases import Case, read


def dated(function: str, inputs: str, expected: str) -> Case:
    head = "- id: d\n  kind: date_calc\n  jurisdiction: US\n"
    text = f"cases:\n{head}  function: {function}\n  inputs: {inputs}\n  expected: {expected}\n"
    (case,), _ = read("c.yaml", text, lambda names: Known(), Known())
    return case


@pytest.mark.parametrize(
    ("function", "inputs", "expected"),
    [
        ("business_days_after", "{start: '2026-10-05', n: 10, holidays: ['2026-10-12']}", "{date: '2026-10-20'}"),
        ("add_business_days", "{date: '2026-10-05', days: 10}", "{result: '2026-10-20'}"),
        ("validation_period_end", "{sent: '2026-10-05'}", "{date: '2026-11-12', assumed_receipt: '2026-10-13'}"),
        ("validation_end", "{sent_on: '2026-10-05', holidays: []}", "{period_end: '2026-11-11'}"),
        ("validation_period", "{start: '2026-10-05'}", "{end: '2026-11-12', receipt: '2026-10-13'}"),
        ("closed_period", "{start: '2026-08-11'}", "{last_day: '2026-08-17', next_open: '2026-08-18'}"),
        ("limitation_end", "{due: '2023-03-01', interruptions: ['2025-06-10'], years: 3}", "{end: '2028-06-10'}"),
        ("complaint_deadline", "{received: '2026-10-05', days: 15, max_days: 60}", "{date: '2026-10-20'}"),
    ],
)
def test_a_calculation_is_called_by_any_of_its_names(function: str, inputs: str, expected: str) -> None:
    found = judge_case(dated(function, inputs, expected), None)
    assert (found.agrees, found.error, found.decision) == (True, None, None)


def test_another_date_does_not_agree() -> None:
    found = judge_case(dated("plus_days", "{date: '2026-10-05', days: 5}", "{date: '2026-10-11'}"), None)
    assert (found.agrees, found.error) == (False, None)


@pytest.mark.parametrize(
    ("function", "inputs", "expected", "said"),
    [
        ("retention_untl", "{last_activity: '2026-10-05', years: 3}", "{date: '2029-10-05'}", "retention_until"),
        ("retention_until", "{last_activty: '2026-10-05', years: 3}", "{date: '2029-10-05'}", "last_activity"),
        ("retention_until", "{last_activity: '2026-10-05', years: 3}", "{dat: '2029-10-05'}", "date"),
        ("retention_until", "{last_activity: '2026-13-05', years: 3}", "{date: '2029-10-05'}", "calendar"),
        ("plus_days", "{date: '9999-12-31', days: 5}", "{date: '2029-10-05'}", "out of range"),
    ],
)
def test_a_calculation_that_cannot_be_read_says_why(function: str, inputs: str, expected: str, said: str) -> None:
    found = judge_case(dated(function, inputs, expected), None)
    assert said in (found.error or "")
    assert not found.agrees
