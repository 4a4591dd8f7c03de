"""What a loan's facts amount to at an instant: what was paid, what is past due, which instalment is chased.

Everything is counted afresh from the events; nothing is carried along (rule 1 of the language).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from policies.calendar import Zone
from policies.facts import Event, Instant, Loan


class Position(NamedTuple):
    """A loan at an instant. Amounts in minor units; ``chased`` and ``oldest`` are places in ``Loan.instalments``.

    ``past_due_minor`` is what is unpaid of instalments past due, whether or not it reaches ``overdue_from``;
    ``unpaid`` is per instalment.
    """

    paid_minor: int
    unpaid: tuple[int, ...]
    past_due: int
    past_due_minor: int
    overdue: bool
    chased: int | None

    @property
    def balance_minor(self) -> int:
        """What is unpaid of all instalments and charges."""
        return sum(self.unpaid)

    @property
    def instalments_overdue(self) -> int:
        """How many instalments past due are not paid in full."""
        return len([amount for amount in self.unpaid[: self.past_due] if amount])


class LoanFacts:
    """One loan with the events known of it, asked for its position at instants.

    ``events`` are those of the loan (and, for holds, of the person) that are known at the instant of the
    decision. An event counts from ``max(at, known_at)`` for what happens to the loan, and from ``at`` where a
    past day is looked at again.
    """

    __slots__ = (
        "_base", "_money", "_overdue_between", "_positions", "_simple",
        "_threshold", "_turns", "dues", "loan", "past_due_at",
    )  # fmt: skip

    def __init__(
        self, loan: Loan, events: Iterable[Event], zone: Zone, moved: tuple[Zone, Instant] | None = None
    ) -> None:
        """``moved``: the zone that held until an instant; a date that had come by then stays come."""
        self.loan = loan
        self._threshold = 1
        instalments = loan.instalments
        self.dues = [i.due_on.toordinal() for i in instalments]
        self.past_due_at = [zone.instant(due + 1) for due in self.dues]
        if moved is not None:
            earlier, until = moved
            for place, due in enumerate(self.dues):
                was = earlier.instant(due + 1)
                self.past_due_at[place] = was if was <= until else max(until, self.past_due_at[place])
        self._base = [i.principal_minor + i.interest_minor + i.fees_minor for i in instalments]
        self._money = [e for e in events if e.type in MONEY]
        self._simple = not self._money or not any(e.type in ("charge", "waiver") for e in self._money)
        self._positions: dict[Instant, Position] = {}
        self._turns: list[Instant] = []
        self._overdue_between: dict[int, bool] = {}

    def overdue_from(self, amount_minor: int) -> None:
        """Below this much past due the loan is not overdue."""
        if amount_minor != self._threshold:
            self._threshold = amount_minor
            self._positions.clear()
            self._overdue_between.clear()

    def at(self, now: Instant) -> Position:
        """The position at ``now``, by the facts that are told by then."""
        found = self._positions.get(now)
        if found is None:
            found = self._positions[now] = self._position(now, self._told(now))
        return found

    def _told(self, now: Instant) -> list[Event]:
        return [e for e in self._money if e.at <= now and e.known_at <= now]

    def was_overdue(self, at: Instant) -> bool:
        """Whether the loan was overdue at ``at``, with facts that were told late counted from when they happened."""
        if not self._turns:
            self._turns = sorted({*self.past_due_at, *(e.at for e in self._money)})
        turn = bisect_right(self._turns, at)
        found = self._overdue_between.get(turn)
        if found is None:
            money = [e for e in self._money if e.at <= at]
            found = self._overdue_between[turn] = self._position(at, money).overdue
        return found

    def _position(self, now: Instant, money: list[Event]) -> Position:
        paid = paid_minor(money) if money else 0
        owed = self._base if self._simple else [sum(parts.values()) for parts in self.owed(money)]
        left = paid
        unpaid = []
        for amount in owed:
            if left >= amount:
                left -= amount
                unpaid.append(0)
            else:
                unpaid.append(amount - left)
                left = 0
        past_due = bisect_right(self.past_due_at, now)
        past_due_minor = sum(unpaid[:past_due])
        overdue = past_due_minor >= self._threshold
        chased = None
        for place in range(0 if overdue else past_due, len(unpaid)):
            if unpaid[place]:
                chased = place
                break
        return Position(paid, tuple(unpaid), past_due, past_due_minor, overdue, chased)

    def owed(self, money: list[Event]) -> list[dict[str, int]]:
        """What each instalment asks for by component, charges added and waivers taken, before payments.

        A charge belongs to the oldest instalment that is unpaid when it is made (the last one, where all are
        paid); a waiver takes from the oldest instalment that still owes the component.
        """
        parts = [
            {"penalty": 0, "fee": i.fees_minor, "interest": i.interest_minor, "principal": i.principal_minor}
            for i in self.loan.instalments
        ]
        changes = [e for e in money if e.type in ("charge", "waiver")]
        for change in sorted(changes, key=lambda e: (e.at, e.event_id)):
            amount = change.amount_minor or 0
            component = change.value or "penalty"
            if change.type == "charge":
                paid = paid_minor([e for e in money if e.at <= change.at])
                place = len(parts) - 1
                for index, one in enumerate(parts):
                    total = sum(one.values())
                    if paid < total:
                        place = index
                        break
                    paid -= total
                parts[place][component] += amount
            else:
                for one in parts:
                    taken = min(amount, one[component])
                    one[component] -= taken
                    amount -= taken
        return parts

    def unpaid_components(self, now: Instant) -> list[dict[str, int]]:
        """What is unpaid per instalment and component: payments go oldest instalment first, then by ``allocation``."""
        money = self._told(now)
        parts = self.owed(money)
        left = paid_minor(money)
        if not left:
            return parts
        for one in parts:
            for component in self.loan.allocation:
                taken = min(left, one[component])
                one[component] -= taken
                left -= taken
        return parts

    def principal_and_penalties(self, now: Instant) -> tuple[int, int]:
        """What is unpaid of principal and of penalties, over all instalments."""
        if not self._told(now):
            return sum([i.principal_minor for i in self.loan.instalments]), 0
        unpaid = self.unpaid_components(now)
        return sum([parts["principal"] for parts in unpaid]), sum([parts["penalty"] for parts in unpaid])

    def boundaries(self, after: Instant, until: Instant) -> set[Instant]:
        """Instants in (after, until] at which the position can change."""
        found = {t for t in self.past_due_at if after < t <= until}
        for event in self._money:
            when = max(event.at, event.known_at)
            if after < when <= until:
                found.add(when)
        return found


MONEY = frozenset({"payment", "reversal", "charge", "waiver"})


def paid_minor(money: Iterable[Event]) -> int:
    """Payments less reversals among ``money``, in minor units; a reversal takes back at most its payment."""
    payments: dict[str, int] = {}
    back: dict[str, int | None] = {}
    for event in money:
        if event.type == "payment":
            payments[event.event_id] = event.amount_minor or 0
        elif event.type == "reversal" and event.ref is not None:
            sofar = back.get(event.ref, 0)
            back[event.ref] = None if event.amount_minor is None or sofar is None else sofar + event.amount_minor
    total = sum(payments.values())
    for ref, amount in back.items():
        payment = payments.get(ref, 0)
        total -= payment if amount is None else min(amount, payment)
    return total
