"""Reads claimed borrowers with all their facts: a fixed number of statements, however many they are."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from policies.calendar import EPOCH, to_datetime
from policies.compliance.dossier import Contact
from policies.decide import Borrower
from policies.facts import SECOND, Event, Instalment, Instant, Loan, Person
from policies.simulate import HISTORY_S
from policies.state import LoanState, Unsent, Whereabouts, from_json
from policies.versions import Policies
from scheduler.ledger.facts import Chain, Fact, event_fact, fact_digest, loan_fact, person_fact
from scheduler.store import queries
from scheduler.store.database import Connection

_MICROSECOND = timedelta(microseconds=1)


def instant(at: datetime) -> Instant:
    """A timestamp of the database as microseconds since 1970 UTC."""
    return (at - EPOCH) // _MICROSECOND


class Claimed(NamedTuple):
    """A borrower under this transaction's lock: all that decides, and what is known to become known later.

    ``at`` is the instant to decide at: now, or under a test clock the borrower's own wake, where it comes later.
    ``chain`` is the borrower's chain of facts after this look.
    """

    lender_id: str
    borrower_id: str
    revision: int
    at: Instant
    borrower: Borrower
    next_known: Instant | None
    reconfirm: tuple[str, ...]
    salt: bytes
    chain: Chain


class Rows(NamedTuple):
    """What the server answered to a claim, not yet read: the borrowers locked, and the facts of each as JSON texts."""

    borrowers: list[tuple[Any, ...]]
    facts: list[tuple[Any, ...]]


def claim(
    connection: Connection, clock_id: int, now: Instant, horizon: Instant, limit: int,
    these: list[tuple[str, str]] | None = None,
) -> Rows:  # fmt: skip
    """Lock up to ``limit`` borrowers whose wake is not after ``horizon`` (or of ``these``); fetch their facts."""
    due = {"clock": clock_id, "horizon": to_datetime(horizon)}
    if these is None:
        rows = connection.execute(queries.CLAIM, {**due, "limit": limit}).fetchall()
    else:
        keys = {"lenders": [k[0] for k in these], "borrowers": [k[1] for k in these]}
        rows = connection.execute(queries.CLAIM_THESE, {**due, **keys}).fetchall()
    return Rows(rows, _fetch_facts(connection, clock_id, [(row[0], row[1]) for row in rows], now) if rows else [])


def read(rows: Rows, now: Instant, policies: dict[str, Policies], link_base: str) -> list[Claimed]:
    """The borrowers of a claim, in its order."""
    known = _read_facts(rows.facts)
    return [_claimed(row, known[row[0], row[1]], now, policies, link_base) for row in rows.borrowers]


def claim_keys(connection: Connection, clock_id: int, horizon: Instant, limit: int) -> dict[tuple[str, str], int]:
    """Who ``claim`` would take now, as (lender_id, borrower_id), each with their revision; read no further."""
    due = {"clock": clock_id, "horizon": to_datetime(horizon), "limit": limit}
    return {(row[0], row[1]): row[2] for row in connection.execute(queries.CLAIM, due).fetchall()}


class Known(NamedTuple):
    """What the database knows of one borrower: loans with their states, all events in order, past messages.

    Of each loan and event also the borrower's revision from which it says what it says.
    """

    loans: tuple[Loan, ...]
    states: dict[str, LoanState]
    events: tuple[Event, ...]
    messages: list[list[Any]]
    loan_revisions: tuple[int, ...]
    event_revisions: tuple[int, ...]

    @property
    def contacts(self) -> tuple[Contact, ...]:
        """What counts for caps."""
        return tuple(_contact(m) for m in self.messages)


def facts(
    connection: Connection, clock_id: int, keys: list[tuple[str, str]], now: Instant
) -> dict[tuple[str, str], Known]:
    """The facts of the borrowers named as (lender_id, borrower_id), in one statement."""
    return _read_facts(_fetch_facts(connection, clock_id, keys, now))


def _fetch_facts(
    connection: Connection, clock_id: int, keys: list[tuple[str, str]], now: Instant
) -> list[tuple[Any, ...]]:
    return connection.execute(
        queries.FACTS,
        {
            "clock": clock_id,
            "lenders": "\n".join([key[0] for key in keys]),
            "borrowers": "\n".join([key[1] for key in keys]),
            "since": to_datetime(now - HISTORY_S * SECOND),
        },
    ).fetchall()


def _read_facts(rows: list[tuple[Any, ...]]) -> dict[tuple[str, str], Known]:
    # The texts are read as one document: to set up its reader takes as long as to read a borrower.
    texts = json.loads(f"[{','.join([text or 'null' for row in rows for text in row[2:]])}]")
    return {
        (row[0], row[1]): _known(row[1], loans, events, messages)
        for row, loans, events, messages in zip(rows, texts[::3], texts[1::3], texts[2::3], strict=True)
    }


def _known(borrower_id: str, loans: list[Any] | None, events: list[Any] | None, messages: list[Any] | None) -> Known:
    rows = loans or ()
    return Known(
        tuple([_loan(borrower_id, row) for row in rows]),
        {row[0]: from_json(row[9]) for row in rows if row[9] is not None},
        tuple([_event(row) for row in events]) if events else (),
        messages or [],
        tuple([row[11] for row in rows]),
        tuple([row[16] for row in events]) if events else (),
    )


def _claimed(
    row: tuple[Any, ...], known: Known, now: Instant, policies: dict[str, Policies], link_base: str
) -> Claimed:
    lender_id, borrower_id, revision, wake, where, language, zone, region, first, last, phone, email, address = row[:13]
    salt, person_revision, chain = row[13:]
    now = max(now, instant(wake))
    events = known.events
    next_known = None
    if events and events[-1].known_at > now:
        later = next(n for n, event in enumerate(events) if event.known_at > now)
        next_known = events[later].known_at
        events = events[:later]
    since = now - HISTORY_S * SECOND
    unsent = _unsent(known.messages, revision, events[-1].known_at if events else 0)
    reconfirm = tuple([one.message_id for one in unsent])
    person = Person(borrower_id, first, last, language, zone, region, phone, email, address)
    seen = Chain.parse(chain)
    new = new_facts(seen, person, person_revision, known, len(events))
    borrower = Borrower(
        person,
        known.loans,
        events,
        policies[lender_id],
        known.states,
        # Reckoned from the instant that is decided at, which a test clock's may be before: it alone is recorded.
        tuple([_contact(m) for m in known.messages if m[6] > since and m[0] not in reconfirm]),
        None if where is None else _whereabouts(where),
        link_base,
        unsent,
    )
    longer = seen.longer(revision, now, [fact_digest(salt, fact) for fact in new])
    return Claimed(lender_id, borrower_id, revision, now, borrower, next_known, reconfirm, salt, longer)


def new_facts(seen: Chain, person: Person, person_revision: int, known: Known, visible: int) -> list[Fact]:
    """The facts that a chain has not seen, in its order; of the events the first ``visible``."""
    found = [person_fact(person)] if seen.is_new(person_revision) else []
    found += [
        loan_fact(loan) for loan, since in zip(known.loans, known.loan_revisions, strict=True) if seen.is_new(since)
    ]
    found += [
        event_fact(event)
        for event, since in zip(known.events[:visible], known.event_revisions, strict=False)
        if seen.is_new(since, event.known_at)
    ]
    return found


def _contact(message: list[Any]) -> Contact:
    return Contact(message[6], message[8], message[5], (message[1],))


@lru_cache(maxsize=4096)
def _whereabouts(text: str) -> Whereabouts:
    return Whereabouts(*json.loads(text))


def _unsent(messages: list[list[Any]], revision: int, known_at: Instant) -> tuple[Unsent, ...]:
    """The messages still in the outbox that were decided on older facts, or before the last one became known."""
    if not messages:
        return ()
    left = {m[8] for m in messages if m[9] != "queued"}
    return tuple(
        Unsent._make((*m[:9], m[8] not in left, m[11]))
        for m in messages
        if m[9] == "queued" and (m[10] != revision or m[6] < known_at)
    )


def _loan(borrower_id: str, row: list[Any]) -> Loan:
    loan_id, product, currency, principal, disbursed_at, policy, segment, tags, allocation, _state, parts = row[:11]
    instalments = tuple(
        [
            Instalment(number, date.fromordinal(due), principal_, interest, fees)
            for number, due, principal_, interest, fees in parts
        ]
    )
    return Loan(
        loan_id, borrower_id, product, currency, principal, disbursed_at, instalments, policy, segment, tuple(tags),
        tuple(allocation),
    )  # fmt: skip


def _event(row: list[Any]) -> Event:
    start = row[11] if row[12] is None else date.fromordinal(row[12])
    until = row[13] if row[14] is None else date.fromordinal(row[14])
    event_id, at, known_at, kind, borrower_id, loan_id, amount, ref, channel, address, value = row[:11]
    return Event(
        event_id, at, known_at, kind, borrower_id, loan_id, amount, ref, channel, address, value, start, until, row[15]
    )
