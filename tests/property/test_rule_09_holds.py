"""Rule 9: while a hold is in force nothing is done, skipped or deferred."""

from __future__ import annotations

from policies.outcome import DEFERRED, HOLD
from tests.property.examine import examine
from tests.property.reckon import Reckoning
from tests.property.telling import Told, was_judged
from tests.property.worlds import Shape

SHAPE = Shape(sides=True, guard=True, payments=2)


def check(told: Told) -> int:
    """No step is judged at an instant at which a hold is known to be in force: a told one, or one of the policy."""
    at_stake = 0
    for loan in told.world.loans:
        reckoning = Reckoning(told.world, loan)
        lines = told.of(loan.loan_id)
        own = [(line.at, line.until) for line in lines if line.outcome == HOLD]
        for line in lines:
            if was_judged(line) or line.outcome == DEFERRED:
                assert reckoning.held(line.at, line.at) == 0, f"{line.step} {line.outcome} during a hold"
                assert not any(at < line.at and (end is None or line.at < end) for at, end in own)
        at_stake += sum(1 for hold in reckoning.holds if hold.known_at < told.wakes[-1][0] and lines)
    return at_stake


def test_nothing_is_done_or_skipped_while_a_hold_is_in_force() -> None:
    assert examine(check, SHAPE, 150) > 50
