"""What is known of a person and of their loans: frozen values without behaviour.

Instants are whole microseconds since 1970-01-01T00:00:00Z (``Instant``); money is whole minor units of
the loan's currency (``…_minor``); dates are ``datetime.date``. What a decision is made of is a named tuple, which is
made in a quarter of the time of a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

Instant = int
SECOND = 1_000_000

COMPONENTS = ("penalty", "fee", "interest", "principal")


class Person(NamedTuple):
    """One borrower, a row of ``borrowers.csv``. ``language`` is BCP 47, ``zone`` IANA, ``region`` ISO 3166."""

    borrower_id: str
    first_name: str
    last_name: str
    language: str
    zone: str
    region: str
    phone: str | None = None
    email: str | None = None
    address: str | None = None


class Instalment(NamedTuple):
    """What falls due on one day of a loan, a row of ``instalments.csv``."""

    number: int
    due_on: date
    principal_minor: int
    interest_minor: int = 0
    fees_minor: int = 0


class Loan(NamedTuple):
    """One loan, a row of ``loans.csv`` with its instalments in order of number."""

    loan_id: str
    borrower_id: str
    product: str
    currency: str
    principal_minor: int
    disbursed_at: Instant
    instalments: tuple[Instalment, ...]
    policy: str | None = None
    segment: str | None = None
    tags: tuple[str, ...] = ()
    allocation: tuple[str, ...] = COMPONENTS


class Event(NamedTuple):
    """Something that happened, a row of ``events.csv``: at ``at``, known to us since ``known_at``.

    ``start`` and ``until`` are the columns ``from`` and ``until``: an instant, or a date that stands for its
    first instant in the borrower's zone.
    """

    event_id: str
    at: Instant
    known_at: Instant
    type: str
    borrower_id: str | None = None
    loan_id: str | None = None
    amount_minor: int | None = None
    ref: str | None = None
    channel: str | None = None
    address: str | None = None
    value: str | None = None
    start: Instant | date | None = None
    until: Instant | date | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """A whole book: persons and loans by id, events in the order (known_at, at, event_id)."""

    persons: dict[str, Person]
    loans: dict[str, Loan]
    events: tuple[Event, ...]
