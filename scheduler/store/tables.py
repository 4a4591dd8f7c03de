"""The tables. Every key begins with the lender and the clock; names, addresses and texts lie apart, to be erased.

Money is whole minor units, text keys sort by code point (``COLLATE "C"``), instants are ``timestamptz``.
Personal data is in ``person``, ``past_fact``, ``event_text`` and ``message_body`` only. The journal names people and
loans by keys, which mean nothing once the borrower's salt is gone.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlmodel import Field, SQLModel

REAL_CLOCK = 0
"""``clock_id`` of real time; others are test clocks."""

SEQUENCED = frozenset({"ledger", "ledger_tile", "ledger_checkpoint"})
"""The tables of the ledger, which holds the real clock's journal only."""


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


def _count() -> Any:
    return Field(sa_column=Column(BigInteger, nullable=False))


def _pseudonym(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(Uuid(), nullable=nullable))


SALT = "uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())"
"""The default of a salt: 32 bytes of which 244 bits come from the server's strong random source."""

THIS_TRANSACTION = "(pg_current_xact_id()::text)::bigint"
"""The default of ``journal.xact``: the writing transaction's number, which never wraps."""


class Clock(SQLModel, table=True):
    """A clock and how far it has come; ``moved`` marks real time that a test clock has moved, never served again.

    Of real time ``now_at`` is the latest instant that a daemon has served.
    ``held`` says why nothing is decided and nothing leaves until ``duly reconcile``; none, where all is free to run.
    """

    __tablename__ = "clock"
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    now_at: datetime | None = _instant(nullable=True)
    moved: bool = Field(default=False)
    held: str | None = _text(nullable=True)


class NamedClock(SQLModel, table=True):
    """A test clock, which has an id of its own beside the real one, and a row in ``clock`` where it stands.

    ``began_at`` is where it began; none, where its past is the real clock's. ``target_at`` is where an advance is on
    its way to; none, where all up to ``clock.now_at`` is done. ``sandbox_only``: its book is, or was, of real people.
    """

    __tablename__ = "named_clock"
    __table_args__ = (Index("named_clock_name", "lender_id", "name", unique=True),)
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    name: str = _text()
    began_at: datetime | None = _instant(nullable=True)
    target_at: datetime | None = _instant(nullable=True)
    sandbox_only: bool = Field(default=False)


class PauseRow(SQLModel, table=True):
    """Something that an operator has paused: ``scope`` says what kind of thing, ``name`` which one."""

    __tablename__ = "pause"
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    scope: str = _text_key()
    name: str = _text_key()
    since: datetime = _instant()
    by: str = _text()
    why: str | None = _text(nullable=True)


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
    number: int = _count()


class Borrower(SQLModel, table=True):
    """A borrower without a name: when to look at them next, and how often their facts have changed.

    ``key`` names them in the journal; ``facts`` is how far their chain of facts has come (``ledger.facts``).
    ``laid_by_at`` is the wake of one who waits while something is paused.
    """

    __tablename__ = "borrower"
    __table_args__ = (
        Index("borrower_wake", "clock_id", "wake_at", "lender_id", "borrower_id"),
        # The few among millions that are counted at every look at the metrics, or taken up again.
        Index("borrower_set_aside", "clock_id", postgresql_where=text("set_aside IS NOT NULL")),
        Index("borrower_laid_by", "clock_id", postgresql_where=text("laid_by_at IS NOT NULL")),
    )
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    borrower_id: str = _text_key()
    language: str = _text()
    zone: str = _text()
    region: str = _text()
    whereabouts: Any = Field(default=None, sa_column=Column(JSON, nullable=True))
    wake_at: datetime | None = _instant(nullable=True)
    revision: int = _count()
    set_aside: str | None = _text(nullable=True)
    key: UUID = _pseudonym()
    facts: str | None = _text(nullable=True)
    laid_by_at: datetime | None = _instant(nullable=True)


class PersonRow(SQLModel, table=True):
    """Who a borrower is and where they can be reached; personal data.

    ``salt`` is what every digest about them in the journal is keyed with: without it none can be linked to anybody.
    ``revision`` is the borrower's from which the row says what it says.
    """

    __tablename__ = "person"
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    borrower_id: str = _text_key()
    first_name: str = _text()
    last_name: str = _text()
    phone: str | None = _text(nullable=True)
    email: str | None = _text(nullable=True)
    address: str | None = _text(nullable=True)
    salt: bytes = Field(sa_column=Column(LargeBinary, nullable=False, server_default=text(SALT)))
    revision: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("1")))


class PastFact(SQLModel, table=True):
    """What a person's or a loan's row said before it was changed, as JSON; personal data. For replays.

    ``ref`` is ``person`` or ``loan/<id>``; it held from ``revision`` until the next one of that ref.
    """

    __tablename__ = "past_fact"
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    borrower_id: str = _text_key()
    ref: str = _text_key()
    revision: int = _key(BigInteger)
    said: Any = Field(sa_column=Column(JSON, nullable=False))


class LoanRow(SQLModel, table=True):
    """A loan, and the state of its contract as the last decision left it.

    ``key`` names it in the journal; ``revision`` is the borrower's from which the row says what it says.
    """

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
    key: UUID = _pseudonym()
    revision: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("1")))


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
    """A fact as it was told; ``digest`` is over all its columns, so that telling it again can be recognised.

    ``revision`` is the borrower's from which the event is there.
    """

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
    revision: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("1")))


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
        Index("message_unconfirmed", "clock_id", postgresql_where=text("status = 'unconfirmed'")),
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
    """The append-only record: one entry a decision or act, in canonical JSON; no personal data.

    An entry has no number of its own: the sequencer gives each its place in the ledger, in the order of (``xact``,
    ``entry_id``). The other columns are for finding it; what counts is ``entry``, the leaf of the tree.
    """

    __tablename__ = "journal"
    __table_args__ = (
        Index("journal_borrower", "lender_id", "clock_id", "borrower_key", "entry_id"),
        # What the ledger says of itself is looked up at every start, and is a few rows among millions.
        Index(
            "journal_ledger", "lender_id", "clock_id", "xact", "entry_id",
            postgresql_where=text("kind IN ('ledger_key', 'reconciled')"),
        ),
    )  # fmt: skip
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    xact: int = Field(
        sa_column=Column(BigInteger, primary_key=True, nullable=False, server_default=text(THIS_TRANSACTION))
    )
    entry_id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = _instant()
    kind: str = _text()
    borrower_key: UUID | None = _pseudonym(nullable=True)
    loan_key: UUID | None = _pseudonym(nullable=True)
    place: int = Field(sa_column=Column(Integer, nullable=False))
    channel_place: int = Field(sa_column=Column(Integer, nullable=False))
    entry: str = _text()


class LedgerRow(SQLModel, table=True):
    """How far a lender's ledger has come: ``size`` entries have a number, all from before transaction ``next_xact``.

    Where a transaction is cut, as it wrote more than is numbered at once, so have its entries before ``next_entry``.

    ``origin`` names the ledger in its checkpoints, ``key`` is the verifier key that signs now. ``xact_offset`` is
    added to the server's transaction numbers, where the book was moved to a server that counts lower.
    """

    __tablename__ = "ledger"
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    origin: str = _text()
    key: str = _text()
    size: int = _count()
    next_xact: int = _count()
    next_entry: int = _count()
    xact_offset: int = _count()


class LedgerTile(SQLModel, table=True):
    """Up to 256 hashes of the tree: of leaves at level 0, of whole tiles of the level below above it.

    ``first_xact`` and ``first_entry`` say which journal row the first leaf of a tile of level 0 is.
    """

    __tablename__ = "ledger_tile"
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    level: int = _key(SmallInteger)
    place: int = _key(BigInteger)
    hashes: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    first_xact: int | None = _minor(nullable=True)
    first_entry: int | None = _minor(nullable=True)


class LedgerCheckpoint(SQLModel, table=True):
    """A signed checkpoint as it was given out."""

    __tablename__ = "ledger_checkpoint"
    lender_id: str = _text_key()
    clock_id: int = _key(BigInteger)
    size: int = _key(BigInteger)
    note: str = _text()
    made_at: datetime = _instant()
