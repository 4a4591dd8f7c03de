"""A limit on a whole exchange with a server: a time-out on each read alone lets a server drip for ever."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Deadline:
    """Cuts the connections that it watches when ``timeout_s`` seconds have passed since it was entered.

    The thread that waits for the server then sees the end of its connection, and ``expired`` is true. Only an
    open connection can be cut: looking a name up is bounded by the resolver's own time-out.
    """

    def __init__(self, timeout_s: float) -> None:
        self.expired = False
        self._watched: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(timeout_s, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()
        with self._lock:
            self._watched = None

    def watch(self, connection: socket.socket | None) -> None:
        """Watch this connection from now on instead of the one before (TLS puts a new one over the old)."""
        with self._lock:
            self._watched = connection
            if self.expired:
                self._cut()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            self._cut()

    def _cut(self) -> None:
        if self._watched is None:
            return
        # The plain socket's method: that of a TLS socket first takes the encryption off, and a thread that is
        # just writing would write in the clear.
        with contextlib.suppress(OSError):  # it was closed in the meantime
            socket.socket.shutdown(self._watched, socket.SHUT_RDWR)
