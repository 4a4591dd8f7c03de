"""Telling the story of a world with ``decide()``, wake by wake, so that a test can see every decision."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policies import decide as deciding
from policies import state as states_of
from policies.compliance.dossier import Contact
from policies.contract import Step
from policies.decide import Borrower, Decision
from policies.outcome import HAND_OFF, OFFER, REVIEW, SENT, SKIPPED, SUPPRESSED, VOID, Line
from policies.simulate import Outages, recent
from policies.state import LoanState, Whereabouts
from tests.property.worlds import World

BOUND = 4_000
"""More wakes than the worlds of these tests can need; a story that goes on after it never ends."""

DONE = frozenset({SENT, OFFER, "hold", HAND_OFF})
JUDGED = frozenset({*DONE, SKIPPED, SUPPRESSED})
"""Outcomes of a step that was judged; ``review`` too, where it belongs to a step."""


@dataclass(frozen=True, slots=True)
class Told:
    """A world and what was decided in it: each wake with its decision, and all lines in order."""

    world: World
    wakes: tuple[tuple[int, Decision], ...]
    lines: tuple[Line, ...]

    def of(self, loan_id: str) -> list[Line]:
        """The lines of one loan, in the order in which they were decided."""
        return [line for _, decision in self.wakes for line in decision.lines if line.loan_id == loan_id]

    def settled(self, loan_id: str, *, after_due: bool) -> Iterator[Line]:
        """One line for each time that a step of the ladder, after ``due`` or not, was judged or became void."""
        steps = {s.name for s in self.world.policy.ladder if (s.at.offset.amount > 0) is after_due}
        last = None
        for line in self.of(loan_id):
            if line.step not in steps or not (was_judged(line) or line.outcome == VOID):
                continue
            key = (line.at, line.instalment, line.step)
            if key != last:
                yield line
            last = key

    def ladder(self) -> dict[str, Step]:
        """The steps after ``due``, by name, in their order."""
        return {s.name: s for s in self.world.policy.ladder if s.at.offset.amount > 0}


def was_judged(line: Line) -> bool:
    """Whether the line says that a step was judged, and settled by it."""
    return line.outcome in JUDGED or (line.outcome == REVIEW and line.step is not None)


def tell(world: World, *, extra: Iterable[int] = (), restart: bool = False) -> Told:
    """The whole story. ``extra``: idle wakes besides; ``restart``: every state goes through JSON text."""
    outages = Outages(world.outages)
    policies, events = world.policies, world.events
    idle = sorted(extra)
    wakes: list[tuple[int, Decision]] = []
    states: dict[str, LoanState] = {}
    contacts: tuple[Contact, ...] = ()
    where: Whereabouts | None = None
    known = 0
    now: int | None = outages.wake(min(loan.disbursed_at for loan in world.loans))
    while now is not None:
        assert len(wakes) < BOUND, "the story does not end"
        while known < len(events) and events[known].known_at <= now:
            known += 1
        if restart:
            states = {k: states_of.from_json(json.loads(json.dumps(states_of.to_json(v)))) for k, v in states.items()}
        borrower = Borrower(world.person, world.loans, events[:known], policies, states, contacts, where)
        decision = deciding.decide(borrower, now)
        wakes.append((now, decision))
        states = states | decision.states
        where = decision.whereabouts
        contacts = recent(contacts + decision.contacts, now)
        while idle and idle[0] <= now:
            idle.pop(0)
        coming = [at for at in (decision.wake_at,) if at is not None]
        coming += [event.known_at for event in events[known : known + 1]]
        coming += idle[:1]
        now = outages.wake(min(coming)) if coming else None
    lines = sorted((line for _, decision in wakes for line in decision.lines), key=lambda line: line.order)
    return Told(world, tuple(wakes), tuple(lines))
