"""The tables. Every key begins with the lender and the clock; names, addresses and texts lie apart, to be erased.

Money is whole minor units, text keys sort by code point (``COLLATE "C"``), instants are ``timestamptz``.
Personal data is in ``person``, ``event_text`` and ``message_body`` only.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Date, DateTime, Identity, Index, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlmodel import Field, SQLModel

REAL_CLOCK = 0
"""``clock_id`` of real time; others are test clocks."""


def _key(kind: Any) -> Any:
    return Field(sa_column=Column(kind, primary_key=True, nullable=False))


def _text_key() -> Any:
    return _key(Text(collation="C"))


def _text(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(Text(collation="C"), nullable=nullable))


def _instant(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))


def _minor(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(BigInteger, nullable=nullable))


class Clock(SQLModel, table=True):
    """A clock and how far it has come; ``moved`` marks real time that a test clock has moved, never served again."""

    __tablename__ = "clock"
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    now_at: datetime | None = _instant(nullable=True)
    moved: bool = Field(default=False)


class PolicyVersion(SQLModel, table=True):
    """A published version of a policy: its text as written, its digest, and the instant from which it is current."""

    __tablename__ = "policy_version"
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    digest: str = _text_key()
    name: str = _text()
    file_name: str = _text()
    source: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    since: datetime | None = _instant(nullable=True)
    number: int = Field(sa_column=Column(BigInteger, nullable=False))


class Borrower(SQLModel, table=True):
    """A borrower without a name: when to look at them next, and how often their facts have changed."""

    __tablename__ = "borrower"
    __table_args__ = (Index("borrower_wake", "clock_id", "wake_at", "lender_id", "borrower_id"),)
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    borrower_id: str = _text_key()
    language: str = _text()
    zone: str = _text()
    region: str = _text()
    whereabouts: Any = Field(default=None, sa_column=Column(JSON, nullable=True))
    wake_at: datetime | None = _instant(nullable=True)
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))
    set_aside: str | None = _text(nullable=True)


class PersonRow(SQLModel, table=True):
    """Who a borrower is and where they can be reached; personal data."""

    __tablename__ = "person"
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    borrower_id: str = _text_key()
    first_name: str = _text()
    last_name: str = _text()
    phone: str | None = _text(nullable=True)
    email: str | None = _text(nullable=True)
    address: str | None = _text(nullable=True)


class LoanRow(SQLModel, table=True):
    """A loan, and the state of its contract as the last decision left it."""

    __tablename__ = "loan"
    __table_args__ = (Index("loan_borrower", "lender_id", "clock_id", "borrower_id"),)
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    loan_id: str = _text_key()
    borrower_id: str = _text()
    product: str = _text()
    currency: str = _text()
    principal_minor: int = _minor()
    disbursed_at: datetime = _instant()
    policy: str | None = _text(nullable=True)
    segment: str | None = _text(nullable=True)
    tags: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    allocation: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    state: Any = Field(default=None, sa_column=Column(JSON, nullable=True))


class InstalmentRow(SQLModel, table=True):
    """What falls due on one day of a loan."""

    __tablename__ = "instalment"
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    loan_id: str = _text_key()
    number: int = _key(Integer)
    due_on: date = Field(sa_column=Column(Date, nullable=False))
    principal_minor: int = _minor()
    interest_minor: int = _minor()
    fees_minor: int = _minor()


class EventRow(SQLModel, table=True):
    """A fact as it was told; ``digest`` is over all its columns, so that telling it again can be recognised."""

    __tablename__ = "event"
    __table_args__ = (Index("event_borrower", "lender_id", "clock_id", "borrower_id", "known_at"),)
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    event_id: str = _text_key()
    borrower_id: str = _text()
    loan_id: str | None = _text(nullable=True)
    at: datetime = _instant()
    known_at: datetime = _instant()
    type: str = _text()
    amount_minor: int | None = _minor(nullable=True)
    ref: str | None = _text(nullable=True)
    channel: str | None = _text(nullable=True)
    value: str | None = _text(nullable=True)
    from_at: datetime | None = _instant(nullable=True)
    from_on: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
    until_at: datetime | None = _instant(nullable=True)
    until_on: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class EventText(SQLModel, table=True):
    """What a fact says in words, and to which address; personal data."""

    __tablename__ = "event_text"
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    event_id: str = _text_key()
    address: str | None = _text(nullable=True)
    text: str | None = _text(nullable=True)


class MessageRow(SQLModel, table=True):
    """The outbox: one message a row, from the decision to its receipt."""

    __tablename__ = "message"
    __table_args__ = (
        Index("message_borrower", "lender_id", "clock_id", "borrower_id", "decided_at"),
        Index(
            "message_open", "clock_id", "status", "next_attempt_at", "message_id",
            postgresql_where="status IN ('queued', 'sending')",
        ),
    )  # fmt: skip
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    message_id: str = _text_key()
    borrower_id: str = _text()
    loan_id: str = _text()
    instalment: int = Field(sa_column=Column(Integer, nullable=False))
    step: str = _text()
    occurrence: int = Field(sa_column=Column(Integer, nullable=False))
    contact_key: str = _text()
    channel: str = _text()
    status: str = _text()
    decided_at: datetime = _instant()
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))
    next_attempt_at: datetime = _instant()
    send_by: datetime | None = _instant(nullable=True)
    attempts: int = Field(sa_column=Column(SmallInteger, nullable=False))
    lease_until: datetime | None = _instant(nullable=True)
    provider: str | None = _text(nullable=True)
    reference: str | None = _text(nullable=True)
    reason: str | None = _text(nullable=True)
    handed_at: datetime | None = _instant(nullable=True)


class MessageBody(SQLModel, table=True):
    """What a message says and to whom; personal data."""

    __tablename__ = "message_body"
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    message_id: str = _text_key()
    sent_to: str = _text()
    language: str = _text()
    subject: str | None = _text(nullable=True)
    body: str = _text()
    lender_name: str | None = _text(nullable=True)
    reply_to: str | None = _text(nullable=True)


class JournalRow(SQLModel, table=True):
    """The append-only record: one entry a decision in canonical JSON with its SHA-256; no personal data."""

    __tablename__ = "journal"
    __table_args__ = (Index("journal_loan", "lender_id", "clock_id", "loan_id", "at"),)
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    entry_id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = _instant()
    kind: str = _text()
    borrower_id: str | None = _text(nullable=True)
    loan_id: str | None = _text(nullable=True)
    message_id: str | None = _text(nullable=True)
    place: int = Field(sa_column=Column(Integer, nullable=False))
    channel_place: int = Field(sa_column=Column(Integer, nullable=False))
    entry: str = _text()
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
