"""May this person be contacted now? The guard answers send, defer or suppress, and names the rule that binds.

Pure: what is proposed, what is on record, the packs and ``now`` are arguments. Suppress beats defer beats send. A
deferral is until the first instant that satisfies all rules together; it is no promise: the guard is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from policies.calendar import Zone, zone
from policies.compliance import counts, lifts, stops, times
from policies.compliance.dossier import Asked, Contact, Dossier
from policies.compliance.kinds import (
    Cap,
    Consent,
    Content,
    Lift,
    Notice,
    OfferEnd,
    OptOut,
    Quiet,
    Recent,
    Relation,
    Rule,
    Stop,
    Window,
)  # fmt: skip
from policies.compliance.plan import ALLOWS, Holds, Plan, Prepared, Record, Result, RuleBook
from policies.compliance.record import places
from policies.facts import SECOND, Instant

SEND: Final = "send"
DEFER: Final = "defer"
SUPPRESS: Final = "suppress"

_KEPT: Final = 1_000
BOUND_DAYS: Final = 366
"""How far ahead a lawful instant is looked for; where there is none, the contact is suppressed."""

DEFERS: Final = "defers"
FORBIDS: Final = "forbids"
LIFTED: Final = "lifted"
HOLDS: Final = "holds"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``until`` is the first lawful instant of a deferral; ``rule`` the one that bound, ``rules`` all that did.

    ``reason`` says why a suppression has no later instant: ``forbidden`` by ``rule``, or ``no-lawful-instant``
    within ``BOUND_DAYS``. ``results`` has every rule of the packs, where they were asked for.
    """

    decision: str
    until: Instant | None = None
    rule: Rule | None = None
    rules: tuple[Rule, ...] = ()
    reason: str | None = None
    results: tuple[Result, ...] = ()


ALLOWED: Final = Verdict(SEND)


def judge(asked: Sequence[Asked], dossier: Dossier, book: RuleBook, now: Instant, *, every: bool = False) -> Verdict:
    """Whether the contacts ``asked``, the channels of one step, may all be made together at ``now``.

    With ``every`` the verdict holds the result of every rule, for the first of them.
    """
    return judge_by(View(dossier, book, now), asked, every=every)


def judge_by(view: View, asked: Sequence[Asked], *, every: bool = False) -> Verdict:
    """The same of one person, who is asked about several times in one decision."""
    now = view.now
    bound: dict[str, tuple[Prepared, Instant | None]] = {}
    for one in asked:
        for prepared in view.asked_of(one, now, len(asked)):
            opens = view.opens(prepared, one, now, asked)
            if opens != now:
                held = bound.get(prepared.rule.rule_id)
                if held is None or (held[1] is not None and (opens is None or opens > held[1])):
                    bound[prepared.rule.rule_id] = (prepared, opens)
    results = view.results(asked[0], asked) if every else ()
    if not bound:
        return Verdict(SEND, results=results) if every else ALLOWED
    rules = tuple(prepared.rule for prepared, _ in bound.values())
    never = [prepared.rule for prepared, opens in bound.values() if opens is None]
    tried = view.tried([prepared for prepared, _ in bound.values()], asked, now)
    if never:
        return Verdict(SUPPRESS, None, never[0], _first(never[0], (*never, *rules, *tried)), "forbidden", results)
    binding = max(bound.values(), key=lambda one: one[1] or now)[0].rule
    at, closing, reason = view.first(asked, max(opens or now for _, opens in bound.values()), binding)
    if at is None:
        return Verdict(SUPPRESS, None, closing, _first(closing, (*rules, *tried)), reason, results)
    return Verdict(DEFER, at, binding, _first(binding, (*rules, *tried)), None, results)


def closes(asked: Asked, view: View) -> Instant | None:
    """The end of the time that is open at its ``now``, of the day; none, where no rule of hours reaches the contact."""
    dossier, now = view.dossier, view.now
    plan = view.plan(asked, now)
    if plan.conditional or view.several or dossier.notes or dossier.holidays:
        return _closes(asked, view, plan)
    key = (view.day_zone.name, dossier.region, now)
    if key not in plan.closings:
        if len(plan.closings) > _KEPT:
            plan.closings.clear()
        plan.closings[key] = _closes(asked, view, plan)
    return plan.closings[key]


def _closes(asked: Asked, view: View, plan: Plan) -> Instant | None:
    dossier, now = view.dossier, view.now
    ends: list[Instant] = []
    for prepared in plan.timed:
        rule = prepared.rule
        end: Instant | None = None
        if isinstance(rule, Window) and (prepared.holds is None or prepared.holds(asked, dossier, view.several)):
            end = times.window_closes(rule, prepared.fixed or view.zones, view.holiday(rule), now)
        elif isinstance(rule, Quiet):
            end = times.quiet_begins(dossier.notes, asked.channel, view.zones, now)
        if end is not None:
            ends.append(end)
    return min(ends, default=None)


def _first(rule: Rule, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Each rule once, the binding one first."""
    return tuple({one.rule_id: one for one in (rule, *rules)}.values())


class View:
    """One person's record as the guard looks at it: places and counts worked out once, and kept."""

    __slots__ = ("_ends", "_groups", "_last", "book", "day_zone", "dossier", "now", "several", "zones")

    def __init__(self, dossier: Dossier, book: RuleBook, now: Instant) -> None:
        self.dossier = dossier
        self.book = book
        self.now = now
        evidence = dossier.evidence
        if len(evidence) == 1 and evidence[0].at is None and evidence[0].until is None and len(evidence[0].zones) == 1:
            self.zones: tuple[Zone, ...] = (zone(evidence[0].zones[0]),)
            self.several = False
        else:
            self.zones, self.several = places(evidence, book.zones, now)
        self.day_zone = self.zones[0]
        self._ends: dict[int, int | None] = {}
        self._groups: dict[str, frozenset[str]] = {}
        self._last: tuple[Asked, int, Plan] | None = None

    def plan(self, asked: Asked, when: Instant) -> Plan:
        """The rules that reach the contact on the day of ``when``; the last answer is kept."""
        day, last = self.day_zone.day(when), self._last
        if last is None or last[0] is not asked or last[1] != day:
            last = self._last = (asked, day, self.book.plan(asked, day))
        return last[2]

    def asked_of(self, asked: Asked, when: Instant, together: int) -> tuple[Prepared, ...]:
        """The rules that could close the contact, one of so many ``together``, at ``when``; in the packs' order."""
        home, dossier = self.day_zone, self.dossier
        record = Record(
            bool(dossier.notes),
            asked.content,
            asked.offer_ends is not None or asked.offer_last_day is not None,
            bool(dossier.flags or dossier.options),
            self.several,
            together > 1 or bool(dossier.contacts),
        )
        found = self.plan(asked, when).narrowed(record)
        if len(self.zones) == 1:
            tod = home.tod(when)
            for opens, closes in found.hours[times.weekday(home.day(when))]:
                if opens <= tod < closes:
                    return found.rest
        return found.rules

    # --- one rule -------------------------------------------------------------------------------------------------

    def opens(self, prepared: Prepared, asked: Asked, when: Instant, together: Sequence[Asked]) -> Instant | None:
        """The first instant not before ``when`` that this rule, with its lifts, allows; none, where it never does."""
        if prepared.holds is not None and not prepared.holds(asked, self.dossier, self.several):
            return when
        found = self._alone(prepared, asked, when, together)
        if found == when:
            return when
        if prepared.lifts and self.lift(prepared, asked, when, together) is not None:
            return when
        last = prepared.rule.until
        if last is not None:
            ends = self.day_zone.instant(last)
            return ends if found is None or found > ends else found
        return found

    def lift(self, prepared: Prepared, asked: Asked, when: Instant, together: Sequence[Asked]) -> Lift | None:
        """The lift that the rule gives way to at ``when``."""
        for lift, test in prepared.lifts:
            if self._holds(lift, test, prepared, asked, when, together):
                return lift
        return None

    def _holds(
        self, lift: Lift, test: Holds | None, prepared: Prepared, asked: Asked, when: Instant, together: Sequence[Asked]
    ) -> bool:
        if test is not None and not test(asked, self.dossier, self.several):
            return False
        dossier = self.dossier
        return lifts.holds(
            lift, asked, dossier.contacts, dossier.notes, self.zones, when,
            lambda at: self._alone(prepared, asked, at, together), self.same_debt,
        )  # fmt: skip

    def _alone(self, prepared: Prepared, asked: Asked, when: Instant, together: Sequence[Asked]) -> Instant | None:
        """The same by the rule alone, without its lifts."""
        return _ALONE[type(prepared.rule)](self, prepared, prepared.rule, asked, when, together)

    def consented(self, prepared: Prepared, asked: Asked, contact: Contact) -> bool:
        """Whether a past call was one that the person had asked for, by the consent that the cap gives way to."""
        if contact.consented:
            return True
        return any(
            lift.by == lifts.CONSENT
            and stops.consents(
                lift.to, asked, self.dossier.notes, contact.at, self.day_zone, lift.days, self.same_debt
            )
            for lift, _ in prepared.lifts
        )  # fmt: skip

    # --- all rules together ---------------------------------------------------------------------------------------

    def first(self, asked: Sequence[Asked], at: Instant, last: Rule) -> tuple[Instant | None, Rule, str]:
        """The first instant at which every rule allows everything asked; else the rule that closes it, and why.

        Before ``at`` there is none, by ``last``.
        """
        limit = self.now + BOUND_DAYS * times.DAY_S * SECOND
        while at <= limit:
            later = at
            for one in asked:
                for prepared in self.asked_of(one, at, len(asked)):
                    found = self.opens(prepared, one, at, asked)
                    if found is None:
                        return None, prepared.rule, "forbidden"
                    if found > later:
                        later, last = found, prepared.rule
            if later == at:
                return at, last, ""
            at = later
        return None, last, "no-lawful-instant"

    def tried(self, bound: Iterable[Prepared], asked: Sequence[Asked], now: Instant) -> list[Rule]:
        """The lifts that the binding rules name for this very purpose, and that did not hold."""
        return [
            lift
            for prepared in bound
            for lift, _ in prepared.lifts
            if lift.purposes and any(one.purpose in lift.purposes for one in asked)
        ]

    def results(self, asked: Asked, together: Sequence[Asked]) -> tuple[Result, ...]:
        """What every rule of the packs says of the contact at ``now``, in the order of the packs."""
        plan = self.plan(asked, self.now)
        found = list(plan.quietly)
        used: set[int] = set()
        for prepared in self.asked_of(asked, self.now, len(together)):
            result, lift = self._result(prepared, asked, together)
            found[prepared.place] = result
            if lift is not None:
                used.add(id(lift))
        if used:
            for prepared in plan.active:
                if id(prepared.rule) in used:
                    found[prepared.place] = Result(prepared.rule, HOLDS)
        return tuple(found)

    def _result(self, prepared: Prepared, asked: Asked, together: Sequence[Asked]) -> tuple[Result, Lift | None]:
        rule, now = prepared.rule, self.now
        if prepared.holds is not None and not prepared.holds(asked, self.dossier, self.several):
            return Result(rule, ALLOWS), None
        alone = self._alone(prepared, asked, now, together)
        if alone == now:
            return Result(rule, ALLOWS), None
        lift = self.lift(prepared, asked, now, together) if prepared.lifts else None
        if lift is not None:
            return Result(rule, LIFTED, None, lift.rule_id), lift
        opens = self.opens(prepared, asked, now, together)
        return Result(rule, FORBIDS if opens is None else DEFERS, opens), None

    # --- what is worked out once ----------------------------------------------------------------------------------

    def same_debt(self, debt: str) -> frozenset[str]:
        """The debts that count as one with ``debt``."""
        found = self._groups.get(debt)
        if found is None:
            groups = [group for group in self.dossier.same_debt if debt in group]
            found = self._groups[debt] = frozenset({debt}).union(*groups)
        return found

    def holiday(self, rule: Window) -> times.IsHoliday | None:
        """Whether a day is a holiday for this window; none, where it has none."""
        if rule.holidays is None:
            return None
        region = self.dossier.region if rule.holidays == "region" else rule.holidays
        table = times.holidays_of(region) if region else None
        more = self.dossier.holidays
        if not more:
            return table
        return lambda day: day in more or (table is not None and table(day))

    def validation_ends(self, when: Instant) -> int | None:
        """The last day of the validation period, where a notice was given."""
        day = self.day_zone.day(when)
        if day not in self._ends:
            self._ends[day] = stops.validation_ends(self.dossier.notes, self.day_zone, when, self.book.holidays)
        return self._ends[day]


# --- each kind of rule by itself, without its lifts ---------------------------------------------------------------

Alone = Callable[[View, Prepared, Any, Asked, Instant, Sequence[Asked]], Instant | None]


def _window(
    view: View, prepared: Prepared, rule: Window, asked: Asked, when: Instant, together: Sequence[Asked]
) -> Instant | None:
    return times.window_opens(rule, prepared.fixed or view.zones, view.holiday(rule), when)


def _cap(
    view: View, prepared: Prepared, rule: Cap, asked: Asked, when: Instant, together: Sequence[Asked]
) -> Instant | None:
    adding = 1
    if len(together) > 1 and not rule.counts.together:
        adding = sum(1 for one in together if any(p.rule is rule for p in view.plan(one, when).active))
    zones = prepared.fixed or view.zones
    since = counts.since(rule, zones, when)
    past = [contact for contact in view.dossier.contacts if contact.at >= since]
    if len(past) <= counts.room(rule, adding):
        return when
    instants = counts.counted(rule, asked, past, view.same_debt, lambda c: view.consented(prepared, asked, c))
    return counts.cap_opens(rule, instants, zones, when, adding)


def _stop(
    view: View, prepared: Prepared, rule: Stop, asked: Asked, when: Instant, together: Sequence[Asked]
) -> Instant | None:
    ends = view.validation_ends(when) if rule.in_validation else None
    return stops.stop_opens(rule, asked, view.dossier.notes, view.same_debt, view.day_zone, when, ends)


def _opt_out(
    view: View, prepared: Prepared, rule: OptOut, asked: Asked, when: Instant, together: Sequence[Asked]
) -> Instant | None:
    by_program = view.dossier.options.get("optout_scope") == "program"
    return None if stops.opted_out(rule, asked, view.dossier.notes, when, by_program) else when


def _recent(
    view: View, prepared: Prepared, rule: Recent, asked: Asked, when: Instant, together: Sequence[Asked]
) -> Instant | None:
    return stops.recent_opens(rule, asked, view.dossier.contacts, view.dossier.notes, view.day_zone, when)


def _offer_end(
    view: View, prepared: Prepared, rule: OfferEnd, asked: Asked, when: Instant, together: Sequence[Asked]
) -> Instant | None:
    ends = view.validation_ends(when) if rule.after_validation else None
    return stops.offer_opens(rule, asked, when, ends)


_ALONE: Final[dict[type[Rule], Alone]] = {
    Window: _window,
    Cap: _cap,
    Stop: _stop,
    OptOut: _opt_out,
    Recent: _recent,
    OfferEnd: _offer_end,
    Content: lambda view, prepared, rule, asked, when, together: stops.content_opens(rule, asked, when),
    Relation: lambda view, prepared, rule, asked, when, together: stops.relation_opens(rule, asked, when),
    Quiet: lambda view, prepared, rule, asked, when, together: times.quiet_opens(
        view.dossier.notes, asked.channel, view.zones, when
    ),
    Consent: lambda view, prepared, rule, asked, when, together: stops.consent_opens(
        rule, asked, view.dossier.notes, view.day_zone, when, view.same_debt
    ),
    Notice: lambda view, prepared, rule, asked, when, together: stops.notice_opens(
        rule, view.dossier.contacts, view.dossier.notes, view.day_zone, when
    ),
}
