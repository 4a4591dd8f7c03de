"""The guard: a contact is allowed, or waits for the first instant at which every rule allows it."""

from __future__ import annotations

import pytest

from policies.compliance import guard
from policies.compliance.dossier import Asked, Contact, Dossier, Evidence
from policies.compliance.guard import ALLOWED, DEFER, Verdict
from policies.compliance.kinds import Cap, Counts, Pack, Rule, Window
from policies.compliance.packs import packs_of
from policies.compliance.plan import RuleBook
from policies.facts import Instant
from tests.making import local

HOUSE = packs_of((), "ZZ", house=True)

THREE = ["2026-03-02 10:00", "2026-03-03 10:00", "2026-03-05 10:00"]


def window(rule_id: str, opens: int, closes: int) -> Window:
    hours = ((opens * 3600, closes * 3600),)
    return Window(rule_id=rule_id, text="x", cite="x", hours=(hours,) * 7)


def cap(rule_id: str, most: int, days: int) -> Cap:
    return Cap(rule_id=rule_id, text="x", cite="x", most=most, days=days, counts=Counts(together=True))


def book(*rules: Rule) -> RuleBook:
    return RuleBook((Pack(name="x", title="x", rules=rules),))


def judge(now: Instant, history: list[Contact], rules: RuleBook) -> Verdict:
    dossier = Dossier((Evidence(("Europe/Madrid",)),), history)
    return guard.judge([Asked("sms")], dossier, rules, now)


@pytest.mark.parametrize(
    ("now", "contacts", "until", "rule"),
    [
        ("2026-03-04 08:00", [], None, None),
        ("2026-03-04 19:59:59", [], None, None),
        ("2026-03-04 07:59:59", [], "2026-03-04 08:00", "HOUSE-HOURS"),
        ("2026-03-04 00:00", [], "2026-03-04 08:00", "HOUSE-HOURS"),
        ("2026-03-04 20:00", [], "2026-03-05 08:00", "HOUSE-HOURS"),
        ("2026-03-04 23:30", [], "2026-03-05 08:00", "HOUSE-HOURS"),
        ("2026-03-04 10:00", ["2026-03-03 19:00"], None, None),
        ("2026-03-04 10:00", ["2026-03-04 09:00"], "2026-03-05 08:00", "HOUSE-DAY"),
        ("2026-03-04 10:00", ["2026-03-04 10:00"], "2026-03-05 08:00", "HOUSE-DAY"),
        # Three in seven days, the contact's day included: the first of them is out on its eighth day.
        ("2026-03-07 10:00", THREE, "2026-03-09 08:00", "HOUSE-WEEK"),
        ("2026-03-08 23:00", THREE, "2026-03-09 08:00", "HOUSE-HOURS"),
        ("2026-03-09 10:00", THREE, None, None),
        # Beyond the cap already: two have to go out of it.
        (
            "2026-03-07 10:00",
            [*THREE, "2026-03-06 10:00"], "2026-03-10 08:00", "HOUSE-WEEK",
        ),
        ("2026-03-28 21:00", [], "2026-03-29 08:00", "HOUSE-HOURS"),  # the clock changes in between
    ],
)  # fmt: skip
def test_house_rules(now: str, contacts: list[str], until: str | None, rule: str | None) -> None:
    history = [Contact(local(at), at) for at in contacts]
    verdict = judge(local(now), history, HOUSE)
    if until is None:
        assert verdict == ALLOWED
    else:
        assert verdict.rule is not None
        assert (verdict.decision, verdict.until, verdict.rule.rule_id) == (DEFER, local(until), rule)


def test_a_deferral_ends_at_the_first_instant_that_satisfies_all_rules_together() -> None:
    rules = book(window("EARLY", 8, 11), window("LATE", 10, 20), cap("CAP", 1, 2))
    verdict = judge(local("2026-03-04 12:00"), [Contact(local("2026-03-04 09:00"), "a")], rules)
    assert verdict.until == local("2026-03-06 10:00")
    assert {rule.rule_id for rule in verdict.rules} == {"EARLY", "CAP"}


def test_one_step_on_two_channels_is_one_contact() -> None:
    day = local("2026-03-04 09:00")
    rules = book(cap("CAP", 2, 1))
    assert judge(local("2026-03-04 10:00"), [Contact(day, "a"), Contact(day, "a")], rules) == ALLOWED
    assert judge(local("2026-03-04 10:00"), [Contact(day, "a"), Contact(day, "b")], rules).decision == DEFER


def test_without_rules_everything_is_allowed() -> None:
    assert judge(local("2026-03-04 03:00"), [], book()) == ALLOWED
