"""From decision to receipt: what leaves, what is withdrawn, what is tried again, and what is never repeated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.base import Message, Rejected, Transient, Unconfirmed
from policies.calendar import to_datetime
from policies.facts import SECOND
from scheduler import dispatch
from scheduler.dispatch import link_token
from scheduler.store.database import connect
from tests import running
from tests.integration.outbox import FILES, HOUR, World, at, opened


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    with opened(database_url, tmp_path) as one:
        yield one


def test_a_message_leaves_once_with_a_link_of_its_own(world: World) -> None:
    world.until(at(3, 10))
    world.until(at(3, 11))
    (message,) = world.provider.taken
    assert message.channel == "sms" and message.to == "+442079460123"
    assert "LINK" not in message.body
    token = re.search(r"https://pay\.example\.invalid/([A-Za-z0-9_-]{43})", message.body)
    assert token is not None
    assert world.told() == [("first", "sent", "sms")]
    assert world.rows("SELECT provider, reference FROM message") == [("provider", "ref-1")]


def test_the_token_of_a_link_hangs_on_key_and_message() -> None:
    first = link_token(b"k" * 32, "a" * 64)
    assert len(first) == 43 and first == link_token(b"k" * 32, "a" * 64)
    assert first != link_token(b"k" * 32, "b" * 64) != link_token(b"x" * 32, "b" * 64)


def test_texts_are_stored_with_a_placeholder_and_never_with_the_token(world: World) -> None:
    world.until(at(3, 10))
    ((body,),) = world.rows("SELECT body FROM message_body")
    assert "LINK" + "_" * 39 in body
    assert len(body) == len(world.provider.taken[0].body)


def test_a_refused_message_goes_by_the_next_channel(world: World) -> None:
    def refuse_sms(message: Message) -> None:
        if message.channel == "sms":
            raise Rejected("no such number")

    world.provider.manner = refuse_sms
    world.until(at(3, 10))
    assert world.told() == [("first", "failed", "sms"), ("first", "sent", "email")]
    assert [m.channel for m in world.provider.taken] == ["email"]


def test_a_passing_failure_is_tried_again_and_sent_once(world: World) -> None:
    failures = iter([True, True])

    def fail_twice(message: Message) -> None:
        if next(failures, False):
            raise Transient("busy", retry_after_s=120)

    world.provider.manner = fail_twice
    world.until(at(3, 10))
    assert world.states() == ["queued"] and world.told() == []
    world.until(at(3, 10, 1))
    assert world.provider.taken == []
    world.until(at(3, 10, 2))
    world.until(at(3, 10, 4))
    assert len(world.provider.taken) == 1 and world.told() == [("first", "sent", "sms")]
    assert world.service.dispatcher.next_attempt() is None


def test_a_failure_that_does_not_pass_is_given_up_for_the_next_channel(world: World) -> None:
    tried = []

    def always(message: Message) -> None:
        if message.channel == "sms":
            tried.append(message)
            raise Transient("down")

    world.provider.manner = always
    for minute in range(0, 9 * 60, 5):
        world.until(at(3, 10, minute % 60) + minute // 60 * HOUR)
    assert world.told() == [("first", "failed", "sms"), ("first", "sent", "email")]
    assert len(tried) == dispatch.MOST_ATTEMPTS


def test_a_provider_that_says_when_to_come_again_is_asked_until_it_takes_the_message(world: World) -> None:
    tried = []

    def full(message: Message) -> None:
        tried.append(message)
        if len(tried) <= 3 * dispatch.MOST_ATTEMPTS:
            raise Transient("too many at once", retry_after_s=1)

    world.provider.manner = full
    for second in range(4 * dispatch.MOST_ATTEMPTS):
        world.until(at(3, 10) + second * SECOND)
    assert world.told() == [("first", "sent", "sms")]
    assert len(tried) == 3 * dispatch.MOST_ATTEMPTS + 1


def test_an_unknown_outcome_is_kept_and_never_repeated(world: World) -> None:
    def lose_the_answer(message: Message) -> None:
        world.provider.taken.append(message)
        raise Unconfirmed("no answer")

    world.provider.manner = lose_the_answer
    world.until(at(3, 10))
    world.provider.manner = lambda message: None
    world.until(at(3, 18))
    assert world.told() == [("first", "unconfirmed", "sms")]
    assert len(world.provider.taken) == 1


def test_a_fault_of_the_adapter_itself_counts_as_an_unknown_outcome(world: World) -> None:
    def break_down(message: Message) -> None:
        raise KeyError("sid")

    world.provider.manner = break_down
    world.until(at(3, 10))
    assert world.told() == [("first", "unconfirmed", "sms")]


def test_a_payment_between_decision_and_hand_over_withdraws_the_message(world: World) -> None:
    world.decide(at(3, 10))
    world.event(event_id="e1", at="2026-03-03T10:00:01Z", type="payment", loan_id="l1", amount="100.00")
    assert world.service.dispatcher.tick(at(3, 10, 1)) == 0
    world.until(at(3, 10, 1))
    assert world.provider.taken == []
    assert world.told() == [("first", "withdrawn", "sms")]
    assert world.states() == ["withdrawn"]


def test_a_hold_between_decision_and_hand_over_keeps_the_step_for_later(world: World) -> None:
    world.decide(at(3, 10))
    hold = {"value": "dispute", "until": "2026-03-06"}
    world.event(event_id="h1", at="2026-03-03T10:00:01Z", type="hold", loan_id="l1", **hold)
    world.until(at(3, 10, 1))
    assert world.provider.taken == [] and world.told() == [("first", "withdrawn", "sms")]
    world.until(at(6, 10))
    assert world.told() == [("first", "withdrawn", "sms"), ("first", "sent", "sms")]
    assert len({row[0] for row in world.rows("SELECT message_id FROM message")}) == 2


def test_a_fact_that_changes_nothing_lets_the_message_leave(world: World) -> None:
    world.decide(at(3, 10))
    world.event(event_id="e1", at="2026-03-03T10:00:01Z", type="payment", loan_id="l1", amount="1.00")
    world.until(at(3, 10, 1))
    assert world.told() == [("first", "sent", "sms")]


def test_a_message_whose_hour_has_passed_is_decided_afresh_in_the_morning(world: World) -> None:
    world.decide(at(3, 10))
    world.until(at(3, 20))
    assert world.provider.taken == []
    assert [told[:2] for told in world.told()] == [("first", "withdrawn"), ("first", "deferred")]
    world.until(at(4, 8))
    assert world.told()[-1] == ("first", "sent", "sms")
    assert len(world.provider.taken) == 1


def test_every_channel_of_a_step_on_all_ends_in_one_outcome_and_is_one_contact(world: World) -> None:
    world.until(at(3, 10))
    world.until(at(6, 10))
    assert world.told()[1:] == [("second", "sent", "sms"), ("second", "sent", "email")]
    assert len({row[0] for row in world.rows("SELECT contact_key FROM message WHERE step = 'second'")}) == 1


def add_borrowers(world: World, until: int) -> None:
    """Import borrowers ``p2`` to ``p<until - 1>``, with a loan each like the first one's."""
    people, loans, instalments = (FILES[f"{name}.csv"] for name in ("borrowers", "loans", "instalments"))
    for n in range(2, until):
        people += b"p%d,Bo,Orr,en,Europe/London,GB,+442079460124,bo@example.com\n" % n
        loans += b"l%d,p%d,personal,GBP,100.00,2026-02-01T09:00:00Z\n" % (n, n)
        instalments += b"l%d,1,2026-03-02,100.00,0.00,0.00\n" % n
    more = {"borrowers.csv": people, "loans.csv": loans, "instalments.csv": instalments}
    running.import_all(world.url, [], {**FILES, **more})
    world.decide(at(3, 0))


def test_a_loan_that_cannot_be_read_is_set_aside_and_the_others_go_on(world: World) -> None:
    add_borrowers(world, 3)
    with connect(world.url) as connection:
        connection.execute("UPDATE loan SET state = '{\"episodes\": [{}]}' WHERE loan_id = 'l1'")
    world.until(at(3, 10))
    assert [m.to for m in world.provider.taken] == ["+442079460124"]
    stood = world.rows("SELECT borrower_id, set_aside, wake_at FROM borrower ORDER BY 1")[0]
    assert stood == ("p1", "ValueError", None)
    assert world.rows(
        "SELECT j.kind FROM journal j JOIN borrower b ON b.key = j.borrower_key WHERE b.borrower_id = 'p1' "
        "ORDER BY j.entry_id DESC LIMIT 1"
    ) == [("set_aside",)]


def test_a_batch_that_cannot_be_written_is_halved_down_to_the_one(world: World) -> None:
    add_borrowers(world, 8)
    with connect(world.url) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '22000'; END $$"
        )
        connection.execute(
            "CREATE TRIGGER poison BEFORE INSERT ON message FOR EACH ROW WHEN (NEW.loan_id = 'l4') "
            "EXECUTE FUNCTION refuse()"
        )
    world.until(at(3, 10))
    assert len(world.provider.taken) == 6
    assert world.rows("SELECT borrower_id FROM borrower WHERE set_aside IS NOT NULL") == [("p4",)]


def test_a_loan_set_aside_is_looked_at_again_when_a_fact_arrives(world: World) -> None:
    with connect(world.url) as connection:
        kept = connection.execute("SELECT state FROM loan").fetchone()
        connection.execute('UPDATE loan SET state = \'{"episodes": [{"start": 1}]}\'')
        assert kept is not None
        world.decide(at(3, 10))
        connection.execute("UPDATE loan SET state = %s", (json.dumps(kept[0]),))
    world.event(event_id="e1", at="2026-03-03T11:00:00Z", type="payment", loan_id="l1", amount="1.00")
    world.until(at(3, 11))
    assert world.told() == [("first", "sent", "sms")]
    assert world.rows("SELECT set_aside FROM borrower") == [(None,)]


def test_a_decision_is_one_commit(world: World) -> None:
    """What is written for one borrower carries one transaction id, whatever its table."""
    world.decide(at(3, 10))
    ((journal, message, body, loan, borrower),) = world.rows(
        "SELECT (SELECT xmin FROM journal ORDER BY entry_id DESC LIMIT 1), (SELECT xmin FROM message), "
        "(SELECT xmin FROM message_body), (SELECT xmin FROM loan), (SELECT xmin FROM borrower)"
    )
    assert journal == message == body == loan == borrower
    assert to_datetime(at(3, 10)) == world.rows("SELECT decided_at FROM message")[0][0]


def test_a_fault_that_meets_everybody_is_raised_and_nobody_is_set_aside(world: World) -> None:
    add_borrowers(world, 14)
    with connect(world.url) as connection:
        connection.execute("UPDATE loan SET state = '{\"episodes\": [{}]}'")
    with pytest.raises(ValueError, match="unpack"):
        world.service.engine.tick(at(3, 10))
    assert world.rows("SELECT count(*) FROM borrower WHERE set_aside IS NOT NULL") == [(0,)]


def test_a_message_does_not_leave_for_an_address_that_is_no_longer_the_borrowers(world: World) -> None:
    world.decide(at(3, 10))
    people = FILES["borrowers.csv"].replace(b"+442079460123", b"+442079460999")
    running.import_all(world.url, [], {"borrowers.csv": people})
    world.until(at(3, 10, 1))
    assert [m.to for m in world.provider.taken] == ["+442079460999"]
    assert world.told() == [("first", "withdrawn", "sms"), ("first", "sent", "sms")]


def test_a_step_on_all_channels_is_not_done_again_where_one_of_them_was_closed_before_it_left(world: World) -> None:
    world.until(at(3, 10))
    world.decide(at(6, 10))
    world.event(event_id="o1", at="2026-03-06T10:00:01Z", type="opt_out", borrower_id="p1", channel="sms")
    for day in (6, 7, 8):
        world.until(at(day, 10, 1))
    assert [m.channel for m in world.provider.taken] == ["sms", "email"]
    assert world.told()[1:] == [("second", "sent", "email"), ("second", "withdrawn", "sms")]
