"""Rows as lines of COPY's text format, made at once: the driver's own writer takes several times as long."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from policies.calendar import to_datetime
from policies.facts import Instant
from scheduler.store.database import Connection

_SPECIAL = re.compile(r"[\\\t\n\r]").search
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_line(*values: str | int | bytes | None) -> str:
    """One row: text is escaped, bytes are hexadecimal, None is NULL."""
    return "\t".join([_field(value) for value in values]) + "\n"


def _field(value: str | int | bytes | None) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES) if _SPECIAL(value) else value
    return f"\\\\x{value.hex()}" if isinstance(value, bytes) else str(value)


@lru_cache(maxsize=4096)
def stamp(at: Instant) -> str:
    """An instant as the database reads it; most rows of a batch share theirs."""
    return to_datetime(at).isoformat()


def copy_lines(connection: Connection, statement: str, lines: Iterable[str]) -> None:
    """Send the lines to a ``COPY … FROM STDIN`` in the caller's transaction."""
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write("".join(lines).encode())
