"""What a case tells that is no contact: refusals, times and places, consents, and what begins or ends a stop."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from policies.calendar import Zone
from policies.compliance.case_event_words import (
    CALL_WORDS,
    ELECTRONIC,
    HOUR_WORDS,
    MACHINE,
    NEUTRAL,
    NOTES,
    OCCASIONS,
    PAUSES,
    PLACE_WORDS,
    WITHDRAWN,
    consent_words,
)
from policies.compliance.case_known import Known
from policies.compliance.case_values import Part, all_day, day, outside, weekdays, windows
from policies.compliance.case_words import ADDRESS_KIND, ALL_CHANNELS, BORROWERS, CHANNEL, MEDIA, RELATION, word
from policies.compliance.dates import validation_period_end
from policies.compliance.dossier import BORROWER, CONSENT, CONSENT_WITHDRAWN, INCONVENIENT, OPT_IN, Contact, Note, Times
from policies.compliance.vocabulary import CHANNELS
from policies.facts import Instant

DEBT: Final = "D1"
"""The debt that is meant where a case names none."""


@dataclass(slots=True)
class Told:
    """What a case tells of a person."""

    place: Zone
    own: Known
    """The words of the packs that the case names."""
    every: Known
    """The words of all packs."""
    contacts: list[Contact] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    flags: dict[str, object] = field(default_factory=dict)


# --- what contacts, refusals and consents share --------------------------------------------------------------------


ADDRESS_KINDS: Final = ("address_kind", "number_kind", "number_type", "address_type", "phone_kind", "phone_type")


def debts(part: Part) -> tuple[str, ...]:
    """The debts that are named."""
    return part.texts("debts", "debt", "accounts", "account", "loans", "loan", "claims", "claim")


def address(part: Part) -> str | None:
    """The number or address."""
    return part.text("number", "address", "email", "email_address", "phone", "to_number", "from_number")


def person(part: Part) -> tuple[str | None, str]:
    """Who it is (none for the borrower), and how they stand to the debt; one who is not the borrower has a name."""
    relation = part.choice(RELATION, "relation", "relation", "role")
    name = part.text("person", "person_id", "with_person", "whom")
    if name is not None and word(name) in BORROWERS and relation in (None, BORROWER):
        return None, BORROWER
    if relation is None:
        relation = BORROWER if name is None else RELATION.get(word(name), "third_party")
    return (None, BORROWER) if relation == BORROWER else (name or relation, relation)


def channels(part: Part, default: str | None = None) -> tuple[str | None, ...]:
    """The channels that a medium takes in; none, once, where all are meant."""
    nodes = part.nodes("channel", "channels", "medium", "media", "means")
    found: dict[str | None, None] = {}
    for node in nodes:
        if word(node.value) in ALL_CHANNELS:
            return (None,)
        name = word(node.value)
        chosen = name if name in MEDIA else part.chosen(CHANNEL, "channel", node)
        if chosen is not None:
            found.update(dict.fromkeys(MEDIA.get(chosen, (chosen,))))
    if not nodes and default is not None:
        found.update(dict.fromkeys(MEDIA.get(default, (default,))))
    return tuple(found) or (None,)


# --- refusals ---


def refusals(part: Part, at: Instant, type_: str, medium: str | None) -> list[Note]:
    """A medium, number or address that may not be used, or may again; with ``only``, all but the one named."""
    where, program = address(part), part.text("program", "programme")
    about = debts(part)
    part.skip("text", "reason", "form", "scope", "kind")
    allowed = [part.chosen(CHANNEL, "channel", node) for node in part.nodes("only", "only_channel", "only_by")]
    if allowed:
        reached: tuple[str | None, ...] = tuple(
            sorted(CHANNELS - {c for one in allowed if one for c in MEDIA.get(one, (one,))})
        )
    else:
        reached = channels(part, medium)
    if part.flag("allow", "allowed"):
        type_ = OPT_IN
    return [Note(at, type_, channel=one, address=where, debts=about, program=program) for one in reached]


# --- times and places -----------------------------------------------------------------------------------------


def designation(part: Part, told: Told, at: Instant, *, only: bool) -> None:
    """The times, dates or places that the person does not want; with ``only``, all but the times named."""
    times = windows(part, "windows", "times", "window", "hours")
    days = part.nodes("days") if not times else ()
    if days:
        times = all_day(weekdays(part.reading, days))
    if only:
        times = outside(times)
    until = ends(part, told.place, at)
    part.skip("text", "reason", "designates", "kind", "words")
    found = channels(part)
    if times:
        told.notes += [Note(at, INCONVENIENT, channel=c, times=times, until=until) for c in found]
    dated = _dates(part, told.place, at)
    told.notes += [replace(note, channel=c) for note in dated for c in found]
    places = part.nodes("places", "place")
    for place in places:
        kind = {"home": "home"}.get(word(place.value), "work" if word(place.value) in _AT_WORK else word(place.value))
        told.notes.append(Note(at, "inconvenient_place", kind=kind, until=until))
    if not times and not dated and not places:
        part.reading.problem(part.node, "missing-key", "a designation lacks its times", expected="windows or dates")


_AT_WORK: Final = frozenset({"work", "workplace", "office", "job", "place_of_employment", "employer"})
_WEEK: Final = 7


def _dates(part: Part, place: Zone, at: Instant) -> list[Note]:
    """Single days: each is a note in force in the week that ends with the day, so that no other day is meant."""
    found = []
    for node in part.nodes("dates", "on_dates", "days_closed"):
        found_day = day(part.reading, node, "dates")
        if found_day is None:
            continue
        when = found_day.toordinal()
        begins = max(at, place.instant(when - _WEEK + 1))
        times = all_day([(when - 1) % _WEEK])
        found.append(Note(begins, INCONVENIENT, times=times, until=place.instant(when + 1)))
    return found


# --- consents ---------------------------------------------------------------------------------------------------


def consent(part: Part, told: Told, at: Instant, type_: str) -> None:
    """A consent, or the end of one. What it is to is said by its type (``consent_calls``, ``e_consent``), by ``to``,

    by its ``channel`` or by its times. One that says nothing of it is to contact at any time and place.
    """
    said = consent_words(type_)
    withdrawn = any(WITHDRAWN.fullmatch(one) for one in said)
    about = debts(part)
    until = ends(part, told.place, at)
    node = part.take("to", "kind", "scope", "for", "what", "purpose")
    said |= set(word(part.text("to", "kind", "scope", "for", "what", "purpose") or "").split("_")) if node else set()
    times: tuple[Times, ...] = windows(part, "windows", "times", "hours", "window")
    where, program = address(part), part.text("program", "programme")
    where_kind = part.choice(ADDRESS_KIND, "kind of address", *ADDRESS_KINDS)
    if part.flag("lawful", "valid") is False or part.flag("unlawful", "obtained_unlawfully", "invalid"):
        part.skip("given_in", "obtained_in")
        return
    part.skip(
        "given_in",
        "obtained_in",
        "text",
        "reason",
        "written",
        "form",
        "given_to",
        "how",
        "language",
        "channel_used",
        "via",
    )
    named = part.has("channel", "channels", "medium", "media")
    if named:
        reached = channels(part)
    else:
        media = [CHANNEL[one] for one in sorted(said) if one in CHANNEL and one not in CALL_WORDS]
        media += ["electronic"] if said & ELECTRONIC else []
        media += ["robocall", "sms"] if said & MACHINE or "given" in said or "provided" in said else []
        reached = tuple(dict.fromkeys(c for one in media for c in MEDIA.get(one, (one,)))) or (None,)
    kinds: list[str | None] = []
    if said & CALL_WORDS:
        kinds.append("calls")
    if times or said & HOUR_WORDS:
        kinds.append("hours")
    if said & PLACE_WORDS or where_kind in ("work", "work_phone", "work_email"):
        kinds.append("place")
    if not kinds:
        kinds = [None]
        if reached == (None,):
            kinds += ["hours", "place"] if not withdrawn else []
        elif "call" in reached and not withdrawn:
            kinds.append("calls")
    for kind in kinds:
        for channel in reached:
            told.notes.append(
                Note(
                    at, CONSENT_WITHDRAWN if withdrawn else CONSENT, channel=channel, address=where, debts=about,
                    kind=kind, until=until, times=times if kind == "hours" else (), program=program,
                )
            )  # fmt: skip


# --- what begins and ends a stop ----------------------------------------------------------------------------------

_KINDS: Final[dict[str, str]] = {
    "mental_health": "mental_health_crisis", "mental_health_crisis_moratorium": "mental_health_crisis",
    "crisis": "mental_health_crisis", "mhcm": "mental_health_crisis",
    "mental_health_moratorium": "mental_health_crisis",
    "standard_breathing_space": "standard", "standard_moratorium": "standard",
    "hospitalisation": "hospital", "hospitalization": "hospital", "hospital_stay": "hospital",
    "funeral": "bereavement", "death_in_family": "bereavement", "wedding": "marriage",
}  # fmt: skip


def note(part: Part, told: Told, at: Instant, type_: str) -> Note | None:
    """Any other event, as a note of the type that rules name; none, where neither a rule nor the tables know it."""
    found = _type(part, type_, told)
    if found is None:
        return None
    name, kind = found
    said = part.text("kind", "reason", "grounds", "occasion", "ground", "cause")
    kind = kind if said is None else _KINDS.get(word(said), word(said))
    if kind is None and name == "moratorium_start":
        kind = "standard"
    who, _ = person(part)
    about = debts(part)
    last = _last_day(part, name)
    if name == "default_notice_sent":
        told.flags.setdefault("default_notice_required", True)
    if name == "reassigned_number_check" and (
        part.flag("reassigned") or word(part.text("result") or "") in _REASSIGNED
    ):
        name = "number_reassigned"
    part.skip(
        "chapter", "text", "channel", "channels", "form", "method", "written", "result", "case_number", "name",
        "review", "review_date", "to", "from", "amount", "received_by", "court", "number", "address", "database",
        "days_open", "representative", "plan", "body", "reference", "domain", "number_kind", "address_kind", "by",
    )  # fmt: skip
    return Note(at, name, debts=about, kind=kind, person=who, until=ends(part, told.place, at), last_day=last)


_REASSIGNED: Final = frozenset({"reassigned", "yes", "number_reassigned", "disconnected"})


def _type(part: Part, type_: str, told: Told) -> tuple[str, str | None] | None:
    """The name by which rules know a type, and the kind that the type itself says."""
    if type_ in OCCASIONS and told.own.note("sensitive_occasion"):
        return "sensitive_occasion", OCCASIONS[type_]
    if type_ in PAUSES and told.own.note("collection_pause"):
        return "collection_pause", type_
    said = _form(part, type_)
    names = [
        said,
        type_,
        NOTES.get(said, said),
        NOTES.get(type_, type_),
        *_GENERAL.get(said, ()),
        *_STEM.get(type_, ()),
    ]
    for known in (told.own, told.every):
        for name in names:
            if known.note(name):
                return name, None
    return (names[2], None) if said in NEUTRAL or type_ in NOTES else None


_GENERAL: Final[dict[str, tuple[str, ...]]] = {
    "dispute_written": ("dispute",), "dispute_oral": ("dispute",), "dispute": ("dispute_written",),
}  # fmt: skip
"""Where no rule of the case knows the one, the other is meant: a dispute that does not say how it was made is one
in writing, which binds more."""

_STEM: Final[dict[str, tuple[str, ...]]] = {
    "dispute_withdrawn": ("dispute_resolved",), "dispute_closed": ("dispute_resolved",),
}  # fmt: skip


def _form(part: Part, type_: str) -> str:
    """``dispute`` with how it was made: ``form: oral``, or the channel that it came by."""
    form = part.text("form", "made", "how")
    channel = part.text("channel", "medium")
    if type_ != "dispute" or (form is None and channel is None):
        return type_
    oral = word(form or "") in ("oral", "verbal", "phone", "spoken") or CHANNEL.get(word(channel or "")) == "call"
    return "dispute_oral" if oral else "dispute_written"


def ends(part: Part, place: Zone, at: Instant) -> Instant | None:
    """The first instant at which it is over: ``until``, ``through`` a last day, or ``days`` with its own as day one."""
    until = part.instant(place, "until", "expires", "expires_at", "ends", "ends_at", "valid_until", "end", "until_date")
    last = part.day("through", "last_day", "to_date")
    length = part.number("days", "valid_days", "for_days", "length_days", "duration_days")
    if last is not None:
        until = place.instant(last.toordinal() + 1)
    if until is None and length is not None:
        until = place.instant(place.day(at) + length)
    return until


def _last_day(part: Part, name: str) -> int | None:
    """The last day that a notice names: of an opt-out, or of the validation period that it prints or begins."""
    named = part.day("optout_by", "opt_out_by", "optout_date", "opt_out_date", "deadline", "optout_until",
                     "period_end", "validation_period_end", "validation_end", "end_date")  # fmt: skip
    received: date | None = part.day("received", "received_at", "received_on", "receipt", "assumed_receipt",
                                     "delivered", "delivered_at", "delivered_on")  # fmt: skip
    if named is None and received is not None and name.startswith("validation"):
        named = validation_period_end(received=received)
    return None if named is None else named.toordinal()
