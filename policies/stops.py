"""What stops a ladder: holds with their reasons and ends, and the days on which nothing is done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from policies.calendar import Zone
from policies.facts import Event, Instant


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold, in force in [start, end); ``end`` is empty while nothing ends it."""

    hold_id: str
    reason: str
    start: Instant
    end: Instant | None

    def covers(self, at: Instant) -> bool:
        """Whether it is in force at ``at``."""
        return self.start <= at and (self.end is None or at < self.end)


class Stops:
    """The holds of one loan, as known at the instant of a decision."""

    __slots__ = ("holds",)

    def __init__(self, holds: Iterable[Hold]) -> None:
        self.holds = tuple(holds)

    def at(self, when: Instant) -> Hold | None:
        """The hold in force at ``when`` that ends last, or none."""
        found: Hold | None = None
        for hold in self.holds:
            if hold.covers(when):
                if hold.end is None:
                    return hold
                if found is None or found.end is None or hold.end > found.end:
                    found = hold
        return found

    def free_from(self, when: Instant) -> Instant | None:
        """The first instant not before ``when`` at which no hold is in force; none, while one has no end."""
        while self.holds and (hold := self.at(when)) is not None:
            if hold.end is None:
                return None
            when = hold.end
        return when

    def since(self, when: Instant) -> Instant | None:
        """Since when, without a break, a hold has been in force at ``when``; none, where none is."""
        hold = self.at(when)
        if hold is None:
            return None
        start = hold.start
        moved = True
        while moved:
            moved = False
            for other in self.holds:
                if other.start < start and (other.end is None or other.end >= start):
                    start = other.start
                    moved = True
        return start


def moment(when: Instant | date, zone: Zone) -> Instant:
    """An instant as it is; a date as its first instant in the zone."""
    return zone.instant(when.toordinal()) if isinstance(when, date) else when


def holds_of(events: Iterable[Event], zone: Zone) -> list[Hold]:
    """The holds that ``events`` (those known, in any order) put on a loan: holds, and promises while they run.

    A promise holds until the day after its date. A release ends the hold that it names, from its own ``at``.
    """
    released: dict[str, Instant] = {}
    for event in events:
        if event.type == "release" and event.ref is not None:
            released[event.ref] = min(event.at, released.get(event.ref, event.at))
    found = []
    for event in events:
        if event.type == "hold":
            start = event.at if event.start is None else moment(event.start, zone)
            end = None if event.until is None else moment(event.until, zone)
            reason = event.value or "other"
        elif event.type == "promise" and isinstance(event.until, date):
            start, end, reason = event.at, zone.instant(event.until.toordinal() + 1), "promise"
        else:
            continue
        freed = released.get(event.event_id)
        if freed is not None and (end is None or freed < end):
            end = freed
        if end is None or end > start:
            found.append(Hold(event.event_id, reason, start, end))
    return found
