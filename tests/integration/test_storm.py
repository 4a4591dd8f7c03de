"""A storm: every loan's steps fall due around the clock of one day, and no contact is outside the house rules.

The checker below knows nothing of the project: it reads the printed lines and the book's CSV, and counts.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest

from policies.book import read_book
from policies.calendar import to_instant
from policies.language.check import compile_policy
from policies.simulate import Span, simulate
from policies.versions import Policies, Published
from tests.making import SHARED

BOOK_NG = SHARED / "data" / "book-ng"
LOANS = int(os.environ.get("DULY_STORM_LOANS", "300"))
DUE = "2026-03-08"
"""The clocks of the United States change on this day."""

PLACES = (
    ("America/New_York", "US-NY"),
    ("America/Los_Angeles", "US-CA"),
    ("America/Phoenix", "US-AZ"),
    ("Pacific/Honolulu", "US-HI"),
    ("Europe/Madrid", "ZZ"),
    ("Asia/Kathmandu", "ZZ"),
    ("America/Havana", "ZZ"),
    ("Pacific/Kiritimati", "ZZ"),
)
TIMES = ("00:05", "03:00", "06:30", "07:59", "09:00", "12:00", "15:00", "18:00", "19:59", "21:00", "22:30", "23:55")


def policy_text(*, house: bool) -> str:
    """A step at each of the times of the day, and once more three days later, by SMS and by e-mail in turn."""
    steps = "\n".join(
        f"  s{day}-{tod.replace(':', '')}: {{at: '{anchor}, {tod}', within: 3 days, "
        f"send: {{message: note, by: [{'sms' if n % 2 else 'email'}]}}}}"
        for day, anchor in enumerate(("due + 0 days", "due + 3 days"))
        for n, tod in enumerate(TIMES)
    )
    return f"""\
policy: storm
title: A storm
currency: EUR
languages: [en]
rules: {{house: {"on" if house else "off"}}}
lender: {{name: Acme, reply_to: help@acme.example, phone: "+44 20 7946 0000"}}
end: true
steps:
{steps}
messages:
  note:
    sms:
      en: "Acme: {{{{ balance | money }}}} is due. Reply STOP to opt out."
    email:
      en: {{subject: "Your loan", body: "{{{{ balance | money }}}} is due. To opt out of e-mail, reply STOP."}}
"""


def files(loans: int) -> dict[str, str]:
    """The book: every fifth person has two loans."""
    persons, held, instalments = [], [], []
    number = person = 0
    while number < loans:
        zone, region = PLACES[person % len(PLACES)]
        persons.append(
            f"B{person:05},Ana,Ruiz,en,{zone},{region},+1202555{100 + person % 100:04},b{person}@example.com"
        )
        for _ in range(2 if person % 5 == 0 else 1):
            held.append(f"L{number:05},B{person:05},personal,EUR,100.00,2026-02-01T12:00:00Z,storm")
            instalments.append(f"L{number:05},1,{DUE},100.00,0,0")
            number += 1
        person += 1
    return {
        "borrowers.csv": _csv("borrower_id,first_name,last_name,language,zone,region,phone,email", persons),
        "loans.csv": _csv("loan_id,borrower_id,product,currency,principal,disbursed_at,policy", held),
        "instalments.csv": _csv("loan_id,number,due_on,principal,interest,fees", instalments),
    }


def _csv(head: str, rows: Iterable[str]) -> str:
    return "\n".join((head, *rows)) + "\n"


def lines_of(book_files: dict[str, str], *, house: bool) -> list[str]:
    policy, problems = compile_policy("storm.yaml", policy_text(house=house), executing=True)
    assert policy is not None, problems
    book, faults = read_book({name: BytesIO(text.encode()) for name, text in book_files.items()})
    assert book is not None, faults
    start = to_instant(datetime(2026, 3, 6, tzinfo=UTC))
    return [text for _, text in simulate(Policies([Published(policy)]), book, Span(start))]


# --- the checker: nothing of ours ---------------------------------------------------------------------------------


def broken(lines: Iterable[str], borrowers: str) -> tuple[int, list[str]]:
    """How many contacts were made, and each that is outside 08:00-20:00, the second of a day, the fourth of seven."""
    zones = {row["borrower_id"]: ZoneInfo(row["zone"]) for row in csv.DictReader(io.StringIO(borrowers))}
    moments: dict[str, set[datetime]] = {}
    for text in lines:
        line = json.loads(text)
        if line["outcome"] == "sent":
            home = zones[line["borrower_id"]]
            moments.setdefault(line["borrower_id"], set()).add(datetime.fromisoformat(line["at"]).astimezone(home))
    found = []
    for who, times in moments.items():
        days = Counter(at.date() for at in times)
        found += [f"{who}: {at} is outside the hours" for at in times if not 8 <= at.hour < 20]
        found += [f"{who}: {many} contacts on {day}" for day, many in days.items() if many > 1]
        found += [
            f"{who}: {_week(days, day)} contacts in seven days from {day}" for day in days if _week(days, day) > 3
        ]
    return sum(len(times) for times in moments.values()), found


def _week(days: Counter[date], first: date) -> int:
    return sum(days[first + timedelta(days=n)] for n in range(7))


def test_a_storm_around_the_clock_makes_no_contact_outside_the_rules() -> None:
    book = files(LOANS)
    made, found = broken(lines_of(book, house=True), book["borrowers.csv"])
    persons = book["borrowers.csv"].count("\n") - 1
    assert made >= persons
    assert found == []


def test_the_checker_sees_what_happens_without_the_house_rules() -> None:
    book = files(16)
    made, found = broken(lines_of(book, house=False), book["borrowers.csv"])
    assert made > 100
    said = " ".join(found)
    assert "outside the hours" in said
    assert "contacts on 2026-03-08" in said
    assert "in seven days" in said


@pytest.mark.skipif(not BOOK_NG.exists(), reason="../shared/data/book-ng is not beside this checkout")
def test_the_real_book_under_the_house_rules_makes_no_contact_outside_them() -> None:
    names = ("borrowers.csv", "loans.csv", "instalments.csv", "events.csv")
    texts = {name: (BOOK_NG / name).read_text(encoding="utf-8") for name in names}
    text = policy_text(house=True).replace("EUR", "NGN")
    policy, problems = compile_policy("storm.yaml", text, executing=True)
    assert policy is not None, problems
    book, faults = read_book({name: BytesIO(one.encode()) for name, one in texts.items()})
    assert book is not None, faults
    start = min(loan.disbursed_at for loan in book.loans.values())
    told = [text for _, text in simulate(Policies([Published(policy)]), book, Span(start))]
    made, found = broken(told, texts["borrowers.csv"])
    assert made > 5_000
    assert found == []
