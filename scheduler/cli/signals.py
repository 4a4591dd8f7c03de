"""SIGTERM and SIGINT, noted while a test clock runs, so that what is being done is finished first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scheduler.cli.failures import GOOD, INTERRUPTED

if TYPE_CHECKING:
    from types import FrameType


class Stop:
    """Whether a signal has come, and which: ``event`` is set by it."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.number: int | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        self.event.set()

    @property
    def code(self) -> int:
        """The exit code for the signal."""
        return INTERRUPTED if self.number == signal.SIGINT else GOOD


@contextmanager
def noted() -> Iterator[Stop]:
    """Note both signals while the block runs."""
    stop = Stop()
    previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
