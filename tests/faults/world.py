"""A book in a real database, a provider that misbehaves, and processes of the service that are started and killed."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import Any

import psycopg

from scheduler.store.database import conninfo_of
from tests.faults.provider import TIMEOUT_S, Running

ROOT = Path(__file__).resolve().parents[2]
LINK_KEY = "a key for tests only, not a secret at all"
WAIT_S = 60.0

IDLE, DECIDING, WRITING, AIR, SEQUENCING = "idle", "deciding", "writing", "in the air", "sequencing"

# What the service's own connections are in the middle of; ours has another name.
_ACTIVITY = """
SELECT pid, query FROM pg_stat_activity
WHERE application_name = 'duly' AND datname = current_database() AND xact_start IS NOT NULL
"""
_AT_WORK = """
SELECT 1 FROM pg_stat_activity
WHERE application_name = 'duly' AND datname = current_database() AND xact_start IS NOT NULL
  AND query ~* '(COPY|FOR NO KEY UPDATE|json_to_recordset)'
UNION ALL SELECT 1 FROM message WHERE status = 'sending' LIMIT 1
"""
_BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'duly' AND datname = current_database()"
_SENDING = "SELECT message_id FROM message WHERE status = 'sending'"


@dataclass(frozen=True, slots=True)
class Moment:
    """What a process was in the middle of when it was stopped, seen from outside."""

    transactions: tuple[str, ...]
    in_air: int
    sending: int

    @property
    def where(self) -> str:
        """One word for the histogram."""
        words = [_what(one) for one in self.transactions]
        for word in (SEQUENCING, WRITING, DECIDING):
            if word in words:
                return word
        return AIR if self.in_air or self.sending else IDLE

    @property
    def busy(self) -> bool:
        """Whether a transaction was open or a request was in the air."""
        return bool(self.transactions or self.in_air or self.sending)


def _what(statement: str) -> str:
    """What a transaction is for, by the last statement in it."""
    text = statement.upper()
    if "LEDGER" in text or "PG_SNAPSHOT" in text:
        return SEQUENCING
    if any(word in text for word in ("COPY", "INSERT", "UPDATE MESSAGE", "UPDATE LOAN", "UPDATE BORROWER", "COMMIT")):
        return WRITING
    return DECIDING


@dataclass
class World:
    """What a run of faults works on. ``killed_in_air``: messages that were marked as leaving when somebody died."""

    url: str
    folder: Path
    provider: Running
    nursery: subprocess.Popen[str]
    start: int
    factor: int = 1
    anchor_ns: int = 0
    killed_in_air: set[str] = field(default_factory=set)
    acknowledged: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    service_url: str | None = None
    more: dict[str, Any] = field(default_factory=dict)
    _said: queue.Queue[tuple[int, str, str]] = field(default_factory=queue.Queue)
    _kept: list[tuple[int, str, str]] = field(default_factory=list)

    # --- processes --------------------------------------------------------------------------------------------

    def settings(self, **changes: Any) -> dict[str, Any]:
        """The settings of a process."""
        return {
            "home": str(self.folder / "home"), "sandbox_folder": str(self.folder / "messages"),
            "witness": f"{self.folder}/witness/", "link_key": LINK_KEY, "lease_s": 5, "sms_adapter": "twilio",
            "twilio_account_sid": "AC" + "0" * 32, "twilio_auth_token": "token", "twilio_from": "+15005550006",
            "twilio_base_url": self.provider.url, "twilio_timeout_s": str(TIMEOUT_S), **self.more, **changes,
        }  # fmt: skip

    def begin(
        self,
        do: str,
        *,
        url: str | None = None,
        events: object = None,
        until: int | None = None,
        more: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> int:
        """Fork a process that does ``do``; its pid. That it is ``ready`` is heard later."""
        job = {
            "do": do, "url": url or self.service_url or self.url, "settings": self.settings(**changes),
            "start": self.start, "until": until, "factor": self.factor, "anchor_ns": self.anchor_ns, "events": events,
            **(more or {}),
        }  # fmt: skip
        assert self.nursery.stdin is not None
        self.nursery.stdin.write(json.dumps(job) + "\n")
        self.nursery.stdin.flush()
        if do == "warm":
            self.hear("warm")
            return 0
        return self.hear("begun")[0]

    def hear(self, *words: str, pid: int | None = None, within_s: float = WAIT_S) -> tuple[int, str, str]:
        """The next thing that is said with one of the words (by ``pid``); what failed is kept for the end."""
        until = monotonic() + within_s
        while True:
            for place, (who, word, _) in enumerate(self._kept):
                if word in words and pid in (None, who):
                    return self._kept.pop(place)
            left = until - monotonic()
            assert left > 0, f"nobody said {' or '.join(words)} within {within_s:g} s; {self.failures}"
            with suppress(queue.Empty):
                self._take(self._said.get(timeout=min(left, 1.0)))
                continue
            assert self.nursery.poll() is None, (self.folder / "nursery.log").read_text()[-2000:]

    def catch_up(self) -> None:
        """Take in what was said until now."""
        with suppress(queue.Empty):
            while True:
                self._take(self._said.get_nowait())

    def _take(self, said: tuple[int, str, str]) -> None:
        _, word, rest = said
        if word == "told":
            event_id, ns = rest.split()
            self.acknowledged[event_id] = int(ns)
            return
        if word == "failed":
            self.failures.append(rest)
        self._kept.append(said)

    def listen(self) -> None:
        """Read what the processes say, until their nursery ends."""
        assert self.nursery.stdout is not None
        for line in self.nursery.stdout:
            pid, word, *rest = line.rstrip("\n").split(" ", 2)
            self._said.put((int(pid), word, rest[0] if rest else ""))

    def end(self, pid: int, number: signal.Signals = signal.SIGKILL, within_s: float = WAIT_S) -> None:
        """Send a signal, and wait until the process is gone."""
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            signal.pidfd_send_signal(handle, number)
            assert select.select([handle], [], [], within_s)[0], f"process {pid} outlives {number.name} by {within_s} s"
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)

    def gone(self, pid: int) -> bool:
        """Whether a process has ended."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    # --- looks from outside -----------------------------------------------------------------------------------

    @contextmanager
    def watching(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A connection that is not one of the service's."""
        with psycopg.connect(conninfo_of(self.url), autocommit=True, application_name="faults") as connection:
            yield connection

    def rows(self, statement: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """What a statement answers."""
        with self.watching() as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def kill(self, pid: int, connection: psycopg.Connection[tuple[Any, ...]]) -> Moment | None:
        """Stop a process where it is, see what it was at, and kill it; none, where it had ended before."""
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            return None
        open_now = tuple(row[1] for row in connection.execute(_ACTIVITY).fetchall())
        sending = connection.execute(_SENDING).fetchall()
        moment = Moment(open_now, self.provider.in_air(), len(sending))
        self.end(pid)
        # The server finishes the statement that it was given, and finds out after that that nobody listens.
        self.until(lambda: connection.execute(_BACKENDS).fetchall() == [(0,)], "the dead process's connections end")
        self.killed_in_air.update(row[0] for row in (*sending, *connection.execute(_SENDING).fetchall()))
        return moment

    def until(self, test: Any, what: str, within_s: float = WAIT_S) -> None:
        """Look again and again until ``test`` is true."""
        never, last = threading.Event(), monotonic() + within_s
        while not test():
            assert monotonic() < last, f"not within {within_s:g} s: {what}; {self.failures}"
            never.wait(0.005)

    def now(self) -> int:
        """The instant at which the shared clock stands."""
        return self.start + (monotonic_ns() - self.anchor_ns) * self.factor // 1_000

    def instant_of(self, ns: int) -> int:
        """The same for a reading of the machine's monotonic clock."""
        return self.start + (ns - self.anchor_ns) * self.factor // 1_000

    def at_work(self, connection: psycopg.Connection[tuple[Any, ...]], within_s: float) -> None:
        """Wait until a transaction of the service is open, or a message is leaving; not for ever."""
        never, last = threading.Event(), monotonic() + within_s
        while monotonic() < last and not connection.execute(_AT_WORK).fetchone():
            never.wait(0.005)

    def duly(self, *arguments: str, url: str | None = None) -> tuple[int, str]:
        """A command of duly's, as an operator gives it: how it ends, and what it prints."""
        set_by = {f"DULY_{name.upper()}": str(value) for name, value in self.settings().items()}
        out = self.folder / "command.out"
        job = {"environment": {**set_by, "DULY_DATABASE_URL": url or self.url}, "out": str(out)}
        pid = self.begin("command", events=[*arguments], more=job)
        _, word, rest = self.hear("ended", "failed", pid=pid, within_s=900.0)
        assert word == "ended", rest
        return int(rest), out.read_text()


@contextmanager
def world(url: str, folder: Path, provider: Running, start: int, factor: int = 1) -> Iterator[World]:
    """A world, whose processes end with the block. What they log lies in ``nursery.log``."""
    folder.mkdir(parents=True, exist_ok=True)
    log = (folder / "nursery.log").open("ab")
    nursery = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.nursery"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        text=True, cwd=ROOT, process_group=0,
    )  # fmt: skip
    made = World(url, folder, provider, nursery, start, factor, monotonic_ns())
    listener = threading.Thread(target=made.listen, daemon=True)
    listener.start()
    try:
        yield made
    finally:
        with suppress(ProcessLookupError):
            os.killpg(nursery.pid, signal.SIGKILL)
        nursery.wait()
        listener.join()
        for pipe in (nursery.stdin, nursery.stdout, log):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
