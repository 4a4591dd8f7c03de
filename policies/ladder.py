"""Where a contract stands between two instants: the chase, the episode, and what became void on the way.

``Ladder.advance`` carries a loan's state from its last look to ``now`` over every instant at which something
could change (rules 1 to 9); what may be done at ``now`` itself is decided by ``decide.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.calendar import BusinessDays, Zone, add
from policies.contract import BUSINESS_DAY, Policy, Step
from policies.facts import Event, Instant
from policies.loan import LoanFacts, Position
from policies.state import DONE, SKIPPED, VOID, Episode, LoanState, Settled
from policies.stops import Stops


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


class Ladder:
    """One loan's contract while one decision is made; changes ``state``, which is the caller's copy."""

    def __init__(
        self, facts: LoanFacts, events: list[Event], stops: Stops, policy: Policy, zone: Zone,
        business: BusinessDays, state: LoanState,
    ) -> None:  # fmt: skip
        self.facts = facts
        self.loan = facts.loan
        self.stops = stops
        self.policy = policy
        self.zone = zone
        self.business = business
        self.state = state
        self.events = events
        self.before_due = [s for s in policy.ladder if s.at.offset.amount <= 0]
        self.after_due = [s for s in policy.ladder if s.at.offset.amount > 0]
        self.dues = [i.due_on.toordinal() for i in self.loan.instalments]
        self.passed: list[Passed] = []
        self._void: dict[str, Instant] = {}
        self._reversal_days = _reversal_days(events, zone)

    # --- over time -------------------------------------------------------------------------------------------

    def advance(self, now: Instant) -> Position:
        """Carry the state to ``now``; what was passed is in ``passed``. Answers the position at ``now``."""
        state = self.state
        if state.looked is None:
            state.looked = self.loan.disbursed_at - 1
        for when in self._boundaries(state.looked, now):
            self._cross(when, now)
        self._voids(now, now, through=True)
        self._record_voids(now)
        state.looked = now
        return self.facts.at(now)

    def _boundaries(self, after: Instant, until: Instant) -> list[Instant]:
        found = set(self.facts.boundaries(after, until))
        if after < self.loan.disbursed_at <= until:
            found.add(self.loan.disbursed_at)
        for event in self.events:
            if event.type in ("returned", "close", "step_done"):
                when = max(event.at, event.known_at)
                if after < when <= until:
                    found.add(when)
        return sorted(when for when in found if when >= self.loan.disbursed_at)

    def _cross(self, when: Instant, now: Instant) -> None:
        state = self.state
        self._voids(when, now, through=False)
        recorded = [e for e in self.events if max(e.at, e.known_at) == when]
        returned = state.handed is not None and any(e.type == "returned" for e in recorded)
        if returned:
            state.handed = None
            state.returned = when
        position = self.facts.at(when)
        reversal = any(e.type == "reversal" for e in recorded)
        running = state.episode
        if position.overdue:
            if reversal:
                self._resume(when, position)
            if returned:
                self._begin(when, returned=True)
            elif running is None and state.episode is None:
                self._due_over(when, position, now)
                self._begin(when)
            elif running is not None and state.episode is running:
                self._move(when, position)
            episode = state.episode
            assert episode is not None  # noqa: S101 - an overdue loan has an episode
            episode.places.update(p for p in range(position.past_due) if position.unpaid[p])
            state.chased = position.chased
            if episode.start < when and any(
                at == when and position.unpaid[p] for p, at in enumerate(self.facts.past_due_at)
            ):
                self._again_skipped(episode, when)
        else:
            if running is not None:
                self._cure(when)
            else:
                self._due_over(when, position, now)
            if state.chased != position.chased or running is not None or returned or state.since == 0:
                state.chased = position.chased
                state.since = when
        for event in recorded:
            if event.type == "step_done" and event.value is not None:
                self._done_elsewhere(event, when)
            elif event.type == "close":
                state.closed = True

    def _begin(self, when: Instant, *, returned: bool = False) -> None:
        state = self.state
        whole = self.zone.instant(self.zone.day(when)) == when
        state.episodes.append(Episode(when, self.policy.digest, whole=whole, returned=returned))
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
                episode.pending[step.name] = when

    def _again_skipped(self, episode: Episode, when: Instant) -> None:
        for name in [n for n, s in episode.settled.items() if s.outcome == SKIPPED]:
            del episode.settled[name]
            episode.pending[name] = when

    def _cure(self, when: Instant) -> None:
        state = self.state
        episode = state.episode
        assert episode is not None and state.running is not None  # noqa: S101 - only a running episode is cured
        open_steps = tuple(s.name for s in self.after_due if s.name not in episode.settled)
        self._keep_voids()
        self.passed.append(Passed("cured", when, None, state.chased, state.running + 1, open_steps, "L7"))
        state.running = None

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

    def _voids(self, when: Instant, now: Instant, *, through: bool) -> None:
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
                    over = self._end_of(time, step)
                    ends = over if ends is None else min(over, ends)
                if ends is not None and ends <= limit:
                    self._void_before_due(step, place, ends)
            later = time if later is None else min(later, time)

    def _due_over(self, when: Instant, position: Position, now: Instant) -> None:
        """At the end of the due date the steps before it that are still open are void (rule 2)."""
        place = self.state.chased
        if place is None or self.state.handed is not None or self.state.closed:
            return
        if self.facts.past_due_at[place] == when and position.unpaid[place]:
            for step in self.before_due:
                if step.name not in self.state.before.get(place, {}):
                    self._void_before_due(step, place, when)

    def _void_before_due(self, step: Step, place: int, when: Instant) -> None:
        self.state.before.setdefault(place, {})[step.name] = Settled(VOID, when, place)
        self.passed.append(Passed("void", when, step, place, None, rule="L2"))

    def _keep_voids(self) -> None:
        """A step that became void while the service was away keeps that, though the episode ends before the wake."""
        state = self.state
        episode = state.episode
        assert episode is not None and state.running is not None  # noqa: S101 - only called in an episode
        for step in self.after_due:
            if step.name in self._void:
                episode.settle(step.name, Settled(VOID, self._void.pop(step.name), state.chased or 0))
                self.passed.append(Passed("void", 0, step, state.chased, state.running + 1, rule="L3"))

    def _record_voids(self, now: Instant) -> None:
        """Settle at ``now`` what is void now, and whatever is void behind it."""
        state = self.state
        if state.episode is None:
            return
        for step in self.after_due:
            if step.name in self._void:
                state.episode.settle(step.name, Settled(VOID, now, state.chased or 0))
                self._void.pop(step.name)
                assert state.running is not None  # noqa: S101 - there is a running episode
                self.passed.append(Passed("void", now, step, state.chased, state.running + 1, rule="L3"))

    # --- times -----------------------------------------------------------------------------------------------

    def current(self) -> Step | None:
        """The first step of the episode that is not settled."""
        episode = self.state.episode
        if episode is None:
            return None
        for step in self.after_due:
            if step.name not in episode.settled:
                return step
        return None

    def day_of(self, step: Step, place: int) -> int:
        """The date that the step's ``at`` names for the instalment at ``place``, as an ordinal."""
        return add(self.dues[place], step.at.offset, self.business)

    def own_time(self, step: Step, place: int) -> Instant:
        """The instant that the step's ``at`` names for the instalment at ``place``."""
        return self.zone.instant(self.day_of(step, place), step.at.tod)

    def time(self, step: Step) -> Instant | None:
        """The time of a step after ``due`` (rule 4); none, while an endless hold keeps it from having one."""
        state = self.state
        episode = state.episode
        assert episode is not None and state.chased is not None  # noqa: S101 - asked in an episode only
        own = self.own_time(step, state.chased)
        day = self._notice_day(step, state.chased, episode)
        if day is None:
            return None
        noticed = self.zone.instant(day, step.at.tod)
        if noticed > own and step.at.offset.unit == BUSINESS_DAY:
            noticed = self.zone.instant(self.business.on_or_after(day), step.at.tod)
        return max(own, noticed, episode.pending.get(step.name, own))

    def _notice_day(self, step: Step, place: int, episode: Episode) -> int | None:
        if episode.last is None:
            day = self.zone.day(episode.start) - 1
            distance = self.day_of(step, place) - self.dues[place]
        else:
            name, at = episode.last
            last = next((s for s in self.after_due if s.name == name), None)
            day = self.zone.day(at)
            distance = self.day_of(step, place) - (self.dues[place] if last is None else self.day_of(last, place))
        if distance <= 0:
            return day
        if episode.whole and not self.stops.holds:
            return day + distance
        for _ in range(_LOOK_AHEAD):
            day += 1
            if self._counts(day):
                distance -= 1
                if not distance:
                    return day
        return None

    def _counts(self, day: int) -> bool:
        first = self.zone.instant(day)
        return self.stops.at(first) is None and self.facts.at(first, by_occurrence=True).overdue

    def _end_of(self, time: Instant, step: Step) -> Instant:
        assert step.within is not None  # noqa: S101 - asked only for steps that have it
        day = add(self.zone.day(time), step.within, self.business)
        return self.zone.instant(day, self.zone.tod(time))

    def void_at(self, step: Step) -> Instant | None:
        """The instant at which the current step becomes void, where it gives ``within``."""
        time = self.time(step)
        return None if time is None or step.within is None else self._end_of(time, step)

    def judge_at(self, step: Step, time: Instant, now: Instant) -> Instant | None:
        """The first instant from ``now`` on at which the step can be judged (rules 5, 6, 9), as things stand."""
        when = max(time, now)
        for _ in range(_LOOK_AHEAD):
            free = self.stops.free_from(when)
            if free is None:
                return None
            day = self.zone.day(free)
            if self._quiet(day):
                when = self.zone.instant(day + 1)
                continue
            own = self.zone.instant(day, step.at.tod)
            if own <= free:
                return free
            when = own
            if self.stops.at(when) is None:
                return when
        return None


    def _quiet(self, day: int) -> bool:
        """On the day of a reversal, and of a return, nothing is done or skipped (rule 6)."""
        returned = self.state.returned
        return day in self._reversal_days or (returned is not None and self.zone.day(returned) == day)


_LOOK_AHEAD = 4_000


def _reversal_days(events: list[Event], zone: Zone) -> frozenset[int]:
    """The local days on which a reversal happened or became known."""
    found = set()
    for event in events:
        if event.type == "reversal":
            found.add(zone.day(event.at))
            found.add(zone.day(max(event.at, event.known_at)))
    return frozenset(found)
