"""Single races, led to by hand: who goes on when is said by the test, and a thread that waits for a lock is seen to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from policies.facts import Instant
from scheduler.engine import Engine, read_policies
from scheduler.ingest import import_book
from scheduler.store import queries
from scheduler.store.database import connect, conninfo_of
from tests.histories.driving import World, world_at
from tests.simulation import book
from tests.simulation.process import open_connection
from tests.simulation.stage import BLOCKED, Actor, Stage

NOON = int(datetime(2026, 3, 19, 12, tzinfo=UTC).timestamp()) * 1_000_000
MINUTE = 60_000_000
FILES = {
    "borrowers": [f"P{n},Ana,Ruiz,en,Europe/London,ZZ,+12025550100,p{n}@example.com" for n in (1, 2)],
    "loans": [f"L{n},P{n},personal,EUR,100.00,2026-03-01T06:00:00Z," for n in (1, 2)],
    "instalments": [f"L{n},1,2026-03-20,100.00,0,0" for n in (1, 2)],
}


class Race:
    """Two people with one telephone, a service driven by hand, and a stage for what is to happen at once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.monitor = connect(world.url)
        self.stage = Stage(self.monitor)

    def begin(self, name: str, work: Any) -> Actor:
        """Something with a connection of its own, parked at its first statement."""
        connection = open_connection(
            self.stage.hook, conninfo=conninfo_of(self.world.url), autocommit=True, options="-c timezone=UTC"
        )
        return self.stage.begin(name, connection, lambda: work(connection))

    def until(self, actor: Actor, what: str) -> None:
        """Let it go on to the statement that begins so."""
        while actor.state == "parked" and not actor.at[1].startswith(what):
            self.stage.resume(actor)
        assert actor.state == "parked"

    def to_the_end(self, *actors: Actor) -> None:
        """Let these go on to their ends, in this order."""
        for actor in actors:
            while actor.state == "parked":
                self.stage.resume(actor)
        for actor in actors:
            assert actor.state == "done" and actor.error is None
            actor.connection.close()
            self.stage.forget(actor)


def telling(now: Instant, **columns: str) -> Any:
    """The import of one event."""

    def work(connection: Any) -> None:
        files = {name: BytesIO(data) for name, data in book.files(events=[book.event_row(**columns)]).items()}
        policies = read_policies(connection, 0)["default"]
        import_book(connection, files, clock_id=0, now=now, policies=policies)

    return work


@pytest.fixture
def race(database_url: str, tmp_path: Path) -> Iterator[Race]:
    with world_at(database_url, tmp_path) as world:
        world.publish(POLICY)
        world.tell(book.files(**FILES), NOON)
        world.until(NOON)
        one = Race(world)
        yield one
        one.monitor.close()


POLICY = b"""\
policy: race
title: One reminder
currency: EUR
languages: [en]
send_at: "10:00"
lender: {name: Acme, reply_to: help@acme.example, phone: "+44 20 7946 0000"}
end: true
steps:
  first: {at: due + 1 day, send: {message: note, by: [sms]}}
messages:
  note: {sms: {en: "{{ overdue | money }} was due: {{ links.view }}"}}
"""


def test_a_refusal_that_reaches_somebody_else_while_a_fact_of_theirs_comes_is_seen_by_the_look_after_it(
    race: Race,
) -> None:
    stop = telling(
        NOON, event_id="s1", at="2026-03-19T12:00:00Z", type="opt_out", borrower_id="P1", channel="sms"
    )  # fmt: skip
    refusal = race.begin("refusal", stop)
    race.until(refusal, "UPDATE borrower b")

    def other_fact(connection: Any) -> None:
        at = datetime(2026, 3, 19, 12, tzinfo=UTC)
        keys = {"clock": 0, "lenders": ["default"], "borrowers": ["P2"], "wakes": [at]}
        with connection.transaction():
            connection.execute(queries.TOLD, keys)

    told = race.begin("other fact", other_fact)
    while told.state == "parked":
        race.stage.resume(told)
    assert told.state == BLOCKED, "the fact of the other waits until the refusal is written"
    race.to_the_end(refusal, told)
    race.world.until(NOON)
    assert race.world.replay().equal


CLAIM = "SELECT b.lender_id, b.borrower_id,"
POISON = "UPDATE loan SET state = '{\"episodes\": [{}]}' WHERE loan_id = 'L1'"
DUE = "UPDATE borrower SET wake_at = %s"
STANDS = "SELECT borrower_id, set_aside, wake_at IS NULL OR wake_at > %s FROM borrower ORDER BY 1"
AT_NOON = datetime(2026, 3, 19, 12, tzinfo=UTC)


def engine_of_one(connection: Any) -> Any:
    """One tick of an engine that claims one borrower at a time."""
    return Engine(connection, 0, "https://pay.example.invalid", 1).tick(NOON)


def test_whoever_another_engine_left_free_is_not_set_aside_for_the_fault_of_the_one_that_it_took(race: Race) -> None:
    race.monitor.execute(POISON)
    race.monitor.execute(DUE, (AT_NOON,))
    tick = race.begin("engine", engine_of_one)
    race.until(tick, CLAIM)
    race.stage.resume(tick)
    race.until(tick, CLAIM)
    with connect(race.world.url) as other, other.transaction():
        other.execute("SELECT FROM borrower WHERE borrower_id = 'P1' FOR NO KEY UPDATE")
        race.to_the_end(tick)
    assert race.monitor.execute(STANDS, (AT_NOON,)).fetchall() == [("P1", None, False), ("P2", None, True)]


def test_a_borrower_whose_fact_came_while_they_were_to_be_set_aside_stays_due(race: Race) -> None:
    ((state,),) = race.monitor.execute("SELECT state FROM loan WHERE loan_id = 'L1'").fetchall()
    race.monitor.execute(POISON)
    race.monitor.execute(DUE + " WHERE borrower_id = 'P1'", (AT_NOON,))
    tick = race.begin("engine", engine_of_one)
    for _claim in ("the batch", "who it was", "the one"):
        race.until(tick, CLAIM)
        race.stage.resume(tick)
    race.until(tick, CLAIM)
    race.monitor.execute("UPDATE loan SET state = %s WHERE loan_id = 'L1'", (json.dumps(state),))
    race.world.event(NOON, type="payment", loan_id="L1", amount="1.00")
    race.to_the_end(tick)
    assert race.monitor.execute(STANDS, (AT_NOON,)).fetchall()[0] == ("P1", None, False)
    race.world.until(NOON)
    assert race.monitor.execute(STANDS, (AT_NOON,)).fetchall()[0] == ("P1", None, True)
