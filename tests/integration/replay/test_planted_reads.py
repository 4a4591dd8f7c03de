"""A decision that reads what no entry records is found, with what it read and the line that did."""

from __future__ import annotations

import inspect
import os
import random
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any
from uuid import uuid4

import pytest

from policies import compose, decide, judging, loan_run
from policies.language import formats
from scheduler.replay.running import Sum

Replay = Callable[[str], Sum]


def hidden_now() -> None:
    datetime.now(UTC)


def hidden_time() -> None:
    time()


def hidden_environment() -> None:
    os.environ.get("DULY_HIDDEN")


def hidden_chance() -> None:
    random.random()


def hidden_id() -> None:
    uuid4()


def hidden_network() -> None:
    socket.getaddrinfo("localhost", 80)


def hidden_file() -> None:
    Path("/etc/hostname").read_bytes()


READS: dict[Callable[[], None], tuple[str, str]] = {
    hidden_now: ("clock", "datetime.now"),
    hidden_time: ("clock", "time.time"),
    hidden_environment: ("environment", "os.environ"),
    hidden_chance: ("randomness", "random.random"),
    hidden_id: ("randomness", "os.urandom"),
    hidden_network: ("network", "socket.getaddrinfo"),
    hidden_file: ("file", "open /etc/hostname"),
}

# Where in the path of a decision: what is judged, what a step asks, what a text is made of.
PLACES = [(decide, "judge"), (judging, "_because"), (loan_run, "loan_facts"), (judging, "variables")]


def plant(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, read: Callable[[], None]) -> None:
    original = getattr(module, name)

    def planted(*arguments: Any, **named: Any) -> Any:
        read()
        return original(*arguments, **named)

    monkeypatch.setattr(module, name, planted)


def line_of(read: Callable[[], None]) -> int:
    lines, first = inspect.getsourcelines(read)
    return first + len(lines) - 1


@pytest.mark.parametrize("read", READS, ids=lambda read: read.__name__)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[1])
def test_a_hidden_read_is_found_and_its_line_is_named(
    replayed: Replay, monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str], read: Callable[[], None]
) -> None:
    plant(monkeypatch, *place, read)
    done = replayed("cure")
    assert not done.equal
    ((found, times),) = done.reads.items()
    assert (found.kind, found.what) == READS[read]
    assert (found.file, found.line, found.borrower_id, times) == (__file__, line_of(read), "ann", 1)


def test_the_story_is_equal_before_anything_is_planted(replayed: Replay) -> None:
    assert replayed("cure").equal


@pytest.mark.parametrize("swallowed", [Exception, BaseException], ids=lambda kind: kind.__name__)
def test_a_read_that_is_caught_on_its_way_is_found_all_the_same(
    replayed: Replay, monkeypatch: pytest.MonkeyPatch, swallowed: type[BaseException]
) -> None:
    def quietly() -> None:
        try:
            time()
        except swallowed:
            return

    plant(monkeypatch, judging, "_because", quietly)
    done = replayed("cure")
    (found,) = done.reads
    assert (found.what, found.file, found.line) == ("time.time", __file__, line_of(quietly) - 2)


def test_a_read_under_a_filter_of_a_text_is_found(replayed: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    formats._money.cache_clear()
    plant(monkeypatch, formats, "_locale", hidden_environment)
    (found,) = replayed("cure").reads
    assert (found.kind, found.line) == ("environment", line_of(hidden_environment))


def test_each_read_is_told_once_however_often_it_is_met(replayed: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, decide, "judge", hidden_now)
    done = replayed("recall")
    assert [(found.borrower_id, times) for found, times in done.reads.items()] == [("ann", 3)]
    assert done.borrowers == 3


def test_a_line_of_the_package_is_named_from_the_root(replayed: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "def reach(person, events, now):\n    import time\n    return original(person, events, time.time_ns())\n"
    file = str(Path(compose.__file__).with_name("planted.py"))
    namespace: dict[str, Any] = {"original": compose.reach}
    exec(compile(source, file, "exec"), namespace)  # noqa: S102
    from policies import situation

    monkeypatch.setattr(situation, "reach", namespace["reach"])
    (found,) = replayed("cure").reads
    assert (found.what, found.file, found.line) == ("time.time_ns", "policies/planted.py", 3)
