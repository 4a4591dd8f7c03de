"""The pytest plugin ``duly``: fixtures for tests that move time, on the production engine and a real database.

Whoever does not use a fixture loads nothing but this file: all else is imported when the first one is asked for.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scheduler.clocks import Clocks
    from scheduler.rehearsal import BookOfTest, ClockOfTest, Timeline

_INI = "duly_database_url"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``duly_database_url`` in the ini-file: where test clocks are made, instead of a server of the session's own."""
    parser.addini(_INI, "The PostgreSQL database, with duly's tables, in which test clocks are made.", default="")


@pytest.fixture(scope="session")
def duly_clocks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clocks]:
    """All test clocks of this session, in the database that the ini-file names, else in an embedded one."""
    from scheduler.bootstrap import use_pinned_zones
    from scheduler.clocks import open_clocks
    from scheduler.settings import Settings
    from scheduler.store import database, embedded

    home = tmp_path_factory.mktemp("duly") / "home"
    use_pinned_zones()
    url = str(request.config.getini(_INI))
    if url:
        database.check(url)
        with open_clocks(Settings(home=home), url) as clocks:
            yield clocks
        return
    try:
        url = embedded.start(home).url
        database.migrate(url)
        with open_clocks(Settings(home=home), url) as clocks:
            yield clocks
    finally:
        embedded.remove(home)


@pytest.fixture
def clock(request: pytest.FixtureRequest, duly_clocks: Clocks) -> Iterator[ClockOfTest]:
    """A test clock of this test's own. It begins when it is first used: now, which is freezegun's where that is on."""
    from scheduler.rehearsal import ClockOfTest

    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    made = ClockOfTest(duly_clocks, f"{words[:40] or 'test'}-{secrets.token_hex(6)}".lstrip("-"))
    try:
        yield made
    finally:
        made.drop()


@pytest.fixture
def book(clock: ClockOfTest) -> BookOfTest:
    """The book of this test's clock, empty: borrowers, loans, payments and policies are told to it."""
    return clock.book


@pytest.fixture
def timeline(clock: ClockOfTest) -> Timeline:
    """Tells what came of a loan under this test's clock as text, a line an outcome, for comparing."""
    from scheduler.rehearsal import Timeline

    return Timeline(clock)
