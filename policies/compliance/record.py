"""From the facts of a book to what the guard knows of a person: places, contacts, consents, refusals, stops."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from policies.calendar import Zone, zone
from policies.compliance import words
from policies.compliance.dossier import (
    CONSENT,
    CONSENT_WITHDRAWN,
    INCONVENIENT,
    OPT_IN,
    OPT_OUT,
    Contact,
    Dossier,
    Evidence,
    Note,
)
from policies.compliance.weekly import times_of
from policies.facts import Event, Instant
from policies.stops import holds_of, moment

KNOWN: Final = "known"
HOME: Final = "home"

NOTE_OF_HOLD: Final = {
    "dispute": "dispute_written",
    "hardship": "hardship_notice",
    "attorney": "attorney_known",
    "cease": "cease_written",
    "bankruptcy": "bankruptcy_filed",
    "death": "death_recorded",
    "moratorium": "moratorium_start",
    "restriction": "gdpr_restriction",
    "occasion": "sensitive_occasion",
}
"""What a hold of each reason is called by the packs; ``promise`` and ``other`` are no matter of law."""

BEARING: Final = frozenset(
    {"evidence", "quiet", "consent", "consent_withdrawn", "opt_out", "opt_in", "reply", "contact", "hold", "release"}
)
"""The types of event that the guard looks at."""


def dossier_of(events: Sequence[Event], contacts: Sequence[Contact], home: Zone, region: str, now: Instant) -> Dossier:
    """What is on record of a person at ``now``. ``contacts`` are our own, which the list may still grow by.

    ``home`` is the zone in force of the person's address. Events that happened after ``now`` are left out.
    """
    if not events:
        return Dossier((_at_home(home.name),), contacts, region=region)
    evidence = [_at_home(home.name)]
    bearing = [event for event in events if event.type in BEARING and event.at <= now]
    if not bearing:
        return Dossier(tuple(evidence), contacts, region=region)
    notes: list[Note] = []
    for event in bearing:
        if event.type == "evidence":
            evidence.append(_evidence(event, home))
        elif event.type == "reply":
            notes += said(event)
        else:
            notes += _notes(event, home)
    notes += _holds(bearing, home)
    return Dossier(tuple(evidence), contacts, tuple(notes), region=region)


@lru_cache(maxsize=1024)
def _at_home(name: str) -> Evidence:
    return Evidence((name,), HOME)


def contacts_of(events: Iterable[Event], now: Instant) -> list[Contact]:
    """The contacts made elsewhere, and what the person wrote."""
    found = []
    for event in events:
        if event.at > now:
            continue
        if event.type == "contact":
            debts = () if event.loan_id is None else (event.loan_id,)
            by = event.text or "us"
            found.append(Contact(event.at, event.event_id, event.channel or "", debts, event.value, by=by))
        elif event.type == "reply":
            found.append(Contact(event.at, event.event_id, event.channel or "", inbound=True))
    return found


def said(event: Event) -> list[Note]:
    """The opt-out or opt-in that a reply holds, if any."""
    found = words.classify(event.text or "", event.channel or "")
    if found is None:
        return []
    return [Note(event.at, OPT_OUT if found.kind == "opt_out" else OPT_IN, found.channel)]


def _evidence(event: Event, home: Zone) -> Evidence:
    zones = tuple(name.strip() for name in (event.value or "").split(";") if name.strip())
    return Evidence(zones, event.text or "address", event.at, _until(event, home), event.text == KNOWN)


def _notes(event: Event, home: Zone) -> list[Note]:
    until = _until(event, home)
    if event.type == "quiet":
        return [Note(event.at, INCONVENIENT, until=until, times=times_of(event.value or ""))]
    if event.type in ("consent", "consent_withdrawn"):
        kind = CONSENT if event.type == "consent" else CONSENT_WITHDRAWN
        return [Note(event.at, kind, event.channel, event.address, kind=event.value, until=until)]
    if event.type in ("opt_out", "opt_in"):
        return [Note(event.at, OPT_OUT if event.type == "opt_out" else OPT_IN, event.channel, event.address)]
    return []


def _holds(events: list[Event], home: Zone) -> list[Note]:
    loans = {event.event_id: event.loan_id for event in events if event.type == "hold"}
    if not loans:
        return []
    found = []
    for hold in holds_of(events, home):
        loan_id = loans.get(hold.hold_id)
        debts = () if loan_id is None else (loan_id,)
        if hold.reason in NOTE_OF_HOLD:
            found.append(Note(hold.start, NOTE_OF_HOLD[hold.reason], debts=debts, until=hold.end))
    return found


def _until(event: Event, home: Zone) -> Instant | None:
    return None if event.until is None else moment(event.until, home)


def places(evidence: Iterable[Evidence], fallback: Sequence[str], now: Instant) -> tuple[tuple[Zone, ...], bool]:
    """The zones in which a contact has to be lawful, and whether several are in question (or none is known).

    Knowledge of where the person is takes the place of what only indicates it; without any, ``fallback`` counts.
    """
    valid = [e for e in evidence if (e.at is None or e.at <= now) and (e.until is None or now < e.until)]
    known = [e for e in valid if e.known]
    names = tuple(dict.fromkeys(name for e in known or valid for name in e.zones))
    if names:
        return tuple(zone(name) for name in names), len(names) > 1
    return tuple(zone(name) for name in fallback or ("UTC",)), True
