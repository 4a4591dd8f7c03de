"""The policy file as written: what stands where, of which kind; the JSON Schema for editors is made from it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from policies.language import leaves
from policies.language.leaves import (
    Actor,
    Amount,
    At,
    Calendar,
    Channel,
    Clock,
    Currency,
    Floor,
    HandOff,
    Language,
    Length,
    Line,
    MailAddress,
    Name,
    Region,
    Release,
    ShareOrAmount,
    Switch,
    Template,
    Word,
)  # fmt: skip
from policies.language.vocabulary import CHANNELS, COUNT, FACTS, MONEY

SETTLEMENT = "the settlement work"


class Strict(BaseModel):
    """A mapping with known keys only. ``later``: keys of the language that come with other work, refused until then."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)
    later: ClassVar[dict[str, str]] = {}


def when_schema() -> dict[str, Any]:
    """The JSON Schema of ``when``: facts to tests, and ``any``, ``all``, ``not`` around more of the same."""
    scalar: dict[str, Any] = {"type": ["string", "number"]}
    words: dict[str, Any] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
    }
    numbers: dict[str, Any] = {"anyOf": [scalar, {"type": "array", "items": scalar, "minItems": 1}]}
    tests = {
        fact.name: {**(numbers if fact.kind in (MONEY, COUNT) else words), "description": fact.unit}
        for fact in FACTS.values()
    }
    inner = {"$ref": "#/$defs/When"}
    groups = {"anyOf": [inner, {"type": "array", "items": inner, "minItems": 1}]}
    properties = {**tests, "any": groups, "all": groups, "not": inner}
    return {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": properties}


WHEN_MARK: dict[str, Any] = {"description": "When"}
"""Stands for the recursive schema of ``when``, which ``schema.py`` puts in its place."""

When = Annotated[Any, WithJsonSchema(WHEN_MARK)]


class AppliesTo(Strict):
    """Which loans the policy is for, beside its currency."""

    product: leaves.one_or_many(Word) | None = None  # type: ignore[valid-type]
    region: leaves.one_or_many(Region) | None = None  # type: ignore[valid-type]


class Lender(Strict):
    """Who speaks: printed in messages, and the answer address of e-mails."""

    name: Line
    reply_to: MailAddress | None = None
    phone: Line | None = None


class Every(Strict):
    """Each of these channels, not the first that works."""

    all: leaves.many(Channel, len(CHANNELS))  # type: ignore[valid-type]


def _shape(value: Any) -> str:
    return "mapping" if isinstance(value, dict | Strict) else "list"


class Send(Strict):
    """A message, and the channels in order of preference."""

    message: Name
    by: Annotated[
        Annotated[leaves.many(Channel, len(CHANNELS)), Tag("list")] | Annotated[Every, Tag("mapping")],  # type: ignore[valid-type]
        Discriminator(_shape),
    ]


class Hold(Strict):
    """Stops the ladder for a time, or until a release that names the step's hold."""

    for_: Length | None = Field(None, alias="for")
    until: Release | None = None


class Step(Strict):
    """One step: when, under which condition, and what it does."""

    at: At
    when: When | None = None
    within: Length | None = None
    send: Send | None = None
    offer: Name | None = None
    hold: Hold | None = None
    hand_off: HandOff | None = None


class Waive(Strict):
    """What an offer gives up: a share or an amount of each."""

    penalties: ShareOrAmount | None = None
    interest: ShareOrAmount | None = None
    principal: ShareOrAmount | None = None


class Pay(Strict):
    """How the rest is paid: at once where this is left out."""

    instalments: leaves.whole(1, 120) = 1  # type: ignore[valid-type]
    every: Length | None = None
    first_after: Length | None = None


class Offer(Strict):
    """Terms of a settlement offer, computed from the loan when it is made."""

    later: ClassVar[dict[str, str]] = {"grace": SETTLEMENT, "accept": SETTLEMENT, "sweeten": SETTLEMENT}

    waive: Waive | None = None
    pay: Pay | None = None
    floor: Floor | None = None
    expires: Length


class Mail(Strict):
    """An e-mail in one language; the body is plain text."""

    subject: Template
    body: Template


class Message(Strict):
    """The texts of one message: by channel, then by language."""

    sms: dict[Language, Template] | None = None
    email: dict[Language, Mail] | None = None
    letter: dict[Language, Template] | None = None


class PolicyFile(Strict):
    """A whole policy file."""

    policy: Name
    title: Line | None = None
    applies_to: AppliesTo = AppliesTo()
    currency: Currency
    actor: Actor = "lender"
    first_party_as_collector: Switch = True
    languages: leaves.many(Language, 50)  # type: ignore[valid-type]
    rules: Annotated[
        Annotated[leaves.many(Name, 50), Tag("list")] | Annotated[dict[Name, Switch], Tag("mapping")],  # type: ignore[valid-type]
        Discriminator(_shape),
    ] = []
    send_at: Clock | None = None
    overdue_from: Amount | None = None
    lender: Lender | None = None
    calendar: Calendar | None = None
    review_after: leaves.whole(1, 3_660) = 180  # type: ignore[valid-type]
    end: Switch = False
    steps: dict[Name, Step]
    offers: dict[Name, Offer] = {}
    messages: dict[Name, Message] = {}
