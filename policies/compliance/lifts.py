"""When a rule gives way: an answer to what the person wrote, their consent, a fact; only where the rule names it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from policies.calendar import Zone
from policies.compliance.dossier import OPT_OUT, Asked, Contact, Note
from policies.compliance.kinds import Lift
from policies.compliance.stops import SameDebt, consents
from policies.compliance.times import within_times
from policies.compliance.vocabulary import SPOKEN, UNANSWERED, VOICE
from policies.facts import SECOND, Instant

Opens = Callable[[Instant], Instant | None]
"""When the rule itself, without its lifts, opens: the first lawful instant not before the one given."""

REPLY: Final = "reply"
CONSENT: Final = "consent"
FACT: Final = "fact"
USED: Final = "used"
UNREACHED: Final = "unreached"
WAYS: Final = (REPLY, CONSENT, FACT, USED, UNREACHED)


def holds(
    lift: Lift, asked: Asked, contacts: Sequence[Contact], notes: Sequence[Note], zones: Sequence[Zone],
    when: Instant, opens: Opens, same_debt: SameDebt,
) -> bool:  # fmt: skip
    """Whether the lift holds at ``when`` for a rule that by itself opens as ``opens`` says."""
    if lift.by == REPLY:
        return _reply(lift, asked, contacts, notes, when, opens)
    if lift.by == CONSENT:
        return _consented(lift, asked, contacts, notes, zones, when, opens, same_debt)
    if lift.by == USED:
        return any(
            c.inbound and c.at <= when and c.address_kind == asked.address_kind
            and (c.address is None or asked.address is None or c.address == asked.address)
            for c in contacts
        )  # fmt: skip
    if lift.by == UNREACHED:
        calls = [c for c in contacts if c.channel in VOICE and not c.inbound and c.person is None and c.at <= when]
        last = sorted(calls, key=lambda c: c.at)[-lift.most :]
        return len(last) == lift.most and all(c.outcome in UNANSWERED for c in last)
    return True  # a fact: that ``when`` holds was asked before


def _reply(
    lift: Lift, asked: Asked, contacts: Sequence[Contact], notes: Sequence[Note], when: Instant, opens: Opens
) -> bool:
    """The person wrote while the time, or the medium, was closed, and was not answered as often as is allowed."""
    refusals = {n.at for n in notes if n.type == OPT_OUT}
    if lift.to == OPT_OUT:
        asked_at = [n.at for n in notes if n.type == OPT_OUT and n.at <= when and n.channel in (None, asked.channel)]
    else:
        asked_at = [
            c.at
            for c in contacts
            if c.inbound and c.at <= when and c.at not in refusals
            and (c.channel == asked.channel or asked.channel in c.reply_channels)
        ]  # fmt: skip
    if not asked_at:
        return False
    last = max(asked_at)
    if lift.within_s is not None and when - last > lift.within_s * SECOND:
        return False
    if lift.to != OPT_OUT and opens(last) != opens(when):
        return False
    answers = [c for c in contacts if not c.inbound and c.channel == asked.channel and last <= c.at]
    return sum(1 for c in answers if c.person == asked.person) < lift.most


def _consented(
    lift: Lift, asked: Asked, contacts: Sequence[Contact], notes: Sequence[Note], zones: Sequence[Zone],
    when: Instant, opens: Opens, same_debt: SameDebt,
) -> bool:  # fmt: skip
    for channel in (c for c in contacts if c.inbound and asked.channel in c.reply_channels and c.at <= when):
        if lift.to == "hours" and opens(channel.at) == opens(when):
            return True
    for note in consents(lift.to, asked, notes, when, zones[0], lift.days, same_debt):
        if not within_times(note.times, zones, when):
            continue
        if lift.to == "hours" and not _lawfully_given(note, contacts, opens):
            continue
        spoken = any(
            c.channel in VOICE and c.outcome in SPOKEN and note.at < c.at <= when
            and (not c.debts or not asked.debt or not same_debt(asked.debt).isdisjoint(c.debts))
            for c in contacts
        )  # fmt: skip
        if not (lift.until_spoken and spoken):
            return True
    return False


def _lawfully_given(note: Note, contacts: Sequence[Contact], opens: Opens) -> bool:
    """Consent to a time counts only if it was not obtained in a contact of ours at an unlawful time."""
    first = opens(note.at)
    if first == note.at:
        return True
    begun = [c for c in contacts if c.at <= note.at and opens(c.at) == first]
    return not begun or min(begun, key=lambda c: c.at).inbound
