"""One line of a story: what was decided at an instant, for which step, and why; the format that others read."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from policies.calendar import Zone
from policies.facts import Instant

SENT = "sent"
OFFER = "offer"
HOLD = "hold"
HAND_OFF = "hand_off"
REVIEW = "review"
DEFERRED = "deferred"
SUPPRESSED = "suppressed"
SKIPPED = "skipped"
VOID = "void"
SUPERSEDED = "superseded"
WITHDRAWN = "withdrawn"
FAILED = "failed"
UNCONFIRMED = "unconfirmed"
CURED = "cured"
SETTLED = "settled"
SET_ASIDE = "set_aside"

OUTCOMES = (
    SENT, OFFER, HOLD, HAND_OFF, REVIEW, DEFERRED, SUPPRESSED, SKIPPED, VOID, SUPERSEDED, WITHDRAWN, FAILED,
    UNCONFIRMED, CURED, SETTLED, SET_ASIDE,
)  # fmt: skip

# Places of lines that belong to no step of the ladder: a cure comes first at its instant, a report last.
FIRST = -1
LAST = 1_000_000

Because = tuple[dict[str, Any], ...]


class Line(NamedTuple):
    """One outcome. ``place`` and ``channel_place`` order lines of one instant and loan; they are not printed.

    ``because`` lists rules, the binding one first, and never holds personal data. ``message_id`` is given for a
    line that puts a message in the outbox, and for those that tell of one; ``policy`` is the digest of the version
    that decided; after ``send_by`` a message may no longer leave as decided, and is decided afresh; ``contact`` is
    the contact that it is part of. ``due`` (an ordinal) and ``planned`` are the dates from which the step's time comes:
    the instalment's day due, as its calendar has it, and the instant that the policy sets for the step.
    """

    at: Instant
    borrower_id: str
    loan_id: str
    outcome: str
    because: Because
    instalment: int | None = None
    episode: int | None = None
    step: str | None = None
    occurrence: int | None = None
    channel: str | None = None
    message: str | None = None
    language: str | None = None
    to: str | None = None
    subject: str | None = None
    body: str | None = None
    until: Instant | None = None
    place: int = FIRST
    channel_place: int = FIRST
    message_id: str | None = None
    policy: str | None = None
    send_by: Instant | None = None
    contact: str | None = None
    due: int | None = None
    planned: Instant | None = None

    @property
    def order(self) -> tuple[Instant, str, str, int, int]:
        """The key by which lines are printed."""
        return (self.at, self.borrower_id, self.loan_id, self.place, self.channel_place)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

KEYS = (
    "at", "borrower_id", "loan_id", "instalment", "episode", "step", "occurrence", "outcome", "channel", "message",
    "language", "to", "subject", "body", "until", "because",
)  # fmt: skip


def to_json(line: Line, zone: Zone) -> str:
    """The line as one JSON object: keys always present and in their order, times local to the borrower."""
    return printed(
        {
            "at": zone.iso(line.at),
            "borrower_id": line.borrower_id,
            "loan_id": line.loan_id,
            "instalment": line.instalment,
            "episode": line.episode,
            "step": line.step,
            "occurrence": line.occurrence,
            "outcome": line.outcome,
            "channel": line.channel,
            "message": line.message,
            "language": line.language,
            "to": line.to,
            "subject": line.subject,
            "body": line.body,
            "until": None if line.until is None else zone.iso(line.until),
            "because": line.because,
        }
    )


def printed(values: dict[str, Any]) -> str:
    """``values``, which has every one of KEYS in their order, as JSON text; in ``because`` the rule comes first."""
    values["because"] = [_rule_first(one) for one in values["because"]]
    return _encode(values)


def _rule_first(one: dict[str, Any]) -> dict[str, Any]:
    if len(one) == 1:
        return one
    return {"rule": one["rule"], **{key: one[key] for key in sorted(one) if key != "rule"}}
