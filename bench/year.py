"""The memory of the engine, the dispatcher and the ledger over a simulated year: it is flat, whatever has happened.

It is asked of the process itself after each simulated month, once what can be thrown away is; the reference is what it
held at the end of the third month, by when every kind of thing has happened once.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import stories
from bench.daemons import memory_mb
from bench.figures import Asked, Row, database, folder
from policies.facts import SECOND
from scheduler.bootstrap import configure_logging, use_pinned_zones
from scheduler.clock import SystemClock
from scheduler.run_through import Progress
from scheduler.service import settle_process

_DAYS = 365
_MONTH_S = 30 * 86_400
_SETTLED = 2
"""The month, from 0, by whose end every kind of thing has happened."""
_CLOCK = SystemClock()


def run(asked: Asked) -> Iterator[Row]:
    """A year of an example book, in a process of its own."""
    persons = asked.size(400, 10_000)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    with folder() as home, database(asked.server, "bench_year") as url:
        begun = _CLOCK.monotonic()
        process = context.Process(target=_year, args=(there, url, str(home), persons), daemon=True)
        process.start()
        there.close()
        loans, months = here.recv()
        process.join()
    first, last = months[_SETTLED], months[-1]
    yield {
        "name": "memory over a year", "n": loans, "pairs": 1, "seconds": round(_CLOCK.monotonic() - begun, 1),
        "mb": last, "reference_mb": first, "grown_mb": last - first, "months_mb": months,
    }  # fmt: skip


def _year(pipe: Any, url: str, home: str, persons: int) -> None:
    use_pinned_zones()
    settle_process()
    configure_logging(SystemClock(), level="error", as_json=True)
    months: list[int] = []
    start = stories.at(stories.START)

    def note(progress: Progress) -> None:
        month = (progress.at - start) // (_MONTH_S * SECOND)
        if month >= len(months):
            gc.collect()
            held = memory_mb(os.getpid())["VmRSS"]
            months.extend([held] * (month + 1 - len(months)))

    loans = stories.example(url, Path(home), persons, _DAYS, note)
    gc.collect()
    months.append(memory_mb(os.getpid())["VmRSS"])
    pipe.send((loans, months))
