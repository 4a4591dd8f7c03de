"""Moves running contracts from one published version of their policy to another, and says first what that changes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from policies.calendar import to_datetime, zone
from policies.contract import Policy
from policies.facts import SECOND, Event, Instant, Person
from policies.simulate import Span, Standing, go_on
from policies.state import LoanState, Whereabouts, to_json
from policies.version_change import dropped_by, migrated, refusal
from policies.versions import Policies
from scheduler import journal
from scheduler.batch import write_journal
from scheduler.ledger.commit import borrower_key, loan_key
from scheduler.store import queries
from scheduler.store.database import Connection
from scheduler.store.people import Known, facts

_AT_ONCE: Final = 500
# The next step is nearly always within this; only where it is not, the whole plan is reckoned.
_SOON: Final = 40 * 86_400 * SECOND
_encode = json.JSONEncoder(separators=(",", ":")).encode

_PINNED = """
SELECT b.borrower_id, b.whereabouts, b.language, b.zone, b.region,
       p.first_name, p.last_name, p.phone, p.email, p.address, p.salt
FROM borrower b JOIN person p USING (lender_id, clock_id, borrower_id)
WHERE b.lender_id = %(lender)s AND b.clock_id = %(clock)s AND b.borrower_id IN (
    SELECT l.borrower_id FROM loan l
    WHERE l.lender_id = %(lender)s AND l.clock_id = %(clock)s AND l.state ->> 1 = %(from)s)
ORDER BY b.borrower_id
"""
_LOCKED = f"{_PINNED} FOR NO KEY UPDATE OF b"
_PINNED_LOANS = """
SELECT l.loan_id FROM loan l
WHERE l.lender_id = %(lender)s AND l.clock_id = %(clock)s AND l.borrower_id = %(borrower)s
  AND l.state ->> 1 = %(from)s
ORDER BY l.loan_id
"""
_UNREADABLE = "the contract of a loan of this person cannot be read"
_WAKE = """
UPDATE borrower b SET revision = b.revision + 1, wake_at = least(b.wake_at, v.wake_at)
FROM json_to_recordset(%(rows)s::json) AS v(borrower_id text, wake_at timestamptz)
WHERE b.lender_id = %(lender)s AND b.clock_id = %(clock)s AND b.borrower_id = v.borrower_id
"""


@dataclass(frozen=True, slots=True)
class Next:
    """A step and the instant of its outcome, if no new fact comes; ``at`` is the borrower's local time."""

    step: str
    at: str


@dataclass(frozen=True, slots=True)
class Move:
    """What the other version means for one loan: ``refused`` says why it stays where it is.

    ``kept`` are settled steps that both versions have, ``dropped`` what waited and has no step any more.
    """

    loan_id: str
    before: Next | None
    after: Next | None
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    refused: str | None


def moves(
    connection: Connection, clock_id: int, policies: Policies, old: Policy, new: Policy, now: Instant, link_base: str,
    *, apply: bool = False, lender_id: str = "default", by: str | None = None,
) -> Iterator[Move]:  # fmt: skip
    """Each loan that is pinned to ``old``, by borrower and loan. With ``apply`` the caller's transaction moves it.

    A loan for which ``new`` would repeat what was done is refused and left alone. A loan that is moved gets a journal
    entry, with ``by`` who moves it, and its borrower is looked at again at once. The caller reads to the end.
    """
    keys = {"lender": lender_id, "clock": clock_id, "from": old.digest}
    if apply:
        connection.execute("SET LOCAL statement_timeout = 0")
    rows = connection.execute(_LOCKED if apply else _PINNED, keys).fetchall()
    for first in range(0, len(rows), _AT_ONCE):
        some = rows[first : first + _AT_ONCE]
        known = _known(connection, clock_id, [(lender_id, row[0]) for row in some], now)
        changed = []
        for row in some:
            if (lender_id, row[0]) not in known:
                pinned = connection.execute(_PINNED_LOANS, {**keys, "borrower": row[0]}).fetchall()
                yield from (Move(loan_id, None, None, (), (), _UNREADABLE) for (loan_id,) in pinned)
                continue
            one = _Person(row, known[lender_id, row[0]], old, new, now)
            yield from one.moves(policies, link_base)
            if one.moved:
                changed.append(one)
        if apply and changed:
            _save(connection, clock_id, lender_id, old, new, changed, by)


def _known(
    connection: Connection, clock_id: int, people: list[tuple[str, str]], now: Instant
) -> dict[tuple[str, str], Known]:  # fmt: skip
    """The facts of these people, but for those of whom a contract cannot be read: they keep nobody else."""
    try:
        return facts(connection, clock_id, people, now)
    except (ValueError, TypeError, LookupError, AttributeError):
        if len(people) == 1:
            return {}
        middle = len(people) // 2
        halves = (people[:middle], people[middle:])
        return {key: one for half in halves for key, one in _known(connection, clock_id, half, now).items()}


class _Person:
    """One borrower's contracts before and after."""

    def __init__(self, row: tuple[Any, ...], known: Known, old: Policy, new: Policy, now: Instant) -> None:
        borrower_id, where, language, home, region, first, last, phone, email, address, self.salt = row
        self.person = Person(borrower_id, first, last, language, home, region, phone, email, address)
        self.loans = known.loans
        self.states = known.states
        # A test clock may have gone further for this borrower than for the book.
        self.at = max([now, *(s.looked for s in known.states.values() if s.looked is not None)])
        self.events: list[Event] = [event for event in known.events if event.known_at <= self.at]
        self.standing = Standing(known.states, known.contacts, None if where is None else Whereabouts(*where))
        self.old = old
        self.new = new
        self.refused: dict[str, str | None] = {
            loan.loan_id: refusal(loan, self.states[loan.loan_id], old, new, region)
            for loan in self.loans
            if loan.loan_id in self.states and self.states[loan.loan_id].version == old.digest
        }
        self.moved: dict[str, LoanState] = {
            loan_id: migrated(self.states[loan_id], new, self.at)
            for loan_id, why in self.refused.items()
            if why is None
        }

    def moves(self, policies: Policies, link_base: str) -> Iterator[Move]:
        """What each loan that is pinned to the old version would do next under either."""
        names = {step.name for step in self.new.steps}
        before = self._next(self.standing, list(self.refused), policies, link_base)
        after: dict[str, Next] = {}
        if self.moved:
            there = Standing({**self.states, **self.moved}, self.standing.contacts, self.standing.whereabouts)
            after = self._next(there, list(self.moved), policies, link_base)
        for loan_id, why in self.refused.items():
            state = self.states[loan_id]
            settled = {} if state.episode is None else state.episode.settled
            if state.episode is None and state.chased is not None:
                settled = state.before.get(state.chased, {})
            yield Move(
                loan_id, before.get(loan_id), after.get(loan_id), tuple(s for s in settled if s in names),
                dropped_by(state, self.new), why,
            )  # fmt: skip

    def _next(
        self, standing: Standing, loan_ids: Sequence[str], policies: Policies, link_base: str
    ) -> dict[str, Next]:  # fmt: skip
        home = zone(self.person.zone)
        found: dict[str, Next] = {}
        for until in (self.at + _SOON, None):
            lines, _ = go_on(
                self.person, self.loans, self.events, policies, Span(self.at, until), link_base, standing
            )  # fmt: skip
            for line in sorted(lines, key=lambda line: line.order):
                if line.step is not None and line.loan_id is not None and line.loan_id in loan_ids:
                    found.setdefault(line.loan_id, Next(line.step, home.iso(line.at)))
            if len(found) == len(loan_ids):
                break
        return found


def _save(
    connection: Connection, clock_id: int, lender_id: str, old: Policy, new: Policy, changed: list[_Person],
    by: str | None,
) -> None:  # fmt: skip
    keys = {"lender": lender_id, "clock": clock_id}
    states, wakes, entries = [], [], []
    for one in changed:
        borrower_id = one.person.borrower_id
        wakes.append({"borrower_id": borrower_id, "wake_at": to_datetime(one.at).isoformat()})
        for loan_id, state in one.moved.items():
            states.append({"lender_id": lender_id, "loan_id": loan_id, "state": to_json(state)})
            values: dict[str, Any] = {
                "policy": new.name, "from": old.digest, "to": new.digest, "now": one.at,
                "dropped": list(dropped_by(one.states[loan_id], new)),
            }  # fmt: skip
            if by is not None:
                values["by"] = by
            entries.append(
                journal.entry(
                    one.at, journal.MIGRATED, values, borrower_key=borrower_key(one.salt, borrower_id),
                    loan_key=loan_key(one.salt, loan_id),
                )
            )  # fmt: skip
    connection.execute(queries.SAVE_LOANS, {"clock": clock_id, "rows": _encode(states)})
    connection.execute(_WAKE, {**keys, "rows": _encode(wakes)})
    write_journal(connection, lender_id, clock_id, entries)
