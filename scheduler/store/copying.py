"""Rows as lines of COPY's text format, made at once: the driver's own writer takes several times as long."""

from __future__ import annotations

from functools import lru_cache

from policies.calendar import to_datetime
from policies.facts import Instant
from scheduler.store.database import Connection

_NULL = "\\N"
_HOLLOW = "\0"
"""Stands for NULL while a row is escaped; no text of the database can hold it."""
_FORMS = ["\t".join(["%s"] * fields) for fields in range(32)]


def copy_line(*values: str | int | None) -> str:
    """One row of at most 31 fields: text is escaped, None is NULL."""
    nulls = values.count(None)
    given = tuple([_HOLLOW if value is None else value for value in values]) if nulls else values
    row = _FORMS[len(values)] % given
    # To escape the whole row takes less time than to look at each of its fields; what is no field's stays as it is.
    if row.count("\t") != len(values) - 1 or row.count(_HOLLOW) != nulls:
        return (
            "\t".join([_NULL if value is None else _escaped(str(value)).replace("\t", "\\t") for value in values])
            + "\n"
        )
    row = _escaped(row)
    return f"{row.replace(_HOLLOW, _NULL) if nulls else row}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


@lru_cache(maxsize=4096)
def stamp(at: Instant) -> str:
    """An instant as the database reads it; most rows of a batch share theirs."""
    return to_datetime(at).isoformat()


def copy_lines(connection: Connection, statement: str, lines: bytes) -> None:
    """Send the lines to a ``COPY … FROM STDIN`` in the caller's transaction."""
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(lines)
