"""``duly demo``: the main job from end to end, on the production engine and database, under a moving test clock."""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scheduler.cli.failures import GOOD, INTERRUPTED, Failure
from scheduler.cli.output import tell

if TYPE_CHECKING:
    from policies.contract import Policy
    from policies.simulate import Span
    from scheduler.cli.demo_view import View
    from scheduler.service import Service
    from scheduler.settings import Settings

POLICY: Final = "us-personal-loan.yaml"
MARKET: Final = "US"
SEED: Final = 7
PERSONS: Final = 200
START: Final = date(2026, 1, 5)
DAYS: Final = 120
HOME: Final = "home"
"""The folder within, for the database and the key of links; no book but the demo's is ever there."""
_MARK: Final = "made-by-duly-demo.txt"


def add_to(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(demo)


def demo(
    folder: Annotated[
        Path, typer.Option("--folder", metavar="DIR", help="Where it all lies afterwards; made anew each time.")
    ] = Path("demo-out"),
) -> int:
    """Run 120 days of an example book: policy, import, engine, outbox, sandbox; then show what came of it."""
    from scheduler.cli.demo_view import View
    from scheduler.cli.start import log_by
    from scheduler.cli.start import settings as load_settings
    from scheduler.clock import SystemClock
    from scheduler.store import embedded

    place = folder.resolve()
    home = place / HOME
    settings = load_settings().model_copy(
        update={
            "home": home, "database_url": None, "embedded_listen": None, "sandbox_folder": place / "messages",
            "sms_adapter": "sandbox", "email_adapter": "sandbox", "letter_adapter": "sandbox",
            "witness": None, "ledger_key": None, "ledger_origin": None,
        }
    )  # fmt: skip
    log_by(settings, SystemClock())
    _make_room(place)
    files = _write_inputs(place)
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        with View(folder, folder / HOME, START, DAYS) as view:
            whole = _run(settings, files, view, stop)
        if not whole:
            tell("duly: stopped; run the demo again to see all of it")
            return INTERRUPTED
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        embedded.stop(home)
    view.summary()
    return GOOD


def _make_room(place: Path) -> None:
    """An empty folder, also where an earlier demo was; never where anything else lies."""
    from scheduler.store import embedded

    ours = (place / _MARK).is_file()
    if not ours and place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise Failure(f"{place} is not empty, and no demo made it; name another folder with --folder")
    # The database may lie elsewhere (started by root), and outlive its folder.
    embedded.remove(place / HOME)
    if ours:
        shutil.rmtree(place)
    place.mkdir(parents=True, exist_ok=True)
    (place / _MARK).write_text("duly demo makes this folder anew each time.\n", encoding="utf-8")


def _write_inputs(place: Path) -> Mapping[str, Path]:
    """The policy and the book as files, so that they can be read, changed and used again."""
    from policies import library
    from policies.example import example_book

    policy = place / POLICY
    policy.write_bytes(library.read(POLICY))
    book = place / "book"
    book.mkdir()
    for name, text in example_book(SEED, PERSONS, start=START, days=DAYS, markets=(MARKET,)).items():
        (book / name).write_text(text, encoding="utf-8", newline="\n")
    return {"policy": policy, "book": book}


def _run(settings: Settings, files: Mapping[str, Path], view: View, stop: threading.Event) -> bool:
    """Publish, import, and 120 days; False where it was stopped on the way."""
    from policies.calendar import zone
    from policies.simulate import Span
    from scheduler.service import database_url, open_channels, open_service
    from scheduler.store.tables import REAL_CLOCK

    utc = zone("UTC")
    span = Span(utc.instant(START.toordinal()), utc.instant((START + timedelta(days=DAYS)).toordinal()))
    view.step("starting PostgreSQL")
    url = database_url(settings)
    channels = open_channels(settings, test_clock=True)
    with open_service(settings, url, REAL_CLOCK, channels, test_clock=True) as service:
        policy = _prepare(service, files, span, view)
        return _follow(service, url, span, policy, view, stop)


def _prepare(service: Service, files: Mapping[str, Path], span: Span, view: View) -> Policy:
    from scheduler.engine import read_policies
    from scheduler.ingest import import_book, read_files
    from scheduler.publish import publish

    connection = service.engine_connection
    view.step(f"publishing {POLICY}")
    with connection.transaction():
        published = publish(connection, POLICY, files["policy"].read_bytes(), span.start, clock_id=service.clock_id)
    view.step("importing the book")
    policies = read_policies(connection, service.clock_id)["default"]
    with read_files(files["book"]) as opened:
        done = import_book(connection, opened, clock_id=service.clock_id, now=span.start, policies=policies)
    view.imported(done.borrowers.new, done.loans.new, done.events.new)
    return published.policy


def _follow(
    service: Service, url: str, span: Span, policy: Policy, view: View, stop: threading.Event
) -> bool:  # fmt: skip
    from scheduler import history
    from scheduler.cli.run import arrive
    from scheduler.run_through import run_through
    from scheduler.store.database import connect

    beside = connect(url)
    try:
        run_through(service, span, stop, lambda one: view.progress(beside, one))
        if stop.is_set():
            return False
        arrive(service, span)
        view.told(policy, history.story(beside, service.clock_id, since=span.start, until=span.until))
        return True
    finally:
        beside.close()
