"""Drives a daemon through what a test has to see, and looks at its database from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from policies.facts import Instant
from scheduler import settings
from scheduler.clock import SystemClock
from scheduler.daemon import ROLES, Daemon
from scheduler.run_through import serve_real_time
from scheduler.service import open_service
from scheduler.store.database import connect
from scheduler.store.embedded import Server
from tests.integration.outbox import Provider, at

LONG_S = 86_400
PATIENCE_S = 60


class Told(SystemClock):
    """Stands where a test sets it; while the daemon waits on it, goes through what the test has to see."""

    def __init__(self, now: Instant) -> None:
        self.at = now
        self.steps: list[Callable[[], bool]] = []

    def now(self) -> Instant:
        return self.at

    def wait(self, seconds: float, event: threading.Event) -> bool:
        """One look at a time, each of which a watch's second is; ends the daemon where all was seen, or too late."""
        if not self.steps or event.wait(0.01):
            event.set()
            return True
        if self.steps[0]():
            del self.steps[0]
        return event.is_set()


class Serving:
    """A database, a provider and a clock, and one daemon at a time."""

    def __init__(self, server: Server, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.provider = Provider()
        self.clock = Told(at(3, 10))
        self.settings = settings.Settings(home=folder / "home", tick_s=1, engine_threads=1)
        self.daemon: Daemon
        self._server = server
        self._name = str(self.rows("SELECT current_database()")[0][0])

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with connect(self.url) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def do(self, statement: str) -> bool:
        self.rows(statement)
        return True

    def count(self, kind: str) -> int:
        return int(self.rows("SELECT count(*) FROM journal WHERE kind = %s", kind)[0][0])

    def states(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT status FROM message ORDER BY decided_at, message_id")]

    def serve(self, *steps: Callable[[], bool], roles: tuple[str, ...] = ROLES) -> None:
        """A daemon, until every step was true once, in turn."""
        self.clock.steps = [*steps]
        begun_s = self.clock.monotonic()

        def in_time() -> bool:
            assert self.clock.monotonic() - begun_s < PATIENCE_S, f"{len(self.clock.steps)} steps are left"
            return True

        guarded = [lambda step=step: in_time() and step() for step in steps]  # type: ignore[misc]
        self.clock.steps = guarded
        channels = dict.fromkeys(("sms", "email", "letter"), self.provider)
        with open_service(self.settings, self.url, 0, channels, test_clock=False) as service:
            serve_real_time(service)
            # The alarm clock rings a hundred times a second; what the daemon knows of time is the test's.
            self.daemon = Daemon(service, self.clock, 1, speed=1, checkpoint_s=LONG_S, roles=roles)
            for job in self.daemon._alarm.get_jobs():
                job.trigger._pause /= 100
            self.daemon.run()

    # --- the database's manner ---------------------------------------------------------------------------------------

    def be_gone(self) -> bool:
        """Cut every connection, and let nobody in."""
        with self._server.maintenance() as connection:
            connection.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
        return self.cut()

    def cut(self) -> bool:
        """Cut every connection."""
        with self._server.maintenance() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self._name]
            )
        return True

    def answer_again(self) -> bool:
        """Let everybody in."""
        with self._server.maintenance() as connection:
            connection.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")
        return True

    def until(self, seen: Callable[[], bool]) -> None:
        """Stay here until it is so; for what runs in a job of the daemon."""
        ends_s = self.clock.monotonic() + PATIENCE_S
        while not seen():
            assert self.clock.monotonic() < ends_s
            threading.Event().wait(0.05)

    def troubled(self) -> bool:
        """Whether every job that needs the database knows that it is gone."""
        return all(job.trouble is not None for job in self.daemon.jobs if job.name != "witness")

    def well(self) -> bool:
        """Whether no job is in trouble."""
        return not any(job.trouble for job in self.daemon.jobs)
