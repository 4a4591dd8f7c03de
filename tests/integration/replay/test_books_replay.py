"""Whole books are decided again alike: the demo's, the generated one, the real one, with outages and failures."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest

from adapters.base import Rejected
from policies import library
from policies.calendar import zone
from policies.example import example_book
from policies.facts import SECOND, Instant
from policies.simulate import Span
from scheduler import engine, settings
from scheduler.run_through import run_through
from scheduler.service import open_service
from scheduler.store.database import connect
from tests import running
from tests.histories.driving import Provider, replay_book, world_at
from tests.histories.stories import begin

BOOK_NG = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "book-ng"
DAY = 86_400 * SECOND
EVERY_KIND = [running.ladder_policy(currency, house=True) for currency in ("USD", "GBP", "INR", "CNY")]

needs_book_ng = pytest.mark.skipif(not BOOK_NG.is_dir(), reason="../shared/data/book-ng is not beside this checkout")


def run(
    url: str, home: Path, span: Span, policies: list[bytes], files: Mapping[str, bytes], provider: Provider
) -> None:
    running.import_all(url, policies, files)
    channels = dict.fromkeys(("sms", "email", "letter"), provider)
    with open_service(settings.Settings(home=home), url, 0, channels, test_clock=True) as service:
        run_through(service, span, threading.Event())


def outcomes(url: str) -> Counter[str]:
    with connect(url) as connection:
        rows = connection.execute("SELECT entry::json ->> 'outcome' FROM journal WHERE kind = 'decision'").fetchall()
    return Counter(row[0] for row in rows)


def check(url: str) -> int:
    """All are decided alike, and none is left out; answers how many looks."""
    with connect(url) as connection:
        row = connection.execute(
            "SELECT count(DISTINCT (xact, borrower_key)), count(*), count(DISTINCT borrower_key) FROM journal "
            "WHERE kind IN ('decision', 'looked')"
        ).fetchone()
    done = replay_book(url, at_once=40)
    assert done.equal, (done.differences[:3], done.reads)
    assert row is not None and (done.looks, done.entries) == row[:2] and done.borrowers >= row[2]
    return done.looks


def outages(span: Span) -> list[tuple[Instant, Instant]]:
    morning = span.start - span.start % DAY + 9 * 3600 * SECOND + 1_800 * SECOND
    return [(morning + 20 * DAY, morning + 20 * DAY + DAY // 4), (morning + 60 * DAY, morning + 74 * DAY)]


def some_refused(provider: Provider) -> None:
    """A quarter of the messages fail for good."""

    def manner(message: object) -> None:
        if message.message_id[0] in "0123":  # type: ignore[attr-defined]
            raise Rejected("no such address")

    provider.manner = manner


def test_the_demo_book_is_decided_alike(database_url: str, tmp_path: Path) -> None:
    files = running.text_files(example_book(7, 60, start=date(2026, 1, 5), days=120, markets=("US",)))
    utc = zone("UTC")
    start = utc.instant(date(2026, 1, 5).toordinal())
    policies = [library.read("us-personal-loan.yaml")]
    run(database_url, tmp_path, Span(start, start + 120 * DAY), policies, files, Provider())
    assert check(database_url) > 800
    assert {"sent", "cured", "offer", "hand_off", "deferred", "suppressed"} <= set(outcomes(database_url))


@pytest.mark.parametrize("change", ["plain", "outages", "failures"])
def test_the_generated_book_is_decided_alike(database_url: str, tmp_path: Path, change: str) -> None:
    files = running.text_files(example_book(7, 60, start=date(2026, 1, 5)))
    provider = Provider()
    plain = running.span_of(running.read(files))
    span = running.span_of(running.read(files), outages(plain) if change == "outages" else ())
    if change == "failures":
        some_refused(provider)
    run(database_url, tmp_path, span, EVERY_KIND, files, provider)
    assert check(database_url) > 1_500
    with connect(database_url) as connection:
        failed = connection.execute("SELECT count(*) FROM message WHERE status = 'failed'").fetchone()
    assert failed is not None and (failed[0] > 50) == (change == "failures")


@needs_book_ng
@pytest.mark.parametrize("house", [False, True], ids=["plain", "outages under house rules"])
def test_the_real_book_is_decided_alike(database_url: str, tmp_path: Path, house: bool) -> None:
    files = running.some_borrowers(running.folder_files(BOOK_NG), 80)
    plain = running.span_of(running.read(files))
    span = running.span_of(running.read(files), outages(plain) if house else ())
    run(database_url, tmp_path, span, [running.ladder_policy("NGN", house=house)], files, Provider())
    assert check(database_url) > 1_000
    assert outcomes(database_url)["sent"] > 350


def test_what_could_not_be_decided_is_counted_and_the_rest_is_alike(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., object] = engine.decide
    with world_at(database_url, tmp_path) as world:
        begin(world, "ann", "bob")

        def poisoned(borrower: object, now: Instant) -> object:
            if borrower.person.borrower_id == "bob":  # type: ignore[attr-defined]
                raise RuntimeError("no")
            return original(borrower, now)

        monkeypatch.setattr(engine, "decide", poisoned)
        world.days(running_day(3), 2)
        monkeypatch.setattr(engine, "decide", original)
        world.event(running_day(6), type="payment", loan_id="bob-1", amount="1.00")
        world.days(running_day(6), 4)
        assert [one["reason"] for one in world.entries("set_aside")] == ["RuntimeError"]
        done = world.replay()
    assert done.equal and done.aside == 1 and done.borrowers == 2


def running_day(day: int) -> Instant:
    """The beginning of a day of March 2026 in London."""
    return zone("Europe/London").instant(date(2026, 3, day).toordinal())
