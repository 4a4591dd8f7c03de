"""A loan reckoned again from its facts alone: a second reading of the rules that shares no code with ``policies``.

Days are ``datetime.date`` ordinals, instants microseconds since 1970, amounts minor units, as everywhere.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from policies.contract import Duration, Step
from policies.facts import Event, Loan
from tests.property.worlds import World

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=100_000)
def instant(zone: str, day: int, tod: int = 0) -> int:
    """When the clock on the wall shows ``tod`` seconds since midnight on a day."""
    wall = datetime.fromordinal(day) + timedelta(seconds=tod)
    return (wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def wall(zone: str, at: int) -> datetime:
    """The clock on the wall."""
    return (_EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(zone))


def day_of(zone: str, at: int) -> int:
    """The local day."""
    return wall(zone, at).toordinal()


def plus(day: int, length: Duration) -> int:
    """A day and a length; business days are Monday to Friday."""
    amount = length.amount
    if length.unit == "business day":
        step = 1 if amount > 0 else -1
        while amount:
            day += step
            amount -= step if date.fromordinal(day).weekday() < 5 else 0
        return day
    if length.unit == "month":
        start = date.fromordinal(day)
        year, month = divmod(start.year * 12 + start.month - 1 + amount, 12)
        last = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(start.day, last)).toordinal()
    return day + amount * (7 if length.unit == "week" else 1)


def named_day(step: Step, loan: Loan, place: int) -> int:
    """The day that the step's ``at`` names for the instalment at ``place``."""
    return plus(loan.instalments[place].due_on.toordinal(), step.at.offset)


def named_time(step: Step, loan: Loan, place: int, zone: str) -> int:
    """The instant that the step's ``at`` names for the instalment at ``place``."""
    return instant(zone, named_day(step, loan, place), step.at.tod)


@dataclass(frozen=True, slots=True)
class Standing:
    """A loan at an instant; ``chased`` is a place, or none once everything is paid or past due."""

    unpaid: tuple[int, ...]
    past_due: int
    overdue: bool
    chased: int | None

    @property
    def late_minor(self) -> int:
        """What the fact ``overdue`` says."""
        return sum(self.unpaid[: self.past_due]) if self.overdue else 0


@dataclass(frozen=True, slots=True)
class Chase:
    """What was chased from an instant on: an instalment before its due date, or in an episode."""

    since: int
    overdue: bool
    place: int | None


class Reckoning:
    """One loan of a world."""

    def __init__(self, world: World, loan: Loan) -> None:
        self.loan = loan
        self.zone = world.person.zone
        self.threshold = world.policy.overdue_from_minor
        self.events = [e for e in world.events if e.loan_id in (loan.loan_id, None)]
        self.holds = [e for e in self.events if e.type == "hold"]
        self.past_due_at = [instant(self.zone, i.due_on.toordinal() + 1) for i in loan.instalments]

    def standing(self, at: int, known: int | None = None) -> Standing:
        """The loan at ``at``, from what was known at ``known`` (the same instant, unless told)."""
        seen = [e for e in self.events if e.at <= at and e.known_at <= (at if known is None else known)]
        left = _paid(seen)
        unpaid = []
        for one in self.loan.instalments:
            asked = one.principal_minor + one.interest_minor + one.fees_minor
            unpaid.append(max(0, asked - left))
            left = max(0, left - asked)
        past_due = sum(1 for when in self.past_due_at if when <= at)
        overdue = sum(unpaid[:past_due]) >= self.threshold
        open_places = [p for p, amount in enumerate(unpaid) if amount and (overdue or p >= past_due)]
        return Standing(tuple(unpaid), past_due, overdue, min(open_places, default=None))

    def turns(self, until: int) -> list[int]:
        """The instants up to ``until`` at which the loan can come to stand otherwise, from its disbursement on."""
        found = {self.loan.disbursed_at, *self.past_due_at}
        found |= {max(e.at, e.known_at) for e in self.events if e.type in ("payment", "reversal", "returned")}
        return sorted(t for t in found if self.loan.disbursed_at <= t <= until)

    def chases(self, until: int) -> list[Chase]:
        """What was chased up to ``until``, one entry each time that it became another."""
        found: list[Chase] = []
        for when in self.turns(until):
            now = self.standing(when)
            if not found or (now.overdue, now.chased) != (found[-1].overdue, found[-1].place):
                found.append(Chase(when, now.overdue, now.chased))
        return found

    def episodes(self, until: int) -> list[tuple[int, int | None]]:
        """Each time that the loan was overdue: from when, and its cure, where there was one up to ``until``."""
        found: list[tuple[int, int | None]] = []
        for chase in self.chases(until):
            if chase.overdue and (not found or found[-1][1] is not None):
                found.append((chase.since, None))
            elif not chase.overdue and found and found[-1][1] is None:
                found[-1] = (found[-1][0], chase.since)
        return found

    def episode_at(self, at: int) -> tuple[int, int | None]:
        """The episode that runs at ``at``: its start, and no cure yet."""
        return self.episodes(at)[-1]

    def held(self, at: int, known: int) -> int | None:
        """When the hold in force at ``at`` ends, as known at ``known``; 0 where there is none, None if it does not."""
        latest: int | None = 0
        for hold in self.holds:
            if hold.known_at > known:
                continue
            start = hold.at if hold.start is None else _moment(self.zone, hold.start)
            ends = [_moment(self.zone, hold.until)] if hold.until is not None else []
            ends += [
                e.at for e in self.events if e.type == "release" and e.ref == hold.event_id and e.known_at <= known
            ]
            if start <= at and (not ends or at < min(ends)):
                if not ends:
                    return None
                latest = max(latest or 0, min(ends))
        return latest

    def noticed_days(self, after: int, through: int, known: int) -> int:
        """How many days after a day, through another, count as notice: their first instant is free and overdue."""
        return sum(
            1
            for day in range(after + 1, through + 1)
            if self.held(first := instant(self.zone, day), known) == 0 and self.standing(first, known).overdue
        )


def _moment(zone: str, when: int | date) -> int:
    return instant(zone, when.toordinal()) if isinstance(when, date) else when


def _paid(events: Iterable[Event]) -> int:
    events = list(events)
    total = 0
    for payment in (e for e in events if e.type == "payment"):
        amount = payment.amount_minor or 0
        backs = [e.amount_minor for e in events if e.type == "reversal" and e.ref == payment.event_id]
        back = amount if None in backs else sum(b or 0 for b in backs)
        total += amount - min(amount, back)
    return total
