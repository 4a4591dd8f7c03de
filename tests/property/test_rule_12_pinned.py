"""Rule 12: a contract keeps the version that was current when its instalment came to be chased."""

from __future__ import annotations

from policies.outcome import SENT
from tests.property.examine import examine
from tests.property.reckon import Reckoning
from tests.property.telling import Told
from tests.property.worlds import Shape

SHAPE = Shape(versions=True, hand_off=False, outages=1)


def check(told: Told) -> int:
    """Each message is in the words of the version that its contract is pinned to."""
    at_stake = 0
    old, new = told.world.published
    assert new.policy.digest != old.policy.digest
    for loan in told.world.loans:
        reckoning = Reckoning(told.world, loan)
        for line in told.of(loan.loan_id):
            if line.outcome != SENT:
                continue
            pinned_at = [c.since for c in reckoning.chases(line.at) if not c.overdue] or [loan.disbursed_at]
            expected = new.policy.digest if new.since <= pinned_at[-1] else "note"
            assert line.message == expected, "in the words of another version"
            at_stake += pinned_at[-1] < new.since <= line.at
    return at_stake


def test_a_contract_keeps_its_version_to_the_end_of_the_episode() -> None:
    assert examine(check, SHAPE, 150) > 30
