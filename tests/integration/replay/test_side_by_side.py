"""Two engines, a dispatcher that fails at times, and facts that come in between: whatever the order, all is alike."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from adapters.base import Message, Rejected, Transient
from policies.calendar import to_datetime, zone
from policies.example import example_book
from policies.facts import SECOND, Instant
from scheduler import settings
from scheduler.service import open_service
from scheduler.store.database import connect
from tests import running
from tests.histories.driving import DAY, HOUR, Provider, World, replay_book

SEED = 11
BEGIN = zone("UTC").instant(date(2026, 1, 5).toordinal())


class Time:
    """Goes on while the others work."""

    now: Instant = BEGIN


def going(stop: threading.Event, work: Callable[[], object], faults: list[BaseException]) -> threading.Thread:
    def again() -> None:
        try:
            while not stop.is_set():
                work()
        except BaseException as error:
            faults.append(error)
            stop.set()

    thread = threading.Thread(target=again)
    thread.start()
    return thread


@pytest.mark.parametrize("late_s", [0, 3600 * 14], ids=["a quick way out", "a slow way out"])
def test_a_busy_service_is_decided_alike(database_url: str, tmp_path: Path, late_s: int) -> None:
    files = running.text_files(example_book(SEED, 20, start=date(2026, 1, 5), markets=("GB",)))
    running.import_all(database_url, [running.ladder_policy("GBP", house=True)], files)
    with connect(database_url) as connection:
        loans = [row[0] for row in connection.execute("SELECT loan_id FROM loan ORDER BY 1").fetchall()]
    provider, dice, time = Provider(), random.Random(SEED), Time()

    def manner(message: Message) -> None:
        if message.message_id[-1] in "01":
            raise Rejected("no")
        if message.message_id[-1] in "23" and dice.random() < 0.7:
            raise Transient("later", retry_after_s=600)

    provider.manner = manner
    channels = dict.fromkeys(("sms", "email", "letter"), provider)
    stop, faults = threading.Event(), list[BaseException]()
    configured = settings.Settings(home=tmp_path, batch=7, engine_threads=2, dispatch_connections=2)
    with open_service(configured, database_url, 0, channels, test_clock=False) as service:
        world = World(database_url, service, provider)
        works: list[Callable[[], object]] = [
            *[lambda engine=engine: engine.tick(time.now) for engine in service.engines],  # type: ignore[misc]
            lambda: service.dispatcher.tick(time.now - late_s * SECOND),
        ]
        threads = [going(stop, work, faults) for work in works]
        for hour in range(0, 70 * 24, 9):
            time.now = BEGIN + hour * HOUR
            if dice.random() < 0.25:
                loan = dice.choice(loans)
                world.event(time.now, type="payment", loan_id=loan, amount="3.00")
                world.event(time.now, type="hold", loan_id=loan, value="dispute", until=_day(time.now + 2 * DAY))
        stop.set()
        for thread in threads:
            thread.join()
        assert not faults, faults
        for _ in range(20):
            world.until(time.now)
            world.until(time.now + DAY)
    done = replay_book(database_url)
    assert done.equal, (done.differences[:3], done.reads)
    again = [one for one in [*world.entries(), *world.entries("looked")] if "unsent" in one]
    withdrawn = [one for one in world.entries() if one["outcome"] == "withdrawn"]
    assert done.looks > 100 and len(again) > 3 and withdrawn


def _day(at: Instant) -> str:
    return to_datetime(at).date().isoformat()
