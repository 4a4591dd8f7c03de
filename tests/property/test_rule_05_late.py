"""Rule 5: a late step is judged as soon as nothing stops it, but not before its own time of day."""

from __future__ import annotations

from collections.abc import Iterator

from policies.contract import Step
from policies.outcome import SENT, SKIPPED, Line
from tests.property.examine import examine
from tests.property.reckon import Reckoning, day_of, instant, named_time
from tests.property.telling import Told
from tests.property.test_rule_04_notice import before
from tests.property.worlds import Shape

SHAPE = Shape(instalments=1, payments=1, outages=8, before_due=0, within=False, hand_off=False)
LONG = 400
"""More days than any ladder of these worlds can be stopped."""


def check(told: Told) -> int:
    """Each step is judged at the first instant, from its time on, that is free, awake, and late enough in the day."""
    at_stake = 0
    ladder = told.ladder()
    for loan in told.world.loans:
        reckoning = Reckoning(told.world, loan)
        last: Line | None = None
        for line in told.settled(loan.loan_id, after_due=True):
            assert line.outcome in (SENT, SKIPPED) and line.step is not None and line.instalment is not None
            if last is not None and last.episode != line.episode:
                last = None
            step = ladder[line.step]
            day = day_of(reckoning.zone, line.at)
            assert line.at >= instant(reckoning.zone, day, step.at.tod), "judged before its own time of day"
            due = _time(ladder, reckoning, last, step, line.at)
            first = _first_free(told, reckoning, step, due)
            assert line.at <= first, "judged later than it could have been"
            at_stake += line.at > due
            last = line
    return at_stake


def _time(ladder: dict[str, Step], reckoning: Reckoning, last: Line | None, step: Step, now: int) -> int:
    """The step's time by rules 3 and 4: its own, or when its notice is complete."""
    zone = reckoning.zone
    own = named_time(step, reckoning.loan, 0, zone)
    since, distance = before(ladder, reckoning, last, step, 0, now)
    day = since
    while distance:
        day += 1
        distance -= reckoning.noticed_days(day - 1, day, now)
        assert day - since < LONG, "a step was judged whose notice could never be complete"
    noticed = instant(zone, day, step.at.tod)
    if noticed > own and step.at.offset.unit == "business day":
        day = next(d for d in range(day, day + 7) if _is_weekday(d))
        noticed = instant(zone, day, step.at.tod)
    return max(own, noticed)


def _is_weekday(day: int) -> bool:
    return (day - 1) % 7 < 5


def _first_free(told: Told, reckoning: Reckoning, step: Step, due: int) -> int:
    """The first instant from ``due`` on at which the step can be judged."""
    for when in _candidates(told, reckoning, step, due):
        day = day_of(reckoning.zone, when)
        if (
            when >= instant(reckoning.zone, day, step.at.tod)
            and reckoning.held(when, when) == 0
            and not any(start <= when < end for start, end in told.world.outages)
        ):
            return when
    raise AssertionError("nothing was ever free, and yet the step was judged")


def _candidates(told: Told, reckoning: Reckoning, step: Step, due: int) -> Iterator[int]:
    """The instants at which something may end that stopped a step, or its time of day comes, in order."""
    first = day_of(reckoning.zone, due)
    found = {due, *(end for _, end in told.world.outages)}
    found |= {max(e.at, e.known_at) for e in reckoning.events}
    found |= {instant(reckoning.zone, day, step.at.tod) for day in range(first, first + LONG)}
    found |= {
        end
        for hold in reckoning.holds
        if (end := reckoning.held(max(hold.at, hold.known_at), max(hold.at, hold.known_at)))
    }
    found |= {instant(reckoning.zone, day) for day in range(first, first + LONG)}
    return (when for when in sorted(found) if when >= due)


def test_a_late_step_is_judged_at_the_first_instant_at_which_nothing_stops_it() -> None:
    assert examine(check, SHAPE, 150) > 30
