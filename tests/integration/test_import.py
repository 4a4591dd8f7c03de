"""Import of a book into the database: all or nothing, with the problems that reading it into memory finds."""

from __future__ import annotations

import pytest

from scheduler.ingest import Count, Imported, import_book, read_files
from scheduler.store.database import connect
from tests.making import SHARED

BOOK = SHARED / "data" / "book-ng"
NOW = 1_500_000_000_000_000


@pytest.mark.skipif(not BOOK.exists(), reason="../shared/data/book-ng is not beside this checkout")
def test_a_real_book_is_imported_whole(database_url: str) -> None:
    with connect(database_url) as connection, read_files(BOOK) as files:
        done = import_book(connection, files, clock_id=0, now=NOW, policies=None)
    assert done == Imported(Count(2_218), Count(8_784), Count(8_784), Count(8_784))
