"""A daemon that loses its database stays up, red, and goes on; nothing leaves that could not be written."""

from __future__ import annotations

import io
import json
from typing import Any

import psycopg
import pytest

from adapters.base import Message
from scheduler.bootstrap import configure_logging
from scheduler.clock import SystemClock
from scheduler.jobs import LONGEST_PAUSE_S, Room, pause_s
from scheduler.monitor import Monitor
from scheduler.store.database import LOST, connect
from scheduler.store.embedded import Server
from tests.integration.daemon.serving import Serving

FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION full_disk();
"""
SPACE = "DROP TRIGGER full_disk ON {table}; DROP FUNCTION full_disk()"


def ready(serving: Serving) -> tuple[int, list[str]]:
    monitor = Monitor(serving.daemon, serving.url, 0)
    answer = monitor.ready()
    monitor.close()
    return answer.status, json.loads(answer.body)["reasons"]


def test_it_goes_on_after_every_connection_was_cut(serving: Serving) -> None:
    serving.clock.at -= 3_600_000_000

    def later() -> bool:
        serving.clock.at += 3_600_000_000
        return True

    serving.serve(lambda: serving.well() and serving.cut(), later, lambda: serving.states() == ["sent"], serving.well)
    assert len(serving.provider.taken) == 1


def test_without_a_database_it_stays_up_and_red_and_then_goes_on_by_itself(serving: Serving) -> None:
    said: list[tuple[int, list[str]]] = []
    lives: list[int] = []

    def red() -> bool:
        said.append(ready(serving))
        lives.append(Monitor(serving.daemon, serving.url, 0).health().status)
        return True

    serving.do("UPDATE borrower SET wake_at = '2026-03-03T10:00:01Z'")

    def due() -> bool:
        serving.clock.at += 2_000_000
        return True

    serving.serve(
        lambda: serving.well() and serving.be_gone(),
        serving.troubled,
        red,
        due,
        serving.answer_again,
        lambda: serving.well() and serving.states() == ["sent"],
    )
    status, reasons = said[0]
    assert status == 503 and "dispatch: the database does not answer" in reasons
    assert "the database does not answer" in reasons and lives == [200]
    assert len(serving.provider.taken) == 1


def test_what_was_sent_while_the_database_went_away_is_written_when_it_is_back(serving: Serving) -> None:
    def cut(message: Message) -> None:
        serving.be_gone()

    serving.provider.manner = cut
    serving.serve(serving.troubled, serving.answer_again, lambda: serving.states() == ["sent"])
    assert len(serving.provider.taken) == 1
    assert serving.count("hand_over") == 1


def test_a_commit_that_came_through_and_whose_answer_was_lost_is_not_written_twice(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler.dispatch import Dispatcher

    write, lost = Dispatcher._write, []

    def once(self: Dispatcher) -> None:
        known = [*self._unwritten]
        write(self)
        if known and not lost:
            lost.append(True)
            self._unwritten = known
            raise psycopg.OperationalError("the answer to the commit was lost")

    monkeypatch.setattr(Dispatcher, "_write", once)
    serving.serve(lambda: bool(lost) and serving.well() and serving.states() == ["sent"], serving.well)
    assert (len(serving.provider.taken), serving.count("hand_over")) == (1, 1)


def test_what_was_marked_as_leaving_by_a_commit_without_an_answer_is_put_back_and_leaves_once(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler.dispatch import Dispatcher

    tick, lost = Dispatcher.tick, []

    def once(self: Dispatcher, *arguments: object) -> int:
        if lost:
            return tick(self, *arguments)  # type: ignore[arg-type]
        real = self._connection.transaction

        class Transaction:
            def __enter__(self) -> None:
                self.inner = real()
                self.inner.__enter__()

            def __exit__(self, *error: object) -> None:
                self.inner.__exit__(*error)  # type: ignore[arg-type]
                if serving.states() == ["sending"]:
                    lost.append(True)
                    raise psycopg.OperationalError("the answer to the commit was lost")

        monkeypatch.setattr(self._connection, "transaction", Transaction)
        try:
            return tick(self, *arguments)  # type: ignore[arg-type]
        finally:
            monkeypatch.setattr(self._connection, "transaction", real)

    monkeypatch.setattr(Dispatcher, "tick", once)
    serving.serve(lambda: bool(lost) and serving.states() == ["sent"])
    assert len(serving.provider.taken) == 1
    assert serving.rows("SELECT attempts FROM message") == [(2,)]


def test_a_process_that_slept_past_its_lease_does_not_send(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    from scheduler import dispatch

    slept: list[bool] = []
    hand_over = dispatch.Dispatcher._hand_over

    def asleep(self: dispatch.Dispatcher, leaving: list[dispatch.Leaving], ends_s: float) -> list[dispatch._Handed]:
        if slept:
            return hand_over(self, leaving, ends_s)
        slept.append(True)
        return hand_over(self, leaving, ends_s - self._lease_s)

    monkeypatch.setattr(dispatch.Dispatcher, "_hand_over", asleep)
    serving.serve(lambda: serving.states() == ["sent"])
    assert slept and len(serving.provider.taken) == 1
    assert serving.rows("SELECT attempts FROM message") == [(2,)]


def test_the_answer_of_one_who_came_too_late_changes_nothing(serving: Serving) -> None:
    """Another dispatcher took the message up meanwhile: the number of the attempt is no longer ours."""

    def taken_up(message: Message) -> None:
        serving.do("UPDATE message SET attempts = attempts + 1, lease_until = 'infinity'")

    serving.provider.manner = taken_up
    serving.serve(lambda: bool(serving.provider.taken), lambda: serving.well() and serving.count("decision") == 1)
    assert serving.states() == ["sending"]
    assert serving.count("hand_over") == 0


@pytest.mark.parametrize("table", ["journal", "message"])
def test_a_full_disk_stops_deciding_and_sending_and_it_goes_on_by_itself(serving: Serving, table: str) -> None:
    said: list[tuple[int, list[str]]] = []
    log = io.StringIO()
    configure_logging(SystemClock(), stream=log)
    serving.do(FULL.format(table=table))

    def red() -> bool:
        said.append(ready(serving))
        return True

    serving.serve(
        lambda: serving.daemon.room.is_full,
        red,
        lambda: serving.states() == [] and serving.provider.taken == [],
        lambda: serving.do(SPACE.format(table=table)),
        lambda: serving.states() == ["sent"],
        lambda: serving.well() and not serving.daemon.room.is_full,
    )
    assert said[0][0] == 503 and "the database cannot write" in said[0][1][0]
    assert len(serving.provider.taken) == 1
    assert '"sqlstate": "53100"' in log.getvalue()


def test_while_one_finds_the_disk_full_the_others_wait_for_it() -> None:
    room = Room()
    room.full("engine 1")
    room.full("dispatch")
    assert not room.closed_to("engine 1") and room.closed_to("dispatch") and room.closed_to("ledger")
    room.wrote("dispatch")
    assert room.is_full
    room.wrote("engine 1")
    assert not room.is_full and not room.closed_to("dispatch")


@pytest.mark.parametrize("failures", [1, 2, 5, 50, 100_000])
def test_the_pause_between_attempts_grows_is_spread_and_has_an_end(failures: int) -> None:
    found = {pause_s(failures) for _ in range(20)}
    assert len(found) > 1
    assert all(0 < one <= min(LONGEST_PAUSE_S, 2 ** min(failures, 20)) for one in found)


def test_a_server_that_takes_too_long_for_one_answer_counts_as_gone(server: Server, database_url: str) -> None:
    connection = connect(database_url, patience_s=1)
    with pytest.raises(LOST):
        connection.execute("SELECT pg_sleep(60)")
    connection.patience_s = 0.1
    with pytest.raises(LOST):
        connection.execute("SELECT pg_sleep(0.9)")
    assert connection.closed


def test_what_an_engine_has_claimed_that_fell_asleep_is_taken_back(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler import engine, service

    monkeypatch.setattr(service, "ASLEEP_S", 1)
    decide, slept = engine.decide, []

    def asleep(*arguments: Any) -> Any:
        if not slept:
            slept.append(serving.clock.monotonic())
            serving.until(lambda: serving.rows("SELECT 1 FROM borrower FOR UPDATE SKIP LOCKED") != [])
        return decide(*arguments)

    monkeypatch.setattr(engine, "decide", asleep)
    serving.serve(lambda: serving.states() == ["sent"], serving.well)
    assert slept and len(serving.provider.taken) == serving.count("decision") == 1
