"""A book of the test's own, and a way to put a copy of it back to yesterday."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler import settings
from scheduler.store.database import Connection, connect
from scheduler.store.embedded import Server
from tests.integration.ledger.holding.books import Book, Restored


@pytest.fixture
def book(database_url: str, tmp_path: Path) -> Iterator[Book]:
    configured = settings.Settings(home=tmp_path / "home", witness=f"{tmp_path}/witness/")
    made = Book(database_url, configured, connect(database_url))
    yield made
    made.connection.close()


@pytest.fixture
def yesterday(server: Server, book: Book) -> Iterator[Restored]:
    """Call it to take a backup; what it answers, called, is a book on the restored database."""
    made: list[tuple[str, Connection]] = []

    def restore() -> Book:
        name, url = "restored", server.database_url("restored")
        source = book.connection.info.dbname
        book.connection.close()
        with server.maintenance() as maintenance:
            maintenance.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        book.connection = connect(book.url)
        other = replace(book, url=url, connection=connect(url))
        made.append((name, other.connection))
        return other

    yield restore
    for name, connection in made:
        connection.close()
        with server.maintenance() as maintenance:
            maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")
