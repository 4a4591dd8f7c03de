"""A story's lines for a person: when, which loan, which step, what came of it, and why, in columns."""

from __future__ import annotations

from typing import Any, Final

from scheduler.cli.words import why

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
