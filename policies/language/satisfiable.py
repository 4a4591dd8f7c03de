"""Finds tests that can never hold: against what is known of a step's loans, and against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from policies.language.conditions import Group, Numbers, Span, Tested, Words, describe
from policies.language.findings import Findings, nearest
from policies.language.vocabulary import FACTS, SET, matches

_ANY: Final[tuple[Span, ...]] = ((0, None),)


@dataclass(frozen=True, slots=True)
class Known:
    """What holds for one fact wherever a step is judged. ``why`` says it for a person.

    A text is ``among`` some and ``without`` others; a set holds none of ``without`` and one of each of ``needs``.
    """

    spans: tuple[Span, ...] = _ANY
    among: frozenset[str] | None = None
    without: frozenset[str] = frozenset()
    needs: tuple[frozenset[str], ...] = ()
    why: str = ""


Domain = dict[str, Known]


def domain(
    place: str, overdue_from_minor: int, products: tuple[str, ...] | None, regions: tuple[str, ...] | None
) -> Domain:
    """What is known of the facts for a step at a ``place``: ``before`` due, ``after`` it, or ``side``."""
    known: Domain = {}
    if place == "before":
        for name in ("overdue", "days_past_due", "instalments_overdue"):
            known[name] = Known(((0, 0),), why=f"{name} is 0 until the due date is over")
    elif place == "after":
        known["overdue"] = Known(((overdue_from_minor, None),), why="the loan is overdue after the due date")
        for name in ("days_past_due", "instalments_overdue"):
            known[name] = Known(((1, None),), why=f"{name} is at least 1 after the due date")
    if products is not None:
        known["product"] = Known(among=frozenset(products), why="applies_to names other products")
    if regions is not None:
        known["region"] = Known(among=frozenset(regions), why="applies_to names other regions")
    return known


def report(group: Group, known: Domain, currency: str, findings: Findings, *, severity_error: bool) -> None:
    """Add a finding for each test that can never hold."""
    say = findings.error if severity_error else findings.warning
    alone: set[int] = set()
    for test in _tests(group):
        at = known.get(test.fact.name, Known())
        if _narrowed(test, at) is None:
            alone.add(test.at.start)
            _say(say, test, at, currency, "this test can never hold")
    if not alone and (failed := _narrow(group, known)) is not None:
        test, at = failed
        _say(say, test, at, currency, "this test can never hold together with the others")


def _say(say: object, test: Numbers | Words, at: Known, currency: str, message: str) -> None:
    remedy = "change it, or leave the step out"
    if isinstance(test, Words) and at.among and (near := nearest(test.values[0], at.among)):
        remedy = f"did you mean '{near}'?"
    why = f": {at.why}" if at.why else ""
    say(  # type: ignore[operator]
        test.at, "never-holds", f"{message}{why}", found=describe(test, currency),
        expected="a test that some loan passes", remedy=remedy,
    )  # fmt: skip


def _tests(part: Tested) -> list[Numbers | Words]:
    if isinstance(part, Group):
        return [test for child in part.parts for test in _tests(child)]
    return [part]


def _narrow(part: Tested, known: Domain) -> tuple[Numbers | Words, Known] | None:
    """Take what a part demands into ``known``; answers the test that leaves nothing, where one does."""
    if isinstance(part, Group):
        if part.kind == "not":
            return _narrow_denied(part, known)
        if part.kind == "all":
            # Tests of single facts first, so that alternatives are judged against all of them.
            for child in sorted(part.parts, key=lambda child: isinstance(child, Group)):
                if (failed := _narrow(child, known)) is not None:
                    return failed
            return None
        failures = [_narrow(child, dict(known)) for child in part.parts]
        return next((failed for failed in failures if failed is not None), None)
    now = known.get(part.fact.name, Known())
    then = _narrowed(part, now)
    if then is None:
        return part, now
    known[part.fact.name] = then
    return None


def _narrow_denied(part: Group, known: Domain) -> tuple[Numbers | Words, Known] | None:
    """Not all of the parts: with one test, its opposite; with several, one of their opposites must be possible."""
    if len(part.parts) == 1 and isinstance(part.parts[0], Group) and part.parts[0].kind in ("any", "not"):
        inner = part.parts[0]
        if inner.kind == "not":
            return _narrow(replace(inner, kind="all"), known)
        for child in inner.parts:
            if (failed := _narrow(Group("not", (child,), inner.at), known)) is not None:
                return failed
        return None
    opposites = [_opposite(child) for child in part.parts]
    if any(opposite is None for opposite in opposites):
        return None
    failures = [_narrow(opposite, dict(known)) for opposite in opposites if opposite is not None]
    if all(failed is not None for failed in failures):
        return failures[0]
    if len(opposites) == 1 and opposites[0] is not None:
        return _narrow(opposites[0], known)
    return None


def _opposite(part: Tested) -> Tested | None:
    """The test that holds where ``part`` does not; none where that cannot be said (a group, a fact without value)."""
    if isinstance(part, Group) or part.fact.optional:
        return None
    if isinstance(part, Words):
        return replace(part, negated=not part.negated)
    spans: list[Span] = []
    start = 0
    for low, high in sorted(part.spans, key=lambda span: span[0]):
        if low > start:
            spans.append((start, low - 1))
        if high is None:
            return replace(part, spans=tuple(spans))
        start = max(start, high + 1)
    return replace(part, spans=(*spans, (start, None)))


def _narrowed(test: Numbers | Words, known: Known) -> Known | None:
    if isinstance(test, Numbers):
        spans = tuple(
            (max(low, other), _least(high, end))
            for low, high in test.spans
            for other, end in known.spans
            if (high is None or other <= high) and (end is None or low <= end)
        )
        return replace(known, spans=spans) if spans else None
    prefix = FACTS[test.fact.name].prefix
    if test.fact.kind == SET:
        if test.negated:
            without, needs = known.without | set(test.values), known.needs
        else:
            without, needs = known.without, (*known.needs, frozenset(test.values))
        return None if any(need <= without for need in needs) else replace(known, without=without, needs=needs)
    if test.negated:
        without = known.without | set(test.values)
        among = known.among
        if among is not None:
            among = frozenset(v for v in among if not any(matches(v, w, prefix=prefix) for w in without))
            if not among:
                return None
        return replace(known, among=among, without=without)
    values = {v for v in test.values if not any(matches(v, w, prefix=prefix) for w in known.without)}
    if known.among is not None:
        values = {
            longer
            for v in values
            for a in known.among
            for longer in ([v] if matches(v, a, prefix=prefix) else [a] if matches(a, v, prefix=prefix) else [])
        }
    return replace(known, among=frozenset(values)) if values else None


def _least(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)
