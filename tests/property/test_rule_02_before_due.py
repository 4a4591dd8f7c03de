"""Rule 2: a step at or before ``due`` is for one instalment, once, while it is chased and nothing is overdue."""

from __future__ import annotations

from policies.contract import Step
from policies.outcome import SUPERSEDED, VOID, Line
from tests.property.examine import examine
from tests.property.reckon import Reckoning, instant, named_time, plus, wall
from tests.property.telling import Told, was_judged
from tests.property.worlds import Shape

SHAPE = Shape(reversals=True, after_due=2)


def check(told: Told) -> int:
    """Each outcome of such a step is one that its instalment, at that instant, allows."""
    at_stake = 0
    steps = {s.name: s for s in told.world.policy.ladder if s.at.offset.amount <= 0}
    for loan in told.world.loans:
        reckoning = Reckoning(told.world, loan)
        seen: dict[tuple[int, str], Line] = {}
        for line in told.of(loan.loan_id):
            step = steps.get(line.step or "")
            if step is None or line.instalment is None or line.outcome == SUPERSEDED:
                continue
            place = line.instalment - 1
            assert (place, step.name) not in seen, "a step before due is settled at most once for an instalment"
            seen[(place, step.name)] = line
            since = _chased_since(reckoning, place, line.at)
            over = _over(reckoning, step, list(steps.values()), place, since)
            if was_judged(line):
                standing = reckoning.standing(line.at)
                assert not standing.overdue
                assert standing.chased == place
                assert line.at < over, "done although it was void by then"
            else:
                assert line.outcome == VOID
                assert over <= line.at, "void although nothing ended it"
            at_stake += 1
    return at_stake


def _chased_since(reckoning: Reckoning, place: int, at: int) -> int:
    """Since when the instalment is the chased one, outside an episode, as last before ``at``."""
    starts = [c.since for c in reckoning.chases(at) if not c.overdue and c.place == place]
    assert starts, "settled for an instalment that was never chased before its due date"
    return starts[-1]


def _over(reckoning: Reckoning, step: Step, steps: list[Step], place: int, since: int) -> int:
    """From when the step is void: at once if its time was not to come, else by a later one, its end or the due date."""
    loan, zone = reckoning.loan, reckoning.zone
    own = named_time(step, loan, place, zone)
    if own <= since:
        return since
    ends = [reckoning.past_due_at[place]]
    ends += [named_time(s, loan, place, zone) for s in steps if s.place > step.place]
    if step.within is not None:
        late = plus(step.at.offset.amount + loan.instalments[place].due_on.toordinal(), step.within)
        ends.append(_same_clock(zone, own, late))
    return min(ends)


def _same_clock(zone: str, own: int, day: int) -> int:
    clock = wall(zone, own)
    return instant(zone, day, clock.hour * 3600 + clock.minute * 60 + clock.second)


def test_a_step_before_due_is_done_once_while_its_instalment_is_chased_and_its_time_lasts() -> None:
    assert examine(check, SHAPE, 150) > 150
