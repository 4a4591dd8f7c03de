"""What the benchmarks share: ours and its reference in turn, a row of figures, and a database of one's own."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from scheduler.store.database import migrate
from scheduler.store.embedded import Server

Row = dict[str, Any]
"""Figures by name; ``seconds`` and ``reference_s`` are medians, ``ratio`` is the reference's by ours."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a subject is given: the server, how many pairs, and whether the sizes are those of ``make bench-large``."""

    server: Server
    pairs: int
    large: bool
    sizes: tuple[int, ...] | None = None
    """Sizes from the command line, in place of the subject's own."""

    def size(self, usual: int, large: int) -> int:
        """The one size of a subject that has one."""
        return self.sizes[0] if self.sizes else large if self.large else usual


def in_turn(pairs: int, ours: Callable[[], float], reference: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Seconds of ``pairs`` runs of each, alternating; which of the two is first alternates too."""
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(pairs):
        turns = ((mine, ours), (theirs, reference))
        for seconds, work in turns if number % 2 == 0 else turns[::-1]:
            # What the one left behind is not the other's to tidy up.
            gc.collect()
            seconds.append(work())
    return mine, theirs


def row(name: str, n: int, mine: list[float], theirs: list[float], *, floor: float | None = None, **more: Any) -> Row:
    """The medians of pairs over ``n`` things each; ``floor`` is the ratio that is to be reached."""
    ours, reference = median(mine), median(theirs)
    return {
        "name": name, "n": n, "pairs": len(mine), "seconds": round(ours, 4), "reference_s": round(reference, 4),
        "ratio": round(reference / ours, 3), "per_s": round(n / ours), "floor": floor,
        "spread": [round(min(mine), 4), round(max(mine), 4)],
        "reference_spread": [round(min(theirs), 4), round(max(theirs), 4)], **more,
    }  # fmt: skip


@contextmanager
def database(server: Server, name: str) -> Iterator[str]:
    """The URL of a new database with the tables of this version, which is dropped afterwards."""
    drop(server, name)
    with server.maintenance() as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = server.database_url(name)
    migrate(url)
    try:
        yield url
    finally:
        drop(server, name)


def clone(server: Server, source: str, target: str) -> str:
    """Make ``target`` a copy of the database ``source``; answers with its URL."""
    drop(server, target)
    with server.maintenance() as connection:
        connection.execute(f"CREATE DATABASE {target} TEMPLATE {source}")
    return server.database_url(target)


def drop(server: Server, *names: str) -> None:
    """Drop the databases, where they are there."""
    with server.maintenance() as connection:
        for name in names:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="duly-bench-") as made:
        yield Path(made)
