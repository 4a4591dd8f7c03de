"""The drawn worlds reach what matters: steps after part payments, and every kind of outcome."""

from __future__ import annotations

from collections import Counter

from policies.facts import Loan
from tests.property.examine import drawn
from tests.property.reckon import Reckoning
from tests.property.telling import Told, tell
from tests.property.worlds import Shape

EVERYTHING = Shape(
    reversals=True, returns=True, sides=True, guard=True, unreachable=True, failures=True, versions=True,
    threshold=True,
)  # fmt: skip
EXAMPLES = 150


def test_at_least_three_of_ten_worlds_reach_a_step_after_a_part_payment() -> None:
    for shape in (Shape(), EVERYTHING):
        stories = [tell(world) for world in drawn(shape, EXAMPLES)]
        reached = sum(any(_reaches(told, loan) for loan in told.world.loans) for told in stories)
        assert reached >= 0.3 * len(stories), f"{reached} of {len(stories)} do"


def _reaches(told: Told, loan: Loan) -> bool:
    """Whether a step was settled while an instalment of its loan, or the whole loan, was paid in part."""
    reckoning = Reckoning(told.world, loan)
    asked = sum(i.principal_minor for i in loan.instalments)
    lines = [line for after in (False, True) for line in told.settled(loan.loan_id, after_due=after)]
    return any(0 < sum(reckoning.standing(line.at).unpaid) < asked for line in lines)


def test_the_worlds_reach_every_outcome_that_decide_can_come_to() -> None:
    found = Counter(line.outcome for world in drawn(EVERYTHING, EXAMPLES) for line in tell(world).lines)
    rare = {"sent", "offer", "hold", "hand_off", "review", "deferred", "suppressed", "skipped", "void", "cured"}
    assert {outcome: found[outcome] > 10 for outcome in rare} == dict.fromkeys(rare, True)
    assert found["set_aside"] == 0
