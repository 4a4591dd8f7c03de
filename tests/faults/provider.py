"""A provider in a process of its own that speaks Twilio's Messages API, keeps its own record, and misbehaves by seed.

What it accepts is a line in ``accepted.jsonl``, on the disk before anything is answered; every request is a line in
``requests.jsonl`` with the manner in which it was met. Twilio's API carries no id of ours, and its status callback is
the same for all messages; what is unique in a request is the token of the link in its body, which is derived from the
message's id. So that is the key of the record.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any, BinaryIO
from urllib.parse import parse_qs

TIMEOUT_S = 1
"""How long the adapter waits under these tests; a provider that hangs is silent for longer."""

_TOKEN = re.compile(r"/([A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])")

# Of a thousand requests, how many are met in each manner.
WEIGHTS = {
    "accept": 775, "drip": 25, "drop": 40, "hang": 8, "drip_on": 4, "garbage": 20, "error_after": 25,
    "error_before": 25, "throttle_seconds": 20, "throttle_date": 20, "busy": 8, "refuse": 15, "inside": 8,
    "redirect": 7,
}  # fmt: skip
KIND = frozenset({"accept", "drip"})
"""The manners after which we know that the message was taken over."""
LOSES = frozenset({"drop", "hang", "drip_on", "garbage", "error_after", "error_before"})
"""The manners after which nobody can know from the answer whether it was."""
REFUSES = frozenset({"refuse", "inside", "redirect"})
LATER = frozenset({"throttle_seconds", "throttle_date", "busy"})


def manner_of(seed: int, token: str, number: int) -> Random:
    """The chance that decides on the ``number``-th request with a token."""
    return Random(hashlib.sha256(f"{seed}/{token}/{number}".encode()).hexdigest())


class _Provider:
    """Everything that the threads of the server share."""

    def __init__(self, folder: Path, seed: int, always: str | None, delay_s: float) -> None:
        self.seed, self.always, self.delay_s = seed, always, delay_s
        self.accepted = (folder / "accepted.jsonl").open("ab")
        self.requests = (folder / "requests.jsonl").open("ab")
        self.lock = threading.Lock()
        self.numbers: dict[str, int] = {}
        self.in_air = 0
        self.never = threading.Event()

    def manner(self, token: str) -> tuple[str, Random]:
        """How this request is met."""
        with self.lock:
            number = self.numbers[token] = self.numbers.get(token, 0) + 1
            chance = manner_of(self.seed, token, number)
            word = self.always or chance.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
            self._write(self.requests, {"token": token, "manner": word, "ns": time.monotonic_ns()})
        return word, chance

    def accept(self, form: dict[str, list[str]], token: str) -> str:
        """The record first; then its SID."""
        with self.lock:
            line = {"token": token, "to": form["To"][0], "body": form["Body"][0], "ns": time.monotonic_ns()}
            self._write(self.accepted, line)
            os.fsync(self.accepted.fileno())
        return "SM" + hashlib.sha256(token.encode()).hexdigest()[:32]

    def _write(self, file: BinaryIO, line: dict[str, Any]) -> None:
        file.write(json.dumps(line).encode() + b"\n")
        file.flush()

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.never.wait(seconds)


def _handler(provider: _Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            self._reply(200, json.dumps({"in_air": provider.in_air}).encode())

        def do_POST(self) -> None:
            with provider.lock:
                provider.in_air += 1
            try:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    return  # whoever asked was killed before all of it had left: there is no request
                form = parse_qs(body.decode(), strict_parsing=True)
                found = _TOKEN.findall(form["Body"][0])
                token = found[0] if len(found) == 1 else "none"
                word, chance = provider.manner(token)
                provider.pause(chance.random() * provider.delay_s)
                getattr(self, f"_{word}")(form, token, chance)
            except (BrokenPipeError, ConnectionResetError):
                pass  # whoever asked was killed, or has stopped waiting
            finally:
                with provider.lock:
                    provider.in_air -= 1
                self.close_connection = True

        def _reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def _taken(self, form: dict[str, list[str]], token: str) -> bytes:
            sid = provider.accept(form, token)
            return json.dumps({"sid": sid, "status": "queued", "error_code": None}).encode()

        def _refusal(self, status: int, code: int, headers: dict[str, str] | None = None) -> None:
            said = {"code": code, "message": "no", "status": status, "more_info": f"errors/{code}"}
            self._reply(status, json.dumps(said).encode(), headers)

        def _accept(self, form: dict[str, list[str]], token: str, _chance: Random) -> None:
            self._reply(201, self._taken(form, token))

        def _late(self, form: dict[str, list[str]], token: str, _chance: Random) -> None:
            body = self._taken(form, token)
            provider.pause(0.5 * TIMEOUT_S)
            self._reply(201, body)

        def _drip(self, form: dict[str, list[str]], token: str, _chance: Random) -> None:
            self._byte_by_byte(self._taken(form, token), 0.2)

        def _drip_on(self, form: dict[str, list[str]], token: str, _chance: Random) -> None:
            self._byte_by_byte(self._taken(form, token), 4.0 * TIMEOUT_S)

        def _byte_by_byte(self, body: bytes, seconds: float) -> None:
            answer = f"HTTP/1.1 201 Created\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            for place in range(len(answer)):
                self.wfile.write(answer[place : place + 1])
                self.wfile.flush()
                provider.pause(seconds / len(answer))

        def _drop(self, form: dict[str, list[str]], token: str, _chance: Random) -> None:
            self._taken(form, token)

        def _hang(self, form: dict[str, list[str]], token: str, _chance: Random) -> None:
            self._taken(form, token)
            provider.pause(2.5 * TIMEOUT_S)

        def _garbage(self, form: dict[str, list[str]], token: str, _chance: Random) -> None:
            self._reply(201, b"\xff\x00<html>" + self._taken(form, token)[:9])

        def _error_after(self, form: dict[str, list[str]], token: str, _chance: Random) -> None:
            self._taken(form, token)
            self._reply(502, b"<html>Bad Gateway</html>")

        def _error_before(self, _form: dict[str, list[str]], _token: str, _chance: Random) -> None:
            self._reply(500, b"oops")

        def _throttle_seconds(self, _form: dict[str, list[str]], _token: str, chance: Random) -> None:
            self._refusal(429, 20429, {"Retry-After": str(chance.randint(1, 900))})

        def _throttle_date(self, _form: dict[str, list[str]], _token: str, chance: Random) -> None:
            now = 1_800_000_000
            until = now + chance.randint(1, 900)
            dates = {"Date": formatdate(now, usegmt=True), "Retry-After": formatdate(until, usegmt=True)}
            self._refusal(429, 20429, dates)

        def _busy(self, _form: dict[str, list[str]], _token: str, _chance: Random) -> None:
            self._reply(503, b"", {"Retry-After": "30"})

        def _refuse(self, _form: dict[str, list[str]], _token: str, _chance: Random) -> None:
            self._refusal(400, 21211)

        def _inside(self, _form: dict[str, list[str]], _token: str, _chance: Random) -> None:
            said = {"sid": "SM" + "0" * 32, "status": "failed", "error_code": 30007}
            self._reply(200, json.dumps(said).encode())

        def _redirect(self, _form: dict[str, list[str]], _token: str, _chance: Random) -> None:
            self._reply(302, b"", {"Location": "/2010-04-01/elsewhere"})

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main(folder: str, seed: str, manner: str, delay_s: str, host: str = "127.0.0.1") -> None:
    """Serve until killed; the first line on standard output is the port. ``manner``: kind, unkind, or just one."""
    always = {"kind": "accept", "unkind": None}.get(manner, manner)
    provider = _Provider(Path(folder), int(seed), always, float(delay_s))
    with _Server((host, 0), _handler(provider)) as server:
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the provider saw it, or a message as it accepted it; ``ns`` is the machine's monotonic time."""

    token: str
    ns: int
    manner: str | None = None
    to: str | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A provider that runs, and the folder of its record."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        """For ``DULY_TWILIO_BASE_URL``."""
        return f"http://127.0.0.1:{self.port}"

    def in_air(self) -> int:
        """How many requests it has not finished answering."""
        asked = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            asked.request("GET", "/state")
            return int(json.loads(asked.getresponse().read())["in_air"])
        finally:
            asked.close()

    def accepted(self) -> list[Request]:
        """Its record: what it would send on."""
        return self._read("accepted.jsonl")

    def requests(self) -> list[Request]:
        """Every request it ever saw."""
        return self._read("requests.jsonl")

    def _read(self, name: str) -> list[Request]:
        return [Request(**json.loads(line)) for line in (self.folder / name).read_text().splitlines()]


@contextmanager
def provider(folder: Path, seed: int, *, manner: str = "unkind", delay_s: float = 0.05) -> Iterator[Running]:
    """A provider while the block runs, by seed or always in one manner; each answer waits up to ``delay_s``."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, __file__, str(folder), str(seed), manner, str(delay_s)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Running(int(process.stdout.readline()), folder)
        finally:
            process.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
