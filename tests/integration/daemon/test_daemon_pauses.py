"""What is paused is neither decided nor sent, from the next claim on; facts go on arriving, and nothing is lost."""

from __future__ import annotations

import json

import pytest

from scheduler import pauses
from scheduler.store.database import connect
from tests import running
from tests.integration.daemon.serving import Serving
from tests.integration.outbox import DAY, at

SCOPES = [("all", ""), ("lender", "default"), ("policy", "outbox"), ("channel", "sms"), ("provider", "provider")]
OF_PEOPLE = SCOPES[:3]


def pause(serving: Serving, scope: str, name: str) -> bool:
    with connect(serving.url) as connection:
        return pauses.pause(connection, 0, scope, name, serving.clock.at, by="an operator", why="a complaint")


def resume(serving: Serving, scope: str, name: str) -> bool:
    with connect(serving.url) as connection:
        return pauses.resume(connection, 0, scope, name, serving.clock.at, by="another", why=None)


@pytest.mark.parametrize(("scope", "name"), SCOPES)
def test_nothing_that_is_paused_leaves_and_it_leaves_once_it_is_resumed(
    serving: Serving, scope: str, name: str
) -> None:
    pause(serving, scope, name)
    seen: list[tuple[int, int]] = []
    serving.serve(
        lambda: seen.append((len(serving.provider.taken), serving.count("hand_over"))) or len(seen) > 30,
        lambda: serving.daemon.gate.paused.any,
        lambda: resume(serving, scope, name),
        lambda: serving.states() == ["sent"],
    )
    assert set(seen) == {(0, 0)}
    assert len(serving.provider.taken) == 1


@pytest.mark.parametrize(("scope", "name"), SCOPES)
def test_a_message_that_waits_already_does_not_leave_either(serving: Serving, scope: str, name: str) -> None:
    serving.serve(lambda: serving.states() == ["queued"], roles=("engine",))
    pause(serving, scope, name)
    seen: list[int] = []
    serving.serve(
        lambda: seen.append(len(serving.provider.taken)) or len(seen) > 30,
        lambda: resume(serving, scope, name),
        lambda: serving.states() == ["sent"],
    )
    assert set(seen) == {0}


@pytest.mark.parametrize(("scope", "name"), OF_PEOPLE)
def test_facts_go_on_arriving_and_a_payment_in_the_pause_leaves_nothing_to_say(
    serving: Serving, scope: str, name: str
) -> None:
    pause(serving, scope, name)
    events = b"event_id,at,type,loan_id,amount\ne1,2026-03-03T09:30:00Z,payment,l1,100.00\n"
    seen: list[int] = []

    def paid() -> bool:
        running.import_all(serving.url, [], {"events.csv": events})
        return True

    serving.serve(
        paid,
        lambda: seen.append(serving.count("decision")) or len(seen) > 30,
        lambda: resume(serving, scope, name),
        lambda: serving.count("looked") + serving.count("decision") >= 1,
    )
    assert set(seen) == {0}
    assert serving.provider.taken == []


@pytest.mark.parametrize(("scope", "name"), OF_PEOPLE)
def test_after_a_long_pause_each_loan_does_its_next_step_and_no_more(serving: Serving, scope: str, name: str) -> None:
    pause(serving, scope, name)

    def later() -> bool:
        serving.clock.at = at(3, 10) + 10 * DAY
        return True

    serving.serve(
        lambda: serving.daemon.gate.paused.any and serving.well(),
        later,
        lambda: resume(serving, scope, name),
        lambda: serving.states() != [] and set(serving.states()) == {"sent"},
    )
    steps = [json.loads(row[0])["step"] for row in serving.rows("SELECT entry FROM journal WHERE kind = 'decision'")]
    assert len(set(steps)) == 1


@pytest.mark.parametrize(
    ("scope", "name"), [("lender", "another"), ("policy", "another"), ("channel", "email"), ("provider", "twilio")]
)
def test_a_pause_of_something_else_holds_nobody(serving: Serving, scope: str, name: str) -> None:
    pause(serving, scope, name)
    serving.serve(lambda: serving.states() == ["sent"])
    assert serving.daemon.gate.paused.count == 1


def test_one_paused_loan_holds_the_whole_person(serving: Serving) -> None:
    other = running.ladder_policy("EUR", house=False).replace(b"ladder-eur", b"other")
    files = {
        "loans.csv": b"loan_id,borrower_id,product,currency,principal,disbursed_at\n"
        b"l2,p1,personal,EUR,100.00,2026-02-01T09:00:00Z\n",
        "instalments.csv": b"loan_id,number,due_on,principal,interest,fees\nl2,1,2027-03-02,100.00,0.00,0.00\n",
    }
    running.import_all(serving.url, [other], files)
    pause(serving, "policy", "other")
    seen: list[int] = []
    serving.serve(
        lambda: seen.append(serving.count("decision")) or len(seen) > 30,
        lambda: resume(serving, "policy", "other"),
        lambda: serving.states() == ["sent"],
    )
    assert set(seen) == {0}


def test_who_is_paused_twice_goes_on_after_the_second_resume(serving: Serving) -> None:
    pause(serving, "policy", "outbox")
    pause(serving, "lender", "default")
    seen: list[int] = []
    serving.serve(
        lambda: serving.rows("SELECT laid_by_at IS NOT NULL FROM borrower") == [(True,)],
        lambda: resume(serving, "policy", "outbox"),
        lambda: seen.append(serving.count("decision")) or len(seen) > 30,
        lambda: resume(serving, "lender", "default"),
        lambda: serving.states() == ["sent"],
    )
    assert set(seen) == {0}


def test_the_journal_keeps_who_paused_and_who_resumed_and_why(serving: Serving) -> None:
    assert pause(serving, "channel", "sms") and not pause(serving, "channel", "sms")
    assert resume(serving, "channel", "sms") and not resume(serving, "channel", "sms")
    rows = serving.rows("SELECT kind, entry FROM journal WHERE kind IN ('paused', 'resumed') ORDER BY xact, entry_id")
    said = [(kind, {k: v for k, v in json.loads(entry).items() if k not in ("at", "kind")}) for kind, entry in rows]
    assert said == [
        ("paused", {"scope": "channel", "name": "sms", "by": "an operator", "why": "a complaint"}),
        ("resumed", {"scope": "channel", "name": "sms", "by": "another"}),
    ]
