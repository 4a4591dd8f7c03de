"""The facts of a borrower as their journal commits to them: each fact a map of fields, all of them one chain.

The chain begins with 32 zero bytes. A look at a borrower lengthens it by the facts that it is the first to see: the
next value is SHA-256 over the last one and the digest of each, in the order person, loans by id, events as known. So
an entry's ``facts`` says which facts the decision was made on, in the order in which the lender learned them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from policies.calendar import to_datetime
from policies.facts import Event, Instant, Loan, Person
from scheduler.ledger.commit import canonical, digest

PERSON = "person"
_BEGIN = bytes(32)


class Fact(NamedTuple):
    """One fact: its name (``person``, ``loan/<id>``, ``event/<id>``) and its fields; those without a value are absent.

    Amounts are whole minor units, instants ISO 8601 in UTC, dates ISO 8601.
    """

    ref: str
    fields: dict[str, Any]


class Chain(NamedTuple):
    """How far a borrower's chain has come: the revision and the instant of the last look, and the value (hex)."""

    revision: int = 0
    at: Instant = 0
    value: str = _BEGIN.hex()

    @classmethod
    def parse(cls, text: str | None) -> Chain:
        """A chain as the database keeps it; the beginning, where there is none yet."""
        if text is None:
            return cls()
        revision, at, value = text.split("/")
        return cls(int(revision), int(at), value)

    def __str__(self) -> str:
        return f"{self.revision}/{self.at}/{self.value}"

    def is_new(self, revision: int, known_at: Instant | None = None) -> bool:
        """Whether a fact that is there from ``revision`` on, and known from ``known_at``, was not seen before."""
        return revision > self.revision or (known_at is not None and known_at > self.at)

    def longer(self, revision: int, at: Instant, digests: Iterable[bytes]) -> Chain:
        """The chain after a look that saw the facts of these digests first."""
        new = b"".join(digests)
        value = sha256(bytes.fromhex(self.value) + new).hexdigest() if new else self.value
        return Chain(revision, at, value)


def fact_digest(salt: bytes, fact: Fact) -> bytes:
    """The digest of a fact: over the digests of its fields, each of which can be opened alone."""
    ref = fact.ref
    return sha256(
        canonical({name: digest(salt, f"{ref}#{name}", value).hex() for name, value in fact.fields.items()}).encode()
    ).digest()


def person_fact(person: Person) -> Fact:
    """What is known of a person."""
    fields = {
        "borrower_id": person.borrower_id, "first_name": person.first_name, "last_name": person.last_name,
        "language": person.language, "zone": person.zone, "region": person.region, "phone": person.phone,
        "email": person.email, "address": person.address,
    }  # fmt: skip
    return Fact(PERSON, _given(fields))


def loan_fact(loan: Loan) -> Fact:
    """What is known of a loan; ``instalments`` as lists of number, day due, principal, interest, fees."""
    fields = {
        "loan_id": loan.loan_id, "borrower_id": loan.borrower_id, "product": loan.product, "currency": loan.currency,
        "principal_minor": loan.principal_minor, "disbursed_at": _iso(loan.disbursed_at), "policy": loan.policy,
        "segment": loan.segment, "tags": list(loan.tags), "allocation": list(loan.allocation),
        "instalments": [
            [n.number, n.due_on.isoformat(), n.principal_minor, n.interest_minor, n.fees_minor]
            for n in loan.instalments
        ],
    }  # fmt: skip
    return Fact(f"loan/{loan.loan_id}", _given(fields))


def event_fact(event: Event) -> Fact:
    """One event."""
    fields = {
        "event_id": event.event_id, "type": event.type, "at": _iso(event.at), "known_at": _iso(event.known_at),
        "borrower_id": event.borrower_id, "loan_id": event.loan_id, "amount_minor": event.amount_minor,
        "ref": event.ref, "channel": event.channel, "address": event.address, "value": event.value,
        "from": _bound(event.start), "until": _bound(event.until), "text": event.text,
    }  # fmt: skip
    return Fact(f"event/{event.event_id}", _given(fields))


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


@lru_cache(maxsize=4096)
def _iso(at: Instant) -> str:
    return to_datetime(at).isoformat()


def _bound(at: Instant | date | None) -> str | None:
    return at.isoformat() if isinstance(at, date) else None if at is None else _iso(at)
