"""A settlement offer: what is waived, what is left, how it is split, and the floor under it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from policies import offers
from policies.calendar import business_days, zone
from policies.contract import DAY, MONTH, Duration, Offer, Share
from policies.facts import SECOND
from policies.state import Made
from tests.making import local, offer

UNPAID = [
    {"penalty": 500, "fee": 100, "interest": 1_001, "principal": 10_000},
    {"penalty": 0, "fee": 0, "interest": 1_000, "principal": 10_000},
]
BALANCE = 22_601
NOW = local("2026-01-31 15:00")


def _make(terms: Offer) -> Made | None:
    return offers.make(terms, "L/1/settle", UNPAID, NOW, zone("Europe/Madrid"), business_days("weekdays"))


def _share(text: str) -> Share:
    return Share(share=Decimal(text))


@pytest.mark.parametrize(
    ("waive", "waived"),
    [
        ((), 0),
        ((("penalty", _share("1")),), 500),
        ((("interest", _share("0.5")),), 1_001),  # of 20.01: 10.005, half a cent up
        ((("penalty", _share("1")), ("interest", _share("0.5"))), 1_501),
        ((("penalty", Share(amount_minor=200)),), 200),
        ((("penalty", Share(amount_minor=9_999)),), 500),  # no more than there is
    ],
)
def test_what_is_paid_is_the_balance_less_what_is_waived(waive: tuple[tuple[str, Share], ...], waived: int) -> None:
    made = _make(offer(waive=waive))
    assert made is not None
    assert (made.waived, made.total) == (waived, BALANCE - waived)


def test_instalments_add_up_and_the_first_ones_carry_the_remainder() -> None:
    made = _make(offer(instalments=3, every=Duration(1, MONTH), first_after=Duration(0, DAY)))
    assert made is not None
    assert [amount for _, amount in made.payments] == [7_534, 7_534, 7_533]
    assert sum(amount for _, amount in made.payments) == made.total == BALANCE


def test_dates_are_counted_from_the_first_one_itself() -> None:
    made = _make(offer(instalments=3, every=Duration(1, MONTH), first_after=Duration(0, DAY)))
    assert made is not None
    dates = [date.fromordinal(day).isoformat() for day, _ in made.payments]
    assert dates == ["2026-01-31", "2026-02-28", "2026-03-31"]


def test_an_offer_can_be_taken_to_the_end_of_its_last_day() -> None:
    made = _make(offer(expires=Duration(14, DAY)))
    assert made is not None
    assert date.fromordinal(made.last_day) == date(2026, 2, 14)
    assert made.expires == local("2026-02-15 00:00")
    assert made.expires - SECOND == local("2026-02-14 23:59:59")
    assert [date.fromordinal(day) for day, _ in made.payments] == [date(2026, 2, 14)]


@pytest.mark.parametrize(
    ("floor", "of", "is_made"),
    [
        (_share("1"), "principal", True),  # 200.00 of the 212.58 that are left
        (_share("0.9405"), "balance", True),  # 212.562… up to 212.57
        (_share("0.9406"), "balance", False),  # 212.585… up to 212.59
        (Share(amount_minor=21_258), None, True),
        (Share(amount_minor=21_259), None, False),
    ],
)
def test_an_offer_below_its_floor_is_never_made(floor: Share, of: str | None, is_made: bool) -> None:
    made = _make(offer(waive=(("interest", _share("0.671")),), floor=floor, floor_of=of))
    assert (made is not None) is is_made


def test_nothing_is_offered_where_nothing_would_be_paid() -> None:
    parts = ("penalty", "fee", "interest", "principal")
    assert _make(offer(waive=tuple((part, _share("1")) for part in parts))) is None
