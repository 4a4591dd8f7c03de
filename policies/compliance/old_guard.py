"""May this person be contacted now? The guard answers send, defer or suppress, and names the rule.

Pure: the history, the rules and ``now`` are arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from policies.calendar import Zone
from policies.compliance.rules import Rule, Window
from policies.facts import Instant

SEND: Final = "send"
DEFER: Final = "defer"
SUPPRESS: Final = "suppress"
_ROUNDS: Final = 400


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact made with a person; one step on several channels at one instant has one ``key``: one contact."""

    at: Instant
    key: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``until`` is the first lawful instant of a deferral; ``rule`` the one that bound, ``rules`` all that did."""

    decision: str
    until: Instant | None = None
    rule: Rule | None = None
    rules: tuple[Rule, ...] = ()


ALLOWED: Final = Verdict(SEND)


def judge(now: Instant, history: Iterable[Contact], rules: Sequence[Rule], zone: Zone) -> Verdict:
    """Whether a contact at ``now`` is lawful; else the first instant at which every rule together allows it.

    ``history`` is all that counts towards the caps, in any order; contacts after an instant looked at do not count.
    """
    if not rules:
        return ALLOWED
    days = _days(history, zone)
    day, tod = zone.day(now), zone.tod(now)
    first = [rule for rule in rules if not _allows(rule, day, tod, days)]
    if not first:
        return ALLOWED
    when = now
    for _ in range(_ROUNDS):
        later = max(_open_from(rule, when, days, zone) for rule in rules)
        if later == when:
            return Verdict(DEFER, when, _binding(first, now, days, zone), tuple(first))
        when = later
    return Verdict(SUPPRESS, None, first[0], tuple(first))


def _allows(rule: Rule, day: int, tod: int, days: list[int]) -> bool:
    """Whether this rule alone allows a contact at ``tod`` of ``day``."""
    if isinstance(rule, Window):
        return rule.opens <= tod < rule.closes
    return not days or sum(1 for d in days if day - rule.days < d <= day) < rule.most


def closes(now: Instant, rules: Sequence[Rule], zone: Zone) -> Instant | None:
    """The end of the contact window that is open at ``now``; none, where no rule has one."""
    day = zone.day(now)
    ends = [zone.instant(day, rule.closes) for rule in rules if isinstance(rule, Window)]
    return min(ends, default=None)


def _binding(first: list[Rule], now: Instant, days: list[int], zone: Zone) -> Rule:
    return max(first, key=lambda rule: _open_from(rule, now, days, zone))


def _days(history: Iterable[Contact], zone: Zone) -> list[int]:
    seen: set[str] = set()
    days: list[int] = []
    for contact in history:
        if contact.key not in seen:
            seen.add(contact.key)
            days.append(zone.day(contact.at))
    days.sort()
    return days


def _open_from(rule: Rule, when: Instant, days: list[int], zone: Zone) -> Instant:
    """The first instant not before ``when`` that this rule alone allows."""
    day, tod = zone.day(when), zone.tod(when)
    while not _allows(rule, day, tod, days):
        if isinstance(rule, Window):
            return zone.instant(day if tod < rule.opens else day + 1, rule.opens)
        counted = [d for d in days if day - rule.days < d <= day]
        day, tod = counted[-rule.most] + rule.days, 0
        when = zone.instant(day)
    return when
