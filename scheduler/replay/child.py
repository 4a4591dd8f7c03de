"""Work in a child process that is sealed: its result comes back over a pipe as JSON, and the process ends with it."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from scheduler.replay.history import ReplayError
from scheduler.replay.seal import Seal

_READ_AT_ONCE = 1 << 16


class Child:
    """A child at work. Its result is taken once, or it is ended."""

    def __init__(self, pid: int, pipe: int) -> None:
        self._pid = pid
        self._pipe = pipe

    def result(self) -> Any:
        """What the work came to; waits for it. Raises ReplayError where the work failed or the child died."""
        pieces = []
        try:
            with open(self._pipe, "rb", buffering=0) as pipe:  # noqa: PTH123 - it has no name
                while piece := pipe.read(_READ_AT_ONCE):
                    pieces.append(piece)
        except BaseException:
            self._kill()
            raise
        _, status = os.waitpid(self._pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code:
            how = f"by signal {-code}" if code < 0 else f"with code {code}"
            raise ReplayError(f"a process of the replay ended {how} before its result; run it again")
        fault, result = json.loads(b"".join(pieces))
        if fault is not None:
            raise ReplayError(f"a process of the replay failed with {fault}: this is a fault of duly itself, report it")
        return result

    def end(self) -> None:
        """End it without a result."""
        os.close(self._pipe)
        self._kill()

    def _kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def start(seal: Seal, work: Callable[[], Any]) -> Child:
    """Begin ``work`` (which answers plain JSON values) in a child of this process, sealed."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # Other threads of this process hold no lock that the work takes: it reckons, and writes to one pipe.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        os.close(reading)
        _work(seal, work, writing)
    os.close(writing)
    return Child(pid, reading)


def _work(seal: Seal, work: Callable[[], Any], pipe: int) -> NoReturn:
    code = 1
    try:
        # What the parent made is nobody's garbage here, and is not copied to be looked at.
        gc.disable()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
        seal.close()
        try:
            data = encode([None, work()]).encode()
        except BaseException as error:
            data = encode([_told(error), None]).encode()
        while data:
            data = data[os.write(pipe, data) :]
        code = 0
    finally:
        # Neither buffers nor the parent's connection may be touched on the way out.
        os._exit(code)


def _told(error: BaseException) -> str:
    """A fault by its type and the line that it came from, without its words, which may quote a person."""
    places = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {places[-1].filename}:{places[-1].lineno}" if places else type(error).__name__
