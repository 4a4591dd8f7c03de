"""``duly simulate`` over 120 days of a book: printed lines a second of one process, and of two beside each other.

What is timed is the command from its start to its end, with the reading of the book and all its checks. The reference
of two processes, each with a book of its own of the same size, is one of them alone.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from bench.figures import Asked, Row, folder, in_turn
from policies.example import example_book
from scheduler.clock import SystemClock

FLOOR_PER_S = 10_000
FLOOR_OF_TWO = 1.7
_START = date(2026, 1, 5)
_DAYS = 120
_LOANS_A_PERSON = 1.3
"""By the example book's own shares: every fifth person has two or three."""
_CLOCK = SystemClock()
_POLICY = Path(__file__).resolve().parents[1] / "policies" / "library" / "us-personal-loan.yaml"


def run(asked: Asked) -> Iterator[Row]:
    """Lines are counted in what was printed; both processes of a pair are started at once."""
    persons = int(asked.size(2_000, 100_000) / _LOANS_A_PERSON)
    with folder() as place:
        loans = [_write(place / str(seed), seed, persons) for seed in (1, 2)]
        counted: dict[int, int] = {}
        cpu: list[float] = []

        def timed(*seeds: int) -> float:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            begun = _CLOCK.monotonic()
            at_work = [_start(place, seed) for seed in seeds]
            codes = [one.wait() for one in at_work]
            seconds = _CLOCK.monotonic() - begun
            assert not any(codes), codes
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(seeds))
            for seed in seeds:
                with (place / f"{seed}.jsonl").open("rb") as file:
                    counted[seed] = sum(1 for _ in file)
            return seconds

        two, one = in_turn(asked.pairs, lambda: timed(1, 2), lambda: timed(1))
    alone = counted[1] / median(one)
    beside = (counted[1] + counted[2]) / median(two)
    yield {
        "name": "simulate", "n": loans[0], "pairs": len(one), "seconds": round(median(one), 3),
        "floor": FLOOR_PER_S, "per_s": round(alone), "lines": counted[1], "days": _DAYS,
        "cpu_s": round(median(cpu), 3),
    }  # fmt: skip
    yield {
        "name": "simulate, two", "n": sum(loans), "pairs": len(two), "seconds": round(median(two), 3),
        "reference_s": round(median(one), 3), "ratio": round(beside / alone, 3), "floor": FLOOR_OF_TWO,
        "per_s": round(beside), "lines": sum(counted.values()),
    }  # fmt: skip


def _write(place: Path, seed: int, persons: int) -> int:
    """Make a book; answers how many loans it has."""
    place.mkdir()
    files = example_book(seed, persons, start=_START, days=_DAYS, markets=("US",))
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8", newline="")
    return files["loans.csv"].count("\n") - 1


def _start(place: Path, seed: int) -> subprocess.Popen[bytes]:
    words = [
        str(Path(sys.executable).with_name("duly")),
        "simulate",
        str(_POLICY),
        str(place / str(seed)),
        "--json",
    ]
    words += ["--from", _START.isoformat(), "--until", (_START + timedelta(days=_DAYS)).isoformat()]
    with (place / f"{seed}.jsonl").open("wb") as out:
        return subprocess.Popen(words, stdout=out, stderr=subprocess.DEVNULL)  # noqa: S603 - our own command
