"""Advances a clock in a process of its own, which is killed after it has come so far; to be run by a test."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from scheduler.clocks import open_clocks
from scheduler.run_through import Progress
from scheduler.settings import Settings


def main(url: str, home: str, name: str, to: str, times: str) -> None:
    """``to`` in microseconds; it ends by SIGKILL when it has been told of progress so many ``times``."""
    left = iter(range(int(times)))

    def tell(_progress: Progress) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_clocks(Settings(home=Path(home)), url) as clocks:
        clocks.advance(name, int(to), progress=tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
