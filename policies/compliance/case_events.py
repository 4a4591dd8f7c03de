"""The events of a case as what the guard knows: contacts, and notes of what was said, sent and filed."""

from __future__ import annotations

from typing import Final

from policies.compliance import words
from policies.compliance.case_event_words import (
    ANSWERS,
    CONFIRMATIONS,
    CONVENIENT_TIMES,
    FACTS,
    INCONVENIENT_TIMES,
    LIFTS,
    NEUTRAL,
    NOTES,
    QUESTIONS,
    REFUSALS,
    RETURNS,
    STATEMENTS,
    contact_channel,
    is_consent,
    medium_in,
)
from policies.compliance.case_known import Known
from policies.compliance.case_notes import (
    ADDRESS_KINDS,
    DEBT,
    Told,
    address,
    channels,
    consent,
    debts,
    designation,
    note,
    person,
    refusals,
)
from policies.compliance.case_values import Part, windows
from policies.compliance.case_words import (
    ADDRESS_KIND,
    CHANNEL,
    MEDIA,
    MODE,
    OURSELVES,
    OUTCOME,
    PURPOSE,
    WRITTEN_OUTCOMES,
    word,
)
from policies.compliance.dossier import CONSENT, INCONVENIENT, LIFTED, OPT_IN, OPT_OUT, Contact, Note
from policies.compliance.vocabulary import CHANNELS
from policies.facts import Instant

_FOR_READERS: Final = (
    "id", "event_id", "quote", "agent", "limited_content", "note", "comment", "source", "words", "language", "template",
    "message_id", "evidence", "citation",
)  # fmt: skip
"""Keys of an event that say something to a person only."""


def event(part: Part, number: int, told: Told) -> None:
    """Read one event into ``told``."""
    at = part.instant(told.place, "at", "time", "when", "date", "on")
    node = part.take("type", "event")
    type_ = word(part.text("type", "event") or "")
    if at is None or node is None:
        if not part.has("at", "time", "when", "date", "on") or node is None:
            part.reading.problem(part.node, "missing-key", "an event lacks 'at' or 'type'", expected="both")
        return
    part.skip(*_FOR_READERS)
    channel, inbound = contact_channel(type_)
    if channel is not None:
        _contact(part, told, at, number, type_, channel, inbound)
    elif type_ in STATEMENTS:
        _statement(part, told, at)
    elif LIFTS.fullmatch(type_):
        told.notes += [Note(at, LIFTED, channel=c) for c in channels(part)]
        part.skip("windows", "text")
    elif type_ in INCONVENIENT_TIMES or type_ in CONVENIENT_TIMES:
        designation(part, told, at, only=type_ in CONVENIENT_TIMES)
    elif type_ in FACTS:
        if not told.every.note(type_):
            part.skip("channel", "text", "debts", "person")
        told.flags[FACTS[type_]] = True
        if told.every.note(type_) and (found := note(part, told, at, type_)) is not None:
            told.notes.append(found)
    elif is_consent(type_):
        consent(part, told, at, type_)
    elif type_ not in NOTES and (match := RETURNS.fullmatch(type_)) is not None:
        told.notes += refusals(part, at, OPT_IN, medium_in(match))
    elif type_ not in NOTES and (match := REFUSALS.fullmatch(type_)) is not None:
        told.notes += refusals(part, at, OPT_OUT, medium_in(match))
    else:
        found = note(part, told, at, type_)
        if found is None:
            part.reading.unknown(node, "type of event", type_, _types(told.every))
            return
        told.notes.append(found)
    part.finish()


def _types(known: Known) -> set[str]:
    return {
        *(name for name in known.notes if "*" not in name), *CHANNELS, *NEUTRAL, *INCONVENIENT_TIMES, *STATEMENTS,
        "inbound", "medium_request", "opt_out", "opt_in", "consent_calls", "consent_hours", "consent_withdrawn",
        "inconvenient_lifted", "e_consent",
    }  # fmt: skip


# --- contacts ---------------------------------------------------------------------------------------------------


def _contact(part: Part, told: Told, at: Instant, number: int, type_: str, channel: str, inbound: bool) -> None:
    given = [c for c in (part.chosen(CHANNEL, "channel", n) for n in part.nodes("channel", "channels", "medium")) if c]
    chosen: tuple[str, ...] = tuple(given) if given and not channel else (channel,) if channel else ()
    direction = part.text("direction")
    if direction is not None:
        inbound = word(direction) in ("inbound", "in", "incoming", "from_consumer")
    if type_ in CONFIRMATIONS and not chosen:
        chosen = ("sms",)
    asked = type_ in QUESTIONS and not chosen
    if asked:
        chosen = ("letter",)
    if not chosen:
        part.reading.problem(part.node, "missing-key", f"'{type_}' lacks its channel", expected="channel: call, sms …")
        return
    who, _ = person(part)
    text = part.text("text", "body")
    purpose = part.choice(PURPOSE, "purpose", "purpose")
    purpose = purpose or ("reply" if type_ in ANSWERS else "optout_confirmation" if type_ in CONFIRMATIONS else None)
    program = part.text("program", "programme")
    contact = Contact(
        at, part.text("contact_id", "step", "key") or f"event {number}",
        debts=debts(part) or (DEBT,),
        outcome=_outcome(part),
        mode=part.choice(MODE, "mode", "mode"),
        inbound=inbound,
        by=_by(part),
        person=who,
        address=address(part),
        address_kind=part.choice(ADDRESS_KIND, "kind of address", *ADDRESS_KINDS),
        purpose=purpose,
        consented=bool(part.flag("consented", "with_consent", "prior_consent", "consent")),
        initial=bool(part.flag("initial_communication", "initial", "first_contact", "first_communication")),
        reply_channels=tuple(sorted(CHANNELS)) if asked else _reply_channels(part),
    )  # fmt: skip
    part.skip("duration", "duration_s", "content", "stage", "delivered_at", "automated", "subject", "reason")
    for one in chosen:
        outcome = contact.outcome or (None if inbound else _WITHOUT_OUTCOME.get(one))
        told.contacts.append(contact._replace(channel=one, outcome=outcome))
    if part.flag("consents_calls", "consent_calls"):
        told.notes.append(Note(at, CONSENT, kind="calls"))
    if part.flag("lifts_designation", "lifts_inconvenient", "lifts"):
        told.notes.append(Note(at, LIFTED))
    if part.has("windows", "times"):
        told.notes.append(Note(at, INCONVENIENT, times=windows(part, "windows", "times")))
    if inbound and text is not None:
        told.notes += _said(text, chosen[0], at, contact.address, program)


_WITHOUT_OUTCOME: Final = {"voicemail": "voicemail_left", "ringless_voicemail": "voicemail_left", "robocall": "played"}
"""How a contact ended that by its nature is no conversation, where the case does not say."""


def _outcome(part: Part) -> str | None:
    node = part.take("outcome", "result", "status")
    if node is None or word(part.text("outcome", "result", "status") or "") in WRITTEN_OUTCOMES:
        return None
    return part.chosen(OUTCOME, "outcome", node)


def _by(part: Part) -> str:
    name = part.text("by", "collector", "collector_id", "agency", "on_behalf_of")
    return "us" if name is None or word(name) in OURSELVES else name


def _reply_channels(part: Part) -> tuple[str, ...]:
    nodes = part.nodes(
        "consents_reply_channels", "reply_channels", "consents_channels", "consent_reply_channels", "reply_by"
    )
    return tuple(c for c in (part.chosen(CHANNEL, "channel", node) for node in nodes) if c)


def _said(text: str, channel: str, at: Instant, where: str | None, program: str | None) -> list[Note]:
    """What the words of the person say of messages to come."""
    said = words.classify(text, channel)
    if said is None:
        return []
    type_ = OPT_OUT if said.kind == "opt_out" else OPT_IN
    only = where if said.channel == channel else None
    reached: tuple[str | None, ...] = MEDIA.get(said.channel, (said.channel,)) if said.channel else (None,)
    return [Note(at, type_, channel=one, address=only, program=program) for one in reached]


def _statement(part: Part, told: Told, at: Instant) -> None:
    designates = part.flag("designates", "designation")
    text = part.text("text", "words", "said")
    channel = part.choice(CHANNEL, "channel", "channel", "medium") or "call"
    if designates is not False and part.has("windows", "times", "dates", "places", "place", "days"):
        designation(part, told, at, only=False)
        return
    part.skip("windows", "times", "dates", "places", "place")
    if designates:
        part.reading.problem(part.node, "missing-key", "a designation lacks its times", expected="windows or dates")
    if part.flag("lifts", "lifts_designation", "lifts_inconvenient"):
        told.notes.append(Note(at, LIFTED))
    if text is not None and designates is None:
        told.notes += _said(text, channel, at, None, None)
