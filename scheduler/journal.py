"""Entries of the append-only journal: one a decision, canonical JSON with its SHA-256, and no personal data.

Of a message there is its id and the digest of its text; name, address and text are elsewhere, to be erased.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from typing import Any, NamedTuple

from policies.calendar import Zone
from policies.facts import Instant
from policies.outcome import KEYS, Because, Line, printed

DECISION = "decision"
HAND_OVER = "hand_over"
SET_ASIDE = "set_aside"
PUBLISHED = "published"
IMPORTED = "imported"
CLOCK_JUMP = "clock_jump"
MIGRATED = "migrated"

_canonical = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


class Entry(NamedTuple):
    """One entry; ``text`` is its canonical JSON, ``digest`` the SHA-256 of that text in UTF-8."""

    at: Instant
    kind: str
    text: str
    digest: bytes
    borrower_id: str | None = None
    loan_id: str | None = None
    message_id: str | None = None
    place: int = 0
    channel_place: int = 0


def entry(at: Instant, kind: str, values: dict[str, Any], **keys: Any) -> Entry:
    """An entry of ``values`` (plain JSON values, no floats); ``keys`` are the columns it can be found by."""
    text = canonical(values)
    return Entry(at, kind, text, hashlib.sha256(text.encode()).digest(), **keys)


def canonical(values: dict[str, Any]) -> str:
    """Canonical JSON as RFC 8785 has it, for the values that entries hold: text, whole numbers, lists, maps."""
    return _canonical(values)


def of_line(line: Line, zone: Zone) -> Entry:
    """The entry of one line of a decision."""
    # The keys stand in their canonical order and the text is put together here: a general encoder, set up afresh for
    # every line of a large wave, takes twice as long.
    rest = (
        (',"borrower_id":', line.borrower_id),
        (',"channel":', line.channel),
        (',"episode":', line.episode),
        (',"instalment":', line.instalment),
        (',"language":', line.language),
        (',"loan_id":', line.loan_id),
        (',"message":', line.message),
        (',"message_id":', line.message_id),
        (',"occurrence":', line.occurrence),
        (',"outcome":', line.outcome),
        (',"policy":', line.policy),
        (',"step":', line.step),
        (',"text":', None if line.body is None else "sha256:" + text_digest(line.subject, line.body)),
        (',"until":', None if line.until is None else zone.iso(line.until)),
    )
    written = [key + (_quoted(v) if isinstance(v, str) else str(v)) for key, v in rest if v is not None]
    text = f'{{"at":"{zone.iso(line.at)}","because":{_because(line.because)}{"".join(written)}}}'
    return Entry(
        line.at, DECISION, text, hashlib.sha256(text.encode()).digest(), line.borrower_id, line.loan_id,
        line.message_id, line.place, line.channel_place,
    )  # fmt: skip


def _because(reasons: Because) -> str:
    if len(reasons) == 1 and len(reasons[0]) == 1 and "rule" in reasons[0]:
        return _rule_alone(reasons[0]["rule"])
    return _canonical(reasons)


@lru_cache(maxsize=1024)
def _rule_alone(rule: str) -> str:
    return _canonical([{"rule": rule}])


def text_digest(subject: str | None, body: str) -> str:
    """SHA-256 of a text as decided, its link a placeholder: the subject, a line feed, the body; in hex."""
    return hashlib.sha256(f"{subject or ''}\n{body}".encode()).hexdigest()


def line_of(text: str, outcome: str, body: tuple[str, str | None, str] | None) -> str:
    """The printed line of a decision's entry, under the outcome that its message came to.

    ``body`` is (to, subject, body) of the message, where the line sent one.
    """
    values = json.loads(text)
    line = {key: values.get(key) for key in KEYS}
    line["outcome"] = outcome
    if body is not None:
        line["to"], line["subject"], line["body"] = body
    return printed(line)
