"""Reads a case file: contacts with what the law is expected to say of each, and date calculations.

A case is what the guard is asked with, and the answer expected. What a case says that nothing here understands is
a problem of that case: it is told with the nearest known words, and the case is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from policies.calendar import Zone, zone
from policies.compliance import case_dates
from policies.compliance.case_events import event
from policies.compliance.case_known import Known
from policies.compliance.case_notes import ADDRESS_KINDS, DEBT, Told, address, debts, person
from policies.compliance.case_state import evidence, settings, state
from policies.compliance.case_values import Part, Reading, instant
from policies.compliance.case_words import ACTOR, ADDRESS_KIND, BASIS, CHANNEL, CONTENT, MODE, PURPOSE, word
from policies.compliance.dossier import Asked, Dossier, Evidence
from policies.compliance.packs import UnknownPack
from policies.compliance.vocabulary import STAGES
from policies.facts import Instant
from policies.language import source
from policies.language.source import Map, Node, Seq, Text
from policies.problems import ERROR, Problem

DECISIONS: Final = {"send": "send", "defer_until": "defer_until", "defer": "defer_until", "suppress": "suppress",
                    "deferred": "defer_until", "suppressed": "suppress", "sent": "send"}  # fmt: skip

WordsOf = Callable[[tuple[str, ...]], Known]
"""The words of the packs named; raises UnknownPack."""


_NOTHING: Final = Dossier()


@dataclass(frozen=True, slots=True)
class Expected:
    """The answer that a case expects; ``rules`` are ids, ``dates`` the dates of a calculation by the case's names."""

    decision: str | None = None
    until: Instant | None = None
    rules: tuple[str, ...] = ()
    dates: Mapping[str, date] = field(default_factory=dict)


_ANYTHING: Final = Expected()


@dataclass(frozen=True, slots=True)
class Case:
    """One case. ``asked`` has, for each debt, the contacts proposed together; ``offset`` is the proposal's own.

    With ``problems`` nothing else of it can be relied on. ``dates`` are the results of a calculation, by the
    function's names, for a case that is one.
    """

    id: str
    title: str = ""
    packs: tuple[str, ...] = ()
    asked: tuple[tuple[Asked, ...], ...] = ()
    dossier: Dossier = _NOTHING
    now: Instant = 0
    offset: int = 0
    expected: Expected = _ANYTHING
    dates: Mapping[str, date] | None = None
    problems: tuple[Problem, ...] = ()


def read(file: str, data: bytes | str, words_of: WordsOf, every: Known) -> tuple[list[Case], list[Problem]]:
    """The cases of a file in its order; problems of the file as a whole leave none. ``every``: words of all packs."""
    document, _, problems = source.read(file, data)
    if document is None:
        return [], [replace(p, expected="a case file", remedy="write `cases:` and a list of cases")
                    if p.code == "empty-file" else p for p in problems]  # fmt: skip
    root = document.root
    listed = root.get("cases") if isinstance(root, Map) else root
    if not isinstance(listed, Seq) or not listed.items:
        line, column = document.place(root.start)
        return [], [Problem(file, line, column, ERROR, "no-cases", "the file has no cases",
                            expected="`cases:` and a list of cases", remedy="write at least one")]  # fmt: skip
    cases: list[Case] = []
    seen: dict[str, int] = {}
    for number, item in enumerate(listed.items, 1):
        reading = Reading(document)
        case = _case(reading, item, number, words_of, every)
        if case.id in seen:
            remedy = f"rename one; the first is case {seen[case.id]}"
            reading.problem(
                item, "same-id", f"the id '{case.id}' is used twice", found=case.id, expected="each id once",
                remedy=remedy,
            )  # fmt: skip
        seen.setdefault(case.id, number)
        cases.append(replace(case, problems=tuple(reading.problems)))
    return cases, []


_FOR_READERS: Final = (
    "basis", "confidence", "source_read", "note", "citation", "tags", "schema_version", "sources", "source", "comment",
    "person", "debts", "url", "status", "rationale", "explanation", "assumptions", "remark", "remarks", "verified_by",
    "read_at", "date_read", "related", "stage", "official_interpretation",
)  # fmt: skip
"""Keys of a case that say something to a person only."""


def _case(reading: Reading, node: Node, number: int, words_of: WordsOf, every: Known) -> Case:
    if not isinstance(node, Map):
        reading.wrong(node, "a case", "a mapping with id, pack, proposed, expected")
        return Case(f"case {number}")
    part = Part(reading, node, "a case")
    part.skip(*_FOR_READERS)
    name = part.text("id", "case_id", "case")
    if name is None:
        reading.problem(node, "missing-key", "a case lacks its id", expected="id: a short name")
    case = Case(name or f"case {number}", part.text("title", "name", "description") or "")
    kind = part.text("kind", "type") or "contact"
    region = _region(part.text("jurisdiction", "region") or "")
    if word(kind) == "date_calc" or part.has("function"):
        part.skip("pack", "packs", "overlays", "overlay", "location_evidence", "actor")
        case = _calculation(part, case, region)
    elif word(kind) in ("contact", "contact_case", "case", "proposal"):
        case = _contact(part, case, region, words_of, every)
    else:
        at = node.get("kind") or node
        reading.unknown(at, "kind of case", kind, ("contact", "date_calc"))
        return case
    part.finish()
    return case


_REGION: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


def _region(text: str) -> str:
    """The region whose public holidays count; none, where the text is no code of one."""
    code = {"UK": "GB"}.get(text.strip().upper(), text.strip().upper())
    return code if _REGION.fullmatch(code) else ""


# --- date calculations ------------------------------------------------------------------------------------------


def _calculation(part: Part, case: Case, region: str) -> Case:
    node = part.take("function", "calculation")
    inputs = part.part("inputs", "input", "arguments", "args")
    expected = part.part("expected", "expect")
    if not isinstance(node, Text) or inputs is None or expected is None:
        part.reading.problem(part.node, "missing-key", "a calculation lacks 'function', 'inputs' or 'expected'",
                             expected="all three")  # fmt: skip
        return case
    found = case_dates.calculate(node, inputs, region.partition("-")[0] or "US")
    wanted: dict[str, date] = {}
    named: dict[str, date] = {}
    expected.skip("rule", "citation", "note")
    for name, key, _ in expected.rest():
        when = expected.day(name)
        own = case_dates.result(found, name)
        if own is None and found:
            part.reading.unknown(key, "date of this calculation", name, found)
        elif own is not None and when is not None:
            wanted[name], named[name] = when, found[own]
    if found and not wanted and not part.reading.problems:
        part.reading.problem(expected.node, "missing-key", "no date is expected", expected="date: YYYY-MM-DD")
    return replace(case, expected=Expected(dates=wanted), dates={**found, **named})


# --- contacts ---------------------------------------------------------------------------------------------------


def _contact(part: Part, case: Case, region: str, words_of: WordsOf, every: Known) -> Case:
    packs, own = _packs(part, words_of)
    where = part.parts("location_evidence", "location", "evidence", "locations")
    first = zone("UTC")
    places: list[Evidence] = []
    for number, one in enumerate(where):
        found = evidence(one, first)
        if found is not None:
            first = zone(found.zones[0]) if number == 0 else first
            places.append(found)
    told = Told(first, own, every)
    facts = part.part("state", "facts")
    groups: tuple[frozenset[str], ...] = ()
    holidays: frozenset[int] = frozenset()
    late: int | None = None
    if facts is not None:
        late = facts.number("days_past_due", "dpd", "days_late", "days_overdue", "past_due_days")
        holidays = frozenset(day.toordinal() for day in _holidays(facts))
        groups = _groups(facts)
        region = _region(facts.text("region", "residence_region") or region)
        places += state(facts, told, first, own, every)
    for number, one in enumerate(part.parts("prior_events", "events", "history")):
        event(one, number, told)
    setting = part.part("config", "settings", "options")
    options = {} if setting is None else settings(setting, every)
    as_collector = options.get("first_party_as_collector", "true") not in ("false", "off")
    proposed = part.part("proposed", "proposal")
    if proposed is None:
        part.reading.problem(part.node, "missing-key", "a case lacks 'proposed'", expected="at, channel, purpose")
        return case
    actor = part.choice(ACTOR, "actor", "actor") or "agency"
    asked, now, offset = _proposed(proposed, first, Asked("", actor=actor, as_collector=as_collector,
                                                          days_past_due=late), every)  # fmt: skip
    moment = part.instant(first, "now", "as_of")
    dossier = Dossier(
        tuple(places), tuple(told.contacts), tuple(told.notes), told.flags, options, groups, holidays, region
    )
    return replace(
        case, packs=packs, asked=asked, dossier=dossier, now=now if moment is None else moment, offset=offset,
        expected=_expected(part, first),
    )  # fmt: skip


def _packs(part: Part, words_of: WordsOf) -> tuple[tuple[str, ...], Known]:
    nodes = (*part.nodes("pack", "packs"), *part.nodes("overlay", "overlays"))
    names = tuple(name.strip() for node in nodes for name in node.value.replace("+", ",").split(",") if name.strip())
    if not names:
        part.reading.problem(part.node, "missing-key", "a case lacks its pack", expected="pack: the name of one")
        return (), Known()
    try:
        return names, words_of(names)
    except UnknownPack as error:
        part.reading.problem(
            nodes[0], "unknown-pack", f"there is no rule pack '{error.name[:80]}'", found=error.name[:80],
            expected="a pack that duly rules list names", remedy=error.remedy,
        )  # fmt: skip
        return names, Known()


def _holidays(facts: Part) -> list[date]:
    found = []
    for node in facts.nodes("holidays", "public_holidays", "national_holidays", "bank_holidays", "holiday"):
        at = instant(facts.reading, node, "holidays", zone("UTC"))
        if at is not None:
            found.append(date.fromordinal(zone("UTC").day(at)))
    return found


def _groups(facts: Part) -> tuple[frozenset[str], ...]:
    names = ("student_loan_group", "student_loan_groups", "same_debt", "same_debts", "same_account", "debt_groups",
             "one_account")  # fmt: skip
    node = facts.take(*names)
    if isinstance(node, Map):
        lists = [value for _, value in node.entries.values()]
    elif isinstance(node, Seq) and any(isinstance(item, Seq) for item in node.items):
        lists = list(node.items)
    else:
        lists = [] if node is None else [node]
    found = []
    for one in lists:
        items = one.items if isinstance(one, Seq) else (one,)
        found.append(frozenset(item.value for item in items if isinstance(item, Text)))
    return tuple(group for group in found if group)


def _proposed(
    part: Part, place: Zone, asked: Asked, every: Known
) -> tuple[tuple[tuple[Asked, ...], ...], Instant, int]:
    at = part.instant(place, "at", "time", "when")
    node = part.take("at", "time", "when")
    offset = _offset(node.value, place, at) if isinstance(node, Text) and at is not None else 0
    if node is None:
        part.reading.problem(part.node, "missing-key", "what is proposed lacks 'at'", expected="at: an instant")
    names = part.nodes("channel", "channels", "medium")
    chosen = [c for c in (part.chosen(CHANNEL, "channel", one) for one in names) if c]
    voice = word(part.text("voice", "technology") or "")
    if voice in _MACHINES or (part.flag("autodialed", "autodialled", "prerecorded", "artificial_voice", "ai_voice")):
        chosen = ["robocall" if one == "call" else one for one in chosen]
    if not names:
        part.reading.problem(part.node, "missing-key", "what is proposed lacks its channel", expected="channel: sms …")
    who, relation = person(part)
    late = part.number("days_past_due", "dpd")
    late = asked.days_past_due if late is None else late
    terms = part.part("offer", "offer_terms") or part
    if terms is not part:
        terms.skip("amount", "residual_treatment", "id", "percent", "currency", "note", "decision_basis")
    ends, ends_at = terms.instant(place, *_OFFER_ENDS), terms.take(*_OFFER_ENDS)
    last = terms.day("offer_deadline", "deadline", "offer_last_day", "pay_by")
    if terms is not part:
        terms.finish()
    if last is None and ends is not None:
        last_day: int | None = place.day(ends - 1)
        if isinstance(ends_at, Text) and len(ends_at.value) == 10:  # a date alone is the last day, not the end
            last_day, ends = place.day(ends), place.instant(place.day(ends) + 1)
    else:
        last_day = None if last is None else last.toordinal()
        ends = place.instant(last_day + 1) if ends is None and last_day is not None else ends
    purpose = part.choice(PURPOSE, "purpose", "purpose") or "reminder"
    stage = part.choice({name: name for name in STAGES}, "stage", "stage")
    if stage is None:
        stage = "pre_due" if purpose == "early_warning" or (late is not None and late <= 0) else "past_due"
    shaped = asked._replace(
        purpose=purpose,
        stage=stage,
        relation=relation,
        person=who,
        mode=part.choice(MODE, "mode", "mode"),
        address=address(part),
        address_kind=part.choice(ADDRESS_KIND, "kind of address", *ADDRESS_KINDS, "place"),
        content=_content(part, every),
        offer_ends=ends,
        offer_last_day=last_day,
        basis=part.choice(BASIS, "basis of an e-mail address", "email_basis", "basis"),
        program=part.text("program", "programme"),
        days_past_due=late,
    )
    part.skip("initial_communication", "first_contact", "initial", "in_reply_to")
    part.skip("automated", "note", "language", "template", "amount", "offer_amount", "residual_treatment", "direction",
              "by", "loan", "decided_at", "reason", "chapter")  # fmt: skip
    about = debts(part) or (DEBT,)
    part.finish()
    groups = tuple(tuple(shaped._replace(channel=one, debt=debt) for one in chosen) for debt in about)
    return groups if chosen else (), at or 0, offset


_MACHINES: Final = frozenset(
    {"prerecorded", "artificial", "ai", "recorded", "robot", "autodialer", "prerecorded_voice"}
)
_OFFER_ENDS: Final = ("offer_expires", "offer_expires_at", "expires_at", "expires", "offer_ends", "offer_until",
                      "offer_valid_until", "offer_expiry")  # fmt: skip


def _content(part: Part, every: Known) -> frozenset[str]:
    found = set()
    for node in part.nodes("content", "content_classes", "contents"):
        name = word(node.value)
        if name not in CONTENT and not every.content(name) and not _harmless(name):
            part.reading.unknown(node, "class of content", name, CONTENT)
        found.add(CONTENT.get(name, name))
    return frozenset(found)


def _harmless(name: str) -> bool:
    """Whether a class says that something due is there, or that nothing is wrong: no rule needs to name it."""
    if name.startswith(("no_", "missing_", "false_", "without_")) or "_not_" in name or "undisclosed" in name:
        return False
    return name.endswith(_THERE) or name == "amount_due"


_THERE: Final = ("_disclosure", "_disclosed", "_stated", "_present", "_included", "_instruction", "_instructions",
                 "_notice", "_statement", "_explained")  # fmt: skip


def _expected(part: Part, place: Zone) -> Expected:
    expected = part.part("expected", "expect")
    if expected is None:
        part.reading.problem(part.node, "missing-key", "a case lacks 'expected'", expected="decision, until, rule")
        return Expected()
    expected.skip("citation", "note", "reason", "cite", "because", "explanation", "basis", "confidence")
    decision = expected.choice(DECISIONS, "decision", "decision")
    if decision is None and not expected.has("decision"):
        part.reading.problem(expected.node, "missing-key", "no decision is expected", expected="decision: send …")
    until = expected.instant(place, "until", "defer_until")
    rules = (*expected.texts("rule"), *expected.texts("rules", "binding"))
    expected.finish()
    return Expected(decision, until, rules)


def _offset(text: str, place: Zone, at: Instant) -> int:
    """Seconds east of UTC, as the case writes its instant; of a date alone, those of the place."""
    if len(text) == 10:
        return place.offset(at)
    if text[-1] in "Zz":
        return 0
    sign = -1 if text[-6] == "-" else 1
    return sign * (int(text[-5:-3]) * 3600 + int(text[-2:]) * 60)
