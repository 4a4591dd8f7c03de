"""Runs a span in a process of its own, and says on standard output each time it has come further; to be killed."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from policies.simulate import Outages, Span
from scheduler import settings
from scheduler.run_through import Progress, run_through
from scheduler.service import open_channels, open_service


def main(url: str, home: str, start: str, until: str, *outages: str) -> None:
    """Instants in microseconds; ``until`` may be empty; outages as ``FROM/TO``."""
    spans = [tuple(int(end) for end in outage.split("/")) for outage in outages]
    span = Span(int(start), int(until) if until else None, Outages([(a, b) for a, b in spans]))
    configured = settings.Settings(home=Path(home))
    channels = open_channels(configured, test_clock=True)

    def tell(progress: Progress) -> None:
        sys.stdout.write(f"{progress.borrowers}\n")
        sys.stdout.flush()

    with open_service(configured, url, 0, channels, test_clock=True) as service:
        run_through(service, span, threading.Event(), tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
