"""A small service on a database of its own, driven by hand from instant to instant, with a way out that can fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Self

from adapters.base import Channel, Message, Receipt, Rejected
from policies.calendar import zone
from policies.facts import SECOND, Instant
from scheduler import settings
from scheduler.engine import read_policies
from scheduler.ingest import import_book
from scheduler.migrate import moves
from scheduler.publish import publish
from scheduler.replay.history import Versions
from scheduler.replay.reading import Chunk, keys, read_chunk
from scheduler.replay.reading import read_policies as read_versions
from scheduler.replay.running import Sum, replay_all
from scheduler.service import Service, open_service
from scheduler.store.database import connect

HOUR = 3600 * SECOND
DAY = 24 * HOUR
HOME = zone("Europe/London")

HEADS = {
    "borrowers.csv": "borrower_id,first_name,last_name,language,zone,region,phone,email,address",
    "loans.csv": "loan_id,borrower_id,product,currency,principal,disbursed_at,policy,segment,tags,allocation",
    "instalments.csv": "loan_id,number,due_on,principal,interest,fees",
    "events.csv": "event_id,at,known_at,type,borrower_id,loan_id,amount,ref,channel,address,value,from,until,text",
}
EVENT = HEADS["events.csv"].split(",")


def at(month: int, day: int, hour: int = 0, minute: int = 0) -> Instant:
    """An instant of 2026 by the clock in London."""
    return HOME.instant(date(2026, month, day).toordinal(), hour * 3600 + minute * 60)


def book(**rows: list[str]) -> dict[str, bytes]:
    """The files of a book: rows by the name of the file without its ending."""
    return {
        f"{name}.csv": "\n".join([HEADS[f"{name}.csv"], *lines, ""]).encode() for name, lines in rows.items() if lines
    }


class Provider(Channel):
    """A way out whose manner a story sets: it raises what comes of a message."""

    name = "provider"
    channels = frozenset({"sms", "email", "letter"})
    thread_safe = True

    def __init__(self) -> None:
        self.manner: Callable[[Message], None] = lambda message: None

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> Self:
        return cls()

    def send(self, message: Message) -> Receipt:
        self.manner(message)
        return Receipt(self.name, message.message_id)

    def loopback(self) -> bool:
        return True

    def refuse(self, *refused: str) -> None:
        """Messages by these channels fail for good; by the others they leave."""

        def manner(message: Message) -> None:
            if message.channel in refused:
                raise Rejected("no such number")

        self.manner = manner


class World:
    """What a story is told with."""

    def __init__(self, url: str, service: Service, provider: Provider) -> None:
        self.url = url
        self.service = service
        self.provider = provider
        self._events = 0

    def publish(self, source: bytes, now: Instant = 0, since: Instant | None = None) -> str:
        """Publish a version; answers its digest."""
        with connect(self.url) as connection, connection.transaction():
            return publish(connection, "story.yaml", source, now, since=since).policy.digest

    def tell(self, files: Mapping[str, bytes], now: Instant) -> None:
        """Import files."""
        with connect(self.url) as connection:
            policies = read_policies(connection, 0)["default"]
            opened = {name: BytesIO(data) for name, data in files.items()}
            import_book(connection, opened, clock_id=0, now=now, policies=policies)

    def event(self, when: Instant, known: Instant | None = None, **columns: str) -> str:
        """Tell one fact, as it becomes known; answers its id."""
        self._events += 1
        known = when if known is None else known
        values = {
            "event_id": f"e{self._events}", "at": zone("UTC").iso(when), "known_at": zone("UTC").iso(known), **columns,
        }  # fmt: skip
        self.tell(book(events=[",".join([values.get(name, "") for name in EVENT])]), known)
        return values["event_id"]

    def decide(self, now: Instant) -> None:
        """Decide what is due, and let nothing leave."""
        while self.service.engine.tick(now).borrowers:
            pass

    def until(self, now: Instant) -> None:
        """Decide and hand over what is due at ``now``, until nothing is."""
        while self.service.engine.tick(now).borrowers or self.service.dispatcher.tick(now):
            pass

    def days(self, begin: Instant, days: int) -> None:
        """Let days pass, with a look each hour from 08:00 to 20:00."""
        for day in range(days):
            for hour in range(8, 21):
                self.until(begin + day * DAY + hour * HOUR)

    def migrate(self, old: str, new: str, now: Instant) -> int:
        """Move contracts to another version; answers how many were."""
        with connect(self.url) as connection, connection.transaction():
            policies = read_policies(connection, 0)["default"]
            versions = policies.version(old), policies.version(new)
            done = list(moves(connection, 0, policies, *versions, now, "https://pay.example.invalid", apply=True))
        return sum(1 for one in done if one.refused is None)

    def rows(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        with connect(self.url) as connection:
            return connection.execute(statement, parameters).fetchall()

    def change(self, statement: str, *parameters: object) -> None:
        """Change the database behind duly's back."""
        with connect(self.url) as connection:
            assert connection.execute(statement, parameters).rowcount

    def entries(self, kind: str = "decision") -> list[dict[str, object]]:
        """The entries of a kind as they were written."""
        return [json.loads(str(e)) for (e,) in self.rows("SELECT entry FROM journal WHERE kind = %s", kind)]

    def replay(self, since: Instant | None = None, at_once: int = 100) -> Sum:
        """Replay everybody, sealed."""
        return replay_book(self.url, since, at_once)


def read_book(url: str, since: Instant | None = None, at_once: int = 100) -> tuple[list[Chunk], dict[str, Versions]]:
    """Everybody's history, and the policies."""
    with connect(url) as connection:
        chunks = [read_chunk(connection, 0, some) for some in keys(connection, 0, since, at_once)]
        return chunks, read_versions(connection, 0)


def replay_book(url: str, since: Instant | None = None, at_once: int = 100) -> Sum:
    """Replay everybody of a database, sealed."""
    chunks, policies = read_book(url, since, at_once)
    return replay_all(chunks, policies, since)


@contextmanager
def world_at(url: str, home: Path) -> Iterator[World]:
    """A service on an empty database with the schema."""
    provider = Provider()
    channels = dict.fromkeys(("sms", "email", "letter"), provider)
    with open_service(settings.Settings(home=home), url, 0, channels, test_clock=False) as service:
        yield World(url, service, provider)
