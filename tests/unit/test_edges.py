"""Small stories at the edges of the rules, each found by a property and kept as its smallest example."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pytest

from policies.compose import message_id
from policies.decide import Borrower, decide
from policies.facts import Event, Loan
from policies.outcome import CURED, HAND_OFF, REVIEW, SENT, SET_ASIDE, SKIPPED, VOID, Line
from policies.simulate import Outages, Span, story
from policies.state import from_json, to_json
from policies.versions import Policies, Published
from tests.making import loan, local, person, policy, step, when

LOAN = loan({"2026-03-01": "100.00"}, local("2026-02-10 09:00"))


def _story(
    policies: Policies, one: Loan = LOAN, events: Iterable[Event] = (), outages: Iterable[tuple[str, str]] = ()
) -> list[Line]:
    away = Outages([(local(first), local(last)) for first, last in outages])
    until = local("2027-03-01 00:00")
    return story(person(), (one,), tuple(events), policies, Span(one.disbursed_at, until, away))


def _policies(*steps: dict[str, object], house: bool = False) -> Policies:
    return Policies([Published(policy(steps, house=house))])


def _payment(at: str, amount: int) -> Event:
    return Event("pay", local(at), local(at), "payment", loan_id="L", amount_minor=amount)


def test_a_step_in_the_quiet_hours_is_sent_at_the_next_lawful_instant() -> None:
    told = _story(_policies(step("late", "due + 1 day, 21:00"), house=True))
    assert [line.at for line in told if line.outcome == SENT] == [local("2026-03-03 08:00")]


def test_a_step_that_became_void_while_the_service_was_away_has_that_outcome_only() -> None:
    told = _story(
        _policies(step("brief", "due + 1 day", within="1 day"), step("next", "due + 9 days")),
        events=[_payment("2026-03-05 12:00", 10_000)],
        outages=[("2026-03-02 08:00", "2026-03-08 00:00")],
    )
    assert [line.because[0]["superseded"] for line in told if line.outcome == CURED] == [["next"]]
    assert [(line.step, line.at) for line in told if line.outcome == VOID] == [("brief", local("2026-03-08 00:00"))]


def test_a_hold_told_in_advance_is_reported_after_90_days() -> None:
    told_at = local("2026-03-05 12:00")
    hold = Event(
        "hold", told_at, told_at, "hold", loan_id="L", value="dispute", start=date(2026, 3, 7), until=date(2026, 9, 1)
    )
    told = _story(_policies(step("later", "due + 10 days")), events=[hold])
    reports = [(line.because[0]["reason"], line.at) for line in told if line.outcome == REVIEW]
    assert ("stopped_90_days", local("2026-06-05 00:00")) in reports


def test_deciding_twice_when_an_instalment_falls_past_due_skips_a_step_once() -> None:
    two = loan({"2026-03-01": "100.00", "2026-03-08": "100.00"}, local("2026-02-10 09:00"))
    never = when("overdue < 0.01", lambda facts: bool(facts["overdue"] < 1), "overdue")
    policies = _policies(step("never", "due + 1 day, 00:00", when=never))
    first = local("2026-03-02 00:00")
    early = decide(Borrower(person(), (two,), (), policies), first)
    now = local("2026-03-09 00:00")
    once = decide(Borrower(person(), (two,), (), policies, early.states), now)
    assert [line.outcome for line in (*early.lines, *once.lines) if line.step] == [SKIPPED, SKIPPED]
    state = from_json(to_json(once.states["L"]))
    state.facts = -1
    again = decide(Borrower(person(), (two,), (), policies, {"L": state}), now)
    assert again.lines == ()


def test_a_cure_after_a_hand_off_supersedes_nothing_again() -> None:
    told = _story(
        _policies(step("a", "due + 1 day"), step("give", "due + 3 days", hand_off="agency"), step("b", "due + 9 days")),
        events=[_payment("2026-03-25 12:00", 10_000)],
    )
    ends = [(line.outcome, line.because[0]["superseded"]) for line in told if "superseded" in line.because[0]]
    assert ends == [(HAND_OFF, ["b"]), (CURED, [])]


@pytest.mark.parametrize("every", [False, True])
def test_a_hand_off_whose_message_failed_on_every_channel_goes_to_review(every: bool) -> None:
    failures = []
    for day, channel in enumerate(("sms", "email"), start=2):
        at, ref = local(f"2026-03-{day:02} 12:00"), message_id("L", 1, "a", 1, channel)
        failures.append(Event(f"r{day}", at, at, "receipt", loan_id="L", ref=ref, value="failed"))
    told = _story(
        _policies(
            step("a", "due + 1 day", by=("sms", "email"), every=every), step("give", "due + 5 days", hand_off="agency")
        ),
        events=failures,
    )
    assert [(line.outcome, line.because[0].get("reason")) for line in told if line.step == "give"] == [
        (REVIEW, "message_failed")
    ]


def test_a_person_without_any_address_is_suppressed_once_and_the_ladder_goes_on() -> None:
    nobody = person(phone=None, email=None)
    policies = _policies(step("a", "due + 1 day"), step("b", "due + 3 days"))
    told = story(nobody, (LOAN,), (), policies, Span(LOAN.disbursed_at))
    assert [(line.step, line.outcome) for line in told if line.step] == [("a", "suppressed"), ("b", "suppressed")]


def test_a_loan_set_aside_for_want_of_a_policy_goes_on_once_its_row_names_one() -> None:
    policies = Policies([Published(policy([step("first", "due + 1 day")], products=("other",)))])
    now = local("2026-03-02 10:00")
    aside = decide(Borrower(person(), (LOAN,), (), policies), now)
    assert [line.outcome for line in aside.lines] == [SET_ASIDE]
    again = decide(Borrower(person(), (LOAN,), (), policies, aside.states), now)
    assert again.lines == ()
    named = LOAN._replace(product="other")
    told = decide(Borrower(person(), (named,), (), policies, again.states), now)
    assert told.lines[0].outcome == SENT
