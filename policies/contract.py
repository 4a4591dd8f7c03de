"""A compiled policy: the frozen form that ``decide()`` executes; the language package builds it from text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

DAY = "day"
BUSINESS_DAY = "business day"
WEEK = "week"
MONTH = "month"

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Duration:
    """``amount`` may be negative in an ``At``; ``unit`` is one of DAY, BUSINESS_DAY, WEEK, MONTH."""

    amount: int
    unit: str


@dataclass(frozen=True, slots=True)
class At:
    """When a step is due: an anchor, a signed duration from its date, and a local time of day in seconds.

    ``anchor`` is ``due``, ``offer.made``, ``offer.expires`` or ``<step>.done``. ``tod`` is never empty: the
    policy's ``send_at`` is written in where the step gives none.
    """

    anchor: str
    offset: Duration
    tod: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled ``when``: ``test(facts)`` answers whether it holds; ``names`` are the facts it reads."""

    test: Callable[[Facts], bool]
    names: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Send:
    """A message and its channels in order of preference; ``every`` means each of them, not the first that works."""

    message: str
    channels: tuple[str, ...]
    every: bool = False


@dataclass(frozen=True, slots=True)
class StepHold:
    """``hold:`` of a step: for a duration, or until a release that names it (``duration`` empty)."""

    duration: Duration | None


@dataclass(frozen=True, slots=True)
class Step:
    """One clause of the ladder (or a side step, whose anchor is not ``due``). ``place`` is its order in the file."""

    name: str
    place: int
    at: At
    when: Condition | None = None
    within: Duration | None = None
    send: Send | None = None
    offer: str | None = None
    hold: StepHold | None = None
    hand_off: str | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A share of something (``share`` between 0 and 1), or an amount of money; exactly one is given."""

    share: Decimal | None = None
    amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """Terms of a settlement offer as written. ``waive`` by component (penalty, interest, principal)."""

    name: str
    waive: tuple[tuple[str, Share], ...]
    instalments: int
    every: Duration | None
    first_after: Duration | None
    floor: Share | None
    floor_of: str | None
    expires: Duration


# One rendered text: subject (e-mail only) and body.
Rendered = tuple[str | None, str]
Renderer = Callable[[Mapping[str, Any]], Rendered]


@dataclass(frozen=True, slots=True)
class Policy:
    """One published version of a policy. ``digest`` is ``sha256:<hex>`` over the RFC 8785 bytes of ``canonical``.

    ``templates[(message, channel, language)]`` renders one text from the variables of the language.
    """

    name: str
    title: str
    digest: str
    canonical: dict[str, Any]
    products: tuple[str, ...] | None
    regions: tuple[str, ...] | None
    currency: str
    actor: str
    languages: tuple[str, ...]
    rules: tuple[str, ...]
    house: bool
    send_at: int
    overdue_from_minor: int
    lender: Mapping[str, str]
    steps: tuple[Step, ...]
    offers: Mapping[str, Offer]
    templates: Mapping[tuple[str, str, str], Renderer] = field(repr=False)
    contents: Mapping[tuple[str, str, str], frozenset[str]] = field(default_factory=dict, repr=False)
    """The classes of content found in each text, for the guard; by message, channel and language."""
    first_party_as_collector: bool = True
    """Whether a lender is held to the rules that bind collectors."""
    calendar: str | None = None
    end: bool = False
    review_after: int = 180
    ladder: tuple[Step, ...] = ()
    """The steps anchored to ``due``, in order; those at or before ``due`` first."""
    side_steps: tuple[Step, ...] = ()
    before_due: tuple[Step, ...] = field(init=False, repr=False)
    after_due: tuple[Step, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Part the ladder into the steps at or before ``due`` and those after it."""
        before = tuple(s for s in self.ladder if s.at.offset.amount <= 0)
        after = tuple(s for s in self.ladder if s.at.offset.amount > 0)
        object.__setattr__(self, "before_due", before)
        object.__setattr__(self, "after_due", after)
