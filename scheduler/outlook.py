"""One loan as of an instant: what was decided, how its contract stands, and what would come, as things stand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from policies.calendar import Zone, to_datetime, zone
from policies.contract import Policy
from policies.facts import Event, Instant, Loan, Person
from policies.loan_run import LoanRun
from policies.outcome import Line, to_json
from policies.simulate import Outages, Span, Standing, go_on
from policies.situation import find_whereabouts, situation_at
from policies.state import LoanState, Whereabouts
from policies.versions import NoPolicy, Policies
from scheduler import history
from scheduler.engine import read_policies
from scheduler.store.database import Connection
from scheduler.store.people import facts, instant

_WHOSE = """
SELECT b.lender_id, b.borrower_id, b.whereabouts, b.language, b.zone, b.region, b.set_aside,
       p.first_name, p.last_name, p.phone, p.email, p.address
FROM loan l
JOIN borrower b USING (lender_id, clock_id, borrower_id)
JOIN person p USING (lender_id, clock_id, borrower_id)
WHERE l.clock_id = %(clock)s AND l.loan_id = %(loan)s
ORDER BY l.lender_id LIMIT 1
"""
# A cure is told at the instant of the payment, which may be long before the service began.
_DECIDED = """
SELECT DISTINCT j.at FROM borrower b
JOIN journal j ON j.lender_id = b.lender_id AND j.clock_id = b.clock_id AND j.borrower_key = b.key
WHERE b.clock_id = %(clock)s AND b.lender_id = %(lender)s AND b.borrower_id = %(borrower)s AND j.kind = 'decision'
  AND j.at <= %(until)s AND j.entry::jsonb ->> 'outcome' <> 'cured'
ORDER BY j.at
"""


_LOANS = """
SELECT loan_id FROM loan WHERE clock_id = %(clock)s AND borrower_id = %(borrower)s ORDER BY lender_id, loan_id
"""


class NoSuchLoan(LookupError):
    """There is no loan of that id in the book."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A borrower as the database has them, without a lock; ``events`` also those that become known later."""

    lender_id: str
    person: Person
    loans: tuple[Loan, ...]
    events: tuple[Event, ...]
    standing: Standing
    set_aside: str | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """A loan at ``at``, seen from ``now`` (not after it). ``past`` are printed lines, ``planned`` come if no fact does.

    ``run`` is the contract looked at, with its facts; none, where it is not disbursed or cannot be decided.
    """

    at: Instant
    now: Instant
    loan: Loan
    home: Zone
    policy: Policy | None
    run: LoanRun | None
    past: tuple[dict[str, Any], ...]
    planned: tuple[dict[str, Any], ...]
    set_aside: str | None


def look(
    connection: Connection, clock_id: int, loan_id: str, at: Instant, link_base: str, *, now: Instant
) -> Outlook:  # fmt: skip
    """The loan as of ``at``, before ``now`` or to come. Raises NoSuchLoan.

    An instant before the last decision is reckoned again from the facts that were known then; for one to come, the
    plan is taken to have been carried out until it.
    """
    whole = _read(connection, clock_id, loan_id, min(at, now))
    policies = read_policies(connection, clock_id)[whole.lender_id]
    loan = next(one for one in whole.loans if one.loan_id == loan_id)
    known = [event for event in whole.events if event.known_at <= min(at, now)]
    looked = max((s.looked for s in whole.standing.states.values() if s.looked is not None), default=None)
    start, standing = min(at, now), whole.standing
    if looked is not None and looked > at:
        decided = _decided(connection, clock_id, whole, at)
        standing = _replayed(whole, known, policies, decided, link_base)
        start = at + 1
    lines, _ = go_on(whole.person, whole.loans, known, policies, Span(start), link_base, standing)
    if at > now:
        until_then = Span(start, at + 1)
        standing = go_on(whole.person, whole.loans, known, policies, until_then, link_base, standing)[1]
    home = zone(whole.person.zone)
    past = history.story(connection, clock_id, until=at + 1, loan_id=loan_id)
    planned = sorted((line for line in lines if line.loan_id == loan_id), key=lambda line: line.order)
    run = _looked_at(whole, loan, known, policies, standing, at, link_base)
    return Outlook(
        at, min(at, now), loan, home, _policy(policies, run, loan, whole.person, at), run,
        tuple(json.loads(text) for text in past), tuple(_plain(line, home) for line in planned), whole.set_aside,
    )  # fmt: skip


def loans_of(connection: Connection, clock_id: int, borrower_id: str) -> list[str]:
    """The ids of a borrower's loans, in order."""
    rows = connection.execute(_LOANS, {"clock": clock_id, "borrower": borrower_id}).fetchall()
    return [row[0] for row in rows]


def _read(connection: Connection, clock_id: int, loan_id: str, at: Instant) -> Whole:
    row = connection.execute(_WHOSE, {"clock": clock_id, "loan": loan_id}).fetchone()
    if row is None:
        raise NoSuchLoan(loan_id)
    lender_id, borrower_id, where, language, home, region, set_aside, first, last, phone, email, address = row
    known = facts(connection, clock_id, [(lender_id, borrower_id)], at)[lender_id, borrower_id]
    whereabouts = None if where is None else Whereabouts(*where)
    person = Person(borrower_id, first, last, language, home, region, phone, email, address)
    standing = Standing(known.states, known.contacts, whereabouts)
    return Whole(lender_id, person, known.loans, known.events, standing, set_aside)


def _decided(connection: Connection, clock_id: int, whole: Whole, until: Instant) -> list[Instant]:
    """The instants at which something was decided for this person, up to ``until``, in order."""
    keys = {
        "clock": clock_id, "lender": whole.lender_id, "borrower": whole.person.borrower_id, "until": to_datetime(until)
    }  # fmt: skip
    return [instant(at) for (at,) in connection.execute(_DECIDED, keys)]


def _replayed(
    whole: Whole, known: list[Event], policies: Policies, decided: list[Instant], link_base: str
) -> Standing:  # fmt: skip
    """Where the contracts stood after these decisions, by the facts of then.

    In between nothing was decided, because nothing was to be or because nobody was there; both are an outage.
    """
    if not decided:
        return Standing()
    span = Span(decided[0], decided[-1] + 1, Outages([(one + 1, after) for one, after in pairwise(decided)]))
    return go_on(whole.person, whole.loans, known, policies, span, link_base, Standing())[1]


def _looked_at(
    whole: Whole, loan: Loan, known: list[Event], policies: Policies, standing: Standing, at: Instant, link_base: str
) -> LoanRun | None:  # fmt: skip
    """The contract carried to ``at``, without a decision."""
    if loan.disbursed_at > at:
        return None
    person = whole.person
    where = find_whereabouts(person, standing.whereabouts, at)
    situation = situation_at(person, policies, at, where, known, standing.contacts, link_base)
    events = [e for e in known if e.loan_id == loan.loan_id or e.loan_id is None]
    run = LoanRun(situation, loan, events, _state(standing.states, loan, at))
    try:
        run.look()
    except (NoPolicy, ArithmeticError, LookupError, ValueError):
        return None
    return run


def _state(states: Mapping[str, LoanState], loan: Loan, at: Instant) -> LoanState | None:
    """The contract's state, where it was looked at before ``at``."""
    state = states.get(loan.loan_id)
    return state if state is not None and (state.looked is None or state.looked <= at) else None


def _policy(policies: Policies, run: LoanRun | None, loan: Loan, person: Person, at: Instant) -> Policy | None:
    if run is not None:
        return run.ladder.policy
    try:
        return policies.current(loan, person.region, at)
    except NoPolicy:
        return None


def _plain(line: Line, home: Zone) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(to_json(line, home))
    return plain
