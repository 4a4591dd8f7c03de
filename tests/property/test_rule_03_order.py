"""Rule 3: steps after ``due`` are done in their order, each at most once, and skipped only where ``when`` fails."""

from __future__ import annotations

import json

from policies.contract import Step
from policies.outcome import SENT, SKIPPED, VOID, Line
from tests.property.examine import examine
from tests.property.reckon import Reckoning, instant, named_time, plus, wall
from tests.property.telling import Told
from tests.property.worlds import Shape

SHAPE = Shape(before_due=0, conditions=("overdue", "balance"), hand_off=False)


def check(told: Told) -> int:
    """No step is settled before its predecessors; none is done twice for an instalment, or against its ``when``."""
    at_stake = 0
    ladder = told.ladder()
    for loan in told.world.loans:
        reckoning = Reckoning(told.world, loan)
        settled: dict[int, set[str]] = {}
        done: set[tuple[int | None, int | None, str]] = set()
        for line in told.settled(loan.loan_id, after_due=True):
            assert line.episode is not None and line.step is not None
            step = ladder[line.step]
            passed = settled.setdefault(line.episode, set())
            waiting = [s.name for s in ladder.values() if s.place < step.place and s.name not in passed]
            assert not waiting, f"{step.name} was settled while {waiting} were open"
            passed.add(step.name)
            if line.outcome == VOID:
                assert step.within is not None
                assert _end(reckoning, step, line) <= line.at, "void before its time was over"
            else:
                key = (line.episode, line.instalment, step.name)
                assert key not in done or line.outcome == SKIPPED, "done twice for one instalment"
                if line.outcome == SENT:
                    done.add(key)
                assert (line.outcome == SENT) is _holds(reckoning, step, line)
            at_stake += step.place > 0
    return at_stake


def _end(reckoning: Reckoning, step: Step, line: Line) -> int:
    """When the step is void at the earliest: that long after its own time, by the clock on the wall."""
    assert step.within is not None and line.instalment is not None
    own = named_time(step, reckoning.loan, line.instalment - 1, reckoning.zone)
    clock = wall(reckoning.zone, own)
    day = plus(clock.toordinal(), step.within)
    return instant(reckoning.zone, day, clock.hour * 3600 + clock.minute * 60 + clock.second)


def _holds(reckoning: Reckoning, step: Step, line: Line) -> bool:
    if step.when is None:
        return True
    if line.body is not None:
        return step.when.test(json.loads(line.body))
    now = reckoning.standing(line.at)
    return step.when.test({"overdue": now.late_minor, "balance": sum(now.unpaid)})


def test_steps_after_due_are_done_in_order_each_once_and_only_while_their_condition_holds() -> None:
    assert examine(check, SHAPE, 150) > 100
