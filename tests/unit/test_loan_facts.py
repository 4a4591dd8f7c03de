"""What a loan's facts amount to: payments, reversals, charges and waivers, always counted afresh."""

from __future__ import annotations

from datetime import date

import pytest

from policies.calendar import zone
from policies.facts import Event, Instalment
from policies.loan import LoanFacts, Position
from tests.making import loan, local

LOAN = loan({"2026-03-01": "100.00", "2026-04-01": "100.00"}, local("2026-02-01 09:00"))
NOW = local("2026-03-10 12:00")


def _event(name: str, kind: str, day: str, amount: int | None = None, known: str = "", **parts: str) -> Event:
    at = local(f"{day} 10:00")
    return Event(name, at, local(f"{known} 10:00") if known else at, kind, amount_minor=amount, **parts)  # type: ignore[arg-type]


def _pay(amount: int, day: str = "2026-03-05", **parts: str) -> Event:
    return _event("p", "payment", day, amount, **parts)


def _at(*events: Event, now: int = NOW) -> Position:
    return LoanFacts(LOAN, events, zone("Europe/Madrid")).at(now)


@pytest.mark.parametrize(
    ("events", "unpaid", "chased"),
    [
        ([], (10_000, 10_000), 0),
        ([_pay(2_500)], (7_500, 10_000), 0),
        ([_pay(10_000)], (0, 10_000), 1),
        ([_pay(12_500)], (0, 7_500), 1),
        ([_pay(99_999)], (0, 0), None),
        ([_pay(10_000), _event("r", "reversal", "2026-03-06", ref="p")], (10_000, 10_000), 0),
        ([_pay(10_000), _event("r", "reversal", "2026-03-06", 4_000, ref="p")], (4_000, 10_000), 0),
        # A reversal takes back at most its payment, in one piece or in several.
        ([_pay(5_000), _event("r", "reversal", "2026-03-06", 9_999, ref="p")], (10_000, 10_000), 0),
        (
            [_pay(5_000), *(_event(n, "reversal", "2026-03-06", 4_000, ref="p") for n in ("r1", "r2"))],
            (10_000, 10_000), 0,
        ),
        # One that is known before its payment is, or of a payment that never comes, takes nothing.
        ([_event("r", "reversal", "2026-03-04", ref="p")], (10_000, 10_000), 0),
        ([_event("r", "reversal", "2026-03-04", ref="p"), _pay(10_000)], (10_000, 10_000), 0),
        # What is not known yet, or lies ahead, does not count.
        ([_pay(10_000, known="2026-03-20")], (10_000, 10_000), 0),
        ([_pay(10_000, "2026-03-20")], (10_000, 10_000), 0),
    ],
)  # fmt: skip
def test_money_goes_to_the_oldest_instalment(events: list[Event], unpaid: tuple[int, int], chased: int | None) -> None:
    now = _at(*events)
    assert (now.unpaid, now.chased) == (unpaid, chased)
    assert now.balance_minor == sum(unpaid)
    assert now.instalments_overdue == (1 if unpaid[0] else 0)


def test_past_due_begins_with_the_day_after_the_due_date() -> None:
    midnight = local("2026-03-02 00:00")
    assert not _at(now=midnight - 1).overdue
    assert _at(now=midnight).overdue
    assert _at(now=midnight).past_due_minor == 10_000


def test_less_than_the_threshold_past_due_is_nothing() -> None:
    facts = LoanFacts(LOAN, [_pay(9_500)], zone("Europe/Madrid"))
    facts.overdue_from(501)
    small = facts.at(NOW)
    assert (small.overdue, small.past_due_minor, small.chased) == (False, 500, 1)
    facts.overdue_from(500)
    assert (facts.at(NOW).overdue, facts.at(NOW).chased) == (True, 0)


def test_a_late_told_payment_counts_from_when_it_happened_where_a_past_day_is_looked_at() -> None:
    facts = LoanFacts(LOAN, [_pay(10_000, known="2026-03-20")], zone("Europe/Madrid"))
    assert facts.at(NOW).overdue
    assert not facts.was_overdue(NOW)


RICH = LOAN._replace(
    instalments=(
        Instalment(1, date(2026, 3, 1), 8_000, 1_500, 500),
        Instalment(2, date(2026, 4, 1), 8_000, 1_500, 500),
    ),
)


def _parts(*events: Event, order: tuple[str, ...] = RICH.allocation) -> list[dict[str, int]]:
    facts = LoanFacts(RICH._replace(allocation=order), events, zone("Europe/Madrid"))
    parts = facts.unpaid_components(NOW)
    assert [sum(one.values()) for one in parts] == list(facts.at(NOW).unpaid)
    return parts


SECOND_UNPAID = {"penalty": 0, "fee": 500, "interest": 1_500, "principal": 8_000}


@pytest.mark.parametrize(
    ("order", "first"),
    [
        (("penalty", "fee", "interest", "principal"), {"penalty": 0, "fee": 0, "interest": 300, "principal": 8_000}),
        (
            ("principal", "interest", "fee", "penalty"),
            {"penalty": 300, "fee": 500, "interest": 1_500, "principal": 6_300},
        ),
    ],
)
def test_a_payment_goes_to_the_components_in_their_order(order: tuple[str, ...], first: dict[str, int]) -> None:
    charge = _event("c", "charge", "2026-03-04", 300, value="penalty")
    payment = _pay(2_000 if order[0] == "penalty" else 1_700)
    assert _parts(charge, payment, order=order) == [first, SECOND_UNPAID]


def test_a_charge_belongs_to_the_oldest_unpaid_instalment_and_stays_there() -> None:
    charge = _event("c", "charge", "2026-03-06", 300, value="penalty")
    assert _parts(_pay(10_000), charge)[1] == {**SECOND_UNPAID, "penalty": 300}
    later = _pay(10_000, "2026-03-08")
    assert _parts(later, charge) == [{**SECOND_UNPAID, "principal": 300, "fee": 0, "interest": 0}, SECOND_UNPAID]


def test_a_waiver_takes_from_the_oldest_instalment_that_owes_the_component() -> None:
    waiver = _event("w", "waiver", "2026-03-06", 2_000, value="interest")
    assert [one["interest"] for one in _parts(waiver)] == [0, 1_000]
    assert _parts(_event("w", "waiver", "2026-03-06", 999, value="penalty")) == [SECOND_UNPAID, SECOND_UNPAID]
