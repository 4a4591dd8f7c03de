"""Test clocks that are killed, stopped, held by another, or named wrongly: what is said, and how they go on."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from policies.problems import InputError
from scheduler.named_clocks import ClockError, all_clocks, find
from tests.integration import moving
from tests.integration.moving import at, clocks_of, make, told

CHILD = Path(__file__).with_name("advance_child.py")


def test_an_advance_that_was_killed_goes_on(database_url: str, tmp_path: Path) -> None:
    to = at("2026-03-20")
    with clocks_of(database_url, tmp_path) as clocks:
        make(clocks, "one", 12)
        clocks.fork("one", "whole")
        command = [sys.executable, str(CHILD), database_url, str(tmp_path), "one", str(to), "5"]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        stands = find(clocks.connection, "one")
        assert stands.target == to
        with pytest.raises(ClockError, match="was stopped on its way to 2026-03-20"):
            clocks.advance("one", at("2026-03-19"))
        done = clocks.advance("one")
        assert (done.clock.now, done.clock.target) == (to, None)
        clocks.advance("whole", to)
        assert told(clocks, "one") == told(clocks, "whole")
        assert done.messages < len([line for line in told(clocks, "one") if '"outcome":"sent"' in line])


def test_an_advance_that_is_stopped_says_where_it_was_going(database_url: str, tmp_path: Path) -> None:
    stop = threading.Event()
    with clocks_of(database_url, tmp_path) as clocks:
        make(clocks, "one", 12)
        done = clocks.advance("one", at("2026-03-20"), stop, lambda _progress: stop.set())
        assert done.clock.target == at("2026-03-20") and done.borrowers > 0
        assert clocks.advance("one").clock.now == at("2026-03-20")
        with pytest.raises(ClockError, match="has nowhere to go"):
            clocks.advance("one")


def test_one_clock_is_moved_by_one_at_a_time(database_url: str, tmp_path: Path) -> None:
    with clocks_of(database_url, tmp_path) as clocks, clocks_of(database_url, tmp_path) as others:
        make(clocks, "one", 12)
        refused = []

        def meanwhile(_progress: object) -> None:
            for attempt in (lambda: others.advance("one", at("2026-04-01")), lambda: others.drop("one")):
                with pytest.raises(ClockError, match="is being moved or copied"):
                    attempt()
                refused.append(attempt)

        clocks.advance("one", at("2026-01-20"), progress=meanwhile)
        assert len(refused) >= 2
        assert find(clocks.connection, "one").now == at("2026-01-20")


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Real", "a b", "../x", "-a", "a" * 64, "ä", "a\n", "a/b"])
def test_an_odd_name_is_refused(database_url: str, tmp_path: Path, name: str) -> None:
    with clocks_of(database_url, tmp_path) as clocks:
        with pytest.raises(ClockError, match="cannot be the name of a test clock; expected"):
            clocks.create(name)
        assert all_clocks(clocks.connection) == []


def test_a_name_that_is_taken_and_one_that_is_absent_are_named(database_url: str, tmp_path: Path) -> None:
    with clocks_of(database_url, tmp_path) as clocks:
        for attempt in (lambda: clocks.advance("spring", at("2026-02-01")), lambda: clocks.drop("spring")):
            with pytest.raises(ClockError, match="no test clock 'spring'; there is none yet"):
                attempt()
        clocks.create("spring", at("2026-01-05"))
        for attempt in (lambda: clocks.create("spring"), lambda: clocks.fork("spring", "spring")):
            with pytest.raises(ClockError, match="there is a test clock 'spring' already"):
                attempt()
        with pytest.raises(ClockError, match="no test clock 'sprin'; did you mean spring"):
            clocks.fork("sprin", "summer")
        for attempt in (lambda: clocks.create("real"), lambda: clocks.advance("real", 0)):
            with pytest.raises(ClockError, match="'real' is the real clock"):
                attempt()
        assert [one.name for one in all_clocks(clocks.connection)] == ["spring"]


def test_a_clock_whose_book_is_wrong_is_not_made(database_url: str, tmp_path: Path) -> None:
    with clocks_of(database_url, tmp_path) as clocks:
        with pytest.raises(InputError, match="no policy applies"):
            clocks.create("one", at("2026-01-05"), files=moving.opened(moving.files(3)))
        assert all_clocks(clocks.connection) == []
        assert clocks.connection.execute("SELECT count(*) FROM borrower").fetchone() == (0,)
