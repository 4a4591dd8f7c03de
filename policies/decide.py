"""The heart: ``decide(borrower, now)`` says what happens to all loans of one person at one instant, and why.

A pure function: it reads no clock, no database, no network, no environment. The same borrower and the same
``now`` give the same decision for ever; so a decision can be replayed and proved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush
from types import MappingProxyType
from typing import Any, NamedTuple

from policies.compliance.dossier import Contact
from policies.compose import LINK_BASE
from policies.facts import Event, Instant, Loan, Person
from policies.judging import judge
from policies.loan_run import LoanRun, Proposal
from policies.outcome import Line
from policies.situation import find_whereabouts, situation_at
from policies.state import LoanState, Unsent, Whereabouts
from policies.versions import Policies


class Borrower(NamedTuple):
    """All that is known of one person at the instant of a decision.

    ``events`` are those of the person and of every loan with ``known_at`` not after that instant, in any order.
    ``states`` is what the last decision left, by loan; ``contacts`` what the lender sent since long enough for
    every cap; ``unsent`` what is still in the outbox although the facts, or the hour, have changed.
    """

    person: Person
    loans: tuple[Loan, ...]
    events: tuple[Event, ...]
    policies: Policies
    states: Mapping[str, LoanState] = MappingProxyType({})
    contacts: tuple[Contact, ...] = ()
    whereabouts: Whereabouts | None = None
    link_base: str = LINK_BASE
    unsent: tuple[Unsent, ...] = ()


class Decision(NamedTuple):
    """What was decided: lines in order, the new state of each loan looked at, contacts made, the next wake.

    Every line with outcome ``sent`` is a message to put in the outbox; it belongs to the same commit as the rest.
    ``wake_at`` is the earliest instant at which anything can happen without new facts; none, where nothing can.
    """

    lines: tuple[Line, ...]
    states: dict[str, LoanState]
    contacts: tuple[Contact, ...]
    whereabouts: Whereabouts
    wake_at: Instant | None


def decide(borrower: Borrower, now: Instant) -> Decision:
    """Decide for every loan of the person at ``now``.

    What several loans propose is taken in the order (step time, loan_id, place in the ladder); each contact
    allowed counts for the next. A loan that cannot be decided is set aside with its reason, and the others go on.
    """
    return _Desk(borrower, now).decide()


class _Desk:
    def __init__(self, borrower: Borrower, now: Instant) -> None:
        self.borrower = borrower
        self.now = now
        self.where = find_whereabouts(borrower.person, borrower.whereabouts, now)
        self.situation = situation_at(
            borrower.person, borrower.policies, now, self.where, borrower.events, borrower.contacts,
            borrower.link_base, borrower.unsent,
        )  # fmt: skip
        self.lines: list[Line] = []
        self.states: dict[str, LoanState] = {}
        self.heap: list[tuple[Instant, str, int, int, LoanRun, Proposal]] = []
        self.pushed = 0

    def decide(self) -> Decision:
        borrower = self.borrower
        moved = borrower.whereabouts is not None and borrower.whereabouts != self.where
        wakes = [self.where.starts] if self.where.coming is not None else []
        runs = []
        for loan, events in _by_loan(borrower.loans, borrower.events):
            state = borrower.states.get(loan.loan_id)
            if loan.disbursed_at > self.now:
                wakes.append(loan.disbursed_at)
                continue
            waiting = bool(borrower.unsent) and any(m.loan_id == loan.loan_id for m in borrower.unsent)
            if state is not None and not moved and not waiting and state.rests(len(events), self.now):
                if state.wake is not None:
                    wakes.append(state.wake)
                continue
            run = LoanRun(self.situation, loan, events, state)
            runs.append(run)
            self._guarded(run, run.look)
            self._push(run)
        while self.heap:
            *_, run, proposal = heappop(self.heap)
            self._guarded(run, judge, run, proposal)
            self._push(run)
        for run in runs:
            self._guarded(run, run.finish)
            self.states[run.loan.loan_id] = run.state
            self.lines += run.lines
            if run.state.wake is not None:
                wakes.append(run.state.wake)
        if len(self.lines) > 1:
            self.lines.sort(key=lambda line: line.order)
        return Decision(
            tuple(self.lines),
            self.states,
            tuple(self.situation.made),
            self.where,
            min(wakes) if wakes else None,
        )

    def _push(self, run: LoanRun) -> None:
        if run.failed:
            return
        proposal = self._guarded(run, run.propose)
        if proposal is not None:
            self.pushed += 1
            key = (proposal.time, run.loan.loan_id, proposal.step.place, self.pushed, run, proposal)
            heappush(self.heap, key)

    def _guarded(self, run: LoanRun, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do ``work``; where it fails, set the loan aside: one poisoned loan must not stop the others."""
        if run.failed:
            return None
        try:
            return work(*arguments)
        except Exception as error:
            run.set_aside(error)
            return None


def _by_loan(loans: Iterable[Loan], events: tuple[Event, ...]) -> list[tuple[Loan, list[Event]]]:
    """Each loan with its own events and those of the person; releases go with every loan."""
    loans = list(loans)
    if len(loans) == 1:
        return [(loans[0], list(events))]
    found: dict[str, list[Event]] = {loan.loan_id: [] for loan in loans}
    for event in events:
        if event.loan_id is not None:
            if event.loan_id in found:
                found[event.loan_id].append(event)
        else:
            for one in found.values():
                one.append(event)
    return [(loan, found[loan.loan_id]) for loan in loans]
