"""Books that a test clock has taken through time in the database, for what is measured of a past: bundles, replays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

from policies.calendar import to_instant
from policies.example import example_book
from policies.facts import Instant
from policies.simulate import Span
from scheduler.engine import read_policies
from scheduler.ingest import import_book
from scheduler.publish import publish
from scheduler.run_through import Progress, run_through
from scheduler.service import open_channels, open_service
from scheduler.settings import Settings
from scheduler.store.database import connect

START = date(2026, 1, 5)
_POLICY = Path(__file__).resolve().parents[1] / "policies" / "library" / "us-personal-loan.yaml"


def at(day: date) -> Instant:
    """Midnight UTC."""
    return to_instant(datetime(day.year, day.month, day.day, tzinfo=UTC))


def tell(
    url: str, home: Path, policy: bytes, files: Mapping[str, bytes], days: int,
    progress: Callable[[Progress], None] | None = None,
) -> None:  # fmt: skip
    """Import a book and take it from START through so many days on the engine, the dispatcher and the sandbox."""
    start = at(START)
    with connect(url) as connection:
        with connection.transaction():
            publish(connection, "policy.yaml", policy, start)
        import_book(
            connection, {name: BytesIO(data) for name, data in files.items()}, clock_id=0, now=start,
            policies=read_policies(connection, 0)["default"],
        )  # fmt: skip
    go_on(url, home, days, progress)


def go_on(url: str, home: Path, days: int, progress: Callable[[Progress], None] | None = None) -> None:
    """Take the book on to so many days after START."""
    settings = Settings(home=home)
    channels = open_channels(settings, test_clock=True)
    with open_service(settings, url, 0, channels, test_clock=True) as service:
        span = Span(at(START), at(START + timedelta(days=days)))
        run_through(service, span, threading.Event(), progress)


def example(url: str, home: Path, persons: int, days: int, progress: Callable[[Progress], None] | None = None) -> int:
    """The example book of the United States; answers how many loans it has."""
    files = example_book(7, persons, start=START, days=days, markets=("US",))
    tell(url, home, _POLICY.read_bytes(), {name: text.encode() for name, text in files.items()}, days, progress)
    return files["loans.csv"].count("\n") - 1
