"""A service on a database of its own, driven by hand, with one loan and a provider whose manner a test sets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Self

from adapters.base import Channel, Message, Receipt
from policies.calendar import zone
from policies.facts import SECOND, Instant
from scheduler import settings
from scheduler.history import story
from scheduler.service import Service, open_service
from scheduler.store.database import connect
from tests import running

HOUR = 3600 * SECOND
DAY = 24 * HOUR
HOME = zone("Europe/London")

POLICY = b"""\
policy: outbox
title: One reminder, then another
currency: GBP
languages: [en]
send_at: "10:00"
lender: {name: Acme, reply_to: help@acme.example, phone: "+44 20 7946 0000"}
end: true
steps:
  first: {at: due + 1 day, send: {message: note, by: [sms, email]}}
  second: {at: due + 4 days, send: {message: note, by: {all: [sms, email]}}}
messages:
  note:
    sms: {en: "{{ overdue | money }} was due {{ due | date }}: {{ links.view }}"}
    email: {en: {subject: "A payment", body: "{{ overdue | money }} was due {{ due | date }}: {{ links.view }}"}}
"""

FILES = {
    "borrowers.csv": b"borrower_id,first_name,last_name,language,zone,region,phone,email\n"
    b"p1,Ann,Bell,en,Europe/London,GB,+442079460123,ann@example.com\n",
    "loans.csv": b"loan_id,borrower_id,product,currency,principal,disbursed_at\n"
    b"l1,p1,personal,GBP,100.00,2026-02-01T09:00:00Z\n",
    "instalments.csv": b"loan_id,number,due_on,principal,interest,fees\nl1,1,2026-03-02,100.00,0.00,0.00\n",
    "events.csv": b"event_id,at,type,loan_id,amount\n",
}


def at(day: int, hour: int, minute: int = 0) -> Instant:
    """An instant in March 2026 by the clock in London."""
    return HOME.instant(date(2026, 3, day).toordinal(), hour * 3600 + minute * 60)


class Provider(Channel):
    """A way out whose manner a test sets; it keeps what it took over."""

    name = "provider"
    channels = frozenset({"sms", "email", "letter"})
    thread_safe = True

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.manner: Callable[[Message], None] = lambda message: None

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> Self:
        return cls()

    def send(self, message: Message) -> Receipt:
        self.manner(message)
        self.taken.append(message)
        return Receipt(self.name, f"ref-{len(self.taken)}")

    def loopback(self) -> bool:
        return True


class World:
    """A service on a database of its own, driven by hand."""

    def __init__(self, url: str, service: Service, provider: Provider) -> None:
        self.url = url
        self.service = service
        self.provider = provider

    def until(self, now: Instant) -> None:
        """Decide and hand over what is due at ``now``, until nothing is."""
        while self.service.engine.tick(now).borrowers or self.service.dispatcher.tick(now):
            pass

    def decide(self, now: Instant) -> None:
        while self.service.engine.tick(now).borrowers:
            pass

    def told(self) -> list[tuple[str, str, str | None]]:
        with connect(self.url) as connection:
            lines = [json.loads(line) for line in story(connection, 0)]
        return [(line["step"], line["outcome"], line["channel"]) for line in lines if line["step"]]

    def states(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT status FROM message ORDER BY decided_at, channel DESC")]

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with connect(self.url) as connection:
            return connection.execute(statement, parameters).fetchall()

    def event(self, **columns: str) -> None:
        """Tell a fact as a lender does: a folder with events alone."""
        names = ",".join(columns)
        running.import_all(self.url, [], {"events.csv": f"{names}\n{','.join(columns.values())}\n".encode()})


@contextmanager
def opened(url: str, home: Path) -> Iterator[World]:
    """The world at the beginning of 3 March, when the loan has just fallen behind."""
    running.import_all(url, [POLICY], FILES)
    provider = Provider()
    channels = dict.fromkeys(("sms", "email", "letter"), provider)
    with open_service(settings.Settings(home=home), url, 0, channels, test_clock=False) as service:
        one = World(url, service, provider)
        one.decide(at(3, 0))
        yield one
