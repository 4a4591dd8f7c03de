"""The facts of a loan that a policy may test and print, as of one instant; amounts in minor units."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from policies.calendar import Zone
from policies.compliance.dossier import Contact
from policies.facts import Event, Instant
from policies.loan import paid_minor

if TYPE_CHECKING:
    from policies.loan_run import LoanRun


def loan_facts(run: LoanRun) -> dict[str, Any]:
    """Every fact of the language; None where it has no value. While the loan is not overdue, what is overdue is 0."""
    position, state, situation, loan = run.position, run.state, run.situation, run.loan
    overdue = position.overdue
    zone = situation.zone
    today = zone.day(run.now)
    principal, penalties = run.ladder.facts.principal_and_penalties(run.now)
    kept, broken = _promises(run.events, zone, run.now) if run.events else (0, 0)
    history = situation.history
    return {
        "overdue": position.past_due_minor if overdue else 0,
        "balance": position.balance_minor,
        "principal": principal,
        "penalties": penalties,
        "days_past_due": today - run.ladder.dues[position.chased or 0] if overdue else 0,
        "instalments_overdue": position.instalments_overdue if overdue else 0,
        "times_delinquent": len([e for e in state.episodes if not e.returned]),
        "promises_kept": kept,
        "promises_broken": broken,
        "offers_declined": 0,
        "contacts_last_7_days": len({c.key for c in history if not c.inbound and today - 7 < zone.day(c.at) <= today}),
        "last_response_days": _last_response(history, zone, today) if history else None,
        "reachable_by": tuple(situation.reach.addresses),
        "product": loan.product,
        "segment": loan.segment,
        "region": situation.person.region,
        "language": situation.person.language,
        "tags": loan.tags,
    }


def _last_response(history: list[Contact], zone: Zone, today: int) -> int | None:
    """Days since the person last wrote to us; None, if they never did."""
    last = max((c.at for c in history if c.inbound), default=None)
    return None if last is None else today - zone.day(last)


def _promises(events: list[Event], zone: Zone, now: Instant) -> tuple[int, int]:
    """How many promises were kept and broken by now: kept once what was paid since reaches the amount."""
    kept = broken = 0
    for promise in events:
        if promise.type != "promise" or not isinstance(promise.until, date):
            continue
        ends = zone.instant(promise.until.toordinal() + 1)
        paid = paid_minor(
            e
            for e in events
            if (e.type == "payment" and promise.at <= e.at < min(ends, now + 1))
            or (e.type == "reversal" and e.at <= now)
        )
        if paid >= (promise.amount_minor or 0):
            kept += 1
        elif ends <= now:
            broken += 1
    return kept, broken
