"""Keeps several daemons running: one that dies is started again, and a signal to the parent is one to all of them."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Final

import structlog

from scheduler.clock import SystemClock
from scheduler.jobs import pause_s

LIVED_S: Final = 60
"""A process that lived for so long is started again at once; one that dies sooner, after a pause that grows."""

_LOOK_S: Final = 0.2
_CLOCK = SystemClock()
_log = structlog.get_logger(__name__)


class _Worker:
    """One place: the process that is in it now, and how often those before it died early."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = [*command]
        self._early = 0
        self._again_s = _CLOCK.monotonic()
        self._began_s = _CLOCK.monotonic()
        self.process: subprocess.Popen[bytes] | None = None
        self.first_end: int | None = None
        self._generation = 0

    def look(self) -> None:
        """Start the process where there is none, and its time has come; note where it has died."""
        now_s = _CLOCK.monotonic()
        if self.process is None:
            if now_s >= self._again_s:
                # It reads the end of its input where this process dies, in whatever way.
                self.process = subprocess.Popen(self._command, stdin=subprocess.PIPE)  # noqa: S603 - it is our own
                self._began_s = now_s
                self._generation += 1
                _log.info("worker started", pid=self.process.pid)
            return
        code = self.process.poll()
        if code is None:
            return
        self.let_go()
        self._early = self._early + 1 if now_s - self._began_s < LIVED_S else 0
        if self._generation == 1 and self._early and code > 0:
            self.first_end = code
        pause = pause_s(self._early) if self._early else 0
        self._again_s = now_s + pause
        _log.error("worker died", code=code, again_in_s=round(pause, 1))

    def let_go(self) -> None:
        """Close what held the process's input."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None


class Workers:
    """The processes of ``commands``, one each."""

    def __init__(self, commands: Sequence[Sequence[str]]) -> None:
        self._workers = [_Worker(command) for command in commands]

    def run(self, stop: threading.Event) -> int:
        """Until ``stop`` is set; then each is told to end, and waited for. Answers the worst exit code of the end.

        Where one refuses from the first to start, all are ended, and its exit code is answered.
        """
        refused = None
        try:
            while refused is None and not _CLOCK.wait(_LOOK_S, stop):
                for worker in self._workers:
                    worker.look()
                    refused = refused or worker.first_end
        finally:
            codes = self._end()
        # One that was told to end before it could listen for that has begun nothing.
        return refused if refused is not None else max((abs(c) for c in codes if c != -signal.SIGTERM), default=0)

    def _end(self) -> list[int]:
        processes = [one.process for one in self._workers if one.process is not None]
        for process in processes:
            process.terminate()
        codes = [process.wait() for process in processes]
        for worker in self._workers:
            worker.let_go()
        return codes
