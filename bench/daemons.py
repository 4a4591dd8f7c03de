"""A daemon in a wave: how late the last hundredth of its decisions is, and how much memory it takes.

The daemon is a process of its own whose clock stands three seconds before the wave when it starts; its decisions are
counted from outside, as messages that are committed. The reference is the same wave on the engines alone, from which
comes the rate: what is asked of p99 is N / rate + 2 s.
"""

from __future__ import annotations

import multiprocessing
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench import wave
from bench.book import PAST_DUE, WAVE
from bench.figures import Asked, Row, clone, drop, folder, in_turn
from policies.facts import SECOND
from scheduler.bootstrap import configure_logging, use_pinned_zones
from scheduler.clock import SpeedClock, SystemClock
from scheduler.daemon import ROLES, Daemon
from scheduler.service import open_channels, open_service
from scheduler.settings import Settings
from scheduler.store.database import connect

MOST_MB = 300
_DECIDES = ("engine", "ledger", "witness")
_BEFORE_S = 3
_LATE_S = 2
_LOOK_S = 0.05
_PATIENCE_S = 1_200
_CLOCK = SystemClock()


def run(asked: Asked) -> Iterator[Row]:
    """Lateness of a daemon that decides, and memory of one that does everything."""
    count = asked.size(10_000, 100_000)
    wave.prepare(asked.server, count)
    late, engines = in_turn(
        min(asked.pairs, 5), lambda: _lateness(asked, count, _DECIDES)[0], lambda: _engines(asked, count)
    )
    bound = median(engines) + _LATE_S
    yield {
        "name": "lateness p99", "n": count, "pairs": len(late), "seconds": round(median(late), 3),
        "reference_s": round(median(engines), 3), "bound_s": round(bound, 3), "met": median(late) <= bound,
        "spread": [round(min(late), 3), round(max(late), 3)],
    }  # fmt: skip
    p99, memory = _lateness(asked, count, ROLES)
    yield {
        "name": "memory of a daemon", "n": count, "pairs": 1, "floor": MOST_MB, "mb": memory["VmRSS"],
        "most_mb": memory["VmHWM"], "p99_s": round(p99, 3),
    }  # fmt: skip
    drop(asked.server, "bench_pre", "bench_run")


def _engines(asked: Asked, count: int) -> float:
    url = clone(asked.server, "bench_pre", "bench_run")
    with ExitStack() as stack:
        working = wave.engines(url, stack)
        for engine in working:
            engine.tick(PAST_DUE)
        pool = stack.enter_context(ThreadPoolExecutor(len(working)))
        begun = _CLOCK.monotonic()
        sent = sum(pool.map(lambda engine: wave.until_done(engine, WAVE), working))
        seconds = _CLOCK.monotonic() - begun
    assert sent == count, (sent, count)
    return seconds


def _lateness(asked: Asked, count: int, roles: tuple[str, ...]) -> tuple[float, dict[str, int]]:
    """Seconds after the wave's instant by which 99 of 100 messages were committed, and the memory then."""
    url = clone(asked.server, "bench_pre", "bench_run")
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    with folder() as home, connect(url) as connection:
        process = context.Process(target=_serve, args=(there, url, str(home), roles), daemon=True)
        process.start()
        try:
            instant_s = here.recv()
            p99 = None
            pause = threading.Event()
            while (done := _count(connection)) < count:
                if p99 is None and done * 100 >= count * 99:
                    p99 = _CLOCK.monotonic() - instant_s
                assert process.is_alive() and _CLOCK.monotonic() - instant_s < _PATIENCE_S, done
                pause.wait(_LOOK_S)
            return p99 or _CLOCK.monotonic() - instant_s, memory_mb(process.pid)
        finally:
            process.terminate()
            process.join()


def _count(connection: Any) -> int:
    row = connection.execute("SELECT count(*) FROM message").fetchone()
    return int(row[0])


def _serve(pipe: Any, url: str, home: str, roles: tuple[str, ...]) -> None:
    """The daemon's process; it tells when, by the machine's monotonic clock, the wave's instant is."""
    use_pinned_zones()
    configure_logging(SystemClock(), level="error", as_json=True)
    settings = Settings(home=Path(home))
    channels = open_channels(settings, test_clock=True)
    with open_service(settings, url, 0, channels, test_clock=False) as service:
        clock = SpeedClock(WAVE - _BEFORE_S * SECOND, 1)
        pipe.send(_CLOCK.monotonic() + _BEFORE_S)
        Daemon(service, clock, settings.tick_s, roles=roles).run()


def memory_mb(pid: int | None) -> dict[str, int]:
    """What a process holds in memory now (VmRSS), and at most so far (VmHWM), in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return {name: int(kb) // 1024 for name, kb in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", text, re.MULTILINE)}
