"""A backlog after an outage of three days, worked off by a daemon against a provider that takes so many a second.

Meanwhile payments are told for loans whose messages wait at the end of the queue: they overtake it, and no message of a
loan that is paid leaves. The reference is the time that the provider's rate alone asks for the messages that do.
"""

from __future__ import annotations

import multiprocessing
import re
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from adapters.base import Channel
from adapters.sandbox import SandboxChannel
from bench import provider, sending
from bench.book import PAST_DUE, WAVE, fill
from bench.figures import Asked, Row, database, folder
from policies.calendar import zone
from policies.facts import SECOND
from scheduler.bootstrap import configure_logging, use_pinned_zones
from scheduler.clock import SpeedClock, SystemClock
from scheduler.daemon import Daemon
from scheduler.engine import Engine, read_policies
from scheduler.ingest import import_book
from scheduler.service import open_service
from scheduler.settings import Settings
from scheduler.store.database import Connection, connect

PER_S = 100
_AFTER = WAVE + 3 * 86_400 * SECOND
_PAID_AT_ONCE = 10
_PAUSE_S = 0.5
_PATIENCE_S = 7_200
_CLOCK = SystemClock()

_TAIL = """
SELECT loan_id FROM message WHERE status = 'queued' ORDER BY next_attempt_at DESC, message_id DESC LIMIT %(limit)s
"""
_LEFT = """
SELECT (SELECT count(*) FROM borrower WHERE wake_at <= %(now)s),
       (SELECT count(*) FROM message WHERE status IN ('queued', 'sending'))
"""

_STATUSES = "SELECT status, count(*) FROM message GROUP BY status"


def run(asked: Asked) -> Iterator[Row]:
    """Every loan has a step that fell due when the outage began; a sixth, at most, is paid while it waits."""
    count = asked.size(1_500, 100_000)
    with (
        folder() as home,
        database(asked.server, "bench_outage") as url,
        provider.provider(sending.ANSWERS_S, per_s=PER_S, remembers=True) as base_url,
        connect(url) as connection,
    ):
        _fill(url, count)
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, url, base_url, str(home)), daemon=True)
        process.start()
        try:
            begun = here.recv()
            paid = _work_off(connection, count, begun)
            seconds = _CLOCK.monotonic() - begun
        finally:
            process.terminate()
            process.join()
        seen = provider.seen(base_url)
        statuses: dict[str, int] = dict(
            connection.execute("SELECT status, count(*) FROM message GROUP BY status").fetchall()
        )
    late = [
        loan for at_s, body in seen["bodies"] for loan in re.findall(r"l\d{7}", body)
        if loan in paid and at_s > paid[loan]
    ]  # fmt: skip
    assert not late, late
    assert paid and statuses.get("withdrawn") == len(paid), (len(paid), statuses)
    asked_s = seen["taken"] / PER_S
    yield {
        "name": "after an outage", "n": count, "pairs": 1, "seconds": round(seconds, 2),
        "reference_s": round(asked_s, 2), "ratio": round(asked_s / seconds, 3), "provider_per_s": PER_S,
        "taken": seen["taken"], "refused": seen["refused"], "paid_meanwhile": len(paid),
        "left_though_paid": len(late), **statuses,
    }  # fmt: skip


def _work_off(connection: Connection, count: int, begun: float) -> dict[str, float]:
    """Pay loans at the end of the queue while there is one, and wait for its end; when each was paid, by the clock."""
    policies = read_policies(connection, 0)["default"]
    paid: dict[str, float] = {}
    pause = threading.Event()
    while True:
        now = _AFTER + round((_CLOCK.monotonic() - begun) * SECOND)
        row = connection.execute(_LEFT, {"now": zone("UTC").iso(now)}).fetchone()
        assert row is not None
        due, waiting = row
        if not due and not waiting and _CLOCK.monotonic() - begun > 1:
            return paid
        assert _CLOCK.monotonic() - begun < _PATIENCE_S, row
        if not due and waiting > count // 2 and len(paid) < count // 6:
            loans = [one for (one,) in connection.execute(_TAIL, {"limit": _PAID_AT_ONCE}) if one not in paid]
            told = "".join(f"p-{one},{zone('UTC').iso(now)},payment,{one},200.00\n" for one in loans)
            book = {"events.csv": BytesIO(f"event_id,at,type,loan_id,amount\n{told}".encode())}
            import_book(connection, book, clock_id=0, now=now, policies=policies)
            paid |= dict.fromkeys(loans, _CLOCK.monotonic())
        pause.wait(_PAUSE_S)


def _fill(url: str, count: int) -> None:
    with connect(url, hot=True) as connection:
        fill(connection, count)
        sending.by_sms_alone(connection)
        engine = Engine(connection, 0, "https://pay.example.invalid", 500)
        while engine.tick(PAST_DUE).borrowers:
            pass
        connection.execute("VACUUM ANALYZE")


def _serve(pipe: Any, url: str, base_url: str, home: str) -> None:
    """The daemon, whose clock stands at the end of the outage when it starts."""
    use_pinned_zones()
    configure_logging(SystemClock(), level="error", as_json=True)
    settings = Settings(home=Path(home), dispatch_connections=16)
    sandbox = SandboxChannel(Path(home) / "messages")
    channels: dict[str, Channel] = {"sms": sending.twilio(base_url), "email": sandbox, "letter": sandbox}
    with open_service(settings, url, 0, channels, test_clock=False) as service:
        clock = SpeedClock(_AFTER, 1)
        pipe.send(_CLOCK.monotonic())
        Daemon(service, clock, settings.tick_s).run()
