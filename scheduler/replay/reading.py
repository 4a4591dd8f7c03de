"""Reads the histories of borrowers from the database: a chunk of them at a time, each chunk in one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from policies.calendar import to_instant
from policies.facts import Instant, Loan, Person
from scheduler.replay.history import EventThen, History, LoanThen, PersonThen, Version, Versions, Written
from scheduler.store import queries
from scheduler.store.database import Connection
from scheduler.store.people import Known, facts, instant

# Later than any instant of a book: no past message is read with the facts, the entries tell of them.
_LATE = to_instant(datetime(9000, 1, 1, tzinfo=UTC))

# Whom to replay, from a place in their order on; ``since`` is compared with the instant of the last look.
_BORROWERS = """
SELECT b.lender_id, b.borrower_id FROM borrower b
WHERE b.clock_id = %(clock)s AND (b.lender_id, b.borrower_id) > (%(lender)s, %(borrower)s)
  AND (%(since)s::bigint IS NULL OR split_part(b.facts, '/', 2)::bigint >= %(since)s)
ORDER BY b.lender_id, b.borrower_id LIMIT %(limit)s
"""

_COUNT = """
SELECT count(*) FROM borrower b
WHERE b.clock_id = %(clock)s AND (%(since)s::bigint IS NULL OR split_part(b.facts, '/', 2)::bigint >= %(since)s)
"""

_OF_LOAN = """
SELECT lender_id, borrower_id FROM loan WHERE clock_id = %(clock)s AND loan_id = %(loan)s ORDER BY lender_id
"""

_PERSONS = """
SELECT b.lender_id, b.borrower_id, b.key, p.salt, p.revision, p.first_name, p.last_name, b.language, b.zone, b.region,
       p.phone, p.email, p.address
FROM borrower b LEFT JOIN person p USING (lender_id, clock_id, borrower_id)
WHERE b.clock_id = %(clock)s
  AND (b.lender_id, b.borrower_id) IN (SELECT * FROM unnest(%(lenders)s::text[], %(borrowers)s::text[]))
ORDER BY b.lender_id, b.borrower_id
"""

_PAST = """
SELECT f.lender_id, f.borrower_id, f.ref, f.revision, f.said FROM past_fact f
WHERE f.clock_id = %(clock)s
  AND (f.lender_id, f.borrower_id) IN (SELECT * FROM unnest(%(lenders)s::text[], %(borrowers)s::text[]))
ORDER BY f.lender_id, f.borrower_id, f.ref, f.revision
"""

_ENTRIES = """
SELECT j.lender_id, j.borrower_key, j.xact, j.entry FROM journal j
WHERE j.clock_id = %(clock)s AND j.kind IN ('decision', 'looked', 'migrated', 'set_aside')
  AND (j.lender_id, j.borrower_key) IN (SELECT * FROM unnest(%(lenders)s::text[], %(keys)s::uuid[]))
ORDER BY j.lender_id, j.borrower_key, j.entry_id
"""


class Chunk(NamedTuple):
    """Some borrowers: their histories, and how many more there are whose personal data is erased."""

    histories: list[History]
    erased: int


def read_policies(connection: Connection, clock_id: int) -> dict[str, Versions]:
    """All published versions by lender."""
    found: dict[str, list[Version]] = {}
    rows = connection.execute(queries.POLICIES, {"clock": clock_id}).fetchall()
    for lender_id, _name, digest, file_name, source, since, number in rows:
        version = Version(number, digest, file_name, bytes(source), None if since is None else instant(since))
        found.setdefault(lender_id, []).append(version)
    return {lender_id: Versions(versions) for lender_id, versions in found.items()}


def borrowers_of(connection: Connection, clock_id: int, loan_id: str) -> list[tuple[str, str]]:
    """Who has the loan, as (lender_id, borrower_id): one of each lender with such a loan."""
    return [(row[0], row[1]) for row in connection.execute(_OF_LOAN, {"clock": clock_id, "loan": loan_id}).fetchall()]


def count(connection: Connection, clock_id: int, since: Instant | None) -> int:
    """How many borrowers there are; of those last looked at not before ``since``."""
    row = connection.execute(_COUNT, {"clock": clock_id, "since": since}).fetchone()
    return 0 if row is None else int(row[0])


def keys(
    connection: Connection, clock_id: int, since: Instant | None, at_once: int
) -> Iterator[list[tuple[str, str]]]:  # fmt: skip
    """The same borrowers as (lender_id, borrower_id), some at a time."""
    last = ("", "")
    while True:
        rows = connection.execute(
            _BORROWERS,
            {"clock": clock_id, "lender": last[0], "borrower": last[1], "since": since, "limit": at_once},
        ).fetchall()
        if not rows:
            return
        yield [(row[0], row[1]) for row in rows]
        last = (rows[-1][0], rows[-1][1])


def read_chunk(connection: Connection, clock_id: int, some: list[tuple[str, str]]) -> Chunk:
    """The histories of these borrowers as of one instant."""
    named: dict[str, Any] = {
        "clock": clock_id, "lenders": [key[0] for key in some], "borrowers": [key[1] for key in some],
    }  # fmt: skip
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        people = connection.execute(_PERSONS, named).fetchall()
        there = [row for row in people if row[3] is not None]
        past: dict[tuple[str, str], list[tuple[str, int, list[Any]]]] = {}
        for lender_id, borrower_id, ref, revision, said in connection.execute(_PAST, named).fetchall():
            past.setdefault((lender_id, borrower_id), []).append((ref, revision, said))
        known = facts(connection, clock_id, [(row[0], row[1]) for row in there], _LATE)
        entries: dict[tuple[str, Any], list[Written]] = {}
        journal_keys = {"clock": clock_id, "lenders": [row[0] for row in there], "keys": [row[2] for row in there]}
        for lender_id, key, xact, text in connection.execute(_ENTRIES, journal_keys):
            entries.setdefault((lender_id, key), []).append(Written(xact, text))
    return Chunk(
        [_history(row, past.get((row[0], row[1]), []), known[row[0], row[1]], entries) for row in there],
        len(people) - len(there),
    )


def _history(
    row: tuple[Any, ...], past: list[tuple[str, int, list[Any]]], known: Known,
    entries: dict[tuple[str, Any], list[Written]],
) -> History:  # fmt: skip
    lender_id, borrower_id, key, salt, revision, *said = row
    persons = [PersonThen(earlier, _person(borrower_id, told)) for ref, earlier, told in past if ref == "person"]
    persons.append(PersonThen(revision, _person(borrower_id, said)))
    loans: list[LoanThen] = []
    for loan, since in zip(known.loans, known.loan_revisions, strict=True):
        ref = f"loan/{loan.loan_id}"
        loans += [LoanThen(earlier, _loan(loan, told)) for of, earlier, told in past if of == ref]
        loans.append(LoanThen(since, loan))
    return History(
        lender_id, borrower_id, bytes(salt), tuple(persons), tuple(loans),
        tuple([EventThen(*pair) for pair in zip(known.event_revisions, known.events, strict=True)]),
        tuple(entries.get((lender_id, key), ())),
    )  # fmt: skip


def _person(borrower_id: str, said: list[Any]) -> Person:
    return Person(borrower_id, *said)


def _loan(loan: Loan, said: list[Any]) -> Loan:
    policy, segment, tags = said
    return Loan(
        loan.loan_id, loan.borrower_id, loan.product, loan.currency, loan.principal_minor, loan.disbursed_at,
        loan.instalments, policy, segment, tuple(tags), loan.allocation,
    )  # fmt: skip
