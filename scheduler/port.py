"""A port that tells a monitor how a daemon is: GET alone, one answer a connection, and limits before anything is read.

It is not for the open network: it has no TLS and asks for no name; what it tells has no personal data.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import structlog

from scheduler.clock import SystemClock

LONGEST_REQUEST: Final = 8_192
"""So many bytes of a request are read, its line and all headers together."""

REQUEST_S: Final = 5
"""So long a request may take to arrive, whole."""

_THREADS: Final = 4
_MOST_WAITING: Final = 16
_CLOCK = SystemClock()
_REASONS: Final = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip
_log = structlog.get_logger(__name__)


class Answer(NamedTuple):
    """What is answered to one request."""

    status: int
    body: bytes
    kind: str = "application/json"


Pages = Mapping[str, Callable[[], Answer]]
"""What answers by path."""


class PortError(OSError):
    """The port cannot be opened; the text says why."""


def split_address(text: str) -> tuple[str, int]:
    """``ADDRESS:PORT`` as a pair, ``[::1]:PORT`` too. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError(f"{text!r} is no address; expected ADDRESS:PORT, such as 127.0.0.1:9464")
    return host, int(port)


class Port:
    """Listens from when it is made until ``close``. ``pages`` are called from several threads."""

    def __init__(self, address: tuple[str, int], pages: Pages) -> None:
        """Raises PortError where the address cannot be had."""
        self._pages = pages
        host, port = address
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = socket.create_server((host, port), family=family, backlog=_MOST_WAITING)
        except OSError as error:
            raise PortError(f"--listen: cannot listen on {host}:{port}: {error.strerror or error}") from error
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="port")
        self._room = threading.Semaphore(_THREADS + _MOST_WAITING)
        self._closing = False
        self._thread = threading.Thread(target=self._accept, name="port", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        name = self._listener.getsockname()
        return str(name[0]), int(name[1])

    def close(self) -> None:
        """Listen no more; what is being answered is finished."""
        self._closing = True
        # A thread that waits in accept() is not woken by close() alone.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self._closing:
                    return
                continue  # whoever asked has gone, or the process has no file left for the moment
            if not self._room.acquire(blocking=False):
                connection.close()
                continue
            self._pool.submit(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                answer = self._answer(connection)
                connection.settimeout(REQUEST_S)
                connection.sendall(_written(answer))
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            return  # whoever asked has gone
        finally:
            self._room.release()

    def _answer(self, connection: socket.socket) -> Answer:
        head = _head(connection)
        if isinstance(head, int):
            return _refused(head)
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _refused(400)
        if words[0] != b"GET":
            return _refused(405)
        page = self._pages.get(words[1].partition(b"?")[0].decode("ascii", "replace"))
        if page is None:
            return _refused(404)
        try:
            return page()
        except Exception:
            _log.exception("a page of the health port failed")
            return _refused(500)


def _head(connection: socket.socket) -> bytes | int:
    """The request's line and headers, within the limits; else the status that says which was passed."""
    ends_s = _CLOCK.monotonic() + REQUEST_S
    read = b""
    while b"\r\n\r\n" not in read:
        left_s = ends_s - _CLOCK.monotonic()
        if left_s <= 0:
            return 408
        if len(read) > LONGEST_REQUEST:
            return 431
        connection.settimeout(left_s)
        try:
            more = connection.recv(LONGEST_REQUEST)
        except TimeoutError:
            return 408
        if not more:
            return 400
        read += more
    return read.partition(b"\r\n\r\n")[0] if len(read) <= 2 * LONGEST_REQUEST else 431


def _refused(status: int) -> Answer:
    return Answer(status, f'{{"error":"{_REASONS[status].lower()}"}}\n'.encode())


def _written(answer: Answer) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}", f"Content-Type: {answer.kind}",
        f"Content-Length: {len(answer.body)}", "Cache-Control: no-store", "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]  # fmt: skip
    if answer.status == 405:
        lines.append("Allow: GET")
    return "\r\n".join([*lines, "", ""]).encode() + answer.body
