"""Rule 13: every story ends, and a loan whose ladder has nothing more to say is reported for review."""

from __future__ import annotations

from collections.abc import Iterator

from policies.facts import Loan
from policies.outcome import REVIEW
from tests.property.examine import examine
from tests.property.reckon import Reckoning, day_of, instant
from tests.property.telling import Told
from tests.property.worlds import Shape

SHAPE = Shape(instalments=2, outages=0, payments=2, before_due=1)
FOREVER = 1 << 62
STOPPED_DAYS = 90


def check(told: Told) -> int:
    """Each report comes exactly when its reason does; ``tell`` itself refuses a story without an end."""
    at_stake = 0
    for loan in told.world.loans:
        expected = sorted(_reports(told, loan))
        found = [
            (line.at, line.because[0]["reason"]) for line in told.of(loan.loan_id)
            if line.outcome == REVIEW and line.step is None
        ]  # fmt: skip
        assert sorted(found) == expected
        at_stake += len(expected)
    return at_stake


def _reports(told: Told, loan: Loan) -> Iterator[tuple[int, str]]:
    reckoning = Reckoning(told.world, loan)
    zone = reckoning.zone
    settled = list(told.settled(loan.loan_id, after_due=True))
    handed = [line.at for line in settled if line.because[0].get("hand_off")]
    for number, (start, cure) in enumerate(reckoning.episodes(told.wakes[-1][0]), start=1):
        over = min([FOREVER if cure is None else cure, *handed])
        long = instant(zone, day_of(zone, start) + told.world.policy.review_after)
        if long < over:
            yield long, "episode_days"
        last = [line for line in settled if line.episode == number and line.step == list(told.ladder())[-1]]
        if last and last[0].at < over:
            yield last[0].at, "ladder_ended"
        for first, end in _stops(reckoning):
            stopped = max(start, instant(zone, day_of(zone, first) + STOPPED_DAYS))
            if stopped < min(end, over):
                yield stopped, "stopped_90_days"


def _stops(reckoning: Reckoning) -> list[tuple[int, int]]:
    """From when to when the loan was held without a break."""
    spans = []
    for hold in reckoning.holds:
        first = hold.at if hold.start is None else instant(reckoning.zone, hold.start.toordinal())  # type: ignore[union-attr]
        ends = [] if hold.until is None else [instant(reckoning.zone, hold.until.toordinal())]  # type: ignore[union-attr]
        ends += [e.at for e in reckoning.events if e.type == "release" and e.ref == hold.event_id]
        if min(ends, default=FOREVER) > first:
            spans.append((first, min(ends, default=FOREVER)))
    found: list[tuple[int, int]] = []
    for first, end in sorted(spans):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((first, end))
    return found


def test_every_ladder_ends_and_is_reported_once_for_each_reason() -> None:
    assert examine(check, SHAPE, 200) > 100
