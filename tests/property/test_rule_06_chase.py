"""Rule 6: what is pending again when the chase moves, and that a reversal's day is quiet."""

from __future__ import annotations

from policies.contract import Step
from policies.facts import Loan
from policies.outcome import CURED, HAND_OFF, SENT, SKIPPED, VOID, Line
from tests.property.examine import examine
from tests.property.reckon import Reckoning, day_of, named_time
from tests.property.telling import Told, was_judged
from tests.property.worlds import Shape

QUIET = Shape(reversals=True, returns=True, holds=False, outages=0, times=(66_600, 84_600), gap=1, after_due=9)
REVERSED = Shape(instalments=1, reversals=True, hand_off=False, before_due=0)
MOVING = Shape(before_due=0, payments=6)


def check_quiet(told: Told) -> int:
    """On the day of a reversal, when it happened or became known, and of a return, nothing is done or skipped."""
    at_stake = 0
    for loan in told.world.loans:
        reckoning = Reckoning(told.world, loan)
        zone = reckoning.zone
        lines = told.of(loan.loan_id)
        events = [e for e in reckoning.events if e.type == "reversal" or _took_back(e.known_at, e.type, lines)]
        at_stake += len(events)
        for line in (line for line in lines if was_judged(line)):
            known = [e for e in events if e.known_at <= line.at]
            days = {day_of(zone, e.known_at) for e in known}
            days |= {day_of(zone, e.at) for e in known if e.type == "reversal"}
            assert day_of(zone, line.at) not in days, f"{line.step} was judged on a day that is to be quiet"
    return at_stake


def _took_back(when: int, kind: str, lines: list[Line]) -> bool:
    """Whether a ``returned`` found the loan handed off."""
    if kind != "returned":
        return False
    given = [line.at for line in lines if line.step is not None and line.because[0].get("hand_off") and line.at < when]
    return bool(given) and not any(line.step is not None and given[-1] < line.at < when for line in lines)


def check_reversed(told: Told) -> int:
    """An instalment that is overdue again by a reversal is not told again what it was told."""
    at_stake = 0
    for loan in told.world.loans:
        sent = [
            (line.instalment, line.step) for line in told.settled(loan.loan_id, after_due=True) if line.outcome == SENT
        ]
        assert len(sent) == len(set(sent)), "a step was done twice for one instalment"
        at_stake += sum(1 for e in told.world.events if e.type == "reversal" and e.loan_id == loan.loan_id and sent)
    return at_stake


def check_moving(told: Told) -> int:
    """A settled step is pending again exactly where the rule says; all others are what a cure finds open."""
    return sum(_follow(told, Reckoning(told.world, loan), loan) for loan in told.world.loans)


def _follow(told: Told, reckoning: Reckoning, loan: Loan) -> int:
    again = 0
    settled: dict[str, Line] = {}
    until = told.wakes[-1][0]
    turns = [t for t in reckoning.turns(until) if t > loan.disbursed_at]
    for line in _in_time(told, loan):
        while turns and (turns[0] <= line.at):
            again += _turn(told.ladder(), reckoning, turns.pop(0), settled)
        if line.outcome == CURED or line.because[0].get("hand_off"):
            if line.outcome != CURED:
                settled[str(line.step)] = line
            named = line.because[0]["superseded"]
            handed = any(s.because[0].get("hand_off") for s in settled.values())
            if line.outcome != CURED or not handed:
                assert named == [name for name in told.ladder() if name not in settled]
            if line.outcome == CURED:
                settled.clear()
        else:
            assert line.step is not None
            assert line.step not in settled, f"{line.step} was settled and not pending again"
            settled[line.step] = line
    return again


def _in_time(told: Told, loan: Loan) -> list[Line]:
    """The settled steps and the cures; what became void while the service was away comes before the cure after it."""
    ladder = told.ladder()
    found = []
    for _, decision in told.wakes:
        lines = [line for line in decision.lines if line.loan_id == loan.loan_id]
        lines = [x for x in lines if x.outcome == CURED or (x.step in ladder and (was_judged(x) or x.outcome == VOID))]
        cures = {x.episode for x in lines if x.outcome == CURED}
        found += sorted(lines, key=lambda x: (x.episode or 0, x.outcome != VOID or x.episode not in cures))
    return found


def _turn(ladder: dict[str, Step], reckoning: Reckoning, when: int, settled: dict[str, Line]) -> int:
    """Let go of what is pending again at an instant at which the loan comes to stand otherwise."""
    before, now = reckoning.standing(when - 1), reckoning.standing(when)
    if not (before.overdue and now.overdue) or now.chased is None or before.chased is None:
        return 0
    free = set()
    if now.chased > before.chased:
        for name, line in settled.items():
            once = line.outcome == HAND_OFF or (ladder[name].offer is not None and line.outcome not in (VOID, SKIPPED))
            if (
                not once
                and line.at < when
                and named_time(ladder[name], reckoning.loan, now.chased, reckoning.zone) > when
            ):
                free.add(name)
    if any(at == when and now.unpaid[place] for place, at in enumerate(reckoning.past_due_at)):
        free |= {name for name, line in settled.items() if line.outcome == SKIPPED and line.at < when}
    for name in free:
        del settled[name]
    return len(free)


def test_the_day_of_a_reversal_and_of_a_return_is_quiet() -> None:
    assert examine(check_quiet, QUIET, 100) > 50


def test_a_reversal_brings_back_its_episode_with_what_was_settled_in_it() -> None:
    assert examine(check_reversed, REVERSED, 100) > 30


def test_steps_are_pending_again_exactly_where_their_time_is_still_to_come() -> None:
    assert examine(check_moving, MOVING, 150) > 30
