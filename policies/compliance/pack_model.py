"""The pack file as written: what stands where, and which keys a rule of each kind has."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import ConfigDict, Discriminator, Field, Tag

from policies.compliance import pack_leaves as leaf
from policies.compliance.kinds import EVERYONE, KINDS
from policies.language.leaves import Line, Name
from policies.language.model import Strict

UNKNOWN: Final = "unknown"


class Effective(Strict):
    """When a rule is in force: from its first day on, to its last."""

    from_: leaf.Day | None = Field(None, alias="from")
    to: leaf.Day | None = None


class RuleFile(Strict):
    """What every rule says; see ``kinds.Rule``."""

    text: leaf.Prose
    kind: str
    cite: leaf.Prose
    status: leaf.Status
    sure: leaf.Sure
    actors: leaf.Actors = EVERYONE
    channels: leaf.Channels = ()
    purposes: leaf.Purposes = ()
    but_purposes: leaf.Purposes = ()
    stages: leaf.Stages = ()
    relations: leaf.Relations = ()
    but_relations: leaf.Relations = ()
    modes: leaf.Modes = ()
    address_kinds: leaf.AddressKinds = ()
    but_address_kinds: leaf.AddressKinds = ()
    when: dict[leaf.Fact, leaf.Test] = Field(default_factory=dict)
    effective: Effective | None = None
    unless: leaf.RuleIds = ()


def _hours_shape(value: Any) -> str:
    return "mapping" if isinstance(value, dict) else "span"


class WindowFile(RuleFile):
    """Hours of contact: the same every day, or by days of the week; days left out are closed."""

    hours: Annotated[
        Annotated[leaf.Spans, Tag("span")] | Annotated[dict[leaf.Weekdays, leaf.Spans], Tag("mapping")],
        Discriminator(_hours_shape),
    ]
    holidays: leaf.HolidaysOf | None = None
    on_holidays: leaf.Spans = ()
    zone: leaf.Zone | None = None


class QuietFile(RuleFile):
    """The person's own inconvenient times."""


class CountsFile(Strict):
    """What a cap counts; see ``kinds.Counts``."""

    channels: leaf.Channels = ()
    outcomes: leaf.Outcomes = ()
    but_outcomes: leaf.Outcomes = ()
    modes: leaf.Modes = ()
    but_purposes: leaf.Purposes = ()
    address_kinds: leaf.AddressKinds = ()
    but_address_kinds: leaf.AddressKinds = ()
    inbound: leaf.Switch = False
    ours: leaf.Switch = False
    consented: leaf.Switch = True
    together: leaf.Switch = False
    same_address: leaf.Switch = False


class CapFile(RuleFile):
    """So many contacts in so many days, or hours."""

    most: leaf.Whole
    days: leaf.Whole | None = None
    hours: leaf.Whole | None = None
    per: leaf.Per = "person"
    counts: CountsFile = CountsFile()
    spent: leaf.Switch = False
    zone: leaf.Zone | None = None


class StopFile(RuleFile):
    """Nothing between a beginning and an end."""

    begins: leaf.NoteTypes = ()
    ends: leaf.NoteTypes = ()
    kinds: leaf.NoteKinds = ()
    but_kinds: leaf.NoteKinds = ()
    days: leaf.Whole | None = None
    business_days: leaf.Whole | None = None
    default_days: leaf.Whole | None = None
    calendar: leaf.HolidaysOf | None = None
    in_validation: leaf.Switch = False
    by_person: leaf.Switch = False


class OptOutFile(RuleFile):
    """Nothing by a medium that the person refused."""

    scope: leaf.OptOutScope = "person"


class ConsentFile(RuleFile):
    """Only with consent."""

    to: leaf.ConsentTo = "contact"
    days: leaf.Whole | None = None


class RecentFile(RuleFile):
    """Only while a sign of life is fresh."""

    days: leaf.Whole
    notes: leaf.NoteTypes = ()


class ContentFile(RuleFile):
    """Never with such content."""

    forbids: leaf.SomeContent
    but: leaf.ContentClasses = ()


class RelationFile(RuleFile):
    """Only with these persons."""

    allows: leaf.SomeRelations


class NoticeFile(RuleFile):
    """Only after a notice."""

    notice: leaf.SomeNotes
    bounced: leaf.NoteTypes = ()
    within_days: leaf.Whole | None = None
    wait_days: leaf.Whole | None = None
    wait_until: leaf.Switch = False
    only_bounced: leaf.Switch = False


class OfferEndFile(RuleFile):
    """No offer after its end, or in the validation period."""

    after_validation: leaf.Switch = False


class LiftFile(RuleFile):
    """What other rules give way to."""

    by: leaf.Way
    to: leaf.ConsentTo | None = None
    most: leaf.Whole = 1
    within: leaf.Within | None = None
    days: leaf.Whole | None = None
    until_spoken: leaf.Switch = False


class ScopeFile(RuleFile):
    """How the pack is to be read."""


class RetentionFile(RuleFile):
    """How long records are kept."""

    years: leaf.Years
    what: Line


class UnknownFile(RuleFile):
    """A rule of no kind that there is; only its kind is looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    text: Any = ""
    cite: Any = ""
    status: Any = ""
    sure: Any = ""
    kind: leaf.KindOfRule


def _kind_of(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if isinstance(kind, str) and kind in KINDS else UNKNOWN


AnyRule = Annotated[
    Annotated[WindowFile, Tag("window")]
    | Annotated[QuietFile, Tag("quiet")]
    | Annotated[CapFile, Tag("cap")]
    | Annotated[StopFile, Tag("stop")]
    | Annotated[OptOutFile, Tag("opt_out")]
    | Annotated[ConsentFile, Tag("consent")]
    | Annotated[RecentFile, Tag("recent")]
    | Annotated[ContentFile, Tag("content")]
    | Annotated[RelationFile, Tag("relation")]
    | Annotated[NoticeFile, Tag("notice")]
    | Annotated[OfferEndFile, Tag("offer_end")]
    | Annotated[LiftFile, Tag("lift")]
    | Annotated[ScopeFile, Tag("scope")]
    | Annotated[RetentionFile, Tag("retention")]
    | Annotated[UnknownFile, Tag(UNKNOWN)],
    Discriminator(_kind_of),
]


def _rule_shape(value: Any) -> str:
    return "list" if isinstance(value, list) else "alone"


RuleOrParts = Annotated[
    Annotated[AnyRule, Tag("alone")] | Annotated[list[AnyRule], Tag("list")], Discriminator(_rule_shape)
]


class PackFile(Strict):
    """A whole pack file."""

    pack: Name
    title: Line
    about: leaf.Prose = ""
    regions: leaf.Regions = ()
    over: leaf.Names = ()
    aliases: leaf.Facts = ()
    zones: leaf.Zones = ()
    options: dict[leaf.Fact, leaf.Fact] = Field(default_factory=dict)
    holidays: leaf.HolidaysOf | None = None
    rules: dict[leaf.RuleId, RuleOrParts]
