"""The three clocks: real time, time that runs faster, and time that its owner moves."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.facts import SECOND
from scheduler.clock import Clock, MovedClock, SpeedClock, SystemClock

START = 1_700_000_000 * SECOND


@pytest.mark.parametrize("clock", [SystemClock(), SpeedClock(START, 1_000), MovedClock(START)])
def test_a_wait_ends_at_once_when_its_event_is_set(clock: Clock) -> None:
    event = threading.Event()
    event.set()
    assert clock.wait(3_600, event)


@pytest.mark.parametrize("clock", [SystemClock(), SpeedClock(START, 1_000), MovedClock(START)])
@pytest.mark.parametrize("seconds", [0, -5])
def test_a_wait_for_no_time_ends_at_once_without_the_event(clock: Clock, seconds: int) -> None:
    assert not clock.wait(seconds, threading.Event())


@pytest.mark.parametrize("clock", [SystemClock(), SpeedClock(START, 86_400)])
def test_a_running_clock_runs_forward(clock: Clock) -> None:
    before, elapsed = clock.now(), clock.monotonic()
    clock.wait(0.01, threading.Event())
    assert clock.now() >= before
    assert clock.monotonic() > elapsed


def test_the_system_clock_counts_microseconds_since_1970() -> None:
    assert 1_700_000_000 * SECOND < SystemClock().now() < 10_000_000_000 * SECOND


def test_a_day_passes_in_a_moment_on_a_fast_clock() -> None:
    clock = SpeedClock(START, 86_400 * 100)
    assert not clock.wait(86_400, threading.Event())
    assert clock.now() >= START + 86_400 * SECOND
    assert clock.monotonic() >= 86_400


def test_a_speed_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="factor is 0"):
        SpeedClock(START, 0)


@given(st.lists(st.integers(0, 10**15)))
def test_a_moved_clock_stands_where_it_was_moved_and_never_goes_back(steps: list[int]) -> None:
    clock, reached = MovedClock(START), START
    for step in steps:
        reached += step
        clock.advance_to(reached)
        assert clock.now() == reached
        assert clock.monotonic() == (reached - START) / SECOND
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance_to(reached - 1)
    assert clock.now() == reached


def test_who_waits_on_a_moved_clock_goes_on_when_its_owner_has_moved_it_far_enough() -> None:
    clock, done = MovedClock(START), threading.Event()

    def wait() -> None:
        clock.wait(60, threading.Event())
        done.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    clock.advance_to(START + 59 * SECOND)
    assert not done.wait(0.05)
    clock.advance_to(START + 60 * SECOND)
    assert done.wait(10)
    waiting.join()
