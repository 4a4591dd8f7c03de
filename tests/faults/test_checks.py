"""The checks see what they are there to see: a planted breach of each invariant is found and named."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scheduler.dispatch import link_token
from tests.faults import invariants, kills
from tests.faults.invariants import Seen
from tests.faults.kills import SERVE, Plan
from tests.faults.provider import Request, provider
from tests.faults.world import DECIDING, IDLE, LINK_KEY, SEQUENCING, WRITING, Moment

PEOPLE = b"borrower_id,zone\nb-00001,Europe/London\n"
SECOND_NS = 1_000_000_000


def message(number: int, at: str, status: str = "sent") -> tuple[Any, ...]:
    """A message of ours that left, or was to leave, at an instant."""
    left = datetime.fromisoformat(at).replace(tzinfo=UTC)
    return (f"{number:064x}", "b-00001", "l-00001-1", "sms", status, left, left, left, None, b"", None)


def request(number: int, ns: int = 0, manner: str | None = None) -> Request:
    return Request(link_token(LINK_KEY.encode(), f"{number:064x}"), ns, manner)


def seen(messages: list[tuple[Any, ...]], accepted: list[Request], requests: list[Request] | None = None) -> Seen:
    """Both records, planted."""
    made = Seen.__new__(Seen)
    made.messages = {row[0]: row for row in messages}
    made.by_token = {link_token(LINK_KEY.encode(), one): one for one in made.messages}
    made.accepted, made.requests, made.lines = accepted, requests or [], []
    world = SimpleNamespace(killed_in_air=set(), acknowledged={}, start=0, instant_of=lambda ns: ns // 1_000)
    made.done = SimpleNamespace(  # type: ignore[assignment]
        moments=[], world=world, files={"borrowers.csv": PEOPLE}, plan=Plan(1, "neither", 1, 0), finish_ns=0
    )
    return made


def test_a_message_accepted_twice_is_found() -> None:
    with pytest.raises(AssertionError, match="accepted twice"):
        invariants.i1_never_two_accepted_sends_for_one_id(seen([message(1, "2026-03-03T10:00")], [request(1)] * 2))


def test_a_message_that_nobody_decided_is_found() -> None:
    with pytest.raises(AssertionError, match="never decided"):
        invariants.i1_never_two_accepted_sends_for_one_id(seen([message(1, "2026-03-03T10:00")], [request(2)]))


def test_a_message_that_we_think_was_refused_is_found() -> None:
    with pytest.raises(AssertionError, match="by our word it was not"):
        invariants.i1_never_two_accepted_sends_for_one_id(
            seen([message(1, "2026-03-03T10:00", "failed")], [request(1)])
        )


def test_a_message_that_never_arrived_is_found() -> None:
    both = [message(1, "2026-03-03T10:00"), message(2, "2026-03-04T10:00")]
    with pytest.raises(AssertionError, match="never there"):
        invariants.i1_never_two_accepted_sends_for_one_id(seen(both, [request(1)]))


def test_a_message_after_an_acknowledged_payment_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    fact = {"id": "e1", "kind": "payment", "loan": "l-00001-1", "borrower": "b-00001"}
    monkeypatch.setattr(kills, "facts_to_tell", lambda *_: [fact])
    one = seen([message(1, "2026-03-03T10:00")], [request(1, 5 * SECOND_NS)])
    one.done.plan = Plan(1, SERVE, 1, 0)
    one.done.world.acknowledged["e1"] = 4 * SECOND_NS + 500_000_000
    invariants.i2_nothing_after_a_fact_that_forbids_it(one)
    one.done.world.acknowledged["e1"] = 3 * SECOND_NS
    with pytest.raises(AssertionError, match="after the acknowledgement"):
        invariants.i2_nothing_after_a_fact_that_forbids_it(one)


@pytest.mark.parametrize(
    ("times", "what"),
    [
        (["2026-03-03T07:59"], "outside the hours"),
        (["2026-03-03T20:00"], "outside the hours"),
        (["2026-03-03T10:00", "2026-03-03T11:00"], "contacts on"),
        (["2026-03-02T10:00", "2026-03-03T10:00", "2026-03-04T10:00", "2026-03-08T10:00"], "in a week"),
    ],
)
def test_a_contact_against_the_rules_is_found(times: list[str], what: str) -> None:
    messages = [message(number, at) for number, at in enumerate(times)]
    with pytest.raises(AssertionError, match=what):
        invariants.i3_lawful_hours_and_caps(seen(messages, [request(number) for number in range(len(times))]))


def test_contacts_by_the_rules_are_left_alone() -> None:
    times = ["2026-03-02T08:00", "2026-03-03T19:59", "2026-03-04T10:00", "2026-03-09T10:00"]
    messages = [message(number, at) for number, at in enumerate(times)]
    invariants.i3_lawful_hours_and_caps(seen(messages, [request(number) for number in range(len(times))]))


def test_a_message_held_without_a_reason_and_one_not_held_are_found() -> None:
    held = [message(number, "2026-03-03T10:00", "unconfirmed" if number == 1 else "sent") for number in range(1, 40)]
    with pytest.raises(AssertionError, match="held without a reason"):
        invariants.unconfirmed_only_what_was_in_the_air_or_lost(seen(held, [], [request(1, manner="accept")]))
    invariants.unconfirmed_only_what_was_in_the_air_or_lost(seen(held, [], [request(1, manner="drop")]))
    with pytest.raises(AssertionError, match="lost, and not held"):
        invariants.unconfirmed_only_what_was_in_the_air_or_lost(
            seen(held, [], [request(1, manner="drop"), request(2, manner="hang")])
        )


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("SELECT pg_snapshot_xmin(pg_current_snapshot())", SEQUENCING),
        ("COPY journal (lender_id) FROM STDIN", WRITING),
        ("SELECT b.lender_id FROM borrower b FOR NO KEY UPDATE OF b SKIP LOCKED", DECIDING),
    ],
)
def test_a_moment_is_told_by_its_transaction(statement: str, where: str) -> None:
    assert Moment((statement,), 0, 0).where == where
    assert not Moment((), 0, 0).busy and Moment((), 0, 0).where == IDLE


def test_the_provider_meets_a_message_in_the_same_manner_for_the_same_seed(tmp_path: Path) -> None:
    from http.client import HTTPConnection
    from urllib.parse import urlencode

    manners = []
    for turn in ("first", "second"):
        with provider(tmp_path / turn, 7, delay_s=0.0) as one:
            for number in range(12):
                asked = HTTPConnection("127.0.0.1", one.port, timeout=30)
                form = urlencode({"To": "+15005550123", "Body": f"https://x.test/{request(number).token}"})
                asked.request("POST", "/", form)
                try:
                    asked.getresponse().read()
                except OSError:
                    pass  # it drops the connection: one of its manners
                finally:
                    asked.close()
            manners.append([(each.token, each.manner) for each in one.requests()])
            assert {each.token for each in one.accepted()} <= {each.token for each in one.requests()}
    assert manners[0] == manners[1] and len({manner for _, manner in manners[0]}) > 1
