"""Reads claimed borrowers with all their facts: a fixed number of statements, however many they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from policies.calendar import EPOCH, to_datetime
from policies.compliance.guard import Contact
from policies.decide import Borrower
from policies.facts import Event, Instalment, Instant, Loan, Person
from policies.simulate import HISTORY_S
from policies.state import LoanState, Unsent, Whereabouts, from_json
from policies.versions import Policies
from scheduler.store import queries
from scheduler.store.database import Connection

_MICROSECOND = timedelta(microseconds=1)


def instant(at: datetime) -> Instant:
    """A timestamp of the database as microseconds since 1970 UTC."""
    return (at - EPOCH) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class Claimed:
    """A borrower under this transaction's lock: all that decides, and what is known to become known later.

    ``at`` is the instant to decide at: now, or under a test clock the borrower's own wake, where it comes later.
    """

    lender_id: str
    borrower_id: str
    revision: int
    at: Instant
    borrower: Borrower
    next_known: Instant | None
    reconfirm: tuple[str, ...]


def claim(
    connection: Connection, clock_id: int, now: Instant, horizon: Instant, limit: int,
    policies: dict[str, Policies], link_base: str, these: list[tuple[str, str]] | None = None,
) -> list[Claimed]:  # fmt: skip
    """Lock up to ``limit`` borrowers whose wake is not after ``horizon`` (of ``these``, if given); read their facts."""
    due = {"clock": clock_id, "horizon": to_datetime(horizon)}
    if these is None:
        rows = connection.execute(queries.CLAIM, {**due, "limit": limit}).fetchall()
    else:
        keys = {"lenders": [k[0] for k in these], "borrowers": [k[1] for k in these]}
        rows = connection.execute(queries.CLAIM_THESE, {**due, **keys}).fetchall()
    if not rows:
        return []
    keys = {"lenders": [r[0] for r in rows], "borrowers": [r[1] for r in rows]}
    parameters = {"clock": clock_id, **keys}
    since = to_datetime(now) - timedelta(seconds=HISTORY_S)
    with connection.pipeline():
        loan_cursor = connection.execute(queries.LOANS, parameters)
        event_cursor = connection.execute(queries.EVENTS, parameters)
        contact_cursor = connection.execute(queries.CONTACTS, {**parameters, "since": since})
    loans = _grouped(loan_cursor.fetchall())
    events = _grouped(event_cursor.fetchall())
    contacts = _grouped(contact_cursor.fetchall())
    return [
        _claimed(row, loans.get((row[0], row[1]), []), events.get((row[0], row[1]), []),
                 contacts.get((row[0], row[1]), []), now, policies, link_base)
        for row in rows
    ]  # fmt: skip


def claim_keys(connection: Connection, clock_id: int, horizon: Instant, limit: int) -> list[tuple[str, str]]:
    """Who ``claim`` would take now, as (lender_id, borrower_id), read no further."""
    due = {"clock": clock_id, "horizon": to_datetime(horizon), "limit": limit}
    return [(row[0], row[1]) for row in connection.execute(queries.CLAIM, due).fetchall()]


def _grouped(rows: list[tuple[Any, ...]]) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault((row[0], row[1]), []).append(row)
    return found


def _claimed(
    row: tuple[Any, ...], loan_rows: list[tuple[Any, ...]], event_rows: list[tuple[Any, ...]],
    contact_rows: list[tuple[Any, ...]], now: Instant, policies: dict[str, Policies], link_base: str,
) -> Claimed:  # fmt: skip
    lender_id, borrower_id, revision, wake, where, language, zone, region, first, last, phone, email, address = row
    now = max(now, instant(wake))
    states: dict[str, LoanState] = {}
    loans = []
    for loan_row in loan_rows:
        loans.append(loan_of(loan_row))
        if loan_row[11] is not None:
            states[loan_row[2]] = from_json(loan_row[11])
    events = []
    next_known = None
    for event_row in event_rows:
        event = event_of(event_row)
        if event.known_at > now:
            next_known = event.known_at
            break
        events.append(event)
    unsent, reconfirm = _unsent(contact_rows, revision)
    borrower = Borrower(
        Person(borrower_id, first, last, language, zone, region, phone, email, address),
        tuple(loans),
        tuple(events),
        policies[lender_id],
        states,
        tuple(Contact(instant(r[2]), r[3]) for r in contact_rows if r[5] not in reconfirm),
        None if where is None else Whereabouts(*where),
        link_base,
        unsent,
    )
    return Claimed(lender_id, borrower_id, revision, now, borrower, next_known, reconfirm)


def _unsent(rows: list[tuple[Any, ...]], revision: int) -> tuple[tuple[Unsent, ...], tuple[str, ...]]:
    """The messages still in the outbox that were decided on older facts."""
    if all(row[4] != "queued" for row in rows):
        return (), ()
    left = {row[3] for row in rows if row[4] != "queued"}
    found = []
    for row in rows:
        if row[4] == "queued" and row[12] != revision:
            send_by = None if row[11] is None else instant(row[11])
            found.append(
                Unsent(
                    row[5],
                    row[6],
                    row[7],
                    row[8],
                    row[9],
                    row[10],
                    instant(row[2]),
                    send_by,
                    row[3],
                    row[3] not in left,
                )
            )
    return tuple(found), tuple(one.message_id for one in found)


def loan_of(row: tuple[Any, ...]) -> Loan:
    """A row of queries.LOANS as a loan with its instalments."""
    instalments = tuple(
        Instalment(number, due, principal, interest, fees)
        for number, due, principal, interest, fees in zip(row[12], row[13], row[14], row[15], row[16], strict=True)
    )
    return Loan(
        row[2], row[1], row[3], row[4], row[5], instant(row[6]), instalments, row[7], row[8], tuple(row[9]),
        tuple(row[10]),
    )  # fmt: skip


def event_of(row: tuple[Any, ...]) -> Event:
    """A row of queries.EVENTS as an event; its words are left out."""
    start = row[13] if row[12] is None else instant(row[12])
    until = row[15] if row[14] is None else instant(row[14])
    return Event(
        row[2], instant(row[3]), instant(row[4]), row[5], row[1], row[6], row[7], row[8], row[9], row[10], row[11],
        start, until, None,
    )  # fmt: skip
