"""The facts of a loan that a policy may test and print, as of one instant; amounts in minor units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from policies.calendar import Zone
from policies.compliance.dossier import Contact
from policies.facts import Event, Instant, Loan
from policies.loan import LoanFacts, Position, paid_minor
from policies.situation import Situation
from policies.state import LoanState

if TYPE_CHECKING:
    from policies.loan_run import LoanRun


def loan_facts(run: LoanRun) -> Mapping[str, Any]:
    """Every fact of the language; None where it has no value. While the loan is not overdue, what is overdue is 0."""
    return _Facts(run)


class _Facts(Mapping[str, Any]):
    """The facts of one loan at one instant, each worked out when it is first asked for; most never are."""

    __slots__ = ("contacts", "events", "known", "ladder", "loan", "now", "position", "situation", "state", "today")

    def __init__(self, run: LoanRun) -> None:
        self.loan: Loan = run.loan
        self.events: list[Event] = run.events
        self.ladder: LoanFacts = run.ladder.facts
        self.position: Position = run.position
        self.state: LoanState = run.state
        self.situation: Situation = run.situation
        self.now: Instant = run.now
        self.today: int = run.situation.zone.day(run.now)
        self.contacts = len(run.situation.history)
        self.known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        known = self.known
        if name not in known:
            known[name] = _FACTS[name](self)
        return known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_FACTS)

    def __len__(self) -> int:
        return len(_FACTS)

    @property
    def history(self) -> list[Contact]:
        """The contacts that were on record when the facts were first asked for, less what this decision adds."""
        return self.situation.history[: self.contacts]


def _days_past_due(facts: _Facts) -> int:
    position = facts.position
    if not position.overdue:
        return 0
    return facts.today - facts.loan.instalments[position.chased or 0].due_on.toordinal()


def _contacts_last_7_days(facts: _Facts) -> int:
    zone, today = facts.situation.zone, facts.today
    return len({c.key for c in facts.history if not c.inbound and today - 7 < zone.day(c.at) <= today})


_FACTS: Final[dict[str, Callable[[_Facts], Any]]] = {
    "overdue": lambda f: f.position.past_due_minor if f.position.overdue else 0,
    "balance": lambda f: f.position.balance_minor,
    "principal": lambda f: f.ladder.principal_and_penalties(f.now)[0],
    "penalties": lambda f: f.ladder.principal_and_penalties(f.now)[1],
    "days_past_due": _days_past_due,
    "instalments_overdue": lambda f: f.position.instalments_overdue if f.position.overdue else 0,
    "times_delinquent": lambda f: len([e for e in f.state.episodes if not e.returned]),
    "promises_kept": lambda f: _promises(f.events, f.situation.zone, f.now)[0],
    "promises_broken": lambda f: _promises(f.events, f.situation.zone, f.now)[1],
    "offers_declined": lambda f: 0,
    "contacts_last_7_days": _contacts_last_7_days,
    "last_response_days": lambda f: _last_response(f.history, f.situation.zone, f.today),
    "reachable_by": lambda f: tuple(f.situation.reach.addresses),
    "product": lambda f: f.loan.product,
    "segment": lambda f: f.loan.segment,
    "region": lambda f: f.situation.person.region,
    "language": lambda f: f.situation.person.language,
    "tags": lambda f: f.loan.tags,
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
