"""What was marked as leaving by a process that never came back: it may have left, and is never sent twice for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.store.database import Connection, connect
from tests.integration.outbox import Provider, World, at, opened


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    with opened(database_url, tmp_path) as one:
        yield one


def mark_as_leaving(connection: Connection, lease: str) -> None:
    connection.execute(
        "UPDATE message SET status = 'sending', lease_until = clock_timestamp() + %s::interval", (lease,)
    )


def test_what_was_marked_as_leaving_and_abandoned_is_unconfirmed(world: World) -> None:
    world.decide(at(3, 10))
    with connect(world.url) as connection:
        mark_as_leaving(connection, lease="-1 second")
    assert world.service.dispatcher.recover(at(3, 10, 1)) == 1
    world.until(at(3, 10, 2))
    assert world.provider.taken == [] and world.told() == [("first", "unconfirmed", "sms")]


@pytest.mark.parametrize(("hour", "told"), [(11, "sent"), (21, "unconfirmed")])
def test_what_was_abandoned_by_a_way_that_knows_its_id_is_handed_over_once_more_or_held(
    world: World, monkeypatch: pytest.MonkeyPatch, hour: int, told: str
) -> None:
    """It may have left: it never waits in the outbox again, where it could be withdrawn and its step done anew."""
    monkeypatch.setattr(Provider, "idempotent", True)
    world.decide(at(3, 10))
    with connect(world.url) as connection:
        mark_as_leaving(connection, lease="-1 second")
    assert world.service.dispatcher.recover(at(3, hour)) == 1
    world.until(at(4, 10))
    assert world.told() == [("first", told, "sms")]
    assert len(world.provider.taken) == (1 if told == "sent" else 0)


def test_what_was_abandoned_is_held_where_a_fact_has_come_since(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(Provider, "idempotent", True)
    world.decide(at(3, 10))
    with connect(world.url) as connection:
        mark_as_leaving(connection, lease="-1 second")
    world.event(event_id="e1", at="2026-03-03T10:00:30Z", type="payment", loan_id="l1", amount="1.00")
    assert world.service.dispatcher.recover(at(3, 10, 1)) == 1
    assert world.states() == ["unconfirmed"] and world.provider.taken == []


def test_what_another_dispatcher_still_holds_is_left_to_it(world: World) -> None:
    world.decide(at(3, 10))
    with connect(world.url) as connection:
        mark_as_leaving(connection, lease="1 hour")
    assert world.service.dispatcher.recover(at(3, 10, 1)) == 0
    assert world.states() == ["sending"]
