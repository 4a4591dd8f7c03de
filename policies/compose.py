"""How a step becomes messages: which channels reach the person, in which language, with which values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from policies.compliance.words import classify
from policies.contract import Policy
from policies.facts import Event, Instant, Person
from policies.money import Money
from policies.state import Made

LENDER = "default"
LINK_BASE = "https://pay.example.invalid"
TOKEN_PLACEHOLDER = "LINK" + "_" * 39
"""Stands for a link's token until the message is handed over; as long as the token itself (256 bits, base64url)."""

NO_ADDRESS = "CHANNEL-NO-ADDRESS"
OPTED_OUT = "CHANNEL-OPTED-OUT"
MONEY_FACTS = ("overdue", "balance", "principal", "penalties")


def message_id(loan_id: str, instalment: int, step: str, occurrence: int, channel: str, lender: str = LENDER) -> str:
    """The id of a message: SHA-256 over its six names joined by line feeds; one id is never sent twice."""
    names = f"{lender}\n{loan_id}\n{instalment}\n{step}\n{occurrence}\n{channel}"
    return hashlib.sha256(names.encode()).hexdigest()


class Reach(NamedTuple):
    """How a person can be reached: addresses by channel, and the rule that closes each other channel."""

    addresses: Mapping[str, str]
    closed: Mapping[str, str]


def reach(person: Person, events: Iterable[Event], now: Instant) -> Reach:
    """The contact points of a person at ``now``: what they gave, less what they opted out of.

    An opt-out names a channel, or one address of it, or is what the person wrote; the last word by its time counts.
    """
    stated = {"sms": person.phone, "email": person.email, "letter": person.address}
    choices: list[tuple[Instant, str, bool, str | None, str | None]] = []
    for event in events:
        if event.at > now:
            continue
        if event.type in ("opt_out", "opt_in"):
            choices.append((event.at, event.event_id, event.type == "opt_out", event.channel, event.address))
        elif event.type == "reply":
            said = classify(event.text or "", event.channel or "")
            if said is not None:
                choices.append((event.at, event.event_id, said.kind == "opt_out", said.channel, None))
    choices.sort(key=lambda choice: choice[:2])
    addresses: dict[str, str] = {}
    closed: dict[str, str] = {}
    for channel, address in stated.items():
        if address is None:
            closed[channel] = NO_ADDRESS
            continue
        out = False
        for _, _, refused, medium, one in choices:
            if medium in (None, channel) and one in (None, address):
                out = refused
        if out:
            closed[channel] = OPTED_OUT
        else:
            addresses[channel] = address
    return Reach(addresses, closed)


def language_of(person: Person, policy: Policy) -> str:
    """The policy's language nearest to the person's: the same, the same base language, else the first."""
    wanted = person.language
    if wanted in policy.languages:
        return wanted
    base = wanted.partition("-")[0]
    for language in policy.languages:
        if language.partition("-")[0] == base:
            return language
    return policy.languages[0]


def variables(
    person: Person, policy: Policy, loan_id: str, product: str, currency: str, due: date,
    facts: Mapping[str, Any], made: Made | None, link_base: str,
) -> Mapping[str, Any]:  # fmt: skip
    """What a template may name: exact money as Money, dates as dates; nothing else reaches it."""
    given: dict[str, Any] = {
        "borrower": {"first_name": person.first_name, "last_name": person.last_name},
        "loan": {"loan_id": loan_id, "product": product},
        "due": due,
        "links": {"view": f"{link_base}/{TOKEN_PLACEHOLDER}"},
        "lender": policy.lender,
    }
    if made is not None:
        given["offer"] = offer_terms(made, currency)
    return _Variables(facts, given, currency)


class _Variables(Mapping[str, Any]):
    """Facts, those of money in ``currency``, beside what is ``given``; a fact that no template names is never asked."""

    __slots__ = ("currency", "facts", "given")

    def __init__(self, facts: Mapping[str, Any], given: Mapping[str, Any], currency: str) -> None:
        self.facts = facts
        self.given = given
        self.currency = currency

    def __getitem__(self, name: str) -> Any:
        if name in self.given:
            return self.given[name]
        value = self.facts[name]
        return Money(value, self.currency) if name in MONEY_FACTS else value

    def __iter__(self) -> Iterator[str]:
        yield from self.facts
        yield from self.given

    def __len__(self) -> int:
        return len(self.facts) + len(self.given)


def offer_terms(made: Made, currency: str) -> dict[str, Any]:
    """The terms of an offer as a template names them."""
    first_day, first_amount = made.payments[0]
    return {
        "total": Money(made.total, currency),
        "waived": Money(made.waived, currency),
        "instalments": len(made.payments),
        "first_amount": Money(first_amount, currency),
        "first_on": date.fromordinal(first_day),
        "last_on": date.fromordinal(made.payments[-1][0]),
        "expires": date.fromordinal(made.last_day),
    }
