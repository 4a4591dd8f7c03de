"""Rule 1: money is counted afresh at each instant, oldest instalment first, and says what is chased."""

from __future__ import annotations

import json
from datetime import date

from policies.outcome import SENT
from tests.property.examine import examine
from tests.property.reckon import Reckoning, day_of
from tests.property.telling import Told
from tests.property.worlds import Shape

SHAPE = Shape(reversals=True, threshold=True)


def check(told: Told) -> int:
    """Every message of the ladder prints the loan as it stands when the message is decided."""
    at_stake = 0
    for loan in told.world.loans:
        reckoning = Reckoning(told.world, loan)
        for line in told.of(loan.loan_id):
            if line.outcome != SENT or line.body is None:
                continue
            now = reckoning.standing(line.at)
            assert now.chased is not None
            chased = loan.instalments[now.chased]
            late = now.overdue
            assert line.instalment == chased.number
            assert json.loads(line.body) == {
                "overdue": now.late_minor,
                "balance": sum(now.unpaid),
                "principal": sum(now.unpaid),
                "days_past_due": _days_past_due(reckoning, chased.due_on, line.at) if late else 0,
                "instalments_overdue": sum(1 for a in now.unpaid[: now.past_due] if a) if late else 0,
                "due": chased.due_on.isoformat(),
            }
            at_stake += any(0 < left < i.principal_minor for left, i in zip(now.unpaid, loan.instalments, strict=True))
    return at_stake


def _days_past_due(reckoning: Reckoning, due: date, at: int) -> int:
    return day_of(reckoning.zone, at) - due.toordinal()


def test_a_message_prints_the_loan_as_its_facts_stand() -> None:
    assert examine(check, SHAPE, 150) > 50
