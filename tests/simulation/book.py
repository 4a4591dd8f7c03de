"""The invented book of a seed: a few people, their loans, and the versions of the policy that they go by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

BEGIN = datetime(2026, 3, 18, tzinfo=UTC)
"""A few days before clocks change in Europe."""

HEADS = {
    "borrowers.csv": "borrower_id,first_name,last_name,language,zone,region,phone,email",
    "loans.csv": "loan_id,borrower_id,product,currency,principal,disbursed_at,segment",
    "instalments.csv": "loan_id,number,due_on,principal,interest,fees",
    "events.csv": "event_id,at,known_at,type,borrower_id,loan_id,amount,ref,channel,address,value,from,until,text",
}
EVENT = HEADS["events.csv"].split(",")
ZONES = ("Europe/London", "Asia/Kolkata", "America/New_York", "Pacific/Auckland", "Europe/Berlin")
TIMES = ("07:15", "09:00", "10:30", "12:00", "16:45", "19:40", "21:30")


@dataclass(slots=True)
class Person:
    """A borrower as the lender would tell of them."""

    borrower: str
    zone: str
    phone: str
    email: str

    def row(self) -> str:
        """The line of borrowers.csv."""
        return f"{self.borrower},Ana,Ruiz,en,{self.zone},ZZ,{self.phone},{self.email}"


@dataclass(slots=True)
class Loan:
    """A loan as the lender would tell of it."""

    loan: str
    borrower: str
    disbursed: str
    instalments: list[tuple[date, int]]
    segment: str = ""

    def row(self) -> str:
        """The line of loans.csv."""
        principal = sum(amount for _, amount in self.instalments)
        return f"{self.loan},{self.borrower},personal,EUR,{money(principal)},{self.disbursed},{self.segment}"

    def instalment_rows(self) -> list[str]:
        """The lines of instalments.csv."""
        return [f"{self.loan},{n},{due},{money(amount)},0,0" for n, (due, amount) in enumerate(self.instalments, 1)]


def money(minor: int) -> str:
    """Minor units as the book writes them."""
    return f"{minor // 100}.{minor % 100:02}"


def files(**rows: list[str]) -> dict[str, bytes]:
    """The files of a book, by their names without the ending."""
    return {
        f"{name}.csv": "\n".join([HEADS[f"{name}.csv"], *lines, ""]).encode() for name, lines in rows.items() if lines
    }


def event_row(**columns: str) -> str:
    """A line of events.csv."""
    return ",".join([columns.get(name, "") for name in EVENT])


def stamp(at: int) -> str:
    """An instant (microseconds since 1970) as the book writes it."""
    return (datetime.fromtimestamp(at // 1_000_000, UTC) + timedelta(microseconds=at % 1_000_000)).isoformat()


def people(random: Random, count: int) -> list[Person]:
    """Some people; two of them have one telephone."""
    found = [
        Person(f"P{n}", random.choice(ZONES), f"+1202555{1000 + n}", f"p{n}@example.com") for n in range(1, count + 1)
    ]
    found[-1].phone = found[0].phone
    return found


def loan_of(random: Random, number: int, borrower: str, since: date) -> Loan:
    """A loan of one to three instalments, the first due a few days after ``since``."""
    first = since + timedelta(days=random.randint(1, 9))
    step = random.choice((5, 7, 12))
    parts = random.choice((1, 1, 2, 3))
    instalments = [(first + timedelta(days=step * n), random.choice((5_000, 7_550, 10_000))) for n in range(parts)]
    disbursed = f"{since - timedelta(days=random.randint(0, 20))}T06:00:00Z"
    return Loan(f"L{number}", borrower, disbursed, instalments)


def policy(random: Random, version: int) -> bytes:
    """A version of the policy: the same ladder with other words, other hours, and from the second on one more step."""
    hours = [random.choice(TIMES) for _ in range(6)]
    more = "  fourth: {at: 'due + 14 days', send: {message: fourth, by: [sms, email]}}\n" if version > 1 else ""
    steps = f"""\
  early: {{at: 'due - 2 days, {hours[0]}', send: {{message: early, by: [sms, email]}}}}
  first: {{at: 'due + 1 day, {hours[1]}', when: {{overdue: ">= 1.00"}}, send: {{message: first, by: [sms, email]}}}}
  both: {{at: 'due + 3 days, {hours[2]}', send: {{message: both, by: {{all: [email, sms]}}}}}}
  deal: {{at: 'due + 6 days, {hours[3]}', offer: deal, send: {{message: deal, by: [email, sms]}}}}
  nudge: {{at: 'offer.expires - 1 day', send: {{message: nudge, by: [sms]}}}}
  third: {{at: 'due + 9 days, {hours[4]}', within: 3 days, send: {{message: third, by: [sms, email]}}}}
{more}\
  last: {{at: 'due + 15 days, {hours[5]}', send: {{message: last, by: [email]}}}}
  again: {{at: 'last.done + 2 days', send: {{message: again, by: [sms, email]}}}}
  pass-on: {{at: 'due + 20 days', hand_off: review}}
"""
    names = ["early", "first", "both", "deal", "nudge", "third", "last", "again", *(["fourth"] if more else [])]
    return f"""\
policy: sim
title: The policy of the simulation
currency: EUR
languages: [en]
send_at: "10:00"
lender: {{name: Acme, reply_to: help@acme.example, phone: "+44 20 7946 0000"}}
steps:
{steps}\
offers:
  deal: {{waive: {{principal: 10%}}, expires: 5 days}}
messages:
{"".join(_message(name, version) for name in names)}""".encode()


def _message(name: str, version: int) -> str:
    text = (
        f"sim {{{{ loan.loan_id }}}} {name} v{version} of {{{{ balance | money }}}}: {{{{ links.view }}}} STOP ends it."
    )
    return f"""\
  {name}:
    sms: {{en: "{text}"}}
    email: {{en: {{subject: "Your loan", body: "{text} Reply STOP to end these."}}}}
"""
