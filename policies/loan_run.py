"""One loan within one decision: what is proposed at ``now``, how it is judged, and when to look again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from policies import recall, reviews
from policies.calendar import add
from policies.contract import Step
from policies.facts import Event, Instant, Loan
from policies.known import loan_facts
from policies.ladder import Ladder, Passed
from policies.loan import LoanFacts, Position
from policies.outcome import CURED, LAST, REVIEW, SET_ASIDE, SUPERSEDED, VOID, Line
from policies.situation import Situation
from policies.state import Attempt, LoanState, Side
from policies.stops import Hold, Stops, holds_of

BEFORE = "before"
AFTER = "after"
SIDE = "side"
FALLBACK = "fallback"


class Proposal(NamedTuple):
    """A step that can be judged now: its time, its kind, and for a side step or a fallback which one."""

    time: Instant
    step: Step
    kind: str
    place: int
    side: Side | None = None
    failed_id: str | None = None
    attempt: Attempt | None = None


class LoanRun:
    """The evaluation of one loan at ``situation.now``; ``state`` is a copy that becomes the decision's.

    ``judging.judge`` says what becomes of a proposal.
    """

    def __init__(self, situation: Situation, loan: Loan, events: list[Event], state: LoanState | None) -> None:
        self.situation = situation
        self.now = situation.now
        self.loan = loan
        self.events = events
        self.earlier = state
        self.state = LoanState() if state is None else state.copy()
        self.lines: list[Line] = []
        self.failed = False
        self.ladder: Ladder
        self.position: Position
        self._facts: Mapping[str, Any] | None = None

    # --- the loan as it stands ----------------------------------------------------------------------------------

    def look(self) -> None:
        """Carry the contract to ``now`` and tell what the record and the calendar decided on the way."""
        situation = self.situation
        facts = LoanFacts(self.loan, self.events, situation.zone, situation.moved)
        self.state.set_aside = None
        self.ladder = Ladder(
            facts,
            self.events,
            Stops(self._holds()),
            situation.policies,
            situation.person.region,
            situation.zone,
            self.state,
        )
        self.position = self.ladder.advance(self.now)
        for passed in self.ladder.passed:
            self._tell(passed)
        for message in self.situation.unsent:
            if message.loan_id == self.loan.loan_id:
                recall.look_again(self, message)

    def _holds(self) -> list[Hold]:
        held = holds_of(self.events, self.situation.zone) if self.events else []
        if self.state.holds:
            for hold_id, start, end in self.state.holds:
                released = [e.at for e in self.events if e.type == "release" and e.ref == hold_id]
                end = min((at for at in (*released, end) if at is not None), default=None)
                if end is None or end > start:
                    held.append(Hold(hold_id, "policy", start, end))
        return held

    def _tell(self, passed: Passed) -> None:
        step = passed.step
        cured = passed.kind == "cured"
        because: list[dict[str, Any]] = [{"rule": passed.rule}]
        if cured:
            because[0]["superseded"] = list(passed.names)
        deferred = None if step is None else self.state.deferred.pop(step.name, None)
        if deferred is not None:
            because.append({"rule": deferred.rule})
        self.lines.append(
            Line(
                passed.at if cured else self.now,
                self.loan.borrower_id,
                self.loan.loan_id,
                CURED if cured else VOID if passed.kind == "void" else SUPERSEDED,
                tuple(because),
                instalment=self.number(passed.place),
                episode=passed.episode,
                step=None if step is None else step.name,
                occurrence=None if step is None else self.occurrence(step, passed.place or 0),
                place=-1 if step is None else step.place,
                policy=passed.version,
            )
        )
        if step is not None and passed.kind == "void":
            self.anchor_lost(step)

    def number(self, place: int | None) -> int | None:
        """The number of the instalment at ``place``."""
        return None if place is None else self.loan.instalments[place].number

    def occurrence(self, step: Step, place: int) -> int:
        """Which time the step would be done for the instalment at ``place``, from 1."""
        return self.state.sent.get(f"{place}:{step.name}", 0) + 1

    # --- what can be judged now -------------------------------------------------------------------------------

    @property
    def _ended(self) -> bool:
        return self.state.handed is not None or self.state.closed

    def propose(self) -> Proposal | None:
        """The next step that can be judged now, by its time and its place; none, where none can."""
        if self._ended:
            return None
        state = self.state
        found: list[Proposal] = []
        if state.attempts:
            found += self._propose_fallbacks()
        if state.sides:
            found += self._propose_sides()
        if state.episode is not None:
            step = self.ladder.current()
            if step is not None and self._due_now(step.name):
                time = self.ladder.time(step)
                if time is not None and self._judge_at(step.name, step, time) == self.now:
                    found.append(Proposal(time, step, AFTER, state.chased or 0))
        elif state.chased is not None:
            settled = state.before.get(state.chased, {})
            for step in self.ladder.before_due:
                if step.name in settled or not self._due_now(step.name):
                    continue
                time = self.ladder.own_time(step, state.chased)
                if time <= self.now and self._judge_at(step.name, step, time) == self.now:
                    found.append(Proposal(time, step, BEFORE, state.chased))
        if len(found) > 1:
            return min(found, key=lambda p: (p.time, p.step.place))
        return found[0] if found else None

    def _due_now(self, key: str) -> bool:
        deferred = self.state.deferred.get(key)
        return deferred is None or deferred.until <= self.now

    def _judge_at(self, key: str, step: Step, time: Instant) -> Instant | None:
        """When the step can be judged; one that the guard deferred waits for the law, not for its time of day."""
        return self.ladder.judge_at(step, time, self.now, any_hour=key in self.state.deferred)

    def _propose_fallbacks(self) -> list[Proposal]:
        failed = {e.ref for e in self.events if e.type == "receipt" and e.value in ("failed", "bounced")}
        if not failed or self.ladder.stops.at(self.now) is not None:
            return []
        steps = {s.name: s for s in self.ladder.policy.steps}
        return [
            Proposal(self.now, steps[attempt.step], FALLBACK, attempt.place, None, sent_id, attempt)
            for sent_id, attempt in self.state.attempts.items()
            if sent_id in failed and attempt.step in steps and self._due_now(sent_id)
        ]

    def _propose_sides(self) -> list[Proposal]:
        found = []
        for side in self.state.sides:
            step = self._side_step(side)
            if step is None or not self._due_now(side_key(side)):
                continue
            time = self._side_time(side, step)
            if time <= self.now and self._judge_at(side_key(side), step, time) == self.now:
                found.append(Proposal(time, step, SIDE, side.place, side))
        return found

    def _side_step(self, side: Side) -> Step | None:
        return next((s for s in self.ladder.policy.side_steps if s.name == side.step), None)

    def _side_time(self, side: Side, step: Step) -> Instant:
        return self.situation.zone.instant(add(side.day, step.at.offset, self.ladder.business), step.at.tod)

    # --- what follows ------------------------------------------------------------------------------------------

    def facts(self) -> Mapping[str, Any]:
        """The facts that ``when`` may test and templates may print, as of now."""
        if self._facts is None:
            self._facts = loan_facts(self)
        return self._facts

    def anchored(self, anchor: str, day: int, place: int, offer: str | None = None) -> None:
        """An anchor got a date: the side steps on it are to come, once each."""
        for step in self.ladder.policy.side_steps:
            if step.at.anchor == anchor:
                waiting = sum(1 for s in self.state.sides if s.step == step.name and s.place == place)
                side = Side(step.name, day, place, self.occurrence(step, place) + waiting, self.now, offer)
                self.state.sides += (side,)

    def anchor_lost(self, step: Step) -> None:
        """A step ended otherwise than done: what hangs on its being done can get no date, and is void (rule 13)."""
        for side in self.ladder.policy.side_steps:
            if side.at.anchor == f"{step.name}.done":
                self.tell_void(side, self.state.chased or 0, "L13")

    def tell_void(self, step: Step, place: int, rule: str) -> None:
        """A line for a side step that became void."""
        running = self.state.running
        self.lines.append(
            Line(
                self.now, self.loan.borrower_id, self.loan.loan_id, VOID, ({"rule": rule},),
                instalment=self.number(place), episode=None if running is None else running + 1, step=step.name,
                occurrence=self.occurrence(step, place), place=step.place, policy=self.state.version,
            )
        )  # fmt: skip

    def finish(self) -> None:
        """Report for review what rule 13 says, and find the next instant at which anything can happen."""
        state = self.state
        wakes: list[Instant] = []
        if not self._ended and state.chased is not None:
            self._wakes(wakes)
            for reason in reviews.due(self, wakes):
                self.lines.append(
                    Line(
                        self.now, self.loan.borrower_id, self.loan.loan_id, REVIEW,
                        ({"rule": "L13", "reason": reason},), instalment=self.number(state.chased),
                        episode=None if state.running is None else state.running + 1, place=LAST,
                        policy=state.version,
                    )
                )  # fmt: skip
        wakes += [event.at for event in self.events if event.at > self.now]
        state.wake = min(wakes) if wakes else None
        state.facts = len(self.events)

    def _wakes(self, wakes: list[Instant]) -> None:
        ladder, state, now = self.ladder, self.state, self.now
        place = state.chased or 0
        wakes += [t for t in ladder.facts.past_due_at if t > now][:1]
        wakes += [d.until for d in state.deferred.values() if d.until > now]
        if state.episode is not None:
            step = ladder.current()
            time = None if step is None else ladder.time(step)
            if step is not None and time is not None:
                self._wake_for(step.name, step, time, wakes)
                if step.within is not None:
                    wakes.append(ladder.end_of(time, step))
        else:
            settled = state.before.get(place, {})
            for step in ladder.before_due:
                if step.name not in settled:
                    time = ladder.own_time(step, place)
                    wakes.append(time)
                    self._wake_for(step.name, step, time, wakes)
                    if step.within is not None:
                        wakes.append(ladder.end_of(time, step))
        for side in state.sides:
            side_step = self._side_step(side)
            if side_step is not None:
                time = self._side_time(side, side_step)
                self._wake_for(side_key(side), side_step, time, wakes)
                if side_step.within is not None:
                    wakes.append(ladder.end_of(time, side_step))
        if state.attempts:
            free = ladder.stops.free_from(now)
            if free is not None:
                wakes.append(free)
        wakes[:] = [t for t in wakes if t > now]

    def _wake_for(self, key: str, step: Step, time: Instant, wakes: list[Instant]) -> None:
        when = self._judge_at(key, step, time)
        if when is not None:
            wakes.append(when)

    def set_aside(self, error: Exception) -> None:
        """Leave the contract as it was; the reason names the kind of fault, never what a person wrote."""
        self.failed = True
        reason = getattr(error, "code", None) or type(error).__name__
        self.state = LoanState() if self.earlier is None else self.earlier.copy()
        told = self.state.set_aside == reason
        self.state.set_aside = reason
        self.state.wake = None
        self.state.facts = len(self.events)
        self.lines = []
        if not told:
            because = ({"rule": "SET-ASIDE", "reason": reason},)
            self.lines = [Line(self.now, self.loan.borrower_id, self.loan.loan_id, SET_ASIDE, because, place=LAST)]


def side_key(side: Side) -> str:
    """The key under which a side step waits for the guard."""
    return f"{side.step}#{side.place}#{side.occurrence}"
