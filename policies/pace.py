"""When a step is due: its own time, the notice that it needs, when it can be judged and when it becomes void."""

from __future__ import annotations

from policies.calendar import BusinessDays, Zone, add
from policies.contract import BUSINESS_DAY, Policy, Step
from policies.facts import Event, Instant
from policies.loan import LoanFacts
from policies.state import Episode, LoanState
from policies.stops import Stops

_LOOK_AHEAD = 4_000


class Pace:
    """The times of one loan's ladder (rules 2 to 6), as its facts, stops and state stand; changes nothing."""

    policy: Policy
    business: BusinessDays
    before_due: tuple[Step, ...]
    after_due: tuple[Step, ...]

    def __init__(self, facts: LoanFacts, events: list[Event], stops: Stops, zone: Zone, state: LoanState) -> None:
        self.facts = facts
        self.loan = facts.loan
        self.events = events
        self.stops = stops
        self.zone = zone
        self.state = state
        self.dues = facts.dues
        self._own_times: dict[tuple[int, int], Instant] = {}
        self._times: dict[int, Instant | None] = {}
        self._judged: dict[tuple[int, Instant, Instant, bool], Instant | None] = {}
        self._reversal_days = _reversal_days(events, zone) if events else frozenset()

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
        key = (step.place, place)
        found = self._own_times.get(key)
        if found is None:
            found = self._own_times[key] = self.zone.instant(self.day_of(step, place), step.at.tod)
        return found

    def time(self, step: Step) -> Instant | None:
        """The time of a step after ``due`` (rule 4); none, while an endless hold keeps it from having one.

        Kept until something is settled or stopped (``changed``).
        """
        if step.place in self._times:
            return self._times[step.place]
        found = self._times[step.place] = self._time(step)
        return found

    def changed(self) -> None:
        """What was settled or stopped moves the times of what follows."""
        self._times.clear()
        self._judged.clear()

    def _time(self, step: Step) -> Instant | None:
        state = self.state
        episode = state.episode
        assert episode is not None and state.chased is not None  # noqa: S101 - asked in an episode only
        own_day = self.day_of(step, state.chased)
        own = self.zone.instant(own_day, step.at.tod)
        day = self._notice_day(own_day, state.chased, episode)
        if day is None:
            return None
        noticed = self.zone.instant(day, step.at.tod)
        if noticed > own and step.at.offset.unit == BUSINESS_DAY:
            noticed = self.zone.instant(self.business.on_or_after(day), step.at.tod)
        return max(own, noticed, episode.pending.get(step.name, own))

    def _notice_day(self, own_day: int, place: int, episode: Episode) -> int | None:
        distance = own_day - self.dues[place]
        if episode.last is None:
            day = self.zone.day(episode.start) - 1
        else:
            name, at = episode.last
            day = self.zone.day(at)
            for last in self.after_due:
                if last.name == name:
                    distance = own_day - self.day_of(last, place)
                    break
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
        return (not self.stops.holds or self.stops.at(first) is None) and self.facts.was_overdue(first)

    def end_of(self, time: Instant, step: Step) -> Instant:
        """When a step of this time becomes void by its ``within``: the same local time, that much later."""
        assert step.within is not None  # noqa: S101 - asked only for steps that have it
        day = add(self.zone.day(time), step.within, self.business)
        return self.zone.instant(day, self.zone.tod(time))

    def void_at(self, step: Step) -> Instant | None:
        """The instant at which the current step becomes void, where it gives ``within``."""
        time = self.time(step)
        return None if time is None or step.within is None else self.end_of(time, step)

    def judge_at(self, step: Step, time: Instant, now: Instant, *, any_hour: bool = False) -> Instant | None:
        """The first instant from ``now`` on at which the step can be judged (rules 5, 6, 9), as things stand.

        ``any_hour``: not only from its own time of day on; for a step that the guard deferred, which waits for the law.
        Kept like ``time``.
        """
        key = (step.place, time, now, any_hour)
        if key not in self._judged:
            self._judged[key] = self._judge_at(step, max(time, now), any_hour=any_hour)
        return self._judged[key]

    def _judge_at(self, step: Step, when: Instant, *, any_hour: bool) -> Instant | None:
        for _ in range(_LOOK_AHEAD):
            free = self.stops.free_from(when)
            if free is None:
                return None
            day = self.zone.day(free)
            if self._quiet(day):
                when = self.zone.instant(day + 1)
                continue
            own = self.zone.instant(day, step.at.tod)
            if any_hour or own <= free:
                return free
            when = own
            if self.stops.at(when) is None:
                return when
        return None

    def _quiet(self, day: int) -> bool:
        """On the day of a reversal, and of a return, nothing is done or skipped (rule 6)."""
        returned = self.state.returned
        return day in self._reversal_days or (returned is not None and self.zone.day(returned) == day)


def _reversal_days(events: list[Event], zone: Zone) -> frozenset[int]:
    """The local days on which a reversal happened or became known."""
    found = set()
    for event in events:
        if event.type == "reversal":
            found.add(zone.day(event.at))
            found.add(zone.day(max(event.at, event.known_at)))
    return frozenset(found)
