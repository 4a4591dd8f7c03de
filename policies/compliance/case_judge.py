"""Judges a case by the guard, and says whether the answer is the one that the case expects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from policies.compliance.cases import Case
from policies.compliance.guard import DEFER, SEND, SUPPRESS, Verdict, judge
from policies.compliance.kinds import Rule
from policies.compliance.plan import RuleBook
from policies.facts import SECOND, Instant

DEFER_UNTIL = "defer_until"
"""How case files write a deferral."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The answer to a case: ids of rules in ``binding`` (the one that bound first) and ``evaluated``.

    A calculation has ``dates`` and no decision; a case with ``error`` was not judged, and does not agree.
    """

    id: str
    decision: str | None = None
    until: Instant | None = None
    binding: tuple[str, ...] = ()
    evaluated: tuple[str, ...] = ()
    agrees: bool = False
    dates: tuple[tuple[str, date], ...] = ()
    error: str | None = None


def judge_case(case: Case, book: RuleBook | None) -> Judged:
    """Judge one case by its rules; a calculation needs none."""
    if case.problems:
        return Judged(case.id, error="; ".join(_said(case)))
    if case.dates is not None:
        wanted = case.expected.dates
        agrees = all(case.dates[name] == when for name, when in wanted.items())
        return Judged(case.id, dates=tuple((name, case.dates[name]) for name in wanted), agrees=agrees)
    assert book is not None  # noqa: S101 - a case that is no calculation names its packs
    verdict = together(case, book)
    decision = DEFER_UNTIL if verdict.decision == DEFER else verdict.decision
    binding = _ids(rule.rule_id for rule in verdict.rules)
    evaluated = _ids(result.rule.rule_id for result in verdict.results)
    found = Judged(case.id, decision, verdict.until, binding, evaluated)
    return replace(found, agrees=agrees_with(found, case))


def _ids(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _said(case: Case) -> list[str]:
    said = []
    for problem in case.problems:
        more = problem.remedy or (f"expected {problem.expected}" if problem.expected else "")
        said.append(f"line {problem.line}: {problem.message}" + (f"; {more}" if more else ""))
    return said


def together(case: Case, book: RuleBook) -> Verdict:
    """The verdict on a contact about each of its debts, which has to be lawful for all of them at one instant."""
    first: Verdict | None = None
    at = case.now
    while True:
        verdicts = [judge(asked, case.dossier, book, at, every=first is None) for asked in case.asked]
        worst = next((v for v in verdicts if v.decision == SUPPRESS), None)
        latest = max(verdicts, key=lambda v: v.until or at)
        if first is None:
            rules = _union([worst or latest, *verdicts])
            first = replace(worst or latest, rules=rules)
        if worst is not None:
            return replace(first, decision=SUPPRESS, until=None)
        if latest.decision == SEND:
            return first if first.decision == SEND else replace(first, until=at)
        assert latest.until is not None  # noqa: S101 - a deferral has its instant
        at = latest.until


def _union(verdicts: Iterable[Verdict]) -> tuple[Rule, ...]:
    return tuple({rule.rule_id: rule for verdict in verdicts for rule in verdict.rules}.values())


def agrees_with(found: Judged, case: Case) -> bool:
    """Whether decision, instant (to the second) and rule are the expected ones; a rule that binds, or any for send."""
    expected = case.expected
    if found.decision != expected.decision:
        return False
    if expected.until is not None and (found.until is None or found.until // SECOND != expected.until // SECOND):
        return False
    among = found.evaluated if found.decision == SEND else found.binding
    return all(rule in among for rule in expected.rules)
