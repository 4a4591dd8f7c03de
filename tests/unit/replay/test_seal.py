"""In a sealed process every read of clock, environment, network and chance is stopped and named; reckoning goes on."""

# What the linter forbids of clocks is what is tried here.
# ruff: noqa: DTZ001, DTZ002, DTZ003, DTZ005, DTZ006, DTZ007, DTZ011

from __future__ import annotations

import contextlib
import datetime
import faulthandler
import inspect
import os
import random
import secrets
import socket
import subprocess
import time
import uuid
from collections.abc import Callable
from datetime import UTC, date
from datetime import datetime as imported_type
from functools import partial
from os import environ as imported_environ
from pathlib import Path
from random import choice as imported_choice
from time import monotonic as imported_monotonic
from time import time as imported_time
from typing import Any

import pytest

from scheduler.replay.child import start
from scheduler.replay.history import ReplayError
from scheduler.replay.seal import Seal, UnrecordedRead, reads

kept_method = datetime.datetime.now


class Holder:
    clock = staticmethod(time.time)
    other = time.time_ns

    def __init__(self) -> None:
        self.held = time.time


class Slotted:
    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = time.time


HOLDER, SLOTTED, PARTIAL = Holder(), Slotted(), partial(time.strftime, "%Y")


def with_default(clock: Callable[[], float] = time.time) -> float:
    return clock()


def closure() -> Callable[[], Any]:
    clock = time.perf_counter_ns
    return lambda: clock()


IN_A_LIST = [time.monotonic_ns]

READS: dict[str, tuple[str, Callable[[], Any]]] = {
    "time": ("clock", lambda: time.time()),
    "imported time": ("clock", lambda: imported_time()),
    "imported monotonic": ("clock", lambda: imported_monotonic()),
    "default": ("clock", lambda: with_default()),
    "closure": ("clock", closure()),
    "class attribute": ("clock", lambda: Holder.clock()),
    "other class attribute": ("clock", lambda: Holder.other()),
    "instance": ("clock", lambda: HOLDER.held()),
    "slot": ("clock", lambda: SLOTTED.held()),
    "partial": ("clock", lambda: PARTIAL()),
    "list": ("clock", lambda: IN_A_LIST[0]()),
    "localtime": ("clock", lambda: time.localtime()),
    "strftime": ("clock", lambda: time.strftime("%Y")),
    "gmtime": ("clock", lambda: time.gmtime()),
    "now": ("clock", lambda: imported_type.now()),
    "now in UTC": ("clock", lambda: datetime.datetime.now(UTC)),
    "utcnow": ("clock", lambda: imported_type.utcnow()),
    "datetime today": ("clock", lambda: imported_type.today()),
    "date today": ("clock", lambda: date.today()),
    "kept method": ("clock", lambda: kept_method()),
    "fromtimestamp": ("environment", lambda: imported_type.fromtimestamp(0)),
    "astimezone": ("environment", lambda: imported_type(2026, 1, 1, tzinfo=UTC).astimezone()),
    "timestamp": ("environment", lambda: imported_type(2026, 1, 1).timestamp()),
    "environ": ("environment", lambda: os.environ["PATH"]),
    "imported environ": ("environment", lambda: imported_environ.get("PATH")),
    "environ in": ("environment", lambda: "PATH" in os.environ),
    "environ as dict": ("environment", lambda: dict(imported_environ)),
    "getenv": ("environment", lambda: os.getenv("PATH")),
    "environb": ("environment", lambda: os.environb[b"PATH"]),
    "urandom": ("randomness", lambda: os.urandom(1)),
    "getrandom": ("randomness", lambda: os.getrandom(1)),
    "uuid1": ("randomness", lambda: uuid.uuid1()),
    "uuid4": ("randomness", lambda: uuid.uuid4()),
    "secrets": ("randomness", lambda: secrets.token_hex()),
    "random": ("randomness", lambda: random.random()),
    "imported choice": ("randomness", lambda: imported_choice([1, 2])),
    "no seed": ("randomness", lambda: random.Random()),
    "system random": ("randomness", lambda: random.SystemRandom().random()),
    "socket": ("network", lambda: socket.socket()),
    "getaddrinfo": ("network", lambda: socket.getaddrinfo("localhost", 80)),
    "host name": ("network", lambda: socket.gethostname()),
    "subprocess": ("process", lambda: subprocess.run(["true"], check=True)),
    "system": ("process", lambda: os.system("true")),  # noqa: S605
    "fork": ("process", lambda: os.fork()),
    "pid": ("process", lambda: os.getpid()),
    "file": ("file", lambda: Path("/etc/hostname").read_text()),
    "folder": ("file", lambda: list(os.scandir("/"))),
}

RECKONED: dict[str, Callable[[], Any]] = {
    "seeded": lambda: random.Random(3).random(),
    "in a zone": lambda: imported_type.fromtimestamp(0, UTC).isoformat(),
    "moved to a zone": lambda: imported_type(2026, 1, 1, tzinfo=UTC).astimezone(UTC).isoformat(),
    "stamp": lambda: imported_type(2026, 1, 1, tzinfo=UTC).timestamp(),
    "gmtime": lambda: time.gmtime(0)[0],
    "strftime": lambda: time.strftime("%Y", (2026, 1, 1, 0, 0, 0, 0, 1, 0)),
    "strptime": lambda: str(imported_type.strptime("2026", "%Y")),
    "own file": lambda: len(Path(inspect.getfile(Seal)).read_text()),
    "import": lambda: __import__("colorsys").__name__,
}


def asked() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name, (_, read) in READS.items():
        before = len(reads)
        try:
            found[name] = ["read", repr(read())]
        except UnrecordedRead as error:
            found[name] = [error.kind, error.file, error.line, len(reads) - before]
        except Exception as error:
            found[name] = ["fault", repr(error)]
    return found


@pytest.fixture(scope="module")
def found() -> dict[str, list[Any]]:
    told: dict[str, list[Any]] = start(Seal(), asked).result()
    return told


@pytest.mark.parametrize("name", READS)
def test_a_read_is_stopped_and_its_line_is_named(found: dict[str, list[Any]], name: str) -> None:
    kind, function = READS[name]
    assert found[name][0] == kind, found[name]
    assert found[name][1] == __file__
    lines, first = inspect.getsourcelines(with_default if name == "default" else function)
    assert first <= found[name][2] < first + len(lines)
    assert found[name][3] >= 1


@pytest.mark.parametrize("name", RECKONED)
def test_what_only_reckons_goes_on(name: str) -> None:
    assert start(Seal(), lambda: RECKONED[name]()).result() == RECKONED[name]()


def test_nothing_is_taken_from_the_process_that_asks() -> None:
    start(Seal(), asked).result()
    assert time.time() > 0 and imported_type.now(UTC).year > 2000
    assert random.random() < 1 and os.urandom(1) and "PATH" in os.environ and not reads


def test_decide_cannot_catch_it_and_it_is_noted_where_somebody_does() -> None:
    def caught() -> list[str]:
        with contextlib.suppress(BaseException):
            time.time()
        return [str(one) for one in reads]

    assert not issubclass(UnrecordedRead, Exception)
    (told,) = start(Seal(), caught).result()
    assert told.startswith("time.time (clock) at ")


def test_a_clock_imported_after_the_seal_was_prepared_is_gone_too(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "late_clock.py").write_text("from time import time\ndef read():\n    return time()\n")
    seal = Seal()
    monkeypatch.syspath_prepend(str(tmp_path))
    import late_clock  # type: ignore[import-not-found]

    def read() -> str:
        try:
            return str(late_clock.read())
        except UnrecordedRead as error:
            return f"{Path(error.file).name}:{error.line}"

    assert start(seal, read).result() == "late_clock.py:3"


def test_a_child_that_dies_is_told_of() -> None:
    def die() -> None:
        faulthandler.disable()
        os.abort()

    with pytest.raises(ReplayError, match="signal 6"):
        start(Seal(), die).result()


def test_a_child_whose_work_fails_is_told_of_by_type_and_line() -> None:
    def fail() -> None:
        raise ValueError("Ann Bell")

    line = inspect.getsourcelines(fail)[1] + 1
    with pytest.raises(ReplayError, match=rf"ValueError at .*test_seal\.py:{line}") as caught:
        start(Seal(), fail).result()
    assert "Ann" not in str(caught.value)


def test_a_long_result_comes_back_whole() -> None:
    assert len(start(Seal(), lambda: "x" * 3_000_000).result()) == 3_000_000


def test_a_child_can_be_ended() -> None:
    child = start(Seal(), lambda: list(iter(int, 1)))
    child.end()
    with pytest.raises(ChildProcessError):
        os.waitpid(child._pid, 0)
