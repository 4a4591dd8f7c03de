"""What the guard knows when it is asked: the contact proposed, and all that is on record of the person.

Plain frozen values. Instants are whole microseconds since 1970 UTC, days ordinals of a local calendar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from policies.facts import Instant

BORROWER = "borrower"
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Asked(NamedTuple):
    """A contact that is proposed. Names are those of ``vocabulary``.

    ``person`` is empty for the borrower. ``content`` are the classes that the text checker found. ``offer_ends``
    is the first instant at which the offer in it is over, ``offer_last_day`` its last day. ``basis`` is how an
    e-mail address was come by. ``program`` is what an opt-out may be limited to.
    """

    channel: str
    purpose: str = "reminder"
    stage: str = "past_due"
    actor: str = "lender"
    debt: str = ""
    relation: str = BORROWER
    person: str | None = None
    mode: str | None = None
    address: str | None = None
    address_kind: str | None = None
    content: frozenset[str] = frozenset()
    offer_ends: Instant | None = None
    offer_last_day: int | None = None
    basis: str | None = None
    program: str | None = None
    days_past_due: int | None = None
    as_collector: bool = True
    """Whether a lender is held to the rules that bind collectors."""


class Contact(NamedTuple):
    """A contact that was made or tried, by either side; the parts of one step at one instant share ``key``.

    An empty ``debts`` is about all of them, an empty ``channel`` may be any. ``by`` is ``us`` or who else.
    """

    at: Instant
    key: str
    channel: str = ""
    debts: tuple[str, ...] = ()
    outcome: str | None = None
    mode: str | None = None
    inbound: bool = False
    by: str = "us"
    person: str | None = None
    address: str | None = None
    address_kind: str | None = None
    purpose: str | None = None
    consented: bool = False
    initial: bool = False
    reply_channels: tuple[str, ...] = ()
    """Media by which the person agreed, in this contact, to be answered."""


@dataclass(frozen=True, slots=True)
class Times:
    """A span of the week: ``days`` from Monday 0, [opens, closes) in seconds since local midnight."""

    days: frozenset[int]
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was said, sent or filed: a consent, an opt-out, what begins or ends a stop, a notice.

    ``type`` is what rules name. In force from ``at``; ``until`` is its own end. An empty ``channel``, ``address``
    or ``debts`` means all. ``times`` are the hours that a designation, or a consent to hours, is about.
    """

    at: Instant
    type: str
    channel: str | None = None
    address: str | None = None
    debts: tuple[str, ...] = ()
    kind: str | None = None
    person: str | None = None
    until: Instant | None = None
    last_day: int | None = None
    times: tuple[Times, ...] = ()
    program: str | None = None


OPT_OUT = "opt_out"
OPT_IN = "opt_in"
CONSENT = "consent"
CONSENT_WITHDRAWN = "consent_withdrawn"
INCONVENIENT = "inconvenient"
LIFTED = "inconvenient_lifted"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sign of where the person may be. ``known`` is knowledge, which takes the place of all that only indicates."""

    zones: tuple[str, ...]
    kind: str = "address"
    at: Instant | None = None
    until: Instant | None = None
    known: bool = False


class Dossier(NamedTuple):
    """All that is on record of one person, in any order.

    ``flags`` are facts that a rule's ``when`` may test (``time_barred``, ``employer_prohibits``). ``same_debt`` are
    groups of debts that count as one. ``holidays`` are days (ordinals) beside those of the tables. ``options`` are
    the settings of a pack (``optout_scope``, ``text_safe_harbor``). ``region`` is the borrower's.
    """

    evidence: tuple[Evidence, ...] = ()
    contacts: Sequence[Contact] = ()
    notes: tuple[Note, ...] = ()
    flags: Mapping[str, object] = _NOTHING
    options: Mapping[str, str] = _NOTHING
    same_debt: tuple[frozenset[str], ...] = ()
    holidays: frozenset[int] = frozenset()
    region: str = ""
