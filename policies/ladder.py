"""Where a contract stands between two instants: the chase, the episode, and what became void on the way.

``Ladder.advance`` carries a loan's state from its last look to ``now`` over every instant at which something
could change (rules 1 to 9); what may be done at ``now`` itself is decided by ``decide.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.calendar import Zone, business_days
from policies.contract import Step
from policies.facts import Event, Instant
from policies.loan import LoanFacts, Position
from policies.pace import Pace
from policies.state import DONE, SKIPPED, VOID, Episode, LoanState, Settled
from policies.stops import Hold, Stops
from policies.versions import Policies


@dataclass(frozen=True, slots=True)
class Passed:
    """Something that the calendar or the record decided: ``kind`` is void, superseded, cured or returned."""

    kind: str
    at: Instant
    step: Step | None
    place: int | None
    episode: int | None
    names: tuple[str, ...] = ()
    rule: str = ""
    version: str | None = None


class Ladder(Pace):
    """One loan's contract while one decision is made; changes ``state``, which is the caller's copy."""

    def __init__(
        self, facts: LoanFacts, events: list[Event], stops: Stops, policies: Policies, region: str, zone: Zone,
        state: LoanState,
    ) -> None:  # fmt: skip
        """``region`` is the borrower's: it says which policy applies, and whose business days count."""
        super().__init__(facts, events, stops, zone, state)
        self.passed: list[Passed] = []
        self._policies = policies
        self._region = region
        self._void: dict[str, Instant] = {}
        self._acting = [e for e in events if e.type in _ACTING and e.event_id not in state.acted]
        self._pin(None if state.version is not None else self.loan.disbursed_at)

    def _pin(self, at: Instant | None) -> None:
        """Take the version current at ``at`` (rule 12); without an instant, the one that is pinned."""
        if at is not None:
            policy = self._policies.current(self.loan, self._region, at)
        else:
            assert self.state.version is not None  # noqa: S101 - a contract that was looked at is pinned
            policy = self._policies.version(self.state.version)
        self.policy = policy
        self.state.version = policy.digest
        self.business = business_days(policy.calendar or self._region)
        self.facts.overdue_from(policy.overdue_from_minor)
        self.before_due = policy.before_due
        self.after_due = policy.after_due
        self._own_times.clear()

    # --- over time -------------------------------------------------------------------------------------------

    def advance(self, now: Instant) -> Position:
        """Carry the state to ``now``; what was passed is in ``passed``. Answers the position at ``now``."""
        state = self.state
        if state.looked is None:
            state.looked = self.loan.disbursed_at - 1
        for when in self._boundaries(state.looked, now):
            self._cross(when)
            self.changed()
        self._voids(now, through=True)
        self._record_voids(now)
        self.changed()
        state.looked = now
        return self.facts.at(now)

    def _boundaries(self, after: Instant, until: Instant) -> list[Instant]:
        """Instants in (after, until] at which something is told or the calendar turns.

        ``until`` is among them where the number of facts has grown: one may have been told late.
        """
        found = self.facts.boundaries(after, until)
        if len(self.events) != self.state.facts:
            found.add(until)
        if after < self.loan.disbursed_at <= until:
            found.add(self.loan.disbursed_at)
        for event in self._acting:
            when = max(event.at, event.known_at)
            if after < when <= until:
                found.add(when)
        return sorted([when for when in found if when >= self.loan.disbursed_at])

    def _recorded(self, when: Instant) -> list[Event]:
        """The events that act once and had not when ``when`` came; one told late acts as soon as it is seen."""
        found = [e for e in self._acting if max(e.at, e.known_at) <= when]
        if found:
            self._acting = [e for e in self._acting if max(e.at, e.known_at) > when]
            self.state.acted += tuple(e.event_id for e in found)
        return found

    def _cross(self, when: Instant) -> None:
        """What was recorded at ``when``, all of it together, and then the calendar."""
        state = self.state
        self._voids(when, through=False)
        recorded = self._recorded(when)
        returned = state.handed is not None and any(e.type == "returned" for e in recorded)
        if returned:
            state.handed = None
            state.returned = when
        position = self.facts.at(when)
        if position.overdue:
            self._cross_overdue(when, position, returned, any(e.type == "reversal" for e in recorded))
        else:
            self._cross_current(when, position, returned)
        for event in recorded:
            if event.type == "step_done" and event.value is not None:
                self._done_elsewhere(event, when)
            elif event.type == "close":
                state.closed = True

    def _cross_overdue(self, when: Instant, position: Position, returned: bool, reversal: bool) -> None:
        state = self.state
        running = state.episode
        if reversal:
            self._resume(when, position)
        if returned:
            self._begin(when, returned=True)
        elif running is None and state.episode is None:
            self._due_over(when, position)
            self._begin(when)
        elif running is not None and state.episode is running:
            self._move(when, position)
        episode = state.episode
        assert episode is not None  # noqa: S101 - an overdue loan has an episode
        episode.places.update(p for p in range(position.past_due) if position.unpaid[p])
        state.chased = position.chased
        if (
            state.looked is not None
            and max(episode.start, state.looked) < when
            and any(at == when and position.unpaid[p] for p, at in enumerate(self.facts.past_due_at))
        ):
            self._again_skipped(episode, when)

    def _cross_current(self, when: Instant, position: Position, returned: bool) -> None:
        state = self.state
        cured = state.episode is not None
        if cured:
            self._cure(when)
        else:
            self._due_over(when, position)
        if state.chased != position.chased or cured or returned or not state.since:
            if not cured and state.chased is not None:
                self._superseded(when, state.chased)
                state.sides = ()
                state.attempts.clear()
            state.deferred.clear()
            state.chased = position.chased
            state.since = when
            self._pin(when)

    def _superseded(self, when: Instant, place: int) -> None:
        """The instalment was paid before its date: what is open of its steps, if any was judged, is passed over."""
        settled = self.state.before.get(place, {})
        began = bool(settled) or any(step.name in self.state.deferred for step in self.before_due)
        if not began or self.state.handed is not None or self.state.closed:
            return
        for step in self.before_due:
            if step.name not in settled:
                self.passed.append(Passed("superseded", when, step, place, None, rule="L2", version=self.state.version))

    def _begin(self, when: Instant, *, returned: bool = False) -> None:
        state = self.state
        whole = self.zone.instant(self.zone.day(when)) == when
        state.episodes.append(Episode(when, self.policy.digest, whole=whole, returned=returned))
        state.deferred.clear()
        state.running = len(state.episodes) - 1

    def _resume(self, when: Instant, position: Position) -> None:
        """A reversal that makes an instalment of an earlier episode overdue: that episode goes on (rule 6)."""
        state = self.state
        before = self.facts.at(when - 1)
        newly = {
            p
            for p in range(position.past_due)
            if position.unpaid[p] and (p >= before.past_due or not before.unpaid[p] or not before.overdue)
        }
        for index in range(len(state.episodes) - 1, -1, -1):
            if state.episodes[index].places & newly:
                break
        else:
            return
        if index == state.running:
            return
        earlier = state.episodes[index]
        running = state.episode
        if running is not None:
            for name, settled in running.settled.items():
                held = earlier.settled.get(name)
                if held is None or settled.at >= held.at:
                    earlier.settled[name] = settled
            for name, since in running.pending.items():
                earlier.pending[name] = max(since, earlier.pending.get(name, since))
            for name in earlier.settled:
                earlier.pending.pop(name, None)
            earlier.places |= running.places
            if running.last is not None and (earlier.last is None or running.last[1] >= earlier.last[1]):
                earlier.last = running.last
            assert state.running is not None  # noqa: S101 - there is a running episode
            del state.episodes[state.running]
        earlier.whole = False
        state.running = index
        state.version = earlier.version
        self._pin(None)

    def _move(self, when: Instant, position: Position) -> None:
        """Part payments move the chase: steps whose own time is still to come are pending again (rule 6)."""
        state = self.state
        episode = state.episode
        if episode is None or position.chased is None or state.chased is None or position.chased <= state.chased:
            return
        for step in self.after_due:
            settled = episode.settled.get(step.name)
            if settled is None and step.name not in self._void:
                continue
            if settled is not None and settled.outcome == DONE and (step.offer or step.hand_off):
                continue
            if self.own_time(step, position.chased) > when:
                episode.settled.pop(step.name, None)
                self._void.pop(step.name, None)
                state.deferred.pop(step.name, None)
                episode.pending[step.name] = when

    def _again_skipped(self, episode: Episode, when: Instant) -> None:
        for name in [n for n, s in episode.settled.items() if s.outcome == SKIPPED]:
            del episode.settled[name]
            episode.pending[name] = when

    def _cure(self, when: Instant) -> None:
        state = self.state
        episode = state.episode
        assert episode is not None and state.running is not None  # noqa: S101 - only a running episode is cured
        self._keep_voids(when)
        open_steps: tuple[str, ...] = ()
        if state.handed is None:
            open_steps = tuple(s.name for s in self.after_due if s.name not in episode.settled)
            open_steps += tuple(side.step for side in state.sides)
        self.passed.append(
            Passed("cured", when, None, state.chased, state.running + 1, open_steps, "L7", state.version)
        )
        state.running = None
        if state.handed is None:
            state.sides = ()
            state.attempts.clear()
            state.offers = ()

    def _done_elsewhere(self, event: Event, when: Instant) -> None:
        state = self.state
        for step in self.policy.ladder:
            if step.name != event.value or state.chased is None:
                continue
            settled = Settled(DONE, when, state.chased)
            if step.at.offset.amount <= 0:
                state.before.setdefault(state.chased, {})[step.name] = settled
            elif state.episode is not None:
                state.episode.settle(step.name, settled)

    # --- voids -----------------------------------------------------------------------------------------------

    def _voids(self, when: Instant, *, through: bool) -> None:
        """Find what became void before ``when`` (at it too, with ``through``)."""
        state = self.state
        if state.handed is not None or state.closed or state.looked is None:
            return
        limit = when if through else when - 1
        if state.episode is not None:
            step = self.current()
            if step is not None and step.within is not None and step.name not in self._void:
                ends = self.void_at(step)
                if ends is not None and ends <= limit:
                    self._void[step.name] = ends
        elif state.chased is not None:
            self._voids_before_due(state.chased, limit)

    def _voids_before_due(self, place: int, limit: Instant) -> None:
        state = self.state
        settled = state.before.get(place, {})
        floor = max(state.since, self.loan.disbursed_at)
        later: Instant | None = None
        for step in reversed(self.before_due):
            time = self.own_time(step, place)
            if step.name not in settled:
                ends = later
                if time <= floor:
                    ends = floor
                elif step.within is not None:
                    over = self.end_of(time, step)
                    ends = over if ends is None else min(over, ends)
                if ends is not None and ends <= limit:
                    self._void_before_due(step, place, ends)
            later = time if later is None else min(later, time)

    def _due_over(self, when: Instant, position: Position) -> None:
        """At the end of the due date the steps before it that are still open are void (rule 2)."""
        place = self.state.chased
        if place is None or self.state.handed is not None or self.state.closed:
            return
        if self.facts.past_due_at[place] == when and position.unpaid[place]:
            for step in self.before_due:
                if step.name not in self.state.before.get(place, {}):
                    self._void_before_due(step, place, when)

    def _void_before_due(self, step: Step, place: int, when: Instant) -> None:
        self.state.deferred.pop(step.name, None)
        self.state.before.setdefault(place, {})[step.name] = Settled(VOID, when, place)
        self.passed.append(Passed("void", when, step, place, None, rule="L2", version=self.state.version))

    def _keep_voids(self, when: Instant) -> None:
        """A step that became void while the service was away keeps that, though the episode ends before the wake."""
        state = self.state
        episode = state.episode
        assert episode is not None  # noqa: S101 - only called in an episode
        for step in self.after_due:
            if step.name in self._void:
                del self._void[step.name]
                episode.settle(step.name, Settled(VOID, when, state.chased or 0))
                self._void_in_episode(step, when)

    def _record_voids(self, now: Instant) -> None:
        """Settle at ``now`` what is void now, and whatever is void behind it."""
        state = self.state
        if not self._void or state.episode is None:
            return
        for step in self.after_due:
            if step.name in self._void:
                state.episode.settle(step.name, Settled(VOID, now, state.chased or 0))
                self._void.pop(step.name)
                self._void_in_episode(step, now)

    def _void_in_episode(self, step: Step, when: Instant) -> None:
        number = None if self.state.running is None else self.state.running + 1
        self.passed.append(Passed("void", when, step, self.state.chased, number, (), "L3", self.state.version))

    def stop(self, hold_id: str, start: Instant, end: Instant | None) -> None:
        """A step that was just done holds the ladder from now on."""
        self.stops = Stops((*self.stops.holds, Hold(hold_id, "policy", start, end)))
        self.changed()


_ACTING = frozenset({"reversal", "returned", "close", "step_done"})
