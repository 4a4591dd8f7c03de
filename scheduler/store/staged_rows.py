"""Rows of a book as lines of COPY for the staging tables, written as text at once: it is what an import does most.

A field that is not given is empty (``NULL ''``), as no row of a book holds an empty text. Only the text of an event
may hold tabs and line breaks; a backslash may be anywhere, and is doubled.
"""

from __future__ import annotations

from hashlib import sha256
from typing import cast

from policies.book_events import EventRow
from policies.book_rows import InstalmentRow, Row
from policies.facts import Loan, Person


def person_line(line: int, row: Row) -> str:
    """The line of ``s_borrower``."""
    p = cast(Person, row)
    text = (
        f"{line}\t{p.borrower_id}\t{p.first_name}\t{p.last_name}\t{p.language}\t{p.zone}\t{p.region}\t"
        f"{p.phone or ''}\t{p.email or ''}\t{p.address or ''}\n"
    )
    return text if "\\" not in text else text.replace("\\", "\\\\")


def loan_line(line: int, row: Row) -> str:
    """The line of ``s_loan``."""
    n = cast(Loan, row)
    text = (
        f"{line}\t{n.loan_id}\t{n.borrower_id}\t{n.product}\t{n.currency}\t{n.principal_minor}\t{n.disbursed_at}\t"
        f"{n.policy or ''}\t{n.segment or ''}\t{';'.join(n.tags)}\t{' '.join(n.allocation)}\n"
    )
    return text if "\\" not in text else text.replace("\\", "\\\\")


def instalment_line(line: int, row: Row) -> str:
    """The line of ``s_instalment``."""
    loan_id, number, due_on, principal_e4, interest_e4, fees_e4 = cast(InstalmentRow, row)
    return f"{line}\t{loan_id}\t{number}\t{due_on}\t{principal_e4}\t{interest_e4}\t{fees_e4}\n"


def event_line(line: int, row: Row) -> str:
    """The line of ``s_event``, with the digest by which the same event is known again: SHA-256 of all its fields."""
    fields = event_fields(cast(EventRow, row))
    return f"{line}\t\\\\x{sha256(fields.encode()).hexdigest()}\t{fields}\n"


def event_fields(row: EventRow) -> str:
    """The fields of an event in the order of ``s_event``, with tabs between."""
    event_id, at, known_at, kind, borrower, loan, amount, ref, channel, address, value, start, until, words = row
    from_at, from_on = (start, "") if isinstance(start, int) else ("", start or "")
    until_at, until_on = (until, "") if isinstance(until, int) else ("", until or "")
    text = (
        f"{event_id}\t{at}\t{known_at}\t{kind}\t{borrower or ''}\t{loan or ''}\t{'' if amount is None else amount}\t"
        f"{ref or ''}\t{channel or ''}\t{address or ''}\t{value or ''}\t{from_at}\t{from_on}\t{until_at}\t{until_on}\t"
    )
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if words is None:
        return text
    words = words.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return text + words
