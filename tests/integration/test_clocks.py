"""Test clocks: each goes its own way, by the production engine, and none touches another, nor the real one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psycopg
import pytest
from sqlmodel import SQLModel

from adapters.base import Channel, Message, Receipt, Transient
from policies import library
from policies.calendar import zone
from policies.facts import SECOND
from policies.simulate import Span
from scheduler import settings
from scheduler.engine import read_policies
from scheduler.ingest import import_book
from scheduler.named_clocks import ClockError, all_clocks, find
from scheduler.publish import publish
from scheduler.service import open_channels, open_service
from scheduler.settings import SettingsError
from scheduler.store import clock_rows
from scheduler.store.database import Connection, connect
from tests import running
from tests.integration import moving
from tests.integration.moving import at, clocks_of, make, told

_ADAPTERS = {"smtp_host": "127.0.0.1", "smtp_from": "help@acme.example", "smtp_security": "none", "smtp_port": "1"}


# --- what is due is done, in order --------------------------------------------------------------------------------


def test_an_advance_tells_what_the_simulation_and_a_run_tell_of_the_demo_book(
    database_url: str, tmp_path: Path
) -> None:
    book, policy = moving.files(200, days=120), library.read(moving.POLICY)
    end = at("2026-03-09")
    span = Span(at("2026-01-05"), end + 1)
    expected = running.simulated([policy], running.read(book), span)
    assert len(expected) > 400
    with clocks_of(database_url, tmp_path) as clocks:
        clocks.create("demo", span.start, files=moving.opened(book), policies=[(moving.POLICY, policy)])
        clocks.advance("demo", end)
        assert told(clocks, "demo") == expected
    running.import_all(database_url, [policy], book)
    running.run(database_url, tmp_path, span)
    assert running.told(database_url, span) == expected


def test_many_small_advances_come_to_the_same_as_a_large_one(database_url: str, tmp_path: Path) -> None:
    with clocks_of(database_url, tmp_path) as clocks:
        make(clocks, "steps", 12)
        clocks.fork("steps", "leap")
        clocks.advance("leap", at("2026-03-20"))
        for day in ("2026-01-05", "2026-01-06", "2026-01-19", "2026-02-14", "2026-02-14", "2026-03-20"):
            clocks.advance("steps", at(day))
        lines = told(clocks, "steps")
        assert len(lines) > 30
        assert lines == told(clocks, "leap")


def test_what_is_due_at_the_new_instant_is_done_and_what_is_later_is_not(database_url: str, tmp_path: Path) -> None:
    with clocks_of(database_url, tmp_path) as clocks:
        make(clocks, "one")
        clocks.fork("one", "other")
        clocks.advance("one", at("2026-03-20"))
        due = clocks.connection.execute(
            "SELECT extract(epoch FROM max(at))::bigint FROM journal WHERE kind = 'decision' AND clock_id = %s",
            (find(clocks.connection, "one").clock_id,),
        ).fetchall()[0][0]
        last = int(due) * 1_000_000
        clocks.advance("other", last - 1)
        before = told(clocks, "other")
        clocks.advance("other", last)
        assert len(before) < len(told(clocks, "other")) == len(told(clocks, "one"))


def test_clocks_stand_at_their_own_times(database_url: str, tmp_path: Path) -> None:
    ends = {"a": "2026-01-20", "b": "2026-02-20", "c": "2026-03-20"}
    with clocks_of(database_url, tmp_path) as clocks:
        for name in ends:
            make(clocks, name)
        for name, day in reversed(ends.items()):
            clocks.advance(name, at(day))
        assert {one.name: one.now for one in all_clocks(clocks.connection)} == {n: at(day) for n, day in ends.items()}
        stories = {name: told(clocks, name) for name in ends}
        assert 0 < len(stories["a"]) < len(stories["b"]) < len(stories["c"])
        assert stories["c"][: len(stories["a"])] == stories["a"]


def test_all_of_them_are_moved_a_few_at_a_time(database_url: str, tmp_path: Path) -> None:
    with clocks_of(database_url, tmp_path) as clocks:
        make(clocks, "first", 3)
        for number in range(9):
            clocks.fork("first", f"fork-{number}")
        done = list(clocks.advance_aimed(clocks.aim_all(lambda one: at("2026-02-20"))))
        assert sorted(one.clock.name for one in done) == ["first", *(f"fork-{number}" for number in range(9))]
        assert {(one.clock.now, one.clock.target) for one in done} == {(at("2026-02-20"), None)}
        expected = told(clocks, "first")
        assert len(expected) > 5
        assert all(told(clocks, one.clock.name) == expected for one in done)
        assert clocks.aim_all() == []


class _Slow(Channel):
    """A local adapter that takes nothing at first, and takes it an hour later."""

    name = "slow"
    channels = frozenset({"email", "sms"})
    thread_safe = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> Self:
        """It has none."""
        return cls()

    def send(self, message: Message) -> Receipt:
        """Not the first time."""
        self.asked.append(message.message_id)
        if self.asked.count(message.message_id) == 1:
            raise Transient("slow: later", retry_after_s=3_600)
        return Receipt(self.name, message.message_id)

    def loopback(self) -> bool:
        """It is part of this test."""
        return True


@pytest.mark.parametrize(("minutes", "sent"), [(10, 0), (70, 1)])
def test_a_payment_between_two_attempts_stops_the_second(
    database_url: str, tmp_path: Path, minutes: int, sent: int
) -> None:
    policy = running.ladder_policy("GBP", house=False)
    ladder = at("2026-02-03") + 10 * 3_600 * SECOND
    known = zone("UTC").iso(ladder + minutes * 60 * SECOND)
    book = {
        "borrowers.csv": "borrower_id,first_name,last_name,language,zone,region,email\nb,A,B,en,UTC,GB,a@example.com\n",
        "loans.csv": "loan_id,borrower_id,product,currency,principal,disbursed_at\nl,b,p,GBP,9,2026-01-05T00:00:00Z\n",
        "instalments.csv": "loan_id,number,due_on,principal,interest,fees\nl,1,2026-02-02,9.00,0,0\n",
        "events.csv": f"event_id,at,type,loan_id,amount\ne,{known},payment,l,9.00\n",
    }
    slow = _Slow()
    with clocks_of(database_url, tmp_path) as clocks:
        files = moving.opened({name: text.encode() for name, text in book.items()})
        clocks.create("one", ladder - 3_600 * SECOND, files=files, policies=[("ladder.yaml", policy)])
        clocks.carry_by("one", slow)
        clocks.advance("one", at("2026-02-20"))
        late = [line for line in map(json.loads, told(clocks, "one")) if line["step"] == "day1"]
        assert [line["outcome"] for line in late].count("sent") == sent
        day1 = clocks.connection.execute("SELECT message_id FROM message WHERE step = 'day1'").fetchall()
        assert [slow.asked.count(row[0]) for row in day1] == [1 + sent]


# --- copies and their originals -----------------------------------------------------------------------------------


def _full(clocks: moving.Clocks) -> int:
    """A clock that has rows in every table that a fork copies; its id."""
    one = make(clocks, "full", 12)
    clocks.advance("full", at("2026-02-20"))
    changed = moving.files(12)["borrowers.csv"].splitlines(keepends=True)
    head, row = changed[0], changed[1].replace(b",en,", b",es,", 1)
    assert row != changed[1]
    import_book(
        clocks.connection, moving.opened({"borrowers.csv": head + row}), clock_id=one.clock_id, now=at("2026-02-20"),
        policies=read_policies(clocks.connection, one.clock_id)["default"],
    )  # fmt: skip
    return one.clock_id


def test_every_table_is_of_a_clock_and_is_copied_or_known_not_to_be() -> None:
    assert all("clock_id" in table.columns for table in SQLModel.metadata.tables.values())
    copied = set(clock_rows.copied_tables())
    assert copied | clock_rows.APART == set(SQLModel.metadata.tables)
    assert {"clock", "named_clock", "pause", "ledger", "ledger_tile", "ledger_checkpoint"} == clock_rows.APART


def test_a_fork_has_every_row_of_every_table(database_url: str, tmp_path: Path) -> None:
    with clocks_of(database_url, tmp_path) as clocks:
        original = _full(clocks)
        before = moving.book_rows(clocks.connection, original)
        assert [table for table, found in before.items() if not found] == []
        copy = clocks.fork("full", "copy")
        assert moving.book_rows(clocks.connection, copy.clock_id) == before
        assert moving.book_rows(clocks.connection, original) == before


def test_a_fork_leaves_its_original_as_it_was_and_goes_its_own_way(database_url: str, tmp_path: Path) -> None:
    with clocks_of(database_url, tmp_path) as clocks:
        original = make(clocks, "one", 12)
        clocks.advance("one", at("2026-02-10"))
        copy = clocks.fork("one", "paid")
        before = moving.rows(clocks.connection, original.clock_id)
        loans = clocks.connection.execute(
            "SELECT loan_id, principal_minor FROM loan WHERE clock_id = %s", (copy.clock_id,)
        ).fetchall()
        events = ["event_id,at,type,loan_id,amount"]
        events += [f"paid-{n},2026-02-10T00:00:00Z,payment,{loan},{minor}.00" for n, (loan, minor) in enumerate(loans)]
        import_book(
            clocks.connection, moving.opened({"events.csv": "\n".join([*events, ""]).encode()}),
            clock_id=copy.clock_id, now=copy.now, policies=None,
        )  # fmt: skip
        clocks.advance("paid", at("2026-03-20"))
        assert moving.rows(clocks.connection, original.clock_id) == before
        clocks.advance("one", at("2026-03-20"))
        mine, theirs = told(clocks, "one"), told(clocks, "paid")
        assert mine != theirs
        assert sum('"sent"' in line for line in theirs) < sum('"sent"' in line for line in mine)


def test_a_clock_does_not_go_back_and_says_how_one_comes_back(database_url: str, tmp_path: Path) -> None:
    with clocks_of(database_url, tmp_path) as clocks:
        make(clocks, "one")
        clocks.advance("one", at("2026-02-10"))
        with pytest.raises(
            ClockError, match=r"stands at 2026-02-10T00:00:00.00:00 and does not go back to 2026-02-09.*fork"
        ):
            clocks.advance("one", at("2026-02-09"))
        assert find(clocks.connection, "one").now == at("2026-02-10")


def test_a_clock_that_is_dropped_leaves_nothing(database_url: str, tmp_path: Path) -> None:
    with clocks_of(database_url, tmp_path) as clocks:
        dropped = _full(clocks)
        kept = clocks.fork("full", "kept").clock_id
        before = moving.rows(clocks.connection, kept)
        assert list(clocks.folder("full").rglob("*.txt"))
        clocks.drop("full")
        assert [table for table, found in moving.rows(clocks.connection, dropped).items() if found] == []
        assert moving.rows(clocks.connection, kept) == before
        assert not clocks.folder("full").exists()
        assert [one.name for one in all_clocks(clocks.connection)] == ["kept"]


# --- the real clock beside them -----------------------------------------------------------------------------------


def _real_book(connection: Connection, persons: int = 6) -> None:
    with connection.transaction():
        publish(connection, moving.POLICY, library.read(moving.POLICY), at("2026-01-05"))
    import_book(
        connection, moving.opened(moving.files(persons)), clock_id=0, now=at("2026-01-05"),
        policies=read_policies(connection, 0)["default"],
    )  # fmt: skip


def test_the_real_book_and_its_ledger_are_as_they_were(database_url: str, tmp_path: Path) -> None:
    configured = settings.Settings(home=tmp_path)
    channels = open_channels(configured, test_clock=True)
    with connect(database_url) as connection:
        _real_book(connection)
    with open_service(configured, database_url, 0, channels, test_clock=False) as service:
        service.engine.tick(at("2026-01-20"))
        assert service.keeper.finish(at("2026-01-20")) is None
        before = moving.rows(service.keeper.connection, 0)
        assert [len(before[table]) for table in ("ledger", "ledger_checkpoint")] == [1, 1]
        with clocks_of(database_url, tmp_path) as clocks:
            make(clocks, "own")
            clocks.fork("real", "copy")
            clocks.advance("own", at("2026-03-20"))
            clocks.advance("copy", find(clocks.connection, "copy").now + 1)
            clocks.drop("own")
            assert service.keeper.finish(at("2026-01-20")) is None
            assert moving.rows(clocks.connection, 0) == before
            copy = moving.rows(clocks.connection, find(clocks.connection, "copy").clock_id)
        assert len(copy["journal"]) > len(before["journal"])
        assert [copy[table] for table in ("ledger", "ledger_tile", "ledger_checkpoint")] == [[], [], []]


def test_the_daemon_of_the_real_clock_touches_no_test_clock(database_url: str, tmp_path: Path) -> None:
    configured = settings.Settings(home=tmp_path)
    with clocks_of(database_url, tmp_path) as clocks:
        one = make(clocks, "one")
        clocks.advance("one", at("2026-01-20"))
        clocks.connection.execute("UPDATE message SET status = 'queued'")
        before = moving.rows(clocks.connection, one.clock_id)
        with open_service(
            configured, database_url, 0, open_channels(configured, test_clock=False), test_clock=False
        ) as service:
            late = at("2027-01-01")
            assert service.engine.tick(late).borrowers == 0
            assert service.dispatcher.tick(late) == service.dispatcher.recover(late, everything=True) == 0
            assert service.keeper.finish(late) is None
        assert moving.rows(clocks.connection, one.clock_id) == before
        assert clocks.connection.execute("SELECT count(*) FROM ledger").fetchone() == (0,)


@pytest.mark.parametrize("clock_id", [0, 7])
def test_a_journal_goes_with_a_test_clock_and_never_with_the_real_one(database_url: str, clock_id: int) -> None:
    add = "INSERT INTO journal (lender_id, clock_id, at, kind, place, channel_place, entry) VALUES"
    with connect(database_url) as connection:
        connection.execute(f"{add} ('default', %s, '2026-01-05', 'looked', 0, 0, '{{}}')", (clock_id,))
        for change in ("UPDATE journal SET clock_id = 7", "TRUNCATE journal"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                connection.execute(change)
        if clock_id == 0:
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                connection.execute("DELETE FROM journal")
        else:
            assert connection.execute("DELETE FROM journal").rowcount == 1


def test_a_copy_of_the_real_clock_sends_to_the_sandbox_whatever_else_is_chosen(
    database_url: str, tmp_path: Path
) -> None:
    with connect(database_url) as connection:
        _real_book(connection)
        connection.execute(
            "INSERT INTO clock (lender_id, clock_id, now_at, moved) VALUES ('default', 0, %s, true)",
            ("2026-01-05T00:00:00Z",),
        )
    with clocks_of(database_url, tmp_path, email_adapter="smtp", sms_adapter="twilio", **_ADAPTERS) as clocks:
        assert clocks.fork("real", "copy").sandbox_only
        assert clocks.fork("copy", "copy-of-the-copy").sandbox_only
        for name in ("copy", "copy-of-the-copy"):
            assert clocks.advance(name, at("2026-02-20")).messages > 0
        providers = clocks.connection.execute("SELECT DISTINCT provider FROM message WHERE clock_id > 0").fetchall()
        assert providers == [("sandbox",)]


def test_what_waited_in_the_outbox_for_months_is_decided_afresh_once(database_url: str, tmp_path: Path) -> None:
    configured = settings.Settings(home=tmp_path)
    with connect(database_url) as connection:
        _real_book(connection)
    with open_service(configured, database_url, 0, {}, test_clock=False) as service:
        assert service.engine.tick(at("2026-01-20")).messages > 0
    with clocks_of(database_url, tmp_path) as clocks:
        copy = clocks.fork("real", "copy")
        clocks.connection.execute("UPDATE clock SET now_at = '2026-06-01' WHERE clock_id = %s", (copy.clock_id,))
        clocks.advance("copy", at("2026-06-02"))
        left = clocks.connection.execute(
            "SELECT count(*) FROM message WHERE clock_id = %s AND status = 'queued' AND decided_at < '2026-06-01'",
            (copy.clock_id,),
        ).fetchone()
        assert left == (0,)


# --- nothing leaves this machine ----------------------------------------------------------------------------------


def test_an_adapter_that_reaches_people_is_refused_before_anything_is_decided(
    database_url: str, tmp_path: Path
) -> None:
    elsewhere = {**_ADAPTERS, "smtp_host": "mail.acme.example", "smtp_security": "starttls"}
    with clocks_of(database_url, tmp_path, email_adapter="smtp", **elsewhere) as clocks:
        one = make(clocks, "one")
        before = moving.book_rows(clocks.connection, one.clock_id)
        with pytest.raises(SettingsError, match="DULY_EMAIL_ADAPTER is smtp, which reaches real people"):
            clocks.advance("one", at("2026-02-20"))
        assert moving.book_rows(clocks.connection, one.clock_id) == before


def test_each_clock_has_a_folder_of_its_own_in_the_sandbox(database_url: str, tmp_path: Path) -> None:
    with clocks_of(database_url, tmp_path) as clocks:
        make(clocks, "one")
        clocks.fork("one", "other")
        done = clocks.advance("one", at("2026-02-20"))
        assert len(list(clocks.folder("one").rglob("*.txt"))) == done.messages > 0
        assert not clocks.folder("other").exists()


# --- cut short ----------------------------------------------------------------------------------------------------
