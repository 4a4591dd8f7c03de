"""A book of the test's own, and a way to put a copy of it back to yesterday."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler import settings
from scheduler.store.database import Connection, connect
from scheduler.store.embedded import Server
from tests.integration.ledger.holding.books import Book, Restored

_numbers = itertools.count(1)


@pytest.fixture
def book(database_url: str, tmp_path: Path) -> Iterator[Book]:
    configured = settings.Settings(home=tmp_path / "home", witness=f"{tmp_path}/witness/")
    made = Book(database_url, configured, connect(database_url))
    yield made
    made.connection.close()


@pytest.fixture
def yesterday(server: Server, book: Book) -> Iterator[Restored]:
    """Call it to take a backup; what it answers, called, is a book on the restored database."""
    made: list[Connection] = []

    def restore() -> Book:
        name = f"restored_{next(_numbers)}"
        source = book.connection.info.dbname
        book.connection.close()
        with server.maintenance() as maintenance:
            maintenance.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        book.connection = connect(book.url)
        url = server.database_url(name)
        made.append(connect(url))
        return replace(book, url=url, connection=made[-1])

    yield restore
    # The databases go with the server: to drop one takes longer than most of these tests.
    for connection in made:
        connection.close()
