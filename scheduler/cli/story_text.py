"""A story's lines for a person: when, which loan, which step, what came of it, and why, in columns."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from scheduler.cli.output import columns, say_all, tell
from scheduler.cli.words import why

if TYPE_CHECKING:
    from scheduler.store.database import Connection

HEADER: Final = ("WHEN", "LOAN", "STEP", "OUTCOME", "BY", "WHY")


def row(line: dict[str, Any]) -> tuple[str, ...]:
    """One printed line, read back from its JSON, as cells under HEADER."""
    return (
        local_time(line["at"]),
        line["loan_id"] or "",
        line["step"] or "",
        line["outcome"],
        line["channel"] or "",
        why(line),
    )


def local_time(text: str) -> str:
    """``2016-03-29T10:00:00+01:00`` as ``2016-03-29 10:00 +01:00``; seconds only where there are some."""
    seconds = "" if text[17:19] == "00" else text[16:19]
    return f"{text[:10]} {text[11:16]}{seconds} {text[19:]}"


def tell_story(connection: Connection, clock_id: int, lines: Iterable[str], *, json_: bool) -> None:
    """Print what a test clock's run has done, and say so where somebody could not be decided."""
    from scheduler.health import set_aside

    aside = set_aside(connection, clock_id)
    if aside:
        borrowers = f"{len(aside)} borrower{'' if len(aside) == 1 else 's'}"
        tell(f"duly: {borrowers} could not be decided and stand aside, {aside[0][0]} among them; see duly status")
    say_all(lines if json_ else columns(chain((HEADER,), (row(json.loads(line)) for line in lines))))
