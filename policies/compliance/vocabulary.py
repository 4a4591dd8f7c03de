"""The words that rules, contacts and cases share: channels, purposes, relations, outcomes of a call, stages."""

from __future__ import annotations

from typing import Final

CHANNEL_CLASSES: Final[dict[str, tuple[str, ...]]] = {
    "voice": ("call", "voicemail", "ringless_voicemail", "robocall"),
    "text": ("sms", "push", "chat", "social", "messenger"),
    "email": ("email",),
    "letter": ("letter",),
    "visit": ("visit",),
    "portal": ("portal",),
}
"""What a pack may name in ``channels``: a class, or one of its members."""

CHANNELS: Final = frozenset(channel for members in CHANNEL_CLASSES.values() for channel in members)
VOICE: Final = frozenset(CHANNEL_CLASSES["voice"])

PURPOSES: Final = frozenset(
    {
        "early_warning", "reminder", "settlement_offer", "reply", "payment_confirmation", "optout_confirmation",
        "statutory_notice", "contract_notice", "validation_notice", "remedy_notice", "end_of_efforts",
        "possible_remedies", "location_information", "transfer_notice", "complaint_response", "ongoing_liability",
        "marketing",
    }
)  # fmt: skip
"""Why a contact is made. ``remedy_notice``, ``end_of_efforts`` and ``possible_remedies`` are the three that a US
cease notice leaves open; ``location_information`` asks a third person where somebody is."""

STAGES: Final = frozenset({"pre_due", "past_due"})

RELATIONS: Final = frozenset(
    {
        "borrower", "spouse", "parent_of_minor", "guardian", "executor", "administrator", "personal_representative",
        "confirmed_successor", "attorney", "debt_adviser", "co_debtor", "guarantor", "creditor", "bureau",
        "contact_person", "parent_of_adult", "relative", "friend", "employer", "colleague", "neighbour", "reference",
        "third_party",
    }
)  # fmt: skip

NOT_CONNECTED: Final = frozenset({"busy", "not_in_service", "failed"})
UNANSWERED: Final = frozenset({"no_answer", "refused", "rejected", "switched_off"}) | NOT_CONNECTED
SPOKEN: Final = frozenset({"conversation"})
REACHED: Final = SPOKEN | {"answered", "answered_then_dropped", "voicemail", "voicemail_left", "played"}
OUTCOMES: Final = UNANSWERED | REACHED
"""How an attempt to call ended; written messages have none."""

ACTORS: Final = frozenset({"lender", "agency"})
MODES: Final = frozenset({"interactive", "notification"})
ADDRESS_KINDS: Final = frozenset({"mobile", "home", "work_phone", "work_email", "work", "given"})
STATUSES: Final = ("law", "guidance", "self-regulation", "draft", "policy")
SURE: Final = ("high", "medium", "low")


def channels_of(names: tuple[str, ...]) -> frozenset[str]:
    """The channels that classes and single channels name together; KeyError names what is neither."""
    found: set[str] = set()
    for name in names:
        if name in CHANNELS:
            found.add(name)
        else:
            found.update(CHANNEL_CLASSES[name])
    return frozenset(found)
