"""Small worlds for properties: one person, their loans and ladders, and whatever may happen to them.

A ``Shape`` says which kinds of thing may happen; within it everything is drawn. Ladders are legal ones: no due
date can put a step before its predecessor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from hypothesis import strategies as st

from policies.calendar import zone
from policies.compose import message_id
from policies.contract import BUSINESS_DAY, DAY, MONTH, WEEK, At, Condition, Duration, Policy, Send, Step, StepHold
from policies.facts import SECOND, Event, Instalment, Loan, Person
from policies.versions import Policies, Published
from tests.making import offer, person, policy, when

ZONES = {
    "Europe/Madrid": ("2026-02-20", "2026-10-01"),
    "America/New_York": ("2026-02-10", "2026-10-10"),
    "Asia/Kathmandu": ("2026-05-01",),
    "Africa/Cairo": ("2026-04-01", "2026-10-05"),  # the clock changes at midnight
    "America/Havana": ("2026-02-15", "2026-10-10"),
    "America/Santiago": ("2026-03-10", "2026-08-15"),
    "Atlantic/Azores": ("2026-03-01", "2026-10-01"),
    "Pacific/Kiritimati": ("2026-01-20",),  # the first and the last place of a day
    "Pacific/Pago_Pago": ("2026-01-20",),
    "Pacific/Apia": ("2011-12-05",),  # had no 30th of December in 2011
}
"""Zones, and dates some weeks before their clocks change."""

TIMES = (0, 9_000, 28_800, 36_000, 66_600, 84_600)
"""Times of day of steps; 02:30 is one that may not exist."""
AMOUNT = 10_000
"""What each instalment asks for, in minor units."""

FACTS = ("overdue", "balance", "days_past_due", "instalments_overdue", "principal")


@dataclass(frozen=True, slots=True)
class Shape:
    """What may happen in a world. ``pay_days`` from the first due date; ``gap``: most days between two steps."""

    instalments: int = 4
    loans: int = 2
    payments: int = 5
    pay_days: tuple[int, int] = (-4, 50)
    before_due: int = 3
    after_due: int = 5
    gap: int = 9
    reversals: bool = False
    holds: bool = True
    holds_ahead: bool = True
    outages: int = 2
    late: bool = True
    within: bool = True
    conditions: tuple[str, ...] = ("overdue", "balance", "days_past_due", "instalments_overdue")
    hand_off: bool = True
    returns: bool = False
    sides: bool = False
    guard: bool = False
    times: tuple[int, ...] = TIMES
    unreachable: bool = False
    failures: bool = False
    versions: bool = False
    threshold: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """One person's loans, what happens to them, under which policy versions, and when the service is away."""

    person: Person
    loans: tuple[Loan, ...]
    events: tuple[Event, ...]
    published: tuple[Published, ...]
    outages: tuple[tuple[int, int], ...]

    @property
    def policy(self) -> Policy:
        """The first version; the others have the same ladder and other words."""
        return self.published[0].policy

    @property
    def policies(self) -> Policies:
        """All versions."""
        return Policies(self.published)


def facts_as_text(values: Mapping[str, Any]) -> str:
    """Every message of a world prints its facts, so that a test can read what the decision was made from."""
    found = {name: getattr(values[name], "amount_minor", values[name]) for name in FACTS}
    return json.dumps({**found, "due": values["due"].isoformat()})


@st.composite
def worlds(draw: st.DrawFn, shape: Shape) -> World:
    """Worlds of a shape."""
    zone_name = draw(st.sampled_from(sorted(ZONES)))
    base = date.fromisoformat(draw(st.sampled_from(ZONES[zone_name]))).toordinal() + draw(st.integers(0, 9))
    home = zone(zone_name)

    def instant(day: int) -> int:
        return home.instant(day) + draw(st.integers(0, 86_399)) * SECOND

    written = draw(policies(shape))
    whose = person("B", zone_name)
    if shape.unreachable:
        whose = whose._replace(
            phone=draw(st.sampled_from((None, whose.phone))),
            email=draw(st.sampled_from((None, whose.email, whose.email))),
        )
    loans = []
    events: list[Event] = []
    for number in range(draw(st.integers(1, shape.loans))):
        one = draw(_loan(shape, f"L{number}", base, instant(base)))
        loans.append(one)
        events += draw(_events(shape, one, base, instant, written))
    events += draw(_personal(shape, base, instant))
    outages = []
    for _ in range(draw(st.integers(0, shape.outages))):
        first = instant(base + draw(st.integers(1, 80)))
        outages.append((first, first + draw(st.sampled_from((3_600, 86_400, 300_000, 900_000))) * SECOND))
    published = [Published(written)]
    if shape.versions:
        since = home.instant(base + draw(st.integers(0, 60)))
        published.append(Published(_reworded(written, "sha256:2"), since))
    events.sort(key=lambda e: (e.known_at, e.at, e.event_id))
    return World(whose, tuple(loans), tuple(events), tuple(published), tuple(sorted(outages)))


def _reworded(written: Policy, digest: str) -> Policy:
    """The same ladder with other words: a message tells which version wrote it by ``message``."""
    steps = tuple(
        s if s.send is None else replace(s, send=Send(digest, s.send.channels, s.send.every)) for s in written.steps
    )
    templates = {(digest, channel, language): text for (_, channel, language), text in written.templates.items()}
    ladder = tuple(s for s in steps if s.at.anchor == "due")
    sides = tuple(s for s in steps if s.at.anchor != "due")
    return replace(written, digest=digest, steps=steps, ladder=ladder, side_steps=sides, templates=templates)


# --- loans and what happens to them -----------------------------------------------------------------------------


@st.composite
def _loan(draw: st.DrawFn, shape: Shape, loan_id: str, base: int, disbursed_at: int) -> Loan:
    count = draw(st.integers(1, shape.instalments))
    first = base + draw(st.integers(1, 20))
    apart = draw(st.sampled_from((7, 12, 30)))
    instalments = tuple(Instalment(n + 1, date.fromordinal(first + n * apart), AMOUNT) for n in range(count))
    return Loan(loan_id, "B", "personal", "EUR", AMOUNT * count, disbursed_at, instalments)


@st.composite
def _events(
    draw: st.DrawFn, shape: Shape, loan: Loan, base: int, instant: Callable[[int], int], written: Policy
) -> list[Event]:
    found: list[Event] = []
    due = loan.instalments[0].due_on.toordinal()

    def add(name: str, kind: str, at: int, **parts: Any) -> Event:
        delay = draw(st.sampled_from((0, 0, 0, 1, 9, 30))) if shape.late else 0
        known = at + delay * 86_400 * SECOND
        event = Event(f"{loan.loan_id}-{name}", at, known, kind, loan_id=loan.loan_id, **parts)
        found.append(event)
        return event

    amounts = st.sampled_from((1, 2_500, 2_500, 5_000, 5_000, 10_000, 10_000, 15_000, 40_000))
    payments = []
    for number in range(draw(st.integers(0, shape.payments))):
        day = due + draw(st.integers(*shape.pay_days))
        payments.append(add(f"pay{number}", "payment", instant(max(day, base)), amount_minor=draw(amounts)))
    if shape.reversals and payments:
        for number in range(draw(st.integers(0, 2))):
            paid = draw(st.sampled_from(payments))
            back = draw(st.sampled_from((None, 1, 5_000, 10_000, 99_999)))
            day = zone_day(paid.at) + draw(st.integers(1, 30))
            add(f"reversal{number}", "reversal", instant(day), ref=paid.event_id, amount_minor=back)
    if shape.holds:
        for number in range(draw(st.integers(0, 2))):
            found += draw(_hold(shape, f"{loan.loan_id}-hold{number}", due, instant, {"loan_id": loan.loan_id}))
    if shape.returns:
        for number in range(draw(st.integers(0, 2))):
            add(f"back{number}", "returned", instant(due + draw(st.integers(5, 150))))
    if shape.failures:
        for number in range(draw(st.integers(0, 3))):
            name = draw(st.sampled_from([s.name for s in written.ladder]))
            failed = message_id(loan.loan_id, 1, name, 1, draw(st.sampled_from(("sms", "email"))))
            add(f"receipt{number}", "receipt", instant(due + draw(st.integers(0, 60))), ref=failed, value="failed")
    return found


def zone_day(at: int) -> int:
    """The day of an instant, to a day: only a place to draw from."""
    return date(1970, 1, 1).toordinal() + at // (86_400 * SECOND)


@st.composite
def _hold(
    draw: st.DrawFn, shape: Shape, name: str, due: int, instant: Callable[[int], int], whose: Mapping[str, Any]
) -> list[Event]:
    day = due + draw(st.integers(-5, 60))
    at = instant(day)
    until = draw(st.sampled_from((None, 1, 3, 10, 40, 120)))
    starts = draw(st.sampled_from((0, 0, 2))) if shape.holds_ahead else 0
    found = [
        Event(
            name, at, at, "hold", value=draw(st.sampled_from(("dispute", "hardship", "other"))),
            start=None if not starts else date.fromordinal(day + starts),
            until=None if until is None else date.fromordinal(day + starts + until), **whose,
        )
    ]  # fmt: skip
    if until is None or draw(st.booleans()):
        freed = instant(day + draw(st.integers(1, 30)))
        found.append(Event(f"{name}-release", freed, freed, "release", ref=name))
    return found


@st.composite
def _personal(draw: st.DrawFn, shape: Shape, base: int, instant: Callable[[int], int]) -> list[Event]:
    found: list[Event] = []
    if shape.holds and draw(st.integers(0, 3)) == 0:
        found += draw(_hold(shape, "B-hold", base + 10, instant, {"borrower_id": "B"}))
    if shape.guard:
        for number in range(draw(st.integers(0, 3))):
            at = instant(base + draw(st.integers(0, 40)))
            found.append(Event(f"B-contact{number}", at, at, "contact", borrower_id="B", channel="call"))
    if shape.unreachable:
        for number in range(draw(st.integers(0, 2))):
            at = instant(base + draw(st.integers(0, 60)))
            kind = draw(st.sampled_from(("opt_out", "opt_out", "opt_in")))
            channel = draw(st.sampled_from(("sms", "email")))
            found.append(Event(f"B-choice{number}", at, at, kind, borrower_id="B", channel=channel))
    return found


# --- ladders ----------------------------------------------------------------------------------------------------


@st.composite
def policies(draw: st.DrawFn, shape: Shape) -> Policy:
    """A legal policy: at most ``before_due`` steps at or before ``due``, and ``after_due`` after it."""
    steps: list[Step] = []
    before: list[Duration] = []
    furthest = 0
    for _ in range(draw(st.integers(0, shape.before_due))):
        amount = furthest if not before and draw(st.booleans()) else furthest + draw(st.integers(1, 6))
        before.insert(0, Duration(-amount, DAY))
        furthest = amount
    for number, offset in enumerate(before):
        steps.append(draw(_step(shape, f"before{number}", len(steps), offset, early=True)))
    reached = 0
    count = draw(st.integers(1, shape.after_due))
    for number in range(count):
        offset, reached = draw(_later(reached, shape.gap))
        one = draw(_step(shape, f"after{number}", len(steps), offset, early=False))
        if number == count - 1 and shape.hand_off and draw(st.booleans()):
            one = replace(one, send=None, offer=None, hold=None, hand_off="agency")
        steps.append(one)
    offers = {}
    if shape.sides:
        offers = {"deal": offer("deal", expires=Duration(draw(st.sampled_from((1, 14))), DAY))}
        for number in range(draw(st.integers(1, 2))):
            anchors = ["offer.made", "offer.expires", *(f"{s.name}.done" for s in steps if s.hand_off is None)]
            anchor = draw(st.sampled_from(anchors))
            at = At(anchor, Duration(draw(st.integers(0, 4)), DAY), draw(st.sampled_from(shape.times)))
            steps.append(Step(f"side{number}", len(steps), at, send=Send("note", ("email",))))
    threshold = draw(st.sampled_from((1, 1, 5_000))) if shape.threshold else 1
    return policy(steps, house=shape.guard, offers=offers, render=facts_as_text, overdue_from_minor=threshold)


@st.composite
def _later(draw: st.DrawFn, reached: int, gap: int) -> tuple[Duration, int]:
    """A length that is longer than ``reached`` days whatever the due date, and how long it can become at most."""
    more = draw(st.integers(1, gap))
    days = reached + more
    unit = draw(st.sampled_from((DAY, DAY, DAY, BUSINESS_DAY, WEEK, MONTH)))
    if unit == BUSINESS_DAY:
        return Duration(days, unit), days + 2 * ((days - 1) // 5 + 1)
    if unit == WEEK:
        weeks = -(-days // 7)
        return Duration(weeks, unit), 7 * weeks
    if unit == MONTH and days <= 60:
        months = -(-days // 28)
        return Duration(months, unit), 31 * months
    return Duration(days, DAY), days


@st.composite
def _step(draw: st.DrawFn, shape: Shape, name: str, place: int, offset: Duration, *, early: bool) -> Step:
    within = None
    if shape.within and draw(st.integers(0, 3)) == 0:
        within = Duration(draw(st.integers(1, 4)), draw(st.sampled_from((DAY, BUSINESS_DAY))))
    condition = None
    if shape.conditions and draw(st.integers(0, 3)) == 0:
        condition = draw(_condition(shape))
    channels = draw(st.sampled_from((("email",), ("sms", "email")))) if _two_channels(shape) else ("email",)
    send: Send | None = Send("note", channels, every=len(channels) > 1 and draw(st.booleans()))
    made, hold = None, None
    if shape.sides and not early:
        made = draw(st.sampled_from((None, None, "deal")))
        if made is None and draw(st.integers(0, 5)) == 0:
            send, hold = None, StepHold(Duration(draw(st.integers(1, 9)), DAY))
    at = At("due", offset, draw(st.sampled_from(shape.times)))
    return Step(name, place, at, condition, within, send, made, hold)


def _two_channels(shape: Shape) -> bool:
    return shape.unreachable or shape.guard or shape.failures


@st.composite
def _condition(draw: st.DrawFn, shape: Shape) -> Condition:
    name = draw(st.sampled_from(shape.conditions))
    limit = draw(st.sampled_from((1, 2, 8, 20) if name not in ("overdue", "balance") else (2_501, 5_000, 10_001)))
    if draw(st.booleans()):
        return when(f"{name} >= {limit}", lambda facts: bool(facts[name] >= limit), name)
    return when(f"{name} < {limit}", lambda facts: bool(facts[name] < limit), name)
