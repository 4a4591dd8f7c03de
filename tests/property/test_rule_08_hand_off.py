"""Rule 8: a hand-off ends the ladder, needs its notice, and goes to review where the notice was not given."""

from __future__ import annotations

from policies.contract import Step
from policies.outcome import CURED, HAND_OFF, REVIEW, SENT, SKIPPED, SUPPRESSED, VOID, Line
from tests.property.examine import examine
from tests.property.telling import Told
from tests.property.worlds import Shape

SHAPE = Shape(returns=True, unreachable=True, payments=2, before_due=1)
REASONS = {VOID: "message_void", SUPPRESSED: "message_suppressed"}


def check(told: Told) -> int:
    """What comes of a hand-off follows from its message; after it nothing is done until the loan is returned."""
    at_stake = 0
    ladder = told.ladder()
    hand_offs = {s.name for s in ladder.values() if s.hand_off is not None}
    for loan in told.world.loans:
        returns = [
            max(e.at, e.known_at) for e in told.world.events if e.type == "returned" and e.loan_id == loan.loan_id
        ]
        handed_at: int | None = None
        lines = told.of(loan.loan_id)
        for place, line in enumerate(lines):
            if handed_at is not None and any(handed_at < at <= line.at for at in returns):
                handed_at = None
            assert handed_at is None or line.outcome == CURED, f"{line.step} although the loan is handed off"
            if line.step not in hand_offs:
                continue
            notice = _notice(ladder, lines[:place], line)
            because = line.because[0]
            if line.outcome == HAND_OFF:
                assert notice in (SENT, None)
            elif line.outcome == REVIEW:
                assert notice is not None and because["reason"] == REASONS[notice]
            elif line.outcome == SKIPPED:
                assert (because.get("reason") == "message_skipped") is (notice == SKIPPED) or because["rule"] == "L3"
            if line.outcome in (HAND_OFF, REVIEW):
                handed_at = line.at
                at_stake += notice != SENT
    return at_stake


def _notice(ladder: dict[str, Step], lines: list[Line], hand_off: Line) -> str | None:
    """How the last message before the hand-off ended, in its episode; sent, where any channel carried it."""
    before = [s for s in ladder.values() if s.place < ladder[str(hand_off.step)].place and s.send is not None]
    if not before:
        return None
    told = [x for x in lines if x.step == before[-1].name and x.episode == hand_off.episode and x.outcome != "deferred"]
    assert told, "the hand-off came before its message was settled"
    return SENT if any(x.outcome == SENT and x.at == told[-1].at for x in told) else told[-1].outcome


def test_a_hand_off_needs_its_notice_and_ends_the_ladder() -> None:
    assert examine(check, SHAPE, 250) > 30
