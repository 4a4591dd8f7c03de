"""Rule 11: every step of a ladder that began ends in exactly one outcome, and every line says why."""

from __future__ import annotations

from collections import Counter

from policies.outcome import CURED, DEFERRED, OUTCOMES, SUPERSEDED, VOID, Line
from tests.property.examine import examine
from tests.property.telling import Told, was_judged
from tests.property.worlds import Shape

SHAPE = Shape(
    instalments=1, payments=4, pay_days=(-8, 12), holds=False, guard=True,
    unreachable=True,
)  # fmt: skip


def check(told: Told) -> int:
    """Done, skipped, void, suppressed or superseded: of each step one, and their counts add up to the ladder."""
    at_stake = 0
    before_due = {s.name for s in told.world.policy.ladder if s.at.offset.amount <= 0}
    for loan in told.world.loans:
        lines = told.of(loan.loan_id)
        for line in lines:
            assert line.outcome in OUTCOMES
            assert line.because and all("rule" in reason for reason in line.because)
        ends = Counter(name for name, _ in {end for line in lines for end in _ended(line)})
        settled_early = [n for n in before_due if ends[n]]
        assert not settled_early or {n: ends[n] for n in before_due} == dict.fromkeys(before_due, 1)
        episodes = {line.episode for line in lines if line.step in told.ladder()}
        if episodes or any(line.outcome == CURED for line in lines):
            assert {name: ends[name] for name in told.ladder()} == dict.fromkeys(told.ladder(), 1)
            at_stake += any(line.outcome == CURED and line.because[0]["superseded"] for line in lines)
        waiting = {line.step for line in lines if line.outcome == DEFERRED}
        assert all(ends[str(name)] == 1 for name in waiting), "deferred and then forgotten"
    return at_stake


def _ended(line: Line) -> list[tuple[str, tuple[int, str]]]:
    """The steps that end with this line, and when and how; on several channels at once it is one end."""
    found: list[tuple[str, tuple[int, str]]] = []
    if line.outcome == CURED or line.because[0].get("hand_off"):
        found += [(name, (line.at, SUPERSEDED)) for name in line.because[0]["superseded"]]
    if line.step is not None and (was_judged(line) or line.outcome in (VOID, SUPERSEDED)):
        found.append((line.step, (line.at, "judged" if was_judged(line) else line.outcome)))
    return found


def test_every_step_of_a_ladder_that_began_ends_in_exactly_one_outcome() -> None:
    assert examine(check, SHAPE, 200) > 40
