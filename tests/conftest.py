"""A real PostgreSQL for every test that wants one: a server for each test process, a fresh database for each test."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.store import database, embedded
from scheduler.store.embedded import Server

_TEMPLATE = "template_duly"
_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Let SIGTERM end the tests as Ctrl-C does, in the process that cleans up."""
    if not hasattr(config, "workerinput"):
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_unconfigure(config: pytest.Config) -> None:
    """After an interruption: workers that were ended could not stop their servers, so whoever started them does."""
    factory = getattr(config, "_tmp_path_factory", None)
    if factory is not None and not hasattr(config, "workerinput"):
        remove_servers(factory.getbasetemp())


def remove_servers(folder: Path) -> None:
    """Stop and delete what the fixture ``server`` has left running below ``folder``."""
    for found in (*folder.glob("postgres*"), *folder.glob("popen-gw*/postgres*")):
        if found.is_dir() and not found.is_symlink():
            embedded.remove(found / "home")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of this process (of each worker, under xdist), with the settings of production."""
    home = tmp_path_factory.mktemp("postgres") / "home"
    try:
        yield embedded.start(home)
    finally:
        embedded.remove(home)


@pytest.fixture(scope="session")
def migrated_template(server: Server) -> str:
    """The name of a database with the schema and nothing in it, to be copied."""
    with server.maintenance() as connection:
        connection.execute(f"CREATE DATABASE {_TEMPLATE}")
    database.migrate(server.database_url(_TEMPLATE))
    return _TEMPLATE


def _fresh(server: Server, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with server.maintenance() as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.database_url(name)
    with server.maintenance() as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(server: Server, migrated_template: str) -> Iterator[str]:
    """The URL of a database of this test's own, with the schema."""
    yield from _fresh(server, migrated_template)


@pytest.fixture(scope="module")
def module_database_url(server: Server, migrated_template: str) -> Iterator[str]:
    """The URL of a database that the tests of one module share, with the schema."""
    yield from _fresh(server, migrated_template)


@pytest.fixture
def empty_database_url(server: Server) -> Iterator[str]:
    """The URL of a database of this test's own, without the schema."""
    yield from _fresh(server, "template0")
