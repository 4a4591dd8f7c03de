"""Each rule has a mutant of ``decide()`` that its own property catches, and no other one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import NamedTuple

import pytest

from tests.mutants import mutants
from tests.property import (
    test_rule_01_money,
    test_rule_02_before_due,
    test_rule_03_order,
    test_rule_04_notice,
    test_rule_05_late,
    test_rule_06_chase,
    test_rule_07_cure,
    test_rule_08_hand_off,
    test_rule_09_holds,
    test_rule_10_law,
    test_rule_11_outcomes,
    test_rule_12_pinned,
    test_rule_13_bounded,
)
from tests.property.examine import Check, drawn
from tests.property.telling import tell
from tests.property.worlds import Shape

EXAMPLES = 100
"""How many worlds a property gets to catch its own mutant."""
OTHERS = 20
"""How many it gets to catch another one."""


class Rule(NamedTuple):
    """A rule: the checks of its property, each with the worlds it is for, and its mutant."""

    number: int
    properties: tuple[tuple[Check, Shape], ...]
    mutant: Callable[[], AbstractContextManager[None]]


def _rule(number: int, module: object, mutant: Callable[[], AbstractContextManager[None]]) -> Rule:
    return Rule(number, ((getattr(module, "check"), getattr(module, "SHAPE")),), mutant)  # noqa: B009


CHASE = (
    (test_rule_06_chase.check_quiet, test_rule_06_chase.QUIET),
    (test_rule_06_chase.check_reversed, test_rule_06_chase.REVERSED),
    (test_rule_06_chase.check_moving, test_rule_06_chase.MOVING),
)
RULES = (
    _rule(1, test_rule_01_money, mutants.days_past_due_from_zero),
    _rule(2, test_rule_02_before_due, mutants.missed_early_steps_are_made_up_for),
    _rule(3, test_rule_03_order, mutants.conditions_are_not_tested),
    _rule(4, test_rule_04_notice, mutants.no_notice),
    _rule(5, test_rule_05_late, mutants.late_at_once),
    Rule(6, CHASE, mutants.no_quiet_day),
    _rule(7, test_rule_07_cure, mutants.side_steps_outlive_the_cure),
    _rule(8, test_rule_08_hand_off, mutants.hand_off_without_notice),
    _rule(9, test_rule_09_holds, mutants.holds_only_cost_time),
    _rule(10, test_rule_10_law, mutants.each_loan_by_itself),
    _rule(11, test_rule_11_outcomes, mutants.early_steps_vanish),
    _rule(12, test_rule_12_pinned, mutants.newest_version_always),
    _rule(13, test_rule_13_bounded, mutants.nobody_is_told),
)


COARSE = {mutants.last_step_first: 3, mutants.silent_cure: 11}
"""More mutants, and the rule that each breaks; they break others with it, which read the story in its order."""


@cache
def caught_by(mutated: Rule) -> dict[int, str]:
    """The rules whose property fails under the mutant of a rule, each with what it says."""
    found: dict[int, str] = {}
    with mutated.mutant():
        for rule in RULES:
            said = _fails(rule, EXAMPLES if rule is mutated else OTHERS)
            if said is not None:
                found[rule.number] = said
    return found


def _fails(rule: Rule, examples: int = EXAMPLES) -> str | None:
    for check, shape in rule.properties:
        for world in drawn(shape, EXAMPLES)[:examples]:
            try:
                check(tell(world))
            except AssertionError as error:
                return f"{check.__module__}: {error}"
    return None


def test_every_rule_has_its_mutant() -> None:
    assert [rule.number for rule in RULES] == list(range(1, 14))
    assert len({rule.mutant for rule in RULES}) == 13


def test_no_property_fails_without_a_mutant() -> None:
    assert {rule.number: _fails(rule) for rule in RULES} == dict.fromkeys(range(1, 14))


@pytest.mark.parametrize("rule", RULES, ids=[f"rule {rule.number}" for rule in RULES])
def test_mutant_dies_by_its_own_property_and_by_no_other(rule: Rule) -> None:
    assert sorted(caught_by(rule)) == [rule.number], caught_by(rule)


@pytest.mark.parametrize(("mutant", "number"), COARSE.items(), ids=[mutant.__name__ for mutant in COARSE])
def test_coarse_mutant_dies_by_its_own_property(
    mutant: Callable[[], AbstractContextManager[None]], number: int
) -> None:
    with mutant():
        assert _fails(RULES[number - 1]) is not None
