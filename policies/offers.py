"""The terms of a settlement offer, computed from a loan at an instant and frozen; exact to the minor unit."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from policies.calendar import BusinessDays, Zone, add
from policies.contract import Offer, Share
from policies.facts import Instant
from policies.state import Made


def _portion(share: Share, of: int) -> int:
    if share.share is not None:
        return int((Decimal(of) * share.share).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return min(share.amount_minor or 0, of)


def make(
    offer: Offer, ref: str, unpaid: list[dict[str, int]], now: Instant, zone: Zone, business: BusinessDays
) -> Made | None:
    """The terms of ``offer`` on what is unpaid (per instalment and component, minor units); none below its floor.

    What is paid is the balance less what is waived, split into equal instalments of which the first ones carry
    the remainder, a minor unit each. The offer can be taken until the end of its last day, the date of ``now``
    plus ``expires``.
    """
    totals: dict[str, int] = {}
    for parts in unpaid:
        for component, amount in parts.items():
            totals[component] = totals.get(component, 0) + amount
    balance = sum(totals.values())
    waived = sum(_portion(share, totals.get(component, 0)) for component, share in offer.waive)
    total = balance - waived
    if total <= 0 or (offer.floor is not None and total < _floor(offer, totals, balance)):
        return None
    today = zone.day(now)
    last_day = add(today, offer.expires, business)
    count = min(offer.instalments, total)
    each, rest = divmod(total, count)
    first = last_day if offer.first_after is None else add(today, offer.first_after, business)
    payments = []
    for number in range(count):
        day = first
        if offer.every is not None and number:
            day = add(first, type(offer.every)(offer.every.amount * number, offer.every.unit), business)
        payments.append((day, each + (1 if number < rest else 0)))
    return Made(ref, offer.name, now, zone.instant(last_day + 1), last_day, total, waived, tuple(payments))


def _floor(offer: Offer, totals: dict[str, int], balance: int) -> int:
    assert offer.floor is not None  # noqa: S101 - asked only where there is one
    of = balance if offer.floor_of == "balance" else totals.get("principal", 0)
    if offer.floor.share is not None:
        exact = Decimal(of) * offer.floor.share
        return int(exact.to_integral_value(rounding="ROUND_CEILING"))
    return offer.floor.amount_minor or 0
