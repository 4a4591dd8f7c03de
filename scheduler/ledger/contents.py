"""Compares what stands beside the ledger with what its entries say: columns, policies as published, texts as sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from scheduler import journal
from scheduler.ledger.commit import digest, message_key, message_path, text_of
from scheduler.ledger.findings import Finding, Findings
from scheduler.ledger.reading import Row
from scheduler.store.database import Connection

_PEOPLE_AT_ONCE: Final = 500

_VERSIONS = """
SELECT digest, name, file_name, source, since, number FROM policy_version
WHERE lender_id = %(lender)s AND clock_id = %(clock)s ORDER BY number
"""

_PEOPLE = """
SELECT b.borrower_id, b.key, p.salt FROM borrower b JOIN person p USING (lender_id, clock_id, borrower_id)
WHERE b.lender_id = %(lender)s AND b.clock_id = %(clock)s AND b.borrower_id > %(after)s
ORDER BY b.borrower_id LIMIT %(limit)s
"""

_BODIES = """
SELECT m.borrower_id, m.message_id, t.sent_to, t.subject, t.body
FROM message m JOIN message_body t USING (lender_id, clock_id, message_id)
WHERE m.lender_id = %(lender)s AND m.clock_id = %(clock)s AND m.borrower_id = ANY (%(people)s)
ORDER BY m.borrower_id, m.decided_at, m.message_id
"""

_SENT = """
SELECT borrower_key, entry FROM journal
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND borrower_key = ANY (%(keys)s) AND kind = 'decision'
  AND position('"text":"' IN entry) > 0
"""


def is_as_it_says(row: Row) -> str | None:
    """What is wrong with the columns of a journal row, by the text of its entry; none, where they agree."""
    try:
        said = json.loads(row.entry)
    except ValueError:
        return "its text is no JSON"
    if not isinstance(said, dict):
        return "its text is no JSON object"
    for column, key in (("borrower_key", "borrower"), ("loan_key", "loan")):
        held = getattr(row, column)
        if (None if held is None else held.hex) != said.get(key):
            return f"the column {column} names another than the entry"
    if row.kind != said.get("kind"):
        return f"the column kind says {row.kind}, the entry {said.get('kind')}"
    if _instant(said.get("at")) != row.at.replace(microsecond=0):
        return f"the column at says {row.at.astimezone(UTC).isoformat()}, the entry {said.get('at')}"
    return None


def _instant(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(microsecond=0)
    except (TypeError, ValueError):
        return None


class Publications:
    """The policies of the ledger's entries, to be compared with those that are decided by."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[int | None, str, dict[str, Any]]] = {}

    def read(self, number: int | None, row: Row) -> None:
        """Keep what an entry ``published`` says; ``number`` is None where it waits for one."""
        if row.kind == journal.PUBLISHED:
            said = json.loads(row.entry)
            self._said.setdefault(str(said.get("digest")), (number, iso(row.at), said))

    def compare(self, connection: Connection, lender_id: str, clock_id: int, findings: Findings) -> None:
        """Find each version that is not as its entry says, and those that one of the two does not know."""
        rows = connection.execute(_VERSIONS, {"lender": lender_id, "clock": clock_id}).fetchall()
        held = {row[0]: row for row in rows}
        for policy, (_, name, *_rest) in held.items():
            if policy not in self._said:
                text = f"policy {name}, version {policy}, is in force without an entry that it was published"
                findings.add(Finding("policy-not-recorded", text))
        for policy, (number, at, said) in self._said.items():
            row = held.get(policy)
            wrong = None if row is None else _differs(row, said)
            what = f"policy {said.get('policy')}, version {policy},"
            if row is None:
                text = f"{what} was published, and is not there any more"
                findings.add(Finding("policy-missing", text, number, journal.PUBLISHED, at))
            elif wrong is not None:
                text = f"{what} is not as it was published: {wrong}"
                findings.add(Finding("policy-changed", text, number, journal.PUBLISHED, at))


def _differs(row: tuple[Any, ...], said: dict[str, Any]) -> str | None:
    _digest, name, file_name, source, since, number = row
    found = f"sha256:{sha256(bytes(source)).hexdigest()}"
    if found != said.get("source"):
        return f"its text has {found}, published was {said.get('source')}"
    starts = None if since is None else since.astimezone(UTC).isoformat()
    held = {"policy": name, "file": file_name, "since": starts, "number": number}
    for key, value in held.items():
        if value != said.get(key):
            return f"its {key} is {value}, published was {said.get(key)}"
    return None


def compare_texts(
    connection: Connection, lender_id: str, clock_id: int, findings: Findings, tell: Callable[[int], None]
) -> int:  # fmt: skip
    """Compare each text that is still there with the digests of the decision to send it; answers with how many.

    A text or a salt that is gone was erased, which is no fault. ``tell`` is told how many people were looked at.
    """
    keys = {"lender": lender_id, "clock": clock_id}
    compared = people = 0
    for salts, borrowers in _people(connection, keys):
        said: dict[str, tuple[str, str | None]] = {}
        for _key, entry in connection.execute(_SENT, {**keys, "keys": borrowers}):
            values = json.loads(entry)
            if "message_key" in values:
                said[values["message_key"]] = (values["text"], values.get("to"))
        for borrower_id, message_id, to, subject, body in connection.execute(
            _BODIES, {**keys, "people": list(salts)}
        ):  # fmt: skip
            wrong = _text_differs(salts[borrower_id], message_id, to, text_of(subject, body), said)
            if wrong is not None:
                findings.add(Finding(*wrong))
            compared += 1
        people += len(salts)
        tell(people)
    return compared


def _people(connection: Connection, keys: dict[str, Any]) -> Iterator[tuple[dict[str, bytes], list[Any]]]:
    after = ""
    while True:
        rows = connection.execute(_PEOPLE, {**keys, "after": after, "limit": _PEOPLE_AT_ONCE}).fetchall()
        if not rows:
            return
        yield {who: bytes(salt) for who, _, salt in rows}, [key for _, key, _ in rows]
        after = rows[-1][0]


def _text_differs(
    salt: bytes, message_id: str, to: str, text: str, said: dict[str, tuple[str, str | None]]
) -> tuple[str, str] | None:  # fmt: skip
    decided = said.get(message_key(salt, message_id))
    if decided is None:
        return "message-not-recorded", f"message {message_id} is there without an entry that it was decided"
    if digest(salt, message_path(message_id, "text"), text).hex() != decided[0]:
        return "message-changed", f"message {message_id} has another text than was decided"
    if digest(salt, message_path(message_id, "to"), to).hex() != decided[1]:
        return "message-changed", f"message {message_id} has another address than was decided"
    return None


def iso(at: datetime) -> str:
    """An instant of a column as ISO 8601 in UTC."""
    return at.astimezone(UTC).isoformat()
