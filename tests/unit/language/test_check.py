"""A policy file is compiled as the language says, and all of its mistakes are told at once."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from policies.contract import BUSINESS_DAY, DAY, MONTH, At, Duration, Send, Share, StepHold
from policies.language.check import compile_policy
from policies.language.report import as_json
from policies.problems import Problem
from tests.unit.language.writing import EXAMPLE, SMALL, changed, codes, compiled, problems_of


def test_the_example_of_the_language_has_no_finding() -> None:
    policy, problems = compile_policy("us-personal-loan.yaml", EXAMPLE.read_bytes())
    assert problems == []
    assert policy is not None
    assert [step.name for step in policy.ladder] == [
        "early-warning", "first-reminder", "second-reminder", "settlement", "final-notice", "hand-off",
    ]  # fmt: skip
    assert policy.side_steps == ()


def test_the_example_is_compiled_as_written() -> None:
    policy = compiled(EXAMPLE.read_bytes())
    half_past_ten = 10 * 3600 + 30 * 60
    steps = {step.name: step for step in policy.steps}
    assert steps["early-warning"].at == At("due", Duration(-3, DAY), half_past_ten)
    assert steps["second-reminder"].at == At("due", Duration(7, DAY), 18 * 3600)
    assert steps["second-reminder"].send == Send("overdue", ("email", "sms"), every=True)
    assert steps["first-reminder"].send == Send("overdue", ("sms", "email"))
    assert steps["hand-off"].hand_off == "arbitration"
    offer = policy.offers["fresh-start"]
    assert offer.waive == (("penalty", Share(Decimal(1))), ("interest", Share(Decimal("0.5"))))
    assert (offer.instalments, offer.every, offer.first_after) == (3, Duration(1, MONTH), Duration(7, DAY))
    assert (offer.floor, offer.floor_of, offer.expires) == (Share(Decimal("0.8")), "principal", Duration(14, DAY))
    assert (policy.overdue_from_minor, policy.house, policy.rules, policy.review_after) == (100, True, (), 180)
    assert (policy.products, policy.regions) == (("personal", "payday"), ("US",))
    assert set(policy.templates) == {
        (message, channel, language)
        for message, channels in {"overdue": 2, "upcoming": 2, "offer": 2, "final": 1}.items()
        for channel in ("email", "sms")[:channels]
        for language in ("en", "es")
    }


def test_what_is_left_out_has_its_default() -> None:
    policy = compiled(SMALL)
    assert (policy.title, policy.actor, policy.calendar, policy.end) == ("example", "lender", None, True)
    assert (policy.products, policy.regions, policy.overdue_from_minor, policy.review_after) == (None, None, 1, 180)
    assert (policy.house, policy.rules) == (True, ())


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = changed(
        ("USD", "USDX"), ("[en]", "[en, klingon]"), ("due + 1 day, 10:00", "due + 1 dya, 10:00"), ("[sms]", "[fax]"),
        ("end: true", "end: maybe\nfoo: bar"), ("Please pay.", "{{ nonsense"),
    )  # fmt: skip
    found = problems_of(text)
    assert [(problem.line, problem.code) for problem in found] == [
        (2, "unknown-currency"), (3, "unknown-language"), (7, "not-a-duration"), (8, "unknown-channel"),
        (9, "not-a-switch"), (10, "unknown-key"),
    ]  # fmt: skip


def test_mistakes_in_steps_and_messages_are_told_together() -> None:
    text = changed(("message: note", "message: nope"), ("Please pay.", "{{ nonsense }}"), ("due + 1", "duo + 1"))
    assert codes(text) == ["unknown-anchor", "unknown-message", "undefined-variable"]


@pytest.mark.parametrize("word", ["true", "on"])
def test_exactly_true_and_on_switch_on(word: str) -> None:
    assert compiled(changed(("end: true", f"end: {word}"))).end is True


@pytest.mark.parametrize("word", ["yes", "True", "ON", "1", "y"])
def test_no_other_word_switches(word: str) -> None:
    assert codes(changed(("end: true", f"end: {word}"))) == ["not-a-switch"]


@pytest.mark.parametrize(
    ("rules", "house", "found"),
    [
        ("[house]", True, []),
        ("{house: on}", True, []),
        ("{house: off}", False, ["house-rules-off"]),
        ("[]", True, ["bad-list-length"]),
        ("{us-reg-x: on, house: off}", False, ["house-rules-off", "unknown-pack"]),
        ("{us-reg-f: on, house: off}", False, ["house-rules-off"]),
    ],
)
def test_rules_are_a_list_or_switches(rules: str, house: bool, found: list[str]) -> None:
    text = changed(("end: true", f"rules: {rules}\nend: true"), ("Please pay.", "Please pay. Reply STOP to end."))
    policy, problems = compile_policy("p.yaml", text)
    assert sorted(problem.code for problem in problems) == found
    assert policy is None or policy.house is house


def test_a_pack_that_is_known_takes_its_place() -> None:
    text = changed(("end: true", "rules: [us-reg-f]\nend: true"), ("Please pay.", "Please pay. Reply STOP to end."))
    policy, problems = compile_policy("p.yaml", text, known_packs=["house", "us-reg-f"])
    assert problems == []
    assert policy is not None
    assert (policy.rules, policy.house) == (("us-reg-f",), True)


def test_a_hand_off_or_an_end_is_asked_for() -> None:
    assert codes(changed(("end: true\n", ""))) == ["no-end"]
    handing = changed(("end: true", "  over:\n    at: due + 60 days, 10:00\n    hand_off: agency"))
    assert compiled(handing).steps[1].hand_off == "agency"


@pytest.mark.parametrize(
    ("hold", "expected"), [("{for: 30 days}", StepHold(Duration(30, DAY))), ("{until: release}", StepHold(None))]
)
def test_a_hold_lasts_for_a_time_or_until_its_release(hold: str, expected: StepHold) -> None:
    policy = compiled(changed(("    send:", f"    hold: {hold}\n    send:")))
    assert policy.steps[0].hold == expected


def test_a_step_gives_its_time_or_takes_that_of_the_policy() -> None:
    text = changed(("due + 1 day, 10:00", "due + 1 day"), ("steps:", 'send_at: "10:30"\nsteps:'))
    assert compiled(text).steps[0].at.tod == 37_800


def step(name: str, at: str, rest: str = "send: {message: note, by: [sms]}") -> str:
    return f"  {name}:\n    at: {at}\n    {rest}\n"


def ladder(*steps: str, head: str = "") -> str:
    """The small policy with these steps, and ``head`` before its end."""
    written = SMALL[SMALL.index("  reminder:") : SMALL.index("end: true")]
    return changed((written, "".join(steps)), ("end: true", head + "end: true"), ("Please pay.", "Reply STOP to end."))


@pytest.mark.parametrize(
    ("first", "second", "head", "date"),
    [
        ("due + 30 days, 10:00", "due + 1 month, 10:00", "", "2024-01-31"),
        ("due + 1 month, 10:00", "due + 30 days, 10:00", "", "2024-01-01"),
        ("due + 7 days, 10:00", "due + 5 business days, 09:00", "", "2024-01-01"),
        ("due + 2 days, 10:00", "due + 1 business day, 10:00", "", "2024-01-01"),
        ("due + 5 business days, 10:00", "due + 8 days, 10:00", "calendar: US\n", "2024-01-12"),
        ("due + 1 day, 10:00", "due + 1 day, 09:00", "", "2024-01-01"),
        ("due + 28 days, 10:00", "due + 1 month, 09:00", "", "2025-01-31"),
        ("due + 1 day, 10:00", "due - 1 day, 10:00", "", "2024-01-01"),
    ],
)
def test_a_ladder_that_some_due_date_turns_round_is_refused_with_the_date(
    first: str, second: str, head: str, date: str
) -> None:
    (problem,) = problems_of(ladder(step("one", first), step("two", second), head=head))
    assert problem.code == "steps-out-of-order"
    assert f"due on {date}" in problem.message


@pytest.mark.parametrize(
    ("first", "second", "head"),
    [
        ("due + 28 days, 10:00", "due + 1 month, 10:00", ""),
        ("due + 1 month, 10:00", "due + 31 days, 10:00", ""),
        ("due + 5 business days, 10:00", "due + 7 days, 10:00", ""),
        ("due + 1 day, 10:00", "due + 1 business day, 10:00", ""),
        ("due - 1 day, 10:00", "due, 10:00", ""),
        ("due + 1 week, 10:00", "due + 7 days, 10:00", ""),
    ],
)
def test_a_ladder_that_no_due_date_turns_round_is_taken(first: str, second: str, head: str) -> None:
    assert codes(ladder(step("one", first), step("two", second), head=head)) == []


def test_the_business_days_of_the_regions_count_where_no_calendar_is_named() -> None:
    steps = (step("one", "due + 5 business days, 10:00"), step("two", "due + 7 days, 10:00"))
    assert codes(ladder(*steps)) == []
    assert codes(ladder(*steps, head="applies_to: {region: [GB, US]}\n")) == ["steps-out-of-order"]


def test_steps_on_other_anchors_stand_beside_the_ladder() -> None:
    text = ladder(
        step("offering", "due + 30 days, 10:00", "offer: fresh"),
        step("nudge", "offer.expires - 2 business days, 09:00"),
        step("after", "offering.done + 1 day, 09:00"),
        step("thanks", "nudge.done, 12:00"),
    ) + "offers:\n  fresh: {waive: {penalties: 100%}, expires: 14 days}\n"  # fmt: skip
    policy = compiled(text)
    assert [one.name for one in policy.ladder] == ["offering"]
    assert [one.at.anchor for one in policy.side_steps] == ["offer.expires", "offering.done", "nudge.done"]
    assert policy.side_steps[0].at.offset == Duration(-2, BUSINESS_DAY)


def test_steps_that_wait_for_each_other_are_refused() -> None:
    text = ladder(step("one", "two.done + 1 day, 10:00"), step("two", "one.done + 1 day, 10:00"))
    assert codes(text) == ["anchor-circle", "anchor-circle"]


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        ("hand_off: agency", ["unreachable-step"]),
        ("when: {tags: old}\n    hand_off: agency", []),
        ("within: 2 days\n    hand_off: agency", []),
    ],
)
def test_a_step_behind_a_hand_off_that_nothing_skips_is_worth_a_warning(rest: str, found: list[str]) -> None:
    text = ladder(
        step("one", "due + 1 day, 10:00"),
        step("over", "due + 60 days, 10:00", rest),
        step("late", "due + 70 days, 10:00"),
    )
    assert codes(text) == found


def test_too_many_steps_are_refused() -> None:
    text = ladder(*(step(f"s{number}", f"due + {number + 1} days, 10:00") for number in range(201)))
    assert codes(text) == ["too-many-steps"]
    assert codes(ladder(*(step(f"s{number}", f"due + {number + 1} days, 10:00") for number in range(200)))) == []


def test_every_language_needs_every_text_and_the_fallback_is_not_enough() -> None:
    (problem,) = problems_of(changed(("[en]", "[en, es]")))
    assert (problem.code, problem.line) == ("missing-language", 12)


def test_a_text_under_a_key_that_is_no_language_is_told_once() -> None:
    assert codes(changed(("sms: {en:", "sms: {english: Pay, en:"))) == ["unknown-language"]


def test_a_finding_is_one_json_object_with_every_key() -> None:
    (problem,) = problems_of(changed(("[sms]", "[smss]")))
    assert json.loads(as_json(problem)) == {
        "file": "policy.yaml", "line": 8, "column": 32, "severity": "error", "code": "unknown-channel",
        "message": "there is no channel 'smss'", "found": "smss", "expected": "sms, email, letter",
        "remedy": "did you mean 'sms'?",
    }  # fmt: skip
    assert list(json.loads(as_json(Problem("f", 0, 0, "error", "c", "m")))) == list(json.loads(as_json(problem)))
