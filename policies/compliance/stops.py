"""What closes contact altogether: stops, refusals of a medium, consents that lack, content, relations, notices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from fnmatch import fnmatchcase
from functools import lru_cache

from policies.calendar import Zone, business_days
from policies.compliance import dates
from policies.compliance.dossier import CONSENT, CONSENT_WITHDRAWN, OPT_IN, OPT_OUT, Asked, Contact, Note
from policies.compliance.kinds import Consent, Content, Notice, OfferEnd, OptOut, Recent, Relation, Stop
from policies.facts import Instant

SameDebt = Callable[[str], frozenset[str]]


@lru_cache(maxsize=20_000)
def named(patterns: tuple[str, ...], name: str) -> bool:
    """Whether a name is one of the patterns, in which ``*`` stands for any letters."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def about(note: Note, asked: Asked, same_debt: SameDebt) -> bool:
    """Whether a note concerns the debt that is asked about."""
    return not note.debts or not asked.debt or not same_debt(asked.debt).isdisjoint(note.debts)


# --- stops ------------------------------------------------------------------------------------------------------


def stop_opens(
    rule: Stop, asked: Asked, notes: Sequence[Note], same_debt: SameDebt, zone: Zone, when: Instant,
    validation_ends: int | None,
) -> Instant | None:  # fmt: skip
    """The first instant not before ``when`` at which nothing of this kind is in force; none, while one has no end.

    ``validation_ends`` is the last day of the validation period, where a validation notice was given.
    """
    if not rule.begins:
        return None
    at = when
    moved = True
    while moved:
        moved = False
        for note in notes:
            if not named(rule.begins, note.type) or note.at > at or not _begins(rule, note, asked, same_debt):
                continue
            if rule.in_validation and validation_ends is not None and zone.day(note.at) > validation_ends:
                continue
            end = _end(rule, note, notes, zone)
            if end is None:
                return None
            if at < end:
                at, moved = end, True
    return at


def _begins(rule: Stop, note: Note, asked: Asked, same_debt: SameDebt) -> bool:
    kind = note.kind or ""
    if rule.kinds and not named(tuple(sorted(rule.kinds)), kind):
        return False
    if rule.but_kinds and named(tuple(sorted(rule.but_kinds)), kind):
        return False
    if note.channel is not None and note.channel != asked.channel:
        return False
    if rule.by_person and note.person != asked.person:
        return False
    return about(note, asked, same_debt)


def _end(rule: Stop, begun: Note, notes: Sequence[Note], zone: Zone) -> Instant | None:
    """The end of the stop that a note began; none, while nothing ends it."""
    ends = [
        note.at
        for note in notes
        if named(rule.ends, note.type) and note.at >= begun.at and (not note.kind or note.kind == begun.kind)
        and _overlap(note, begun)
    ]  # fmt: skip
    if begun.until is not None:
        ends.append(begun.until)
    first = zone.day(begun.at)
    length = rule.days if begun.until is not None or rule.days is not None else rule.default_days
    if length is not None:
        ends.append(zone.instant(first + length))
    if rule.business_days is not None:
        counted = business_days(rule.calendar or "weekdays").add(first, rule.business_days)
        ends.append(zone.instant(counted + 1))
    return min(ends, default=None)


def _overlap(end: Note, begun: Note) -> bool:
    if end.debts and begun.debts and set(end.debts).isdisjoint(begun.debts):
        return False
    return end.person is None or begun.person is None or end.person == begun.person


# --- refusals and consents --------------------------------------------------------------------------------------


def opted_out(rule: OptOut, asked: Asked, notes: Sequence[Note], when: Instant, by_program: bool) -> Note | None:
    """The refusal that closes this medium or address at ``when``; the last word by its time counts."""
    last: Note | None = None
    for note in notes:
        if note.type not in (OPT_OUT, OPT_IN) or note.at > when or note.channel not in (None, asked.channel):
            continue
        if note.address is not None and asked.address is not None and note.address != asked.address:
            continue
        if (
            by_program and rule.scope == "program" and note.program is not None and asked.program is not None
            and note.program != asked.program
        ):  # fmt: skip
            continue
        if last is None or note.at >= last.at:
            last = note
    return last if last is not None and last.type == OPT_OUT else None


def consents(
    to: str, asked: Asked, notes: Sequence[Note], when: Instant, zone: Zone, days: int | None, same_debt: SameDebt
) -> list[Note]:
    """The consents in force at ``when`` to ``to`` for the channel, address and debt asked about."""
    found = []
    for note in notes:
        if note.type != CONSENT or note.at > when or not _reaches(note, to, asked):
            continue
        if note.until is not None and note.until <= when:
            continue
        if days is not None and zone.day(when) - zone.day(note.at) >= days:
            continue
        if not about(note, asked, same_debt):
            continue
        withdrawn = any(
            w.type == CONSENT_WITHDRAWN and note.at <= w.at <= when and w.channel in (None, note.channel, asked.channel)
            and (w.kind is None or w.kind == note.kind) and w.address in (None, note.address)
            for w in notes
        )  # fmt: skip
        if not withdrawn:
            found.append(note)
    return found


_SPECIAL = frozenset({"hours", "calls", "place"})


def _reaches(note: Note, to: str, asked: Asked) -> bool:
    if to in _SPECIAL:
        if note.kind != to:
            return False
    elif note.kind in _SPECIAL or (note.kind is not None and note.kind != to):
        return False
    if note.channel is not None and note.channel != asked.channel:
        return False
    return note.address is None or asked.address is None or note.address == asked.address


def consent_opens(
    rule: Consent, asked: Asked, notes: Sequence[Note], zone: Zone, when: Instant, same_debt: SameDebt
) -> Instant | None:
    """``when``, where the person has agreed to what the rule asks for; else none."""
    return when if consents(rule.to, asked, notes, when, zone, rule.days, same_debt) else None


def recent_opens(
    rule: Recent, asked: Asked, contacts: Iterable[Contact], notes: Sequence[Note], zone: Zone, when: Instant
) -> Instant | None:
    """``when``, while there is a sign of life by this medium not older than the rule says; else none."""
    first = zone.day(when) - rule.days
    for one in contacts:
        if one.inbound and one.channel == asked.channel and one.at <= when and zone.day(one.at) >= first:
            return when
    for note in notes:
        if note.at > when or zone.day(note.at) < first:
            continue
        consented = note.type == CONSENT and note.kind in (None, "contact") and note.channel in (None, asked.channel)
        if consented or named(rule.notes, note.type):
            return when
    return None


# --- what is said, and to whom ----------------------------------------------------------------------------------


def forbidden(rule: Content, content: Iterable[str]) -> list[str]:
    """The classes of content that the rule forbids."""
    return sorted(c for c in content if named(rule.forbids, c) and not (rule.but and named(rule.but, c)))


def content_opens(rule: Content, asked: Asked, when: Instant) -> Instant | None:
    """``when``, unless the text has a class that the rule forbids."""
    return None if asked.content and forbidden(rule, asked.content) else when


def relation_opens(rule: Relation, asked: Asked, when: Instant) -> Instant | None:
    """``when``, where the rule allows a contact with somebody in this relation to the debt."""
    return when if asked.relation in rule.allows else None


# --- notices and offers -----------------------------------------------------------------------------------------


def last_notice(
    patterns: tuple[str, ...], bounced: tuple[str, ...], notes: Sequence[Note], when: Instant
) -> tuple[Note | None, bool]:
    """The last such notice that did not come back, and whether the very last one did come back."""
    given = sorted((n for n in notes if named(patterns, n.type) and n.at <= when), key=lambda n: n.at)
    back = sorted(n.at for n in notes if bounced and named(bounced, n.type) and n.at <= when)
    good: Note | None = None
    came_back = False
    for number, note in enumerate(given):
        following = given[number + 1].at if number + 1 < len(given) else None
        came_back = any(note.at <= at and (following is None or at < following) for at in back)
        if not came_back:
            good = note
    return good, came_back


def notice_opens(
    rule: Notice, contacts: Iterable[Contact], notes: Sequence[Note], zone: Zone, when: Instant
) -> Instant | None:
    """The first instant not before ``when`` at which the notice has been given as the rule asks; none, until it is."""
    good, came_back = last_notice(rule.notice, rule.bounced, notes, when)
    if rule.only_bounced:
        return None if came_back and good is None else when
    if good is None:
        return when if rule.within_days is not None and _in_time(rule.within_days, contacts, zone, when) else None
    at = when
    if rule.wait_until:
        if good.last_day is None:
            return None
        at = max(at, zone.instant(good.last_day + 1))
    if rule.wait_days is not None:
        at = max(at, zone.instant(zone.day(good.at) + rule.wait_days))
    return at


def _in_time(days: int, contacts: Iterable[Contact], zone: Zone, when: Instant) -> bool:
    first = min((c.at for c in contacts if not c.inbound), default=None)
    begun = min((c.at for c in contacts if c.initial), default=first)
    return begun is None or zone.day(when) <= zone.day(begun) + days


def offer_opens(rule: OfferEnd, asked: Asked, when: Instant, validation_ends: int | None) -> Instant | None:
    """``when``, while the offer is not over, and does not end in the validation period."""
    if rule.after_validation:
        last = asked.offer_last_day
        return None if last is not None and validation_ends is not None and last <= validation_ends else when
    return None if asked.offer_ends is not None and when >= asked.offer_ends else when


VALIDATION_NOTICE = ("validation_notice", "validation_notice_sent", "validation_notice_provided")
VALIDATION_BOUNCED = ("validation_notice_bounced", "validation_notice_returned", "validation_notice_undeliverable")


def validation_ends(notes: Sequence[Note], zone: Zone, when: Instant, holidays: str) -> int | None:
    """The last day (an ordinal) of the validation period of the last notice that arrived; none without one."""
    good, _ = last_notice(VALIDATION_NOTICE, VALIDATION_BOUNCED, notes, when)
    if good is None:
        return None
    if good.last_day is not None:
        return good.last_day
    return dates.validation_period_end(date.fromordinal(zone.day(good.at)), region=holidays).toordinal()
