"""Rule 4: two steps are never closer than the policy says, whatever was paid, held or missed in between."""

from __future__ import annotations

from policies.contract import Step
from policies.outcome import VOID, Line
from tests.property.examine import examine
from tests.property.reckon import Reckoning, day_of, named_day, named_time
from tests.property.telling import Told
from tests.property.worlds import Shape

SHAPE = Shape(before_due=0, hand_off=False)


def check(told: Told) -> int:
    """Between a step and the one settled before it lie as many days of notice as lie between their ``at``s."""
    at_stake = 0
    for loan in told.world.loans:
        reckoning = Reckoning(told.world, loan)
        last: Line | None = None
        for line in told.settled(loan.loan_id, after_due=True):
            if last is not None and last.episode != line.episode:
                last = None
            if line.outcome != VOID:
                at_stake += notice_was_given(told.ladder(), reckoning, last, line)
            last = line
    return at_stake


def notice_was_given(ladder: dict[str, Step], reckoning: Reckoning, last: Line | None, line: Line) -> bool:
    """Assert that it was; answers whether the step was later than its own time because of it."""
    assert line.step is not None and line.instalment is not None
    step, loan, place = ladder[line.step], reckoning.loan, line.instalment - 1
    own = named_time(step, loan, place, reckoning.zone)
    assert line.at >= own, "judged before its own time"
    since, distance = before(ladder, reckoning, last, step, place, line.at)
    given = reckoning.noticed_days(since, day_of(reckoning.zone, line.at), line.at)
    assert given >= distance, f"{step.name} came after {given} days of notice instead of {distance}"
    return line.at > own


def before(
    ladder: dict[str, Step], reckoning: Reckoning, last: Line | None, step: Step, place: int, now: int
) -> tuple[int, int]:
    """The day from which notice counts, and how many days of it the step needs."""
    loan = reckoning.loan
    if last is None:
        start, _ = reckoning.episode_at(now)
        return day_of(reckoning.zone, start) - 1, named_day(step, loan, place) - loan.instalments[
            place
        ].due_on.toordinal()
    assert last.step is not None
    apart = named_day(step, loan, place) - named_day(ladder[last.step], loan, place)
    return day_of(reckoning.zone, last.at), max(0, apart)


def test_a_ladder_is_never_faster_than_it_says() -> None:
    assert examine(check, SHAPE, 200) > 50
