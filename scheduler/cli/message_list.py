"""Messages as ``duly messages`` lists them: the line of the decision, under what became of the message."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from scheduler import journal
from scheduler.cli.output import columns, printable
from scheduler.cli.story_text import local_time
from scheduler.store.database import Connection

_OPEN = frozenset({"queued", "sending"})
_SHORT = 12
"""So many digits of a message's id are shown; commands that take an id take its beginning too."""

_MESSAGES = """
WITH chosen AS (
    SELECT m.* FROM message m
    WHERE m.clock_id = %(clock)s AND (%(loan)s::text IS NULL OR m.loan_id = %(loan)s)
      AND (%(status)s::text IS NULL OR m.status = %(status)s)
    ORDER BY m.decided_at DESC, m.message_id DESC LIMIT %(limit)s
)
SELECT j.entry, c.message_id, c.borrower_id, c.loan_id, c.status, c.reason, c.provider, t.sent_to, t.subject, t.body
FROM chosen c
JOIN borrower b USING (lender_id, clock_id, borrower_id)
JOIN loan l USING (lender_id, clock_id, loan_id)
JOIN journal j ON j.lender_id = c.lender_id AND j.clock_id = c.clock_id AND j.borrower_key = b.key
              AND j.loan_key = l.key AND j.at = c.decided_at AND j.kind = 'decision'
LEFT JOIN message_body t ON %(text)s AND t.lender_id = c.lender_id AND t.clock_id = c.clock_id
                        AND t.message_id = c.message_id
WHERE (j.entry::jsonb ->> 'outcome', j.entry::jsonb ->> 'step', j.entry::jsonb ->> 'channel',
       (j.entry::jsonb ->> 'instalment')::integer, (j.entry::jsonb ->> 'occurrence')::integer)
    = ('sent', c.step, c.channel, c.instalment, c.occurrence)
ORDER BY j.at, c.borrower_id, c.loan_id, j.place, j.channel_place, j.entry_id
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One message: its id, its printed line, whose outcome is null while it has not left, and how it stands."""

    message_id: str
    json: str
    status: str
    reason: str | None
    provider: str | None


def listed(
    connection: Connection, clock_id: int, *, loan_id: str | None, status: str | None, limit: int | None, text: bool
) -> Iterator[Listed]:
    """The newest ``limit`` messages (all, without), in the order of a story. ``text`` adds the personal data."""
    parameters = {"clock": clock_id, "loan": loan_id, "status": status, "limit": limit, "text": text}
    with connection.transaction(), connection.cursor(name="messages") as cursor:
        cursor.execute(_MESSAGES, parameters)
        for entry, message_id, borrower_id, of_loan, status_, reason, provider, to, subject, body in cursor:
            said = (to, subject, body) if text else None
            line: dict[str, Any] = json.loads(journal.line_of(entry, borrower_id, of_loan, status_, said))
            if status_ in _OPEN:
                line["outcome"] = None
            yield Listed(
                message_id, json.dumps(line, ensure_ascii=False, separators=(",", ":")), status_, reason, provider
            )


def shown(found: Iterable[Listed]) -> Iterator[str]:
    """The same in columns for a person."""
    return columns(_rows(found))


def _rows(found: Iterable[Listed]) -> Iterator[tuple[str, ...]]:
    yield ("DECIDED", "LOAN", "STEP", "BY", "STATUS", "MESSAGE", "NOTE")
    for one in found:
        line = json.loads(one.json)
        said = [one.provider] if one.provider else []
        said += [one.reason] if one.reason else []
        if line["to"] is not None:
            subject = f"{line['subject']}: " if line["subject"] else ""
            said = [f"to {line['to']}: {subject}{' '.join(line['body'].split())}"]
        yield (
            local_time(line["at"]), line["loan_id"], line["step"], line["channel"], one.status,
            one.message_id[:_SHORT],
            printable("; ".join(said)),
        )  # fmt: skip
