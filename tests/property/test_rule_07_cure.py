"""Rule 7: a cure is told at its instant, ends what the episode still had to say, and the next one starts afresh."""

from __future__ import annotations

from policies.contract import Step
from policies.facts import Loan
from policies.outcome import CURED, OFFER, SENT, Line
from tests.property.examine import examine
from tests.property.reckon import Reckoning
from tests.property.telling import DONE, Told, was_judged
from tests.property.worlds import Shape

SHAPE = Shape(sides=True, payments=6, hand_off=False, conditions=())


def check(told: Told) -> int:
    """Each cure is told once, when it happened; nothing of a cured episode is done after it."""
    at_stake = 0
    sides = {s.name: s for s in told.world.policy.side_steps}
    until = told.wakes[-1][0]
    for loan in told.world.loans:
        reckoning = Reckoning(told.world, loan)
        episodes = reckoning.episodes(until)
        lines = told.of(loan.loan_id)
        cures = [(number, end) for number, (_, end) in enumerate(episodes, start=1) if end is not None]
        assert [(line.episode, line.at) for line in lines if line.outcome == CURED] == cures
        for line in (line for line in lines if was_judged(line)):
            if line.step in told.ladder():
                assert line.episode == len(reckoning.episodes(line.at)), "a step of another episode was judged"
                assert reckoning.standing(line.at).overdue, "a step after due was judged after the cure"
            elif line.step in sides and line.outcome == SENT:
                at_stake += _hangs_on_its_own_episode(sides[line.step], loan, lines, line, [at for _, at in cures])
        at_stake += len(cures)
    return at_stake


def _hangs_on_its_own_episode(side: Step, loan: Loan, lines: list[Line], line: Line, cures: list[int]) -> bool:
    anchor, _, what = side.at.anchor.partition(".")
    made = [
        x
        for x in lines
        if x.at <= line.at
        and x.instalment == line.instalment
        and (x.outcome == OFFER if anchor == "offer" else x.step == anchor and x.outcome in DONE)
    ]
    assert made, f"{side.name} of {loan.loan_id} was sent and {side.at.anchor} never came"
    last = made[-1]
    assert last.episode is None or not any(last.at < cure <= line.at for cure in cures), "sent after the cure"
    return what == "done"


def test_a_cure_is_told_at_its_instant_and_withdraws_what_is_pending() -> None:
    assert examine(check, SHAPE, 200) > 50
