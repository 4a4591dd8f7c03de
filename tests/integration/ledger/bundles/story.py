"""A borrower with two loans to whom much happens, with canaries in all that is theirs, run by the real service."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final

from adapters.base import Channel, Message, Receipt, Rejected, Transient
from adapters.sandbox import SandboxChannel
from policies.facts import SECOND, Instant
from policies.simulate import Span
from scheduler import settings
from scheduler.engine import read_policies
from scheduler.ingest import import_book
from scheduler.publish import publish
from scheduler.run_through import run_through
from scheduler.service import open_service
from scheduler.store.database import connect
from tests import running

LOAN: Final = "kestrel-loan-1"
OTHER_LOAN: Final = "kestrel-loan-2"
CANARY: Final = "estrel"
PHONES: Final = ("+442079460123", "+442079460125")

_PEOPLE = """borrower_id,first_name,last_name,language,zone,region,phone,email,address
kestrel-1,Kestrelina,Kestrelson,en,Europe/London,GB,{phone},{email},5 Kestrel Street;Leeds
kestrel-9,Kestrelo,Kestrelson,en,Europe/London,GB,+442079460129,,
"""
FILES: Final = {
    "borrowers.csv": _PEOPLE.format(phone=PHONES[0], email="kestrel@example.com").encode(),
    "loans.csv": b"""loan_id,borrower_id,product,currency,principal,disbursed_at,tags
kestrel-loan-1,kestrel-1,personal,GBP,3200.00,2026-02-01T09:00:00Z,kestrel-tag
kestrel-loan-2,kestrel-1,personal,GBP,100.00,2026-02-02T09:00:00Z,
kestrel-loan-9,kestrel-9,personal,GBP,100.00,2026-02-02T09:00:00Z,
""",
    "instalments.csv": b"""loan_id,number,due_on,principal,interest,fees
kestrel-loan-1,1,2026-03-02,1600.00,1.00,0.00
kestrel-loan-1,2,2026-04-02,1600.00,1.00,0.00
kestrel-loan-2,1,2026-03-02,100.00,0.00,0.00
kestrel-loan-9,1,2026-03-02,100.00,0.00,0.00
""",
    "events.csv": b"""event_id,at,known_at,type,borrower_id,loan_id,amount,ref,channel,address,value,from,until,text
kestrel-e1,2026-03-04T09:00:00Z,,payment,,kestrel-loan-1,30.00,,,,,,,
kestrel-e2,2026-03-05T09:00:00Z,2026-03-07T09:00:00Z,payment,,kestrel-loan-1,10.00,,,,,,,
kestrel-e3,2026-03-06T09:00:00Z,,payment,,kestrel-loan-2,20.00,,,,,,,
kestrel-e4,2026-03-12T09:00:00Z,,hold,kestrel-1,,,,,,dispute,2026-03-12,2026-03-14,the Kestrel disputes
kestrel-e5,2026-03-25T09:00:00Z,,payment,,kestrel-loan-1,2000.00,,,,,,,
""",
}
MIDDLE: Final = "2026-03-10"
_LADDER = running.ladder_policy("GBP", house=True)
POLICIES: Final = (_LADDER, _LADDER.replace(b"A ladder for tests", b"A ladder for tests, once more"))
"""The second is published in the middle."""


class Picky(SandboxChannel):
    """Refuses some messages for good, and the first attempt at each other that is sent by SMS."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._tried: set[str] = set()

    def send(self, message: Message) -> Receipt:
        if message.channel == "sms" and message.created_at.date().isoformat() == "2026-03-23":
            raise Rejected(f"Kestrel: no such number {message.to}")
        if message.channel == "sms" and message.message_id not in self._tried:
            self._tried.add(message.message_id)
            raise Transient("the line is busy")
        return Receipt(self.name, f"kestrel-{super().send(message).reference}")


def instant(day: str) -> Instant:
    """Midnight UTC."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * SECOND


def tell(url: str, home: Path) -> None:
    """Let it all happen: a first run, then a changed person and a new version of the policy, and the rest."""
    running.import_all(url, POLICIES[:1], FILES)
    _run(url, home, Span(instant("2026-02-01"), instant(MIDDLE)))
    changed = _PEOPLE.format(phone=PHONES[1], email="kestrelina@example.com").encode()
    with connect(url) as connection:
        import_book(
            connection, {"borrowers.csv": BytesIO(changed)}, clock_id=0, now=instant(MIDDLE),
            policies=read_policies(connection, 0)["default"],
        )  # fmt: skip
        with connection.transaction():
            publish(connection, "ladder-2.yaml", POLICIES[1], instant(MIDDLE), by="kim")
    _run(url, home, Span(instant("2026-02-01"), instant("2026-07-01")))


def _run(url: str, home: Path, span: Span) -> None:
    configured = settings.Settings(home=home)
    picky = Picky(home / "sandbox")
    channels: dict[str, Channel] = dict.fromkeys(picky.channels, picky)
    with open_service(configured, url, 0, channels, test_clock=True) as service:
        run_through(service, span, threading.Event())
