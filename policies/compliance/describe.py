"""A rule for a person to read, and for a program: what it asks, whom it reaches, when it is in force."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields
from datetime import date
from typing import Any, Final

from policies.compliance.kinds import (
    AGENCY,
    COLLECTORS,
    KIND_OF,
    Cap,
    Consent,
    Content,
    Counts,
    Hours,
    Lift,
    Notice,
    OfferEnd,
    OptOut,
    Pack,
    Quiet,
    Recent,
    Relation,
    Retention,
    Rule,
    Scope,
    Stop,
    Window,
)
from policies.compliance.pack_leaves import DAYS
from policies.compliance.vocabulary import CHANNEL_CLASSES, CHANNELS

_COMMON: Final = frozenset(field.name for field in fields(Rule))


# --- values in words --------------------------------------------------------------------------------------------------


def channel_words(channels: Collection[str]) -> list[str]:
    """Channels by their classes where all of a class are meant, in the order of the classes."""
    found: list[str] = []
    for name, members in CHANNEL_CLASSES.items():
        if set(members) <= set(channels):
            found.append(name)
        else:
            found.extend(channel for channel in members if channel in channels)
    return found


def hours_words(hours: Hours) -> str:
    """The open spans of a day: ``08:00-21:00``."""
    return ", ".join(f"{_clock(opens)}-{_clock(closes)}" for opens, closes in hours) or "closed"


def week_words(week: Iterable[Hours]) -> str:
    """The open hours of a week, equal days in a row put together: ``mon-fri 08:00-20:00, sat 08:00-14:00``."""
    spans = list(week)
    if len(set(spans)) == 1:
        return hours_words(spans[0])
    found: list[str] = []
    first = 0
    for day in range(1, 8):
        if day == 7 or spans[day] != spans[first]:
            name = DAYS[first] if day - first == 1 else f"{DAYS[first]}-{DAYS[day - 1]}"
            if spans[first]:
                found.append(f"{name} {hours_words(spans[first])}")
            first = day
    return ", ".join(found)


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"


def _and(words: Iterable[str], last: str = "and") -> str:
    listed = [word.replace("_", " ") for word in words]
    return ", ".join(listed[:-1]) + f" {last} {listed[-1]}" if len(listed) > 1 else "".join(listed)


def _names(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


# --- what a rule asks -------------------------------------------------------------------------------------------------


def parameters(rule: Rule) -> str:
    """What the rule asks, by its kind and parameters, in one clause."""
    return "; ".join(_asks(rule))


def _asks(rule: Rule) -> Iterator[str]:
    if isinstance(rule, Window):
        yield week_words(rule.hours)
        if rule.holidays is not None:
            whose = "the borrower's region" if rule.holidays == "region" else rule.holidays
            yield f"on public holidays of {whose} {hours_words(rule.on_holidays)}"
        if rule.zone is not None:
            yield f"by the clock of {rule.zone}"
    elif isinstance(rule, Quiet):
        yield "not in the times that the person named"
    elif isinstance(rule, Cap):
        yield from _cap(rule)
    elif isinstance(rule, Stop):
        yield from _stop(rule)
    elif isinstance(rule, OptOut):
        yield "not by a medium, number or address that was refused"
        if rule.scope == "program":
            yield "within one programme only where `optout_scope` is set to `program`"
    elif isinstance(rule, Consent):
        yield f"only with consent{'' if rule.to == 'contact' else f' to {rule.to}'}"
        if rule.days is not None:
            yield f"not older than {_days(rule.days)}"
    elif isinstance(rule, Recent):
        yield f"only within {_days(rule.days)} of a message by this medium, a consent{_or_notes(rule.notes)}"
    elif isinstance(rule, Content):
        yield f"never {_names(rule.forbids)}"
        if rule.but:
            yield f"but for {_names(rule.but)}"
    elif isinstance(rule, Relation):
        yield f"only to {_and(sorted(rule.allows), 'or')}"
    elif isinstance(rule, Notice):
        yield from _notice(rule)
    elif isinstance(rule, OfferEnd):
        yield (
            "only an offer that does not end in the validation period"
            if rule.after_validation
            else ("only before the offer ends")
        )
    elif isinstance(rule, Lift):
        yield from _lift(rule)
    elif isinstance(rule, Retention):
        yield f"{rule.years} years from {rule.what}"
    elif isinstance(rule, Scope):
        yield "says how the pack is read"


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days:,} days"


def _or_notes(notes: tuple[str, ...]) -> str:
    return f" or {_names(notes)}" if notes else ""


def _cap(rule: Cap) -> Iterator[str]:
    span = f"{_days(rule.days)} of the calendar" if rule.days is not None else f"{rule.hours} hours, rolling"
    each = "about one debt" if rule.per == "debt" else "with one person"
    if rule.spent:
        yield f"none once {rule.most} of what is counted lies within {span}, {each}"
    else:
        yield f"at most {rule.most} in {span}, {each}"
    if rule.zone is not None:
        yield f"by the calendar of {rule.zone}"
    counted = ", ".join(_counted(rule.counts))
    yield f"counted: {counted}" if counted else "counted: every contact and attempt of ours and of other collectors"


def _counted(counts: Counts) -> Iterator[str]:
    if counts.channels:
        yield _and(channel_words(counts.channels))
    if counts.modes:
        yield f"in mode {_and(sorted(counts.modes))}"
    if counts.outcomes:
        yield f"calls that ended with {_and(sorted(counts.outcomes), 'or')}"
    if counts.but_outcomes:
        yield f"not calls that ended with {_and(sorted(counts.but_outcomes), 'or')}"
    if counts.address_kinds:
        yield f"to {_and(sorted(counts.address_kinds), 'or')}"
    if counts.but_address_kinds:
        yield f"not to {_and(sorted(counts.but_address_kinds), 'or')}"
    if counts.but_purposes:
        yield f"not for {_and(sorted(counts.but_purposes), 'or')}"
    if counts.same_address:
        yield "to the same number"
    if counts.inbound:
        yield "also what the person began"
    if counts.ours:
        yield "only our own"
    if not counts.consented:
        yield "not calls that the person asked for"
    if counts.together:
        yield "one step on several channels once"


def _stop(rule: Stop) -> Iterator[str]:
    beginning = f"from {_names(rule.begins)} on" if rule.begins else "while the fact holds" if rule.when else "ever"
    yield f"nothing {beginning}"
    if rule.by_person:
        yield "to the person whom the note is about"
    if rule.kinds:
        yield f"of kind {_names(sorted(rule.kinds))}"
    if rule.but_kinds:
        yield f"not of kind {_names(sorted(rule.but_kinds))}"
    if rule.in_validation:
        yield "where it began in the validation period"
    if rule.days is not None:
        yield f"for {_days(rule.days)}, the first included"
    if rule.default_days is not None:
        yield f"for {_days(rule.default_days)} where no end is on record, the first included"
    if rule.business_days is not None:
        yield f"for {rule.business_days} business days"
    if rule.ends:
        yield f"until {_names(rule.ends)}"


def _notice(rule: Notice) -> Iterator[str]:
    yield (
        f"only after {_names(rule.notice)}"
        if not rule.only_bounced
        else (f"not while the last {_names(rule.notice)} has come back")
    )
    if rule.within_days is not None:
        yield f"from {_days(rule.within_days)} after the first contact on"
    if rule.wait_days is not None:
        yield f"and {_days(rule.wait_days)}, its own day included"
    if rule.wait_until:
        yield "and after the date that it names"
    if rule.bounced and not rule.only_bounced:
        yield f"one that came back ({_names(rule.bounced)}) was not given"


def _lift(rule: Lift) -> Iterator[str]:
    if rule.by == "reply":
        what = "an opt-out" if rule.to == "opt_out" else "what the person wrote or said last"
        yield f"{rule.most} answer{'' if rule.most == 1 else 's'} to {what}, through the same medium"
        if rule.within_s is not None:
            yield f"within {_length(rule.within_s)}"
    elif rule.by == "consent":
        yield f"with consent to {rule.to}"
        if rule.days is not None:
            yield f"for {_days(rule.days)}, its own day included"
        if rule.until_spoken:
            yield "until the conversation takes place"
    elif rule.by == "used":
        yield "to an address that the person wrote from"
    elif rule.by == "unreached":
        yield f"after {rule.most} unanswered calls running"
    else:
        yield "while the fact holds"


def _length(seconds: int) -> str:
    return f"{seconds // 3600} hours" if seconds % 3600 == 0 else f"{seconds // 60} minutes"


# --- whom it reaches --------------------------------------------------------------------------------------------------


def reach(rule: Rule) -> str:
    """Which contacts the rule is about, in one clause; empty where it is about all."""
    return "; ".join(_reaches(rule))


def _reaches(rule: Rule) -> Iterator[str]:
    if rule.channels and rule.channels != CHANNELS:
        yield _and(channel_words(rule.channels))
    if rule.modes:
        yield f"mode {_and(sorted(rule.modes))}"
    for said, chosen in (
        ("for", rule.purposes), ("not for", rule.but_purposes), ("to", rule.relations), ("not to", rule.but_relations),
        ("at", rule.address_kinds), ("not at", rule.but_address_kinds), ("while", rule.stages),
    ):  # fmt: skip
        if chosen:
            yield f"{said} {_and(sorted(chosen), 'or')}"
    for fact, test in rule.when.items():
        yield f"when `{fact}` is `{test}`"
    if rule.actors == AGENCY:
        yield "agencies only"
    elif rule.actors == COLLECTORS:
        yield "collectors, and lenders held to their rules"


def in_force(rule: Rule) -> str:
    """From when to when: ``from 2026-09-01``; empty where no date is known."""
    said = []
    if rule.since is not None:
        said.append(f"from {_day(rule.since)}")
    if rule.until is not None:
        said.append(f"to {_day(rule.until - 1)}")
    return " ".join(said)


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


# --- for a program ----------------------------------------------------------------------------------------------------


def as_json(rule: Rule) -> dict[str, Any]:
    """A rule as one JSON object: what every rule says, and under ``parameters`` what its kind says."""
    given: dict[str, Any] = {}
    for field in fields(rule):
        if field.name not in _COMMON:
            given[field.name] = _value(field.name, getattr(rule, field.name))
    return {
        "pack": rule.pack,
        "rule": rule.rule_id,
        "kind": KIND_OF[type(rule)],
        "text": rule.text,
        "parameters": given,
        **{
            name: sorted(getattr(rule, name))
            for name in (
                "channels", "purposes", "but_purposes", "stages", "relations", "but_relations", "modes",
                "address_kinds", "but_address_kinds",
            )
        },
        "actors": rule.actors,
        "when": dict(rule.when),
        "unless": list(rule.unless),
        "from": None if rule.since is None else _day(rule.since),
        "to": None if rule.until is None else _day(rule.until - 1),
        "status": rule.status,
        "sure": rule.sure,
        "cite": rule.cite,
    }  # fmt: skip


def _value(name: str, value: Any) -> Any:
    if isinstance(value, Counts):
        return {field.name: _value(field.name, getattr(value, field.name)) for field in fields(value)}
    if name == "hours" and isinstance(value, tuple):
        return {day: hours_words(spans) for day, spans in zip(DAYS, value, strict=True)}
    if name == "on_holidays":
        return hours_words(value)
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value


def pack_json(pack: Pack) -> dict[str, Any]:
    """A pack as one JSON object, without its rules."""
    return {
        "pack": pack.name,
        "title": pack.title,
        "regions": list(pack.regions),
        "over": list(pack.over),
        "aliases": list(pack.aliases),
        "zones": list(pack.zones),
        "rules": len({rule.rule_id for rule in pack.rules}),
        "about": pack.about,
    }
