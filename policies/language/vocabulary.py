"""The words that a policy may use: facts with their types, channels, receivers of a hand-off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MONEY: Final = "money"
COUNT: Final = "count"
TEXT: Final = "text"
SET: Final = "set"

CHANNELS: Final = ("sms", "email", "letter")
HAND_OFFS: Final = ("arbitration", "insurance", "agency", "review")
ACTORS: Final = ("lender", "agency")


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact that ``when`` may test. ``optional``: it may have no value. ``prefix``: ``US`` matches ``US-CA``."""

    name: str
    kind: str
    unit: str
    optional: bool = False
    prefix: bool = False


FACTS: Final = {
    fact.name: fact
    for fact in (
        Fact("overdue", MONEY, "unpaid of the instalments past due, with charges"),
        Fact("balance", MONEY, "unpaid of the whole loan"),
        Fact("principal", MONEY, "unpaid principal"),
        Fact("penalties", MONEY, "unpaid penalties"),
        Fact("days_past_due", COUNT, "calendar days since the due date of the oldest instalment past due"),
        Fact("instalments_overdue", COUNT, "instalments past due"),
        Fact("times_delinquent", COUNT, "episodes of delinquency of this loan"),
        Fact("promises_kept", COUNT, "promises to pay that were kept"),
        Fact("promises_broken", COUNT, "promises to pay that were broken"),
        Fact("offers_declined", COUNT, "settlement offers that were declined"),
        Fact("contacts_last_7_days", COUNT, "contacts with the person in the last seven days"),
        Fact("last_response_days", COUNT, "days since the person last answered", optional=True),
        Fact("reachable_by", SET, "channels by which the person can be reached"),
        Fact("product", TEXT, "the loan's product"),
        Fact("segment", TEXT, "the loan's segment", optional=True),
        Fact("region", TEXT, "the borrower's region, ISO 3166", prefix=True),
        Fact("language", TEXT, "the borrower's language, BCP 47", prefix=True),
        Fact("tags", SET, "the loan's tags"),
    )
}
LATER_FACTS: Final = ("cure_score", "risk_band")
"""Facts of the language that come with the scoring work."""

REGION: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
WORD: Final = re.compile(r"[^\s,;\[\]{}<>=!][^,;\[\]{}<>=!\n]{0,63}")
"""A product, a segment or a tag."""


def matches(value: str, pattern: str, *, prefix: bool) -> bool:
    """Whether a text fact's ``value`` is meant by ``pattern``; with ``prefix``, ``US-CA`` is meant by ``US``."""
    return value == pattern or (prefix and value.startswith(pattern + "-"))
