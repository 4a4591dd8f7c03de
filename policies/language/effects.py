"""What the rule packs will do to each step of a policy: never at that time, not on that day, only with consent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from policies.compliance.dossier import Asked
from policies.compliance.kinds import Consent, Rule, Window
from policies.compliance.packs import packs_of
from policies.compliance.plan import Plan
from policies.contract import Policy, Step
from policies.language.findings import Findings
from policies.language.reading import find
from policies.language.source import Map, Node
from policies.language.timing import clock_text

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LAST_DAY: Final = 3_652_059


def report(policy: Policy, root: Map, findings: Findings, *, notes: bool) -> None:
    """Report for each step that sends what the packs in force do to it: a warning where it can never go at its time,

    and with ``notes`` also what happens on some days, or to some borrowers.
    """
    regions = policy.regions or ("",)
    for step in policy.steps:
        if step.send is None:
            continue
        where = find(root, ("steps", step.name, "at"))[0]
        closed: dict[str, tuple[set[int], Window, int | None]] = {}
        agreed: dict[str, Rule] = {}
        for region in regions:
            book = packs_of(policy.rules, region, house=policy.house)
            for channel in step.send.channels:
                plan = book.plan(_asked(policy, step, channel), _LAST_DAY)
                _hours(plan, step.at.tod, closed)
                agreed |= {p.rule.rule_id: p.rule for p in plan.active if isinstance(p.rule, Consent)}
        _tell_hours(step, closed, where, findings, notes=notes)
        if notes:
            for rule in agreed.values():
                findings.note(
                    where, "needs-consent", f"{step.name} reaches only those who agreed to it ({rule.cite})",
                    expected="a consent event of the borrower", remedy="send events of type consent with the book",
                )  # fmt: skip


def _asked(policy: Policy, step: Step, channel: str) -> Asked:
    before = step.at.anchor == "due" and step.at.offset.amount <= 0
    purpose = "settlement_offer" if step.offer is not None else "early_warning" if before else "reminder"
    return Asked(
        channel, purpose, "pre_due" if before else "past_due", policy.actor,
        as_collector=policy.first_party_as_collector,
    )  # fmt: skip


def _hours(plan: Plan, tod: int, closed: dict[str, tuple[set[int], Window, int | None]]) -> None:
    for prepared in plan.active:
        rule = prepared.rule
        if not isinstance(rule, Window) or prepared.holds is not None or prepared.fixed:
            continue
        days = {day for day in range(7) if not any(o <= tod < c for o, c in rule.hours[day])}
        if days:
            closed[rule.rule_id] = (days, rule, _next(rule, tod))


def _next(rule: Window, tod: int) -> int | None:
    """The time of day at which the window opens next after ``tod``, where it is the same on every day."""
    found = set()
    for day in range(7):
        later = [o for o, _ in rule.hours[day] if o > tod] or [o for o, _ in rule.hours[(day + 1) % 7]]
        found.add(min(later, default=None))
    return found.pop() if len(found) == 1 else None


def _tell_hours(
    step: Step,
    closed: dict[str, tuple[set[int], Window, int | None]],
    where: Node,
    findings: Findings,
    *,
    notes: bool,
) -> None:
    at = clock_text(step.at.tod)
    for days, rule, opens in closed.values():
        if len(days) == 7:
            until = "the next day that is open" if opens is None else clock_text(opens)
            findings.warning(
                where, "never-at-that-time",
                f"{step.name} at {at} can never be sent then; it will always wait until {until} ({rule.cite})",
                found=at, expected="a time at which the rules allow contact", remedy="write a time in those hours",
            )  # fmt: skip
        elif notes:
            findings.note(
                where, "not-on-that-day",
                f"{step.name} at {at} waits on {_names(days)} for the next open hour ({rule.cite})",
                found=at, expected="an hour that is open on every day", remedy="nothing to do: the guard sees to it",
            )  # fmt: skip


def _names(days: Iterable[int]) -> str:
    names = [_DAYS[day] for day in sorted(days)]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
