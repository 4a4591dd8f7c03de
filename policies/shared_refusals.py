"""A refusal binds a number, not a person: whom else of a lender it reaches, and the event that it becomes for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from policies.compliance.vocabulary import CHANNEL_CLASSES
from policies.compliance.words import classify
from policies.facts import Event, Person

TYPES: Final = ("opt_out", "opt_in", "reply")
"""The types of event that may hold one."""

PHONE: Final = "phone"
EMAIL: Final = "email"
_OF_CHANNEL: Final = dict.fromkeys((*CHANNEL_CLASSES["voice"], *CHANNEL_CLASSES["text"]), PHONE) | {"email": EMAIL}


class Said(NamedTuple):
    """What an event says of one address: ``address`` itself, or whoever said it has it as ``point`` (phone, email)."""

    type: str
    channel: str
    address: str | None
    point: str


def said_of(kind: str, channel: str | None, address: str | None, text: str | None) -> list[Said]:
    """What an event of TYPES says that counts for everybody with the address.

    A refusal without an address is about the address of whoever said it; a return counts for others only where it
    names the address.
    """
    if kind == "reply":
        found = classify(text or "", channel or "")
        if found is None or found.kind != "opt_out":
            return []
        media = ("sms", "email") if found.channel is None else (found.channel,)
        return [Said("opt_out", one, None, _OF_CHANNEL[one]) for one in media if one in _OF_CHANNEL]
    if channel not in _OF_CHANNEL or (kind == "opt_in" and address is None):
        return []
    return [Said(kind, channel, address, _OF_CHANNEL[channel])]


def event_id(root: str, borrower_id: str, channel: str) -> str:
    """The id of the event that another's event ``root`` becomes for a borrower."""
    return f"{root}>{borrower_id}>{channel}"


def shared(events: Iterable[Event], persons: Mapping[str, Person]) -> list[Event]:
    """The events that others' refusals become for those who share the address, in no order."""
    found: list[Event] = []
    holders: dict[str, list[str]] | None = None
    for event in events:
        if event.type not in TYPES or event.borrower_id is None:
            continue
        for said in said_of(event.type, event.channel, event.address, event.text):
            teller = persons[event.borrower_id]
            address = said.address or (teller.phone if said.point == PHONE else teller.email)
            if address is None:
                continue
            if holders is None:
                holders = _holders(persons)
            found += [
                Event(
                    event_id(event.event_id, other, said.channel), event.at, event.known_at, said.type,
                    borrower_id=other, ref=event.event_id, channel=said.channel, address=address,
                )
                for other in holders.get(address, ()) if other != event.borrower_id
            ]  # fmt: skip
    return found


def _holders(persons: Mapping[str, Person]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for person in persons.values():
        for address in (person.phone, person.email):
            if address is not None:
                found.setdefault(address, []).append(person.borrower_id)
    return found
