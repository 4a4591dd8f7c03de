"""``duly loan timeline``: the lines of a loan that were decided, and those that would come as things stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scheduler.cli.loan_why import stopped
from scheduler.cli.output import columns
from scheduler.cli.story_text import local_time
from scheduler.cli.words import why
from scheduler.outlook import Outlook

_PERSONAL = ("to", "subject", "body")


def story(outlook: Outlook, *, text: bool) -> list[dict[str, Any]]:
    """Every line with the keys of a printed one, and ``planned`` last; personal data only with ``text``."""
    marked = [(line, False) for line in outlook.past] + [(line, True) for line in outlook.planned]
    hidden: dict[str, Any] = {} if text else dict.fromkeys(_PERSONAL)
    return [{**line, **hidden, "planned": planned} for line, planned in marked]


def shown(outlook: Outlook, lines: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The same in columns, with a line between what was and what would be."""
    rows = [(line["planned"], _row(line)) for line in lines]
    past = [row for planned, row in rows if not planned]
    planned = [row for is_planned, row in rows if is_planned]
    told = list(columns([("WHEN", "STEP", "OUTCOME", "BY", "WHY"), *past, *planned]))
    yield from told[: len(past) + 1]
    now = local_time(outlook.home.iso(outlook.now))
    if not planned:
        why_not = stopped(outlook)
        yield f"---- {now}: nothing more comes: {'the ladder has ended' if why_not is None else why_not[1]}"
        return
    yield f"---- {now}: planned from here on, if nothing new happens"
    yield from told[len(past) + 1 :]


def _row(line: dict[str, Any]) -> tuple[str, ...]:
    text = f"{line['body']}" if line["body"] is not None else ""
    return (
        local_time(line["at"]), line["step"] or "", line["outcome"], line["channel"] or "",
        f"{why(line)}{': ' if text else ''}{' '.join(text.split())}",
    )  # fmt: skip
