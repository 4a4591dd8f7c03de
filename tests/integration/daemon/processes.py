"""Processes of ``duly run`` as an operator starts them, and a book of somebody for whom it is noon now."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from policies.facts import SECOND
from scheduler.clock import SystemClock

PATIENCE_S = 60

POLICY = b"""\
policy: today
title: A reminder on the day
currency: GBP
languages: [en]
rules: {house: off}
send_at: "09:00"
lender: {name: Acme, reply_to: help@acme.example, phone: "+44 20 7946 0000"}
end: true
steps:
  first: {at: due, send: {message: note, by: [sms]}}
messages:
  note:
    sms: {en: "{{ overdue | money }} is due {{ due | date }}: {{ links.view }}"}
"""


def at_noon(borrowers: int = 1) -> dict[str, bytes]:
    """People in a zone where it is about noon, each with a loan of which an instalment is due today."""
    now = datetime.now(UTC)
    offset = 12 - now.hour
    today = (now + timedelta(hours=offset)).date()
    zone = f"Etc/GMT{'-' if offset > 0 else '+'}{abs(offset)}" if offset else "Etc/GMT"
    begun = (now - timedelta(days=40)).strftime("%Y-%m-%dT09:00:00Z")
    people, loans, parts = ["borrower_id,first_name,last_name,language,zone,region,phone,email"], [], []
    for n in range(borrowers):
        people.append(f"p{n},Ann,Bell,en,{zone},GB,+44207946{n:04},")
        loans.append(f"l{n},p{n},personal,GBP,100.00,{begun}")
        parts.append(f"l{n},1,{today},100.00,0.00,0.00")
    heads = {
        "loans.csv": "loan_id,borrower_id,product,currency,principal,disbursed_at",
        "instalments.csv": "loan_id,number,due_on,principal,interest,fees",
    }
    lines = {
        "borrowers.csv": people, "loans.csv": [heads["loans.csv"], *loans],
        "instalments.csv": [heads["instalments.csv"], *parts], "events.csv": ["event_id,at,type,loan_id,amount"],
    }  # fmt: skip
    return {name: ("\n".join(rows) + "\n").encode() for name, rows in lines.items()}


def now() -> int:
    """Microseconds since the epoch, by this machine."""
    return SystemClock().now() // SECOND * SECOND


class Process:
    """One ``duly run`` and its log."""

    def __init__(self, folder: Path, url: str, *arguments: str, **environment: str) -> None:
        self.log = folder / f"run-{time.monotonic_ns()}.log"
        env = {name: value for name, value in os.environ.items() if not name.startswith("DULY_")}
        env |= {"DULY_DATABASE_URL": url, "DULY_HOME": str(folder / "home"), **environment}
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from scheduler.cli.main import main; main()", "run", *arguments],
                env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def said(self, words: str) -> list[dict[str, Any]]:
        """The lines of the log with this event."""
        found = []
        for line in self.log.read_text().splitlines():
            if line.startswith("{"):
                values = json.loads(line)
                if values["event"] == words:
                    found.append(values)
        return found

    def serves(self, daemons: int = 1) -> None:
        """Wait until so many daemons have begun."""
        self.until(lambda: len(self.said("daemon started")) >= daemons)

    def until(self, seen: Callable[[], object], within_s: float = PATIENCE_S) -> float:
        """Wait until it is so; answers how long that took."""
        begun = time.monotonic()
        while not seen():
            assert time.monotonic() - begun < within_s, self.log.read_text()[-3_000:]
            assert self.process.poll() is None, self.log.read_text()[-3_000:]
            wait(0.05)
        return time.monotonic() - begun

    def ask_to_end(self) -> None:
        """SIGTERM, and no waiting."""
        self.process.terminate()

    def end(self) -> int:
        """SIGTERM; answers the exit code."""
        self.ask_to_end()
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """Whatever is left of it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Slow(ThreadingHTTPServer):
    """A provider that speaks as Twilio does, takes every message over at once, and says so when ``answer`` is set."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.answer = threading.Event()
        super().__init__(("127.0.0.1", 0), _Takes)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Takes(BaseHTTPRequestHandler):
    server: Slow

    def log_message(self, *_arguments: object) -> None:
        """It says nothing."""

    def do_POST(self) -> None:
        """Take it, and answer later."""
        self.server.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.answer.wait(PATIENCE_S)
        body = json.dumps({"sid": "SM" + "0" * 32, "status": "queued", "error_code": None}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def wait(seconds: float) -> None:
    """A look at another process needs a pause in between."""
    SystemClock().wait(seconds, _NEVER)


def page(port: int, path: str) -> tuple[int, str]:
    """What the health port answers; 0 where nobody does."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


_NEVER = threading.Event()
