"""What can be measured, by name; each subject gives its rows one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench import (
    bundles,
    clocks,
    daemons,
    daily,
    deciding,
    guard,
    importing,
    ledger,
    outage,
    replaying,
    sending,
    simulating,
    wave,
    year,
)
from bench.figures import Asked, Row

_WAVES = (10_000, 100_000)
_LARGEST = 1_000_000


def _wave(asked: Asked) -> Iterator[Row]:
    for size in asked.sizes or (_WAVES if not asked.large else (*_WAVES, _LARGEST)):
        yield wave.run(asked.server, size, asked.pairs)


def _idle(asked: Asked) -> Iterator[Row]:
    for size in asked.sizes or (_WAVES if not asked.large else (*_WAVES, _LARGEST)):
        yield wave.idle(asked.server, size, 400)


def _wave_and_ledger(asked: Asked) -> Iterator[Row]:
    yield ledger.wave_cost(asked.server, asked.size(*_WAVES), asked.pairs)


def _ledger(asked: Asked) -> Iterator[Row]:
    yield from ledger.sequence(asked.server, asked.size(200_000, _LARGEST))


def _guard(asked: Asked) -> Iterator[Row]:
    yield from guard.run(asked.pairs)


def _clocks(asked: Asked) -> Iterator[Row]:
    yield clocks.run(asked.server, asked.size(100, 1_000))


SUBJECTS: dict[str, Callable[[Asked], Iterator[Row]]] = {
    "wave": _wave,
    "idle": _idle,
    "wave-ledger": _wave_and_ledger,
    "ledger": _ledger,
    "guard": _guard,
    "decide": deciding.run,
    "clocks": _clocks,
    "import": importing.run,
    "simulate": simulating.run,
    "dispatch": sending.run,
    "daily": daily.run,
    "daemon": daemons.run,
    "year": year.run,
    "replay": replaying.run,
    "bundle": bundles.run,
    "outage": outage.run,
}
