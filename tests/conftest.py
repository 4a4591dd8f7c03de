"""A real PostgreSQL for every test that wants one: a server for each test process, a fresh database for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from scheduler.store import database, embedded
from scheduler.store.embedded import Server

_TEMPLATE = "template_duly"
_numbers = itertools.count(1)


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
