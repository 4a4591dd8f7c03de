"""The kinds of rule that a pack may hold: a small closed set, each with one meaning; a rule is data.

Every kind but ``Lift``, ``Scope`` and ``Retention`` restricts: it says when a contact that it reaches is lawful. A
``Lift`` loosens nothing by itself: a rule of the same pack has to name it in ``unless``. Days are ordinals of the
local calendar, times of day are seconds since local midnight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Hours = tuple[tuple[int, int], ...]
"""Open spans of one day, [opens, closes), in seconds; empty: closed all day."""

EVERYONE: Final = "everyone"
COLLECTORS: Final = "collectors"
AGENCY: Final = "agency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What every rule says of itself: whom and what it reaches, when it is in force, and where it is written.

    An empty ``channels``, ``purposes``, ``stages``, ``relations``, ``modes`` or ``address_kinds`` reaches all;
    ``but_…`` leaves some out. ``actors``: ``everyone``; ``collectors``, to which a lender counts as well unless its
    policy says ``first_party_as_collector: off``; ``agency``, rules about who is writing, which never bind a
    lender. ``when`` must hold of the facts asked with (flags, ``days_past_due``, ``basis``, ``zones``) for the rule
    to bind. ``since`` and ``until`` are the first day in force and the first day no longer. ``unless`` names lifts
    of the same pack. Two rules of a pack may share an id, where the source says both in one place; of these at most
    one is a lift.
    """

    rule_id: str
    text: str
    cite: str
    pack: str = ""
    status: str = "law"
    sure: str = "high"
    actors: str = EVERYONE
    channels: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    but_purposes: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    relations: frozenset[str] = frozenset()
    but_relations: frozenset[str] = frozenset()
    modes: frozenset[str] = frozenset()
    address_kinds: frozenset[str] = frozenset()
    but_address_kinds: frozenset[str] = frozenset()
    when: Mapping[str, str] = field(default_factory=dict)
    since: int | None = None
    until: int | None = None
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Window(Rule):
    """Contact only at these hours, in every place where the person may be (or in ``zone``, where one is named).

    ``hours`` has seven days from Monday. On a public holiday of ``holidays`` (a region, or ``region`` for the
    borrower's own) ``on_holidays`` holds instead.
    """

    hours: tuple[Hours, Hours, Hours, Hours, Hours, Hours, Hours]
    holidays: str | None = None
    on_holidays: Hours = ()
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet(Rule):
    """No contact in the times that the person named as inconvenient, in their own local time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Which past contacts a cap counts. Empty ``channels``, ``outcomes``, ``modes``: all.

    ``outcomes`` and ``but_outcomes`` look at attempts to call only. ``inbound``: also what the person began.
    ``ours``: only our own, not those of other collectors. ``consented``: also calls that the person asked for.
    ``together``: one step on several channels at one instant is one contact; else each channel is.
    ``same_address``: only those to the same number or address.
    """

    channels: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()
    but_outcomes: frozenset[str] = frozenset()
    modes: frozenset[str] = frozenset()
    but_purposes: frozenset[str] = frozenset()
    address_kinds: frozenset[str] = frozenset()
    but_address_kinds: frozenset[str] = frozenset()
    inbound: bool = False
    ours: bool = False
    consented: bool = True
    together: bool = False
    same_address: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap(Rule):
    """At most ``most`` contacts in any ``days`` calendar days of the person, the contact's own day included.

    With ``hours`` instead of ``days`` the span rolls: the last so many hours. ``per``: ``person`` or ``debt``.
    ``spent`` says that what is counted closes the time by itself: a contact is lawful only while fewer than
    ``most`` are counted, and it need not be of the kind that is counted (no call for seven days after a talk).
    """

    most: int
    days: int | None = None
    hours: int | None = None
    per: str = "person"
    counts: Counts = Counts()
    spent: bool = False
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Rule):
    """No contact between what begins it and what ends it. Names are types of notes; ``*`` stands for any letters.

    It ends by a note of ``ends``, by the note's own ``until``, or after ``days`` (the day that begins it is day
    one), whichever is first; without any, it has no end. ``kinds``, ``but_kinds`` look at the note's kind.
    ``in_validation``: only where it began before the validation period was over (see ``dates``). Without
    ``begins`` it is in force while ``when`` holds.
    """

    begins: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    but_kinds: frozenset[str] = frozenset()
    days: int | None = None
    business_days: int | None = None
    default_days: int | None = None
    calendar: str | None = None
    in_validation: bool = False
    by_person: bool = False
    """Only where the note is about the very person who would be contacted (a contact person who refused)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut(Rule):
    """No contact through a medium, number or address that the person asked not to be used, until they restore it.

    ``scope``: ``person``, or ``program`` where the option ``optout_scope`` says that a refusal reaches only its own
    programme.
    """

    scope: str = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Rule):
    """Contact only with the person's consent to it, not withdrawn and not run out. ``to`` is what it must be to."""

    to: str = "contact"
    days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent(Rule):
    """Contact only while a sign of life is fresh: what the person wrote by this medium, or a note of ``notes``,

    not more than ``days`` calendar days ago.
    """

    days: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content(Rule):
    """Never with these classes of content in the text; the text checker finds them. ``*`` stands for any letters."""

    forbids: tuple[str, ...]
    but: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation(Rule):
    """Only with persons who stand in one of these relations to the debt."""

    allows: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Rule):
    """A notice has to be given before, and not have come back.

    ``within_days``: only from so many days after the first contact on. ``wait_days``: and so many days have to
    pass after it (its own day is day one). ``wait_until``: and the date that it names has to pass.
    ``only_bounced``: binds only where the last one came back.
    """

    notice: tuple[str, ...]
    bounced: tuple[str, ...] = ()
    within_days: int | None = None
    wait_days: int | None = None
    wait_until: bool = False
    only_bounced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferEnd(Rule):
    """An offer is only sent before it ends; with ``after_validation`` it may not end in the validation period."""

    after_validation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift(Rule):
    """What a rule that names it in ``unless`` gives way to. ``by`` is one of:

    ``reply``: one answer (``most``) to what the person wrote last, through the same medium or one that they agreed
    to for the answer; with ``within_s`` not later; ``to``: ``inbound``, or ``opt_out`` for its confirmation.
    ``consent``: the person agreed, to ``to`` (``hours``, ``calls``, ``place``, ``contact``); with ``days`` so long
    (the day of consent is day one); ``until_spoken``: until the conversation has taken place.
    ``fact``: ``when`` holds. ``used``: the person wrote from this kind of address before.
    ``unreached``: so many (``most``) calls running were not answered.
    """

    by: str
    to: str = "inbound"
    most: int = 1
    within_s: int | None = None
    days: int | None = None
    until_spoken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope(Rule):
    """How the rules of the pack are to be read (whom they bind, whose clock, what is one debt); it decides nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention(Rule):
    """How long records are kept: ``years`` from ``what``. It bears on records, not on contacts."""

    years: int
    what: str


KINDS: Final[dict[str, type[Rule]]] = {
    "window": Window,
    "quiet": Quiet,
    "cap": Cap,
    "stop": Stop,
    "opt_out": OptOut,
    "consent": Consent,
    "recent": Recent,
    "content": Content,
    "relation": Relation,
    "notice": Notice,
    "offer_end": OfferEnd,
    "lift": Lift,
    "scope": Scope,
    "retention": Retention,
}
"""The closed set, by the name that a pack writes."""

KIND_OF: Final = {kind: name for name, kind in KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A rule pack: the rules of one jurisdiction.

    ``regions`` are the borrowers' regions that it is always in force for (``US`` takes in ``US-CA``). ``over``
    names packs that it lies over, which come with it. ``aliases`` are other names of it in case files; one alias in
    several packs means all of them. ``zones`` are where a person may be of whom no place is known. ``options``
    are the names under which a case file sets ``first_party_as_collector`` and the like, by what they mean here.
    ``holidays`` names the region whose business days date calculations count.
    """

    name: str
    title: str
    rules: tuple[Rule, ...]
    regions: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    holidays: str | None = None
    about: str = ""
