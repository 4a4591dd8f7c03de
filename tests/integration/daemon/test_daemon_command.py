"""``duly run`` as a process: signals, roles and workers, a clock that is accepted, a clock that jumps, no database."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from policies.calendar import to_datetime
from scheduler.cli import main
from scheduler.store.database import connect
from tests import running
from tests.integration.daemon.processes import POLICY, Process, Slow, at_noon, now, page, wait

Begin = Callable[..., Process]


@pytest.fixture
def begin(database_url: str, tmp_path: Path) -> Iterator[Begin]:
    """Start ``duly run`` on the test's database; what is left of it at the end is killed."""
    begun: list[Process] = []

    def start(*arguments: str, **environment: str) -> Process:
        begun.append(Process(tmp_path, database_url, *arguments, **environment))
        return begun[-1]

    yield start
    for one in begun:
        one.kill()


@pytest.fixture
def rows(database_url: str) -> Callable[[str], list[tuple[Any, ...]]]:
    """Ask the database from outside."""

    def ask(statement: str) -> list[tuple[Any, ...]]:
        with connect(database_url) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    return ask


Rows = Callable[[str], list[tuple[Any, ...]]]


def free_port(count: int = 1) -> int:
    """A port of this machine that was free a moment ago, and those after it."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
        try:
            others = [socket.create_server(("127.0.0.1", port + n)) for n in range(count)]
        except OSError:
            continue
        for one in others:
            one.close()
        return port


def test_sigterm_in_the_middle_of_a_send_ends_it_in_order_with_the_message_settled(
    begin: Begin, rows: Rows, database_url: str
) -> None:
    running.import_all(database_url, [POLICY], at_noon())
    with Slow() as slow:
        threading.Thread(target=slow.serve_forever, daemon=True).start()
        daemon = begin(
            DULY_SMS_ADAPTER="twilio", DULY_TWILIO_ACCOUNT_SID="AC" + "0" * 32, DULY_TWILIO_AUTH_TOKEN="t" * 32,
            DULY_TWILIO_FROM="+15005550006", DULY_TWILIO_BASE_URL=slow.url,
        )  # fmt: skip
        daemon.until(lambda: len(slow.taken) == 1)
        assert rows("SELECT status FROM message") == [("sending",)]
        daemon.ask_to_end()
        wait(1)
        assert daemon.process.poll() is None and rows("SELECT status FROM message") == [("sending",)]
        slow.answer.set()
        assert daemon.process.wait(20) == 0
        slow.shutdown()
        assert len(slow.taken) == 1
    assert rows("SELECT status, attempts FROM message") == [("sent", 1)]
    assert daemon.said("daemon stopped")


def test_several_workers_share_the_roles_one_that_dies_is_started_again_and_sigterm_ends_all(
    begin: Begin, rows: Rows, database_url: str
) -> None:
    port = free_port(2)
    parent = begin("--workers", "2", "--roles", "engine,dispatch,ledger", "--listen", f"127.0.0.1:{port}")
    parent.serves(2)
    pids = [one["pid"] for one in parent.said("worker started")]
    assert len(set(pids)) == 2
    os.kill(pids[0], signal.SIGKILL)
    parent.until(lambda: len(parent.said("daemon started")) == 3)
    assert parent.said("worker died")[0]["code"] == -signal.SIGKILL
    running.import_all(database_url, [POLICY], at_noon(20))
    parent.until(lambda: rows("SELECT count(*) FROM message WHERE status = 'sent'") == [(20,)])
    for one in (port, port + 1):
        parent.until(lambda one=one: page(one, "/readyz")[0] == 200)
    assert parent.end() == 0
    assert len(parent.said("daemon stopped")) == 2
    assert all(one["roles"] == ["engine", "dispatch", "ledger"] for one in parent.said("daemon started"))


def test_workers_end_where_their_parent_is_killed(begin: Begin) -> None:
    parent = begin("--workers", "2")
    parent.serves(2)
    parent.kill()
    for _ in range(400):
        if len(parent.said("daemon stopped")) == 2:
            break
        wait(0.05)
    assert len(parent.said("daemon stopped")) == 2


def test_a_role_that_is_left_out_is_left_to_others(begin: Begin, rows: Rows, database_url: str) -> None:
    running.import_all(database_url, [POLICY], at_noon())
    engine = begin("--roles", "engine")
    engine.until(lambda: rows("SELECT status FROM message") == [("queued",)])
    assert engine.end() == 0
    assert rows("SELECT status FROM message") == [("queued",)]
    assert rows("SELECT count(*) FROM ledger") == [(0,)]
    dispatcher = begin("--roles", "dispatch")
    dispatcher.until(lambda: rows("SELECT status FROM message") == [("sent",)])
    assert dispatcher.end() == 0


@pytest.mark.parametrize("more", [[], ["--workers", "2"]])
def test_without_a_database_it_does_not_start(tmp_path: Path, more: list[str]) -> None:
    daemon = Process(tmp_path, "postgresql://nobody@127.0.0.1:1/none", *more)
    assert daemon.process.wait(60) == 4
    assert "no database answers" in daemon.log.read_text()


def test_a_clock_far_ahead_is_served_once_it_is_accepted(begin: Begin, rows: Rows, database_url: str) -> None:
    running.import_all(database_url, [POLICY], at_noon())
    rows("INSERT INTO clock (lender_id, clock_id, moved, now_at) VALUES ('default', 0, false, '2025-01-01')")
    port = free_port()
    halted = begin("--listen", f"127.0.0.1:{port}")
    halted.until(lambda: page(port, "/readyz")[0] == 503)
    assert "--accept-clock" in page(port, "/readyz")[1]
    assert "duly_halted 1.0" in page(port, "/metrics")[1]
    assert page(port, "/healthz")[0] == 200
    assert halted.end() == 0
    assert rows("SELECT count(*) FROM message") == [(0,)]

    wrong = begin("--accept-clock", "2025-02-01")
    assert wrong.process.wait(60) == 1
    assert "only what it says can be accepted" in wrong.log.read_text()

    accepted = begin("--accept-clock", to_datetime(now()).isoformat())
    accepted.until(lambda: rows("SELECT status FROM message") == [("sent",)])
    assert accepted.end() == 0
    ((entry,),) = rows("SELECT entry FROM journal WHERE kind = 'clock_accepted'")
    assert json.loads(entry)["mark"] == "2025-01-01T00:00:00+00:00" and json.loads(entry)["by"]


@pytest.mark.long
def test_after_the_clock_went_three_days_forward_and_back_it_looks_again_within_three_seconds(
    begin: Begin, rows: Rows, database_url: str, tmp_path: Path
) -> None:
    found = importlib.util.find_spec("libfaketime")
    library = None if found is None or found.origin is None else Path(found.origin).parent / "vendor/libfaketime/src"
    if library is None or not (library / "libfaketime.so.1").exists():
        pytest.skip("needs the library of the package libfaketime, which is built for Linux when it is installed")
    running.import_all(database_url, [POLICY], at_noon())
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    daemon = begin(
        LD_PRELOAD=str(library / "libfaketime.so.1"), FAKETIME_TIMESTAMP_FILE=str(offset), FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )  # fmt: skip
    daemon.until(lambda: rows("SELECT status FROM message") == [("sent",)])

    def look_again() -> float:
        looks = "SELECT count(*) FROM journal WHERE kind IN ('looked', 'decision')"
        before = rows(looks)
        rows("UPDATE borrower SET revision = revision + 1, wake_at = '2026-01-01T00:00:00Z'")
        return daemon.until(lambda: rows(looks) != before)

    for by in ("+3d", "+0", "-2h", "+0"):
        offset.write_text(f"{by}\n")
        assert look_again() <= 3, by
    assert (
        len(daemon.said("the clock jumped"))
        + len(daemon.said("the clock jumped far ahead; this is treated as an outage"))
        >= 3
    )
    assert daemon.end() == 0
    jumps = [json.loads(row[0])["seconds"] for row in rows("SELECT entry FROM journal WHERE kind = 'clock_jump'")]
    assert any(abs(one - 3 * 86_400) < 60 for one in jumps) and any(abs(one + 3 * 86_400) < 60 for one in jumps)
    assert rows("SELECT status, attempts FROM message") == [("sent", 1)]


def test_a_poison_loan_is_set_aside_and_seen_in_status_and_metrics_and_the_others_are_chased(
    begin: Begin, rows: Rows, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    running.import_all(database_url, [POLICY], at_noon(3))
    rows("UPDATE loan SET currency = 'ZZZ' WHERE loan_id = 'l1'")
    port = free_port()
    daemon = begin("--listen", f"127.0.0.1:{port}")
    daemon.until(lambda: rows("SELECT count(*) FROM message WHERE status = 'sent'") == [(2,)])
    daemon.until(lambda: "duly_set_aside 1.0" in page(port, "/metrics")[1])
    monkeypatch.setenv("DULY_DATABASE_URL", database_url)
    monkeypatch.setenv("DULY_HOME", str(tmp_path / "home"))
    capsys.readouterr()
    assert main.execute(["status", "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert [one["borrower_id"] for one in said["set_aside"]] == ["p1"] and said["set_aside"][0]["reason"]
    assert "1 borrower set aside" in said["complaints"]
    assert daemon.end() == 0


def test_the_log_has_a_line_a_batch_and_nobody_in_it(begin: Begin, rows: Rows, database_url: str) -> None:
    running.import_all(database_url, [POLICY], at_noon(3))
    daemon = begin()
    daemon.until(lambda: rows("SELECT count(*) FROM message WHERE status = 'sent'") == [(3,)])
    assert daemon.end() == 0
    text = daemon.log.read_text()
    assert all(json.loads(line)["event"] for line in text.splitlines())
    assert sum(one["borrowers"] for one in daemon.said("decided")) >= 3
    assert sum(one["messages"] for one in daemon.said("handed over")) == 3
    for personal in ("Ann", "Bell", "7946"):
        assert personal not in text
