"""Rule 10: no message leaves unless the guard allows it, over all loans of a person; what waits is judged afresh."""

from __future__ import annotations

from policies.outcome import DEFERRED, SENT, SUPPRESSED, Line
from tests.property.examine import examine
from tests.property.reckon import day_of, instant, wall
from tests.property.telling import Told
from tests.property.worlds import Shape, World

SHAPE = Shape(loans=3, guard=True, unreachable=True, failures=True, conditions=())
OPENS, CLOSES = 8 * 3600, 20 * 3600
A_DAY, A_WEEK = 1, 3


def check(told: Told) -> int:
    """Window, caps and open channels hold for every message; a deferral names the first lawful instant."""
    at_stake = 0
    world, zone = told.world, told.world.person.zone
    made: dict[tuple[object, ...], int] = {}
    for line in _messages_first(told):
        elsewhere = [day_of(zone, e.at) for e in world.events if e.type == "contact" and e.known_at <= line.at]
        if line.outcome == SENT:
            assert line.channel is not None and _is_open(world, line.channel, line.at)
            assert OPENS <= _clock(zone, line.at) < CLOSES, "sent outside the hours"
            key = (line.loan_id, line.instalment, line.step, line.occurrence, line.at)
            if key not in made:
                before = sorted(elsewhere + list(made.values()))
                assert _allowed(before, day_of(zone, line.at)), "sent beyond the cap"
                made[key] = day_of(zone, line.at)
        elif line.outcome == SUPPRESSED:
            _is_closed(told, line)
        elif line.outcome == DEFERRED:
            assert line.until is not None
            assert line.until == _first_lawful(zone, elsewhere + list(made.values()), line.at)
            at_stake += 1
    return at_stake


def _messages_first(told: Told) -> list[Line]:
    """Lines as they were decided; at one instant what was sent comes first, since it is why another was deferred."""
    return [x for _, decision in told.wakes for x in sorted(decision.lines, key=lambda line: line.outcome != SENT)]


def _clock(zone: str, at: int) -> int:
    clock = wall(zone, at)
    return clock.hour * 3600 + clock.minute * 60 + clock.second


def _allowed(days: list[int], day: int) -> bool:
    return days.count(day) < A_DAY and sum(1 for d in days if day - 7 < d <= day) < A_WEEK


def _first_lawful(zone: str, days: list[int], now: int) -> int:
    today = day_of(zone, now)
    for when in [now, *(instant(zone, today + n, OPENS) for n in range(30))]:
        if when >= now and OPENS <= _clock(zone, when) < CLOSES and _allowed(days, day_of(zone, when)):
            return when
    raise AssertionError("no lawful instant within a month")


def _is_open(world: World, channel: str, at: int) -> bool:
    address = world.person.phone if channel == "sms" else world.person.email
    said = [e for e in world.events if e.type.startswith("opt_") and e.channel == channel and e.known_at <= at]
    return address is not None and (not said or max(said, key=lambda e: (e.at, e.event_id)).type == "opt_in")


def _is_closed(told: Told, line: Line) -> None:
    step = next(s for s in told.world.policy.steps if s.name == line.step)
    assert step.send is not None
    channels = step.send.channels if line.channel is None else (line.channel,)
    assert not any(_is_open(told.world, channel, line.at) for channel in channels), "suppressed on an open channel"


def test_no_message_leaves_but_by_the_law_and_what_waits_waits_for_its_first_lawful_instant() -> None:
    assert examine(check, SHAPE, 200) > 100
