"""``when`` holds exactly where it says, on exact money, and a test that cannot hold is found."""

from __future__ import annotations

from typing import Any

import pytest

from policies.contract import Condition
from policies.language.check import compile_policy
from tests.unit.language.writing import changed, codes, compiled, facts, problems_of


def policy_with(when: str, at: str = "due + 1 day, 10:00") -> str:
    return changed(("    send:", f"    when: {when}\n    send:"), ("due + 1 day, 10:00", at))


def condition(when: str, at: str = "due + 1 day, 10:00") -> Condition:
    found = compiled(policy_with(when, at)).steps[0].when
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("when", "given", "holds"),
    [
        ('{overdue: ">= 10.00"}', {"overdue": 1_000}, True),
        ('{overdue: ">= 10.00"}', {"overdue": 999}, False),
        ('{overdue: "> 10.00"}', {"overdue": 1_000}, False),
        ('{overdue: "<= 10.00"}', {"overdue": 1_000}, True),
        ('{overdue: "< 10.00"}', {"overdue": 1_000}, False),
        ('{overdue: "!= 10.00"}', {"overdue": 1_000}, False),
        ('{overdue: "!= 10.00"}', {"overdue": 999}, True),
        ("{overdue: 10}", {"overdue": 1_000}, True),
        ("{overdue: 10.1}", {"overdue": 1_010}, True),
        ('{overdue: "10.00 .. 20.00"}', {"overdue": 2_000}, True),
        ('{overdue: "10.00..20.00"}', {"overdue": 2_001}, False),
        ('{overdue: ">=10.00"}', {"overdue": 1_000}, True),
        ("{days_past_due: [1, 3, 9]}", {"days_past_due": 9}, True),
        ("{days_past_due: [1, 3, 9]}", {"days_past_due": 4}, False),
        ("{product: personal}", {"product": "personal"}, True),
        ("{product: [payday, personal]}", {"product": "auto"}, False),
        ('{product: "!= auto"}', {"product": "auto"}, False),
        ("{region: US}", {"region": "US-CA"}, True),
        ("{region: US}", {"region": "USX"}, False),
        ("{region: US-CA}", {"region": "US"}, False),
        ('{region: "!= US-CA"}', {"region": "US-CA"}, False),
        ('{region: "!= US-CA"}', {"region": "US-TX"}, True),
        ("{language: en}", {"language": "en-GB"}, True),
        ("{reachable_by: sms}", {"reachable_by": ("email", "sms")}, True),
        ("{reachable_by: [letter, sms]}", {"reachable_by": ("email",)}, False),
        ('{tags: "!= vip"}', {"tags": ("vip", "old")}, False),
        ('{tags: "!= vip"}', {"tags": ()}, True),
        ("{tags: vip}", {"tags": ()}, False),
        ("{any: [{overdue: 1}, {product: personal}]}", {}, True),
        ("{any: {overdue: 1, product: auto}}", {}, False),
        ("{all: [{product: personal}, {days_past_due: 9}]}", {}, True),
        ("{not: {product: personal, days_past_due: 9}}", {}, False),
        ("{not: {product: personal, days_past_due: 8}}", {}, True),
        ("{not: {any: [{product: auto}, {days_past_due: 8}]}}", {}, True),
        ("{product: personal, days_past_due: 8}", {}, False),
    ],
)
def test_a_condition_holds_exactly_where_it_says(when: str, given: dict[str, Any], holds: bool) -> None:
    assert condition(when).test(facts(**given)) is holds


@pytest.mark.parametrize(
    "when",
    ['{segment: "!= gold"}', "{segment: gold}", '{last_response_days: ">= 0"}', '{last_response_days: "!= 5"}'],
)
def test_a_fact_without_a_value_satisfies_no_test(when: str) -> None:
    assert condition(when).test(facts(segment=None, last_response_days=None)) is False


def test_a_condition_names_the_facts_that_it_reads() -> None:
    found = condition('{overdue: ">= 10.00", not: {promises_broken: ">= 2"}}')
    assert found.names == ("overdue", "promises_broken")
    assert found.text == "overdue 10.00 or more and not (promises_broken 2 or more)"


def test_money_is_exact_in_the_currency_of_the_policy() -> None:
    yen = policy_with('{overdue: ">= 1000"}').replace("USD", "JPY")
    found = compiled(yen).steps[0].when
    assert found is not None
    assert (found.test(facts(overdue=1_000)), found.test(facts(overdue=999))) == (True, False)
    assert codes(policy_with('{overdue: ">= 10.5"}').replace("USD", "JPY")) == ["too-many-decimals"]


@pytest.mark.parametrize(
    ("when", "at"),
    [
        ('{overdue: "> 0"}', "due - 3 days, 10:00"),
        ("{days_past_due: 1}", "due, 10:00"),
        ('{instalments_overdue: ">= 1"}', "due - 1 business day, 10:00"),
        ("{not: {overdue: 0}}", "due - 3 days, 10:00"),
        ("{overdue: 0}", "due + 1 day, 10:00"),
        ('{days_past_due: "< 1"}', "due + 1 day, 10:00"),
        ('{overdue: "< 0"}', "due + 1 day, 10:00"),
        ('{all: [{balance: "> 10"}, {balance: "< 10"}]}', "due + 1 day, 10:00"),
        ("{any: [{days_past_due: 0}, {days_past_due: 5}]}", "due + 1 day, 10:00"),
        ('{any: [{balance: "< 5"}, {balance: "< 6"}], balance: "> 7"}', "due + 1 day, 10:00"),
        ("{tags: vip, not: {tags: vip}}", "due + 1 day, 10:00"),
        ('{all: [{region: US-CA}, {region: "!= US"}]}', "due + 1 day, 10:00"),
        ("{not: {not: {days_past_due: 0}}}", "due + 1 day, 10:00"),
    ],
)
def test_a_test_that_can_never_hold_is_an_error(when: str, at: str) -> None:
    assert codes(policy_with(when, at)) == ["never-holds"]


@pytest.mark.parametrize(
    ("when", "at"),
    [
        ("{overdue: 0}", "due - 3 days, 10:00"),
        ('{days_past_due: "< 20"}', "due + 30 days, 10:00"),
        ('{all: [{balance: ">= 10"}, {balance: "<= 10"}]}', "due + 1 day, 10:00"),
        ('{any: [{balance: "< 5"}, {balance: "> 8"}], not: {balance: 3}}', "due + 1 day, 10:00"),
        ("{not: {segment: gold}, segment: [gold, silver]}", "due + 1 day, 10:00"),
        ("{language: en-GB}", "due + 1 day, 10:00"),
        ('{all: [{region: US}, {region: "!= US-CA"}]}', "due + 1 day, 10:00"),
    ],
)
def test_a_test_that_some_loan_passes_is_none(when: str, at: str) -> None:
    assert codes(policy_with(when, at)) == []


def test_the_policy_that_is_executed_keeps_a_test_that_never_holds() -> None:
    policy, problems = compile_policy("p.yaml", policy_with('{overdue: "> 1"}', "due, 10:00"), executing=True)
    assert [(problem.severity, problem.code) for problem in problems] == [("warning", "never-holds")]
    assert policy is not None
    assert policy.steps[0].when is not None
    assert policy.steps[0].when.test(facts(overdue=0)) is False


@pytest.mark.parametrize(
    "test",
    ["9" * 5_000, ">= " + "9" * 5_000, "." * 100_000, "1 .. " + "9" * 150, "9**9**9", "((((1))))", "1e999", "-1"],
)
def test_an_absurd_number_is_an_error_at_its_place(test: str) -> None:
    for fact in ("overdue", "days_past_due"):
        (problem,) = problems_of(policy_with(f'{{{fact}: "{test}"}}'))
        assert (problem.line, problem.column) == (8, 14 + len(fact))


def test_three_hundred_nots_are_an_error_and_no_crash() -> None:
    (problem,) = problems_of(policy_with("{not: " * 300 + "{overdue: 1}" + "}" * 300))
    assert (problem.code, problem.line) == ("too-deep", 8)
