"""A decision depends on the facts and the instant alone: not on restarts, idle wakes, or being asked twice."""

from __future__ import annotations

import json
from random import Random

from policies import state as states_of
from policies.calendar import zone
from policies.compliance.dossier import Contact
from policies.decide import Borrower, decide
from policies.outcome import Line, to_json
from policies.simulate import Outages, Span, story
from policies.state import LoanState, Whereabouts
from tests.property.examine import drawn, examine
from tests.property.telling import Told, tell
from tests.property.worlds import Shape

EVERYTHING = Shape(
    loans=3, reversals=True, returns=True, sides=True, guard=True, unreachable=True, failures=True, versions=True,
    threshold=True,
)  # fmt: skip


def _texts(told: Told) -> list[str]:
    home = zone(told.world.person.zone)
    return [to_json(line, home) for line in told.lines]


def test_two_runs_print_the_same_bytes() -> None:
    def check(told: Told) -> int:
        again = tell(told.world)
        assert "\n".join(_texts(again)).encode() == "\n".join(_texts(told)).encode()
        return len(told.lines)

    assert examine(check, EVERYTHING, 60) > 100


def test_a_restart_between_any_two_decisions_changes_nothing() -> None:
    def check(told: Told) -> int:
        again = tell(told.world, restart=True)
        assert again.wakes == told.wakes
        return len(told.wakes)

    assert examine(check, EVERYTHING, 100) > 500


def test_idle_wakes_change_nothing() -> None:
    def check(told: Told) -> int:
        chance = Random(len(told.wakes))
        first, last = told.wakes[0][0], told.wakes[-1][0]
        extra = [chance.randrange(first, last + 1) for _ in range(40)]
        again = tell(told.world, extra=extra)
        assert _texts(again) == _texts(told)
        return len(again.wakes) - len(told.wakes)

    assert examine(check, EVERYTHING, 100) > 500


def test_deciding_again_at_the_same_instant_says_nothing_new() -> None:
    def check(told: Told) -> int:
        world = told.world
        states: dict[str, LoanState] = {}
        contacts: tuple[Contact, ...] = ()
        where: Whereabouts | None = None
        for now, decision in told.wakes:
            events = tuple(e for e in world.events if e.known_at <= now)
            states |= decision.states
            contacts += decision.contacts
            where = decision.whereabouts
            forced = {loan_id: _awake(state) for loan_id, state in states.items()}
            again = decide(Borrower(world.person, world.loans, events, world.policies, forced, contacts, where), now)
            assert again.lines == ()
            assert again.contacts == ()
        return len(told.wakes)

    assert examine(check, EVERYTHING, 60) > 300


def _awake(state: LoanState) -> LoanState:
    """A copy that says it has seen no facts, so that the loan is really looked at again."""
    copy = states_of.from_json(json.loads(json.dumps(states_of.to_json(state))))
    copy.facts = -1
    return copy


def test_the_order_in_which_loans_and_facts_are_given_means_nothing() -> None:
    def check(told: Told) -> int:
        world = told.world
        for now, decision in told.wakes[:1]:
            events = tuple(e for e in world.events if e.known_at <= now)
            turned = decide(Borrower(world.person, world.loans[::-1], events[::-1], world.policies), now)
            assert turned.lines == decision.lines
        return len(world.loans) - 1

    assert examine(check, EVERYTHING, 60) > 20


def test_simulate_tells_what_the_decisions_say() -> None:
    def by_simulate(told: Told) -> list[Line]:
        world = told.world
        span = Span(min(loan.disbursed_at for loan in world.loans), None, Outages(world.outages))
        lines = story(world.person, world.loans, world.events, world.policies, span)
        return sorted(lines, key=lambda line: line.order)

    for world in drawn(EVERYTHING, 60):
        told = tell(world)
        assert by_simulate(told) == list(told.lines)
