"""A small book that is right, ways to spoil it, and what an import of it left in the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest

from policies.book_rows import FILES
from policies.calendar import to_instant
from policies.problems import InputError, Problem
from scheduler.ingest import Imported, import_book
from scheduler.store.database import Connection

NOW = to_instant(datetime(2026, 5, 1, tzinfo=UTC))
TABLES = ("borrower", "person", "loan", "instalment", "event", "event_text", "journal")

GOOD = {
    "borrowers.csv": """borrower_id,first_name,last_name,language,zone,region,phone,email,address
b1,Ann,Lee,en,Europe/London,GB,+442079460001,ann@example.com,1 Example Street;Leeds
b2,Bob,"O'Neill, Jr",en,Europe/London,GB,,bob@example.com,
b3,Cy,Back\\slash,en,Asia/Tokyo,JP,,cy@example.com,
""",
    "loans.csv": """loan_id,borrower_id,product,currency,principal,disbursed_at,policy,segment,tags,allocation
l1,b1,personal,GBP,200.00,2026-01-01T10:00:00Z,,new,online;branch,
l2,b1,personal,GBP,50.00,2026-01-02T10:00:00.123456+01:00,,,,interest fee penalty principal
l3,b3,personal,JPY,5000,2026-01-03T10:00:00Z,,,,
""",
    "instalments.csv": """loan_id,number,due_on,principal,interest,fees
l1,1,2026-02-01,100.00,1.50,0
l1,2,2026-03-01,100.00,1.50,0.25
l2,1,2026-02-15,50.00,0,0
l3,1,2026-02-20,5000,100,0
""",
    "events.csv": """event_id,at,known_at,type,borrower_id,loan_id,amount,ref,channel,address,value,from,until,text
e1,2026-02-01T09:00:00Z,,payment,,l1,101.50,,,,,,,
e2,2026-02-03T09:00:00Z,2026-02-09T00:00:00Z,reversal,,l1,,e1,,,,,,
e3,2026-02-05T09:00:00Z,,hold,b1,,,,,,dispute,2026-02-06,2026-03-01T00:00:00Z,"she said: ""no\\never"",
and\tleft"
e4,2026-02-07T09:00:00Z,,release,,,,e3,,,,,,
e5,2026-02-08T09:00:00Z,,opt_out,b3,,,,email,CY@Example.com,,,,STOP
e6,2026-02-08T09:00:00Z,,promise,,l3,5100,,,,,,2026-03-15,
e7,2026-02-10T09:00:00Z,,release,,,,e6,,,,,,
e8,2026-02-11T09:00:00Z,,contact,b1,l2,,,call,,no_answer,,,
""",
}


def opened(files: Mapping[str, str | bytes]) -> dict[str, BytesIO]:
    """A folder's files, given as text or bytes."""
    return {name: BytesIO(text.encode() if isinstance(text, str) else text) for name, text in files.items()}


def load(connection: Connection, files: Mapping[str, str | bytes], **options: Any) -> Imported:
    given: dict[str, Any] = {"clock_id": 0, "now": NOW, "policies": None, **options}
    return import_book(connection, opened(files), **given)


def refused(connection: Connection, files: Mapping[str, str | bytes], **options: Any) -> list[Problem]:
    before = counts(connection)
    with pytest.raises(InputError) as caught:
        load(connection, files, **options)
    assert counts(connection) == before, "a refused book left something behind"
    return caught.value.problems


def counts(connection: Connection) -> dict[str, int]:
    found = {}
    for table in TABLES:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        assert row is not None
        found[table] = row[0]
    return found


def rows(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    return connection.execute(statement).fetchall()


def in_order(problems: list[Problem]) -> list[Problem]:
    """Problems in the order of file and line; memory tells some of them only when it has read all files."""
    return sorted(problems, key=lambda p: (FILES.index(p.file) if p.file in FILES else -1, p.line, p.column, p.code))


def put(name: str, old: str, new: str) -> dict[str, str]:
    """The good book with one piece of one file replaced."""
    assert GOOD[name].count(old) == 1, old
    return {**GOOD, name: GOOD[name].replace(old, new)}


def add(name: str, *lines: str) -> dict[str, str]:
    """The good book with lines at the end of one file."""
    return {**GOOD, name: GOOD[name] + "".join(f"{line}\n" for line in lines)}


def only(name: str, *lines: str) -> dict[str, str]:
    """One file with these lines alone."""
    return {name: "".join(f"{line}\n" for line in (GOOD[name].partition("\n")[0], *lines))}
