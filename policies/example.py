"""The example book: invented borrowers whose loans go well, late or wrong, made from a seed as CSV text."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from io import StringIO
from typing import Final

from policies.example_people import MARKETS, Dice, Market, fictional_phone
from policies.money import decimal_text

_HEADERS: Final = {
    "borrowers.csv": "borrower_id first_name last_name language zone region phone email address",
    "loans.csv": "loan_id borrower_id product currency principal disbursed_at segment tags allocation",
    "instalments.csv": "loan_id number due_on principal interest fees",
    "events.csv": "event_id at known_at type borrower_id loan_id amount ref channel value from until text",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """How the people of an example book behave; every number is a share in per cent.

    Who is neither ``on_time`` nor ``late`` (by days) nor ``slow`` (by weeks) stops paying at some instalment.
    """

    on_time: int = 45
    late: int = 25
    slow: int = 18
    several_loans: int = 20
    part_payments: int = 30
    reversals: int = 5
    known_late: int = 5
    no_phone: int = 6
    no_email: int = 6
    opted_out: int = 5
    held: int = 6
    promises: int = 15
    """Of the instalments that are paid late: those for which a payment is promised first."""
    penalties: int = 20
    """Of the instalments that are not paid in time: those for which a penalty is charged."""


@dataclass(frozen=True, slots=True)
class _Part:
    """An instalment as it is made: what is due on a day, in minor units."""

    due_on: date
    amount_minor: int


def example_book(
    seed: int, persons: int, *, start: date, days: int = 120, markets: Sequence[str] = ("US", "GB", "IN", "CN"),
    profile: Profile | None = None,
) -> dict[str, str]:  # fmt: skip
    """A book as file name to CSV text; the same for the same arguments, on every machine.

    Loans are paid out from 30 days before ``start`` to 30 days after it, are of product ``payday`` (one instalment)
    or ``personal`` (2 to 24), and what happens to them is told up to ``days`` after ``start``. ``markets`` names
    countries of MARKETS, which the persons are dealt to in turn.
    """
    maker = _Maker(seed, start, start + timedelta(days=days), profile or Profile())
    for number in range(1, persons + 1):
        maker.add_person(number, MARKETS[markets[number % len(markets)]])
    return maker.files()


class _Maker:
    """A book in the making."""

    def __init__(self, seed: int, start: date, end: date, profile: Profile) -> None:
        self._dice = Dice(seed)
        self._start = start
        self._end = end
        self._profile = profile
        self._rows: dict[str, list[dict[str, str]]] = {name: [] for name in _HEADERS}
        self._count = 0
        self._offset = "Z"

    def files(self) -> dict[str, str]:
        """The files made so far."""
        self._rows["events.csv"].sort(key=lambda row: (row["known_at"] or row["at"], row["event_id"]))
        return {name: _csv(header.split(), self._rows[name]) for name, header in _HEADERS.items()}

    def add_person(self, number: int, market: Market) -> None:
        """One borrower with their loans, and all that happens to them."""
        dice, profile = self._dice, self._profile
        borrower_id = f"b-{number:05}"
        region, zone, self._offset, town = dice.one_of(market.places)
        language, firsts, lasts = dice.one_of(market.names)
        phone = "" if dice.chance(profile.no_phone) else fictional_phone(dice, market.country)
        email = "" if dice.chance(profile.no_email) else f"borrower-{number}@example.{dice.one_of(('com', 'org'))}"
        self._row("borrowers.csv", {
            "borrower_id": borrower_id, "first_name": dice.one_of(firsts), "last_name": dice.one_of(lasts),
            "language": language, "zone": zone, "region": region, "phone": phone, "email": email,
            "address": f"{dice.between(1, 99)} Example Street;{town}",
        })  # fmt: skip
        manner = dice.below(100)
        loans = dice.between(2, 3) if dice.chance(profile.several_loans) else 1
        for which in range(1, loans + 1):
            self._add_loan(f"l-{number:05}-{which}", borrower_id, market, manner)
        self._contacts(borrower_id)

    def _add_loan(self, loan_id: str, borrower_id: str, market: Market, manner: int) -> None:
        dice = self._dice
        size = 1 if dice.chance(30) else dice.between(2, 24)
        step = dice.one_of((7, 14, 30)) if size > 1 else dice.one_of((14, 30))
        disbursed = self._start + timedelta(days=dice.between(-30, 30))
        whole_minor = dice.between(market.smallest_minor, market.largest_minor) // 100 * 100
        self._row("loans.csv", {
            "loan_id": loan_id, "borrower_id": borrower_id, "product": "payday" if size == 1 else "personal",
            "currency": market.currency, "principal": decimal_text(whole_minor, market.currency),
            "disbursed_at": self._time(disbursed), "segment": dice.one_of(("", "new", "returning")),
            "tags": dice.one_of(("", "", "online", "branch;online")),
            "allocation": "interest fee penalty principal" if dice.chance(10) else "",
        })  # fmt: skip
        parts = []
        for index in range(size):
            principal = whole_minor // size + (whole_minor % size if index + 1 == size else 0)
            interest, fees = principal * dice.between(10, 60) // 1000, dice.one_of((0, 0, 0, 250))
            due_on = disbursed + timedelta(days=step * (index + 1))
            amounts = {"principal": principal, "interest": interest, "fees": fees}
            self._row("instalments.csv", {
                "loan_id": loan_id, "number": str(index + 1), "due_on": due_on.isoformat(),
                **{name: decimal_text(amount, market.currency) for name, amount in amounts.items()},
            })  # fmt: skip
            parts.append(_Part(due_on, principal + interest + fees))
        self._live(loan_id, market.currency, parts, manner)

    def _live(self, loan_id: str, currency: str, parts: list[_Part], manner: int) -> None:
        """What the borrower does with the loan, by their manner."""
        dice, profile = self._dice, self._profile
        stops_at = len(parts)
        if manner >= profile.on_time + profile.late + profile.slow:
            stops_at = 0 if dice.chance(50) else dice.below(min(len(parts), 4))
        for index, part in enumerate(parts):
            if part.due_on > self._end + timedelta(days=10):
                return
            late = self._days_late(manner)
            pays = index < stops_at
            if late > 0 or not pays:
                self._trouble(loan_id, currency, part, late if pays else 60)
            if pays:
                self._pay(loan_id, currency, part, part.due_on + timedelta(days=late))
        if stops_at < len(parts) and dice.chance(25):
            gone = parts[stops_at].due_on + timedelta(days=100)
            self._event(gone, "close", loan_id=loan_id, value=dice.one_of(("written_off", "sold")))

    def _days_late(self, manner: int) -> int:
        dice, profile = self._dice, self._profile
        if manner < profile.on_time or manner >= profile.on_time + profile.late + profile.slow or dice.chance(30):
            return -dice.between(0, 5)
        if manner < profile.on_time + profile.late:
            return dice.between(1, 12)
        return dice.between(8, 55)

    def _pay(self, loan_id: str, currency: str, part: _Part, on: date) -> None:
        """Pay an instalment whole, or a part of it now and, mostly, the rest later; some payments are taken back."""
        dice, profile = self._dice, self._profile
        payments = [(on, part.amount_minor)]
        # Of an instalment paid in part, six in ten see the rest paid: this many more begin so that the share is met.
        if part.amount_minor > 1 and dice.below(1000) < profile.part_payments * 1000 // (
            100 - profile.part_payments * 6 // 10
        ):
            first = max(1, part.amount_minor * dice.between(15, 85) // 100)
            payments = [(on, first)]
            if dice.chance(60):
                payments.append((on + timedelta(days=dice.between(2, 20)), part.amount_minor - first))
        for day, amount in payments:
            paid = self._event(day, "payment", loan_id=loan_id, amount=decimal_text(amount, currency))
            if paid and dice.chance(profile.reversals):
                back = decimal_text(max(1, amount // 2), currency) if dice.chance(20) else ""
                self._event(
                    day + timedelta(days=dice.between(1, 6)), "reversal", loan_id=loan_id, ref=paid, amount=back
                )

    def _trouble(self, loan_id: str, currency: str, part: _Part, days: int) -> None:
        """What comes with an instalment that is not paid in time: a penalty, a promise, a dispute, hardship."""
        dice, profile = self._dice, self._profile
        if days > 3 and dice.chance(profile.penalties):
            day = part.due_on + timedelta(days=3)
            amount = decimal_text(max(100, part.amount_minor // 50), currency)
            charge = self._event(day, "charge", loan_id=loan_id, amount=amount, value="penalty")
            if charge and dice.chance(20):
                day += timedelta(days=dice.between(1, 9))
                self._event(day, "waiver", loan_id=loan_id, amount=amount, value="penalty", ref=charge)
        if days > 5 and dice.chance(profile.promises):
            day = part.due_on + timedelta(days=dice.between(1, 5))
            until = (day + timedelta(days=dice.between(3, 14))).isoformat()
            amount = decimal_text(part.amount_minor, currency)
            self._event(day, "promise", loan_id=loan_id, amount=amount, until=until)
        if days > 2 and dice.chance(profile.held):
            day = part.due_on + timedelta(days=dice.between(1, 20))
            value = dice.one_of(("dispute", "hardship", "other"))
            ends = dice.one_of((10, 20, 0))
            until = (day + timedelta(days=ends)).isoformat() if ends else ""
            text = dice.one_of(("", 'She says: "I paid this, twice."', "lost the job"))
            hold = self._event(day, "hold", loan_id=loan_id, value=value, until=until, text=text)
            if hold and (not ends or dice.chance(30)):
                self._event(day + timedelta(days=dice.between(4, 15)), "release", ref=hold)

    def _contacts(self, borrower_id: str) -> None:
        dice = self._dice
        if dice.chance(self._profile.opted_out):
            channel = dice.one_of(("sms", "email"))
            day = self._start + timedelta(days=dice.between(0, 80))
            self._event(day, "opt_out", borrower_id=borrower_id, channel=channel, text="STOP")
            if dice.chance(25):
                day += timedelta(days=dice.between(5, 30))
                self._event(day, "opt_in", borrower_id=borrower_id, channel=channel, text="START")
        if dice.chance(8):
            day = self._start + timedelta(days=dice.between(0, 110))
            self._event(day, "contact", borrower_id=borrower_id, channel="call", value="no_answer")

    def _event(self, on: date, kind: str, **columns: str) -> str:
        """Tell an event and give its id; nothing, where it lies after the end of the book."""
        at = self._time(on)
        known_late = self._dice.chance(self._profile.known_late)
        known = self._time(on + timedelta(days=self._dice.between(1, 30))) if known_late else ""
        if on >= self._end:
            return ""
        self._count += 1
        event_id = f"{kind}-{self._count:06}"
        self._row("events.csv", {"event_id": event_id, "at": at, "known_at": known, "type": kind, **columns})
        return event_id

    def _time(self, on: date) -> str:
        second = self._dice.between(8 * 3600, 20 * 3600)
        return f"{on.isoformat()}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}{self._offset}"

    def _row(self, file: str, row: dict[str, str]) -> None:
        self._rows[file].append(row)


def _csv(columns: list[str], rows: list[dict[str, str]]) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
