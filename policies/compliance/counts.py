"""What a cap counts, and when it lets one more contact through."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from policies.calendar import Zone
from policies.compliance.dossier import Asked, Contact
from policies.compliance.kinds import Cap, Counts
from policies.compliance.vocabulary import VOICE
from policies.facts import SECOND, Instant

SameDebt = Callable[[str], frozenset[str]]


def counted(
    rule: Cap, asked: Asked, contacts: Iterable[Contact], same_debt: SameDebt, consented: Callable[[Contact], bool]
) -> list[Instant]:
    """The instants, in order, of the past contacts that the cap counts for this one."""
    counts = rule.counts
    debts = same_debt(asked.debt) if rule.per == "debt" else None
    found: list[Instant] = []
    keys: set[str] = set()
    for contact in contacts:
        if contact.person != asked.person or not _is_counted(counts, contact, asked):
            continue
        if debts is not None and contact.debts and debts.isdisjoint(contact.debts):
            continue
        if counts.together:
            if contact.key in keys:
                continue
            keys.add(contact.key)
        if not counts.consented and consented(contact):
            continue
        found.append(contact.at)
    found.sort()
    return found


def _is_counted(counts: Counts, contact: Contact, asked: Asked) -> bool:
    if contact.inbound and not counts.inbound:
        return False
    if counts.channels and contact.channel not in counts.channels and contact.channel:
        return False
    if contact.outcome is not None and contact.channel in VOICE:
        if counts.outcomes and contact.outcome not in counts.outcomes:
            return False
        if contact.outcome in counts.but_outcomes:
            return False
    if counts.modes and contact.mode is not None and contact.mode not in counts.modes:
        return False
    if contact.purpose is not None and contact.purpose in counts.but_purposes:
        return False
    if counts.address_kinds and contact.address_kind not in counts.address_kinds:
        return False
    if contact.address_kind in counts.but_address_kinds:
        return False
    if counts.ours and contact.by != "us":
        return False
    return not (
        counts.same_address
        and contact.address is not None
        and asked.address is not None
        and contact.address != asked.address
    )


def room(rule: Cap, adding: int) -> int:
    """How many contacts may be counted before, so that ``adding`` more are within the cap; below 0: none ever."""
    return rule.most - 1 if rule.spent else rule.most - adding


def since(rule: Cap, zones: Sequence[Zone], when: Instant) -> Instant:
    """The instant before which no contact counts any more at ``when`` or later."""
    if rule.hours is not None:
        return when - rule.hours * 3600 * SECOND + 1
    span = rule.days or 1
    return min([zone.instant(zone.day(when) - span + 1) for zone in zones])


def cap_opens(
    rule: Cap, instants: list[Instant], zones: Sequence[Zone], when: Instant, adding: int = 1
) -> Instant | None:
    """The first instant not before ``when`` at which the cap has room for ``adding`` more contacts, in every zone."""
    left = room(rule, adding)
    if left < 0:
        return None
    if len(instants) <= left:
        return when
    if rule.hours is not None:
        return _rolling(instants, left, rule.hours * 3600 * SECOND, when)
    assert rule.days is not None  # noqa: S101 - a cap has days or hours: the reader sees to it
    at = when
    while True:
        later = max(_calendar(instants, left, rule.days, zone, at) for zone in zones)
        if later == at:
            return at
        at = later


def _calendar(instants: list[Instant], left: int, span: int, zone: Zone, when: Instant) -> Instant:
    day = today = zone.day(when)
    days = [zone.day(at) for at in instants]
    while True:
        inside = [d for d in days if day - span < d <= day]
        if len(inside) <= left:
            return when if day == today else zone.instant(day)
        day = inside[-left - 1] + span


def _rolling(instants: list[Instant], left: int, span: Instant, when: Instant) -> Instant:
    while True:
        first = bisect_right(instants, when - span)
        inside = bisect_right(instants, when) - first
        if inside <= left:
            return when
        when = instants[first + inside - left - 1] + span
