"""Which rules of a set of packs reach a contact of a given shape: worked out once a shape, and kept."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from policies.calendar import Zone, zone
from policies.compliance.dossier import Asked, Dossier
from policies.compliance.kinds import (
    AGENCY,
    COLLECTORS,
    Cap,
    Content,
    Hours,
    Lift,
    Notice,
    OfferEnd,
    OptOut,
    Pack,
    Quiet,
    Relation,
    Retention,
    Rule,
    Scope,
    Stop,
    Window,
)  # fmt: skip
from policies.compliance.stops import forbidden
from policies.facts import Instant

SEVERAL: Final = "several"
_COMPARISON: Final = re.compile(r"(>=|<=|!=|>|<)\s*(-?\d+)")

Holds = Callable[[Asked, Dossier, bool], bool]
"""Whether a rule's ``when`` holds of what is asked, what is on record, and whether several places are in question."""

NOT_IN_FORCE: Final = "not in force"
NOT_REACHED: Final = "not reached"
ALLOWS: Final = "allows"
DOES_NOT_HOLD: Final = "does not hold"
NO_BEARING: Final = "no bearing"

_ALL_DAY: Final = ((0, 86_400),)


@dataclass(frozen=True, slots=True)
class Result:
    """What one rule says: ``outcome`` is a word of this module or of ``guard``, ``until`` its own opening, ``by`` the
    lift it gave way to."""

    rule: Rule
    outcome: str
    until: Instant | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rule that reaches a shape of contact, with what it takes to judge it."""

    rule: Rule
    lifts: tuple[tuple[Lift, Holds | None], ...]
    holds: Holds | None
    fixed: tuple[Zone, ...]
    """The zone that the rule itself names, if any."""
    place: int
    """Where the rule stands among all rules of the packs."""


class Record(NamedTuple):
    """What there is at all to go by: it decides which rules need not be asked, because they cannot close."""

    notes: bool
    content: frozenset[str]
    offer: bool
    facts: bool
    several: bool
    contacts: bool


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The rules that can close a contact, in their order; ``rest`` without the windows that ``hours`` sums up.

    ``hours`` has seven days from Monday: at these times each of those windows is open.
    """

    rules: tuple[Prepared, ...]
    rest: tuple[Prepared, ...]
    hours: tuple[Hours, ...]


class Shape(NamedTuple):
    """All of a contact that decides which rules reach it."""

    channel: str
    purpose: str
    stage: str
    actor: str
    relation: str
    mode: str | None
    address_kind: str | None
    as_collector: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The rules that reach a shape in a stretch of days, in the order of the packs, and why the others do not."""

    active: tuple[Prepared, ...]
    others: tuple[tuple[Rule, str], ...]
    relation: str
    quietly: tuple[Result, ...]
    """The result of every rule of the packs where none closes and no lift is used."""
    timed: tuple[Prepared, ...] = ()
    """Those of ``active`` that are about hours."""
    conditional: bool = False
    """Whether one of these holds by what is on record."""
    closings: dict[tuple[str, str, Instant], Instant | None] = field(default_factory=dict, compare=False)
    """Until when contacts may leave, by zone, region and instant, where nothing on record has a bearing on that."""
    _narrowed: dict[Record, Narrowed] = field(default_factory=dict, compare=False)

    def narrowed(self, record: Record) -> Narrowed:
        """The rules that have to be asked, given what there is to go by."""
        found = self._narrowed.get(record)
        if found is None:
            rules = tuple(one for one in self.active if _can_close(one, record, self.relation))
            weekly = [one.rule for one in rules if isinstance(one.rule, Window) and _is_weekly(one.rule)]
            rest = tuple(one for one in rules if one.rule not in weekly)
            found = self._narrowed[record] = Narrowed(rules, rest, _hours_of_all(weekly))
        return found


class RuleBook:
    """The packs in force together for a person: what a lender's policy names, its house rules, and the region's."""

    __slots__ = ("_changes", "_lifts", "_plans", "facts", "holidays", "packs", "rules", "zones")

    def __init__(self, packs: tuple[Pack, ...]) -> None:
        self.packs = packs
        self.rules: tuple[Rule, ...] = tuple(rule for pack in packs for rule in pack.rules)
        self.zones: tuple[str, ...] = tuple(dict.fromkeys(name for pack in packs for name in pack.zones))
        self.holidays = next((pack.holidays for pack in packs if pack.holidays), "weekdays")
        self._lifts = {(r.pack, r.rule_id): r for r in self.rules if isinstance(r, Lift)}
        self.facts = frozenset(name for rule in self.rules for name in rule.when)
        self._changes = sorted({d for r in self.rules for d in (r.since, r.until) if d is not None})
        self._plans: dict[tuple[Shape, int], Plan] = {}

    def plan(self, asked: Asked, day: int) -> Plan:
        """The rules that reach ``asked`` on a local day (an ordinal)."""
        shape = Shape(
            asked.channel, asked.purpose, asked.stage, asked.actor, asked.relation, asked.mode, asked.address_kind,
            asked.as_collector,
        )  # fmt: skip
        key = (shape, bisect_right(self._changes, day) if self._changes else 0)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = self._plan(shape, day)
        return found

    def changes_after(self, day: int) -> int | None:
        """The next day on which a rule comes into force or ceases to be."""
        at = bisect_right(self._changes, day)
        return self._changes[at] if at < len(self._changes) else None

    def _plan(self, shape: Shape, day: int) -> Plan:
        active: list[Prepared] = []
        others: list[tuple[Rule, str]] = []
        told: list[Result] = []
        for place, rule in enumerate(self.rules):
            if not _in_force(rule, day):
                others.append((rule, NOT_IN_FORCE))
            elif not reaches(rule, shape):
                others.append((rule, NOT_REACHED))
            else:
                active.append(self._prepared(rule, shape, day, place))
                without = DOES_NOT_HOLD if isinstance(rule, Lift) else NO_BEARING
                told.append(Result(rule, ALLOWS if decides(rule) else without))
                continue
            told.append(Result(*others[-1]))
        timed = tuple(one for one in active if isinstance(one.rule, Window | Quiet))
        conditional = any(one.holds is not None for one in timed)
        return Plan(tuple(active), tuple(others), shape.relation, tuple(told), timed, conditional)

    def _prepared(self, rule: Rule, shape: Shape, day: int, place: int) -> Prepared:
        lifts = [self._lifts[rule.pack, name] for name in rule.unless]
        named = getattr(rule, "zone", None)
        return Prepared(
            rule,
            tuple((one, _test(one)) for one in lifts if _in_force(one, day) and reaches(one, shape)),
            _test(rule),
            () if named is None else (zone(named),),
            place,
        )


def _in_force(rule: Rule, day: int) -> bool:
    return (rule.since is None or rule.since <= day) and (rule.until is None or day < rule.until)


def reaches(rule: Rule, shape: Shape) -> bool:
    """Whether a rule is about contacts of this shape at all."""
    if rule.actors == AGENCY and shape.actor != "agency":
        return False
    if rule.actors == COLLECTORS and shape.actor != "agency" and not shape.as_collector:
        return False
    if shape.purpose in rule.but_purposes or shape.relation in rule.but_relations:
        return False
    if shape.address_kind in rule.but_address_kinds:
        return False
    return (
        (not rule.channels or shape.channel in rule.channels)
        and (not rule.purposes or shape.purpose in rule.purposes)
        and (not rule.stages or shape.stage in rule.stages)
        and (not rule.relations or shape.relation in rule.relations)
        and (not rule.modes or shape.mode is None or shape.mode in rule.modes)
        and (not rule.address_kinds or shape.address_kind in rule.address_kinds)
    )


def decides(rule: Rule) -> bool:
    """Whether the rule can close a contact; lifts, scopes and retentions cannot."""
    return not isinstance(rule, Lift | Scope | Retention)


def flag_stop(rule: Rule) -> bool:
    """Whether it is a stop that is in force by a fact alone."""
    return isinstance(rule, Stop) and not rule.begins


# --- what can close ---------------------------------------------------------------------------------------------


def _can_close(prepared: Prepared, record: Record, relation: str) -> bool:
    """Whether the rule could close a contact of which no more is known than ``record``."""
    rule = prepared.rule
    if not decides(rule):
        return False
    if isinstance(rule, Relation):
        return relation not in rule.allows
    if isinstance(rule, Content):
        needed = bool(record.content and forbidden(rule, record.content))
    elif isinstance(rule, OfferEnd):
        needed = record.offer
    elif isinstance(rule, Cap):
        needed = record.contacts or rule.most < 1
    elif isinstance(rule, Quiet | OptOut) or (isinstance(rule, Stop) and rule.begins):
        needed = record.notes
    else:
        needed = record.notes or not (isinstance(rule, Notice) and rule.only_bounced)
    return needed and _may_hold(prepared, record)


def _may_hold(prepared: Prepared, record: Record) -> bool:
    """Whether the rule's ``when`` may hold; without any facts on record it is asked of none."""
    names = prepared.rule.when.keys()
    if prepared.holds is None or names & _ASKED or (record.facts and names != {"zones"}):
        return True
    return prepared.holds(Asked(""), Dossier(), record.several)


def _is_weekly(rule: Window) -> bool:
    return rule.holidays is None and rule.zone is None and not rule.when


def _hours_of_all(windows: list[Window]) -> tuple[Hours, ...]:
    """The hours of each weekday at which all of the windows are open."""
    week: list[Hours] = [_ALL_DAY] * 7
    for window in windows:
        week = [
            tuple((max(a, c), min(b, d)) for a, b in mine for c, d in theirs if max(a, c) < min(b, d))
            for mine, theirs in zip(week, window.hours, strict=True)
        ]
    return tuple(week)


# --- when -------------------------------------------------------------------------------------------------------


def _test(rule: Rule) -> Holds | None:
    if not rule.when:
        return None
    tests = [_one(name, written) for name, written in rule.when.items()]
    if len(tests) == 1:
        return tests[0]
    return lambda asked, dossier, several: all(test(asked, dossier, several) for test in tests)


def _one(name: str, written: str) -> Holds:
    if name == "zones":
        wanted = written == SEVERAL
        return lambda asked, dossier, several: several is wanted
    comparison = _COMPARISON.fullmatch(written)

    def value(asked: Asked, dossier: Dossier) -> object:
        if name in _ASKED:
            return getattr(asked, name)
        found = dossier.flags.get(name)
        return dossier.options.get(name) if found is None else found

    if comparison is not None:
        sign, limit = comparison[1], int(comparison[2])

        def compared(asked: Asked, dossier: Dossier, several: bool) -> bool:
            found = value(asked, dossier)
            return isinstance(found, int) and _SIGNS[sign](found, limit)

        return compared
    if written in ("true", "false"):
        wanted = written == "true"
        return lambda asked, dossier, several: (value(asked, dossier) not in _NO) is wanted
    return lambda asked, dossier, several: value(asked, dossier) == written


_ASKED: Final = frozenset({"days_past_due", "basis", "program", "actor"})
"""What a rule's ``when`` may ask of the contact itself; all else is a fact on record."""
_NO: Final = (None, False, "", "false", "off")
_SIGNS: Final[dict[str, Callable[[int, int], bool]]] = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "!=": lambda a, b: a != b,
}
