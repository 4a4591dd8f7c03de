"""Which rules of a set of packs reach a contact of a given shape: worked out once a shape, and kept."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from policies.calendar import Zone, zone
from policies.compliance.dossier import Asked, Dossier
from policies.compliance.kinds import AGENCY, COLLECTORS, Lift, Pack, Retention, Rule, Scope, Stop

SEVERAL: Final = "several"
_COMPARISON: Final = re.compile(r"(>=|<=|!=|>|<)\s*(-?\d+)")

Holds = Callable[[Asked, Dossier, bool], bool]
"""Whether a rule's ``when`` holds of what is asked, what is on record, and whether several places are in question."""

NOT_IN_FORCE: Final = "not in force"
NOT_REACHED: Final = "not reached"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rule that reaches a shape of contact, with what it takes to judge it."""

    rule: Rule
    lifts: tuple[tuple[Lift, Holds | None], ...]
    holds: Holds | None
    fixed: tuple[Zone, ...]
    """The zone that the rule itself names, if any."""


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
        for rule in self.rules:
            if not _in_force(rule, day):
                others.append((rule, NOT_IN_FORCE))
            elif not _reaches(rule, shape):
                others.append((rule, NOT_REACHED))
            else:
                active.append(self._prepared(rule, shape, day))
        return Plan(tuple(active), tuple(others))

    def _prepared(self, rule: Rule, shape: Shape, day: int) -> Prepared:
        lifts = [self._lifts[rule.pack, name] for name in rule.unless]
        named = getattr(rule, "zone", None)
        return Prepared(
            rule,
            tuple((one, _test(one)) for one in lifts if _in_force(one, day) and _reaches(one, shape)),
            _test(rule),
            () if named is None else (zone(named),),
        )


def _in_force(rule: Rule, day: int) -> bool:
    return (rule.since is None or rule.since <= day) and (rule.until is None or day < rule.until)


def _reaches(rule: Rule, shape: Shape) -> bool:
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
        if name in ("days_past_due", "basis", "program", "actor"):
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


_NO: Final = (None, False, "", "false", "off")
_SIGNS: Final[dict[str, Callable[[int, int], bool]]] = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "!=": lambda a, b: a != b,
}
