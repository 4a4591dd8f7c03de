"""The daemon keeps the ledger: it numbers and signs as it runs and when it ends, and stays up, idle, while held."""

from __future__ import annotations

import io
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from policies.facts import Instant
from policies.simulate import Outages, Span
from scheduler import settings
from scheduler.bootstrap import configure_logging
from scheduler.cli import main
from scheduler.clock import SystemClock
from scheduler.daemon import Daemon
from scheduler.ledger import checkpoints, hold
from scheduler.ledger.notes import Checkpoint
from scheduler.ledger.sequencer import Sequencer
from scheduler.ledger.witness import open_witnesses
from scheduler.run_through import run_through, serve_real_time
from scheduler.service import open_channels, open_service
from scheduler.store.database import connect
from tests import running
from tests.integration.ledger.test_sequencing import append
from tests.integration.outbox import FILES, POLICY, at

LONG = 86_400


class Scripted(SystemClock):
    """Stands at an instant of the book; while the daemon waits on it, goes through what a test has to look at."""

    def __init__(self, now: Instant, *steps: Callable[[], bool]) -> None:
        self._now = now
        self._steps = [*steps]

    def now(self) -> Instant:
        return self._now

    def wait(self, seconds: float, event: threading.Event) -> bool:
        """Until each step in turn has been true once; then the daemon is told to stop."""
        while self._steps and not event.wait(0.01):
            if self._steps[0]():
                del self._steps[0]
        event.set()
        return True


class Place:
    """A database, a home and a witness, and looks at them from outside."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.settings = settings.Settings(home=folder / "home", witness=f"{folder}/witness/", tick_s=1)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with connect(self.url) as connection:
            return connection.execute(statement).fetchall()

    def count(self, kind: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM journal WHERE kind = '{kind}'")[0][0])  # noqa: S608 - a word

    def total(self) -> int:
        return int(self.rows("SELECT count(*) FROM journal")[0][0])

    def size(self) -> int:
        return max((row[0] for row in self.rows("SELECT size FROM ledger")), default=0)

    def signed(self) -> list[int]:
        return [row[0] for row in self.rows("SELECT size FROM ledger_checkpoint ORDER BY size")]

    def witnessed(self) -> list[int]:
        notes = open_witnesses(self.settings)[0].read() or []
        return sorted(Checkpoint.parse(checkpoints.text_of(note)).size for note in notes)

    def add(self, count: int) -> bool:
        with connect(self.url) as connection:
            append(connection, count)
        return True

    def held(self) -> str | None:
        with connect(self.url) as connection:
            return hold.why(connection, 0)

    def set_held(self, reason: str | None) -> bool:
        with connect(self.url) as connection:
            if reason is None:
                hold.release(connection, 0)
            else:
                hold.hold(connection, 0, reason)
        return True

    def serve(self, *steps: Callable[[], bool], checkpoint_s: int = LONG) -> None:
        """A daemon at ten o'clock of the day on which the first message is due, until every step was true."""
        channels = open_channels(self.settings, test_clock=False)
        with open_service(self.settings, self.url, 0, channels, test_clock=False) as service:
            serve_real_time(service)
            # A hundred times as fast as it ticks: the book's clock stands, and the alarm clock is in real time.
            Daemon(service, Scripted(at(3, 10), *steps), 1, speed=100, checkpoint_s=checkpoint_s).run()


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Iterator[Place]:
    running.import_all(database_url, [POLICY], FILES)
    yield Place(database_url, tmp_path)


def test_what_is_decided_is_numbered_signed_and_witnessed_while_it_runs(place: Place) -> None:
    place.serve(
        lambda: place.count("hand_over") == 1,
        lambda: place.size() == place.total(),
        lambda: place.witnessed() != [],
    )
    assert place.count("decision") == 1
    assert place.signed() == place.witnessed()


def test_what_was_decided_last_has_its_checkpoint_when_the_daemon_ends(place: Place) -> None:
    place.serve(lambda: place.count("hand_over") == 1, lambda: place.witnessed() != [], lambda: place.add(5))
    assert place.size() == place.total()
    assert place.signed()[-1] == place.witnessed()[-1] == place.total()


def test_a_checkpoint_comes_at_its_interval_and_not_at_every_tick(place: Place) -> None:
    place.serve(
        lambda: place.witnessed() != [],
        lambda: place.add(5),
        lambda: place.size() == place.total(),
        lambda: len(place.signed()) == 1,
    )
    assert len(place.signed()) == 2


def test_a_daemon_on_a_held_clock_stays_up_and_does_nothing_until_it_is_free(place: Place) -> None:
    place.set_held("a reason")
    seen: list[tuple[int, int, int]] = []
    before = place.total()

    def looked() -> bool:
        seen.append((place.total(), place.size(), len(place.signed())))
        return len(seen) > 50

    place.serve(looked, lambda: place.set_held(None), lambda: place.count("hand_over") == 1)
    assert set(seen) == {(before, 0, 0)}


def test_a_daemon_that_runs_stops_where_the_clock_is_held_by_another(place: Place) -> None:
    seen: list[int] = []

    def looked() -> bool:
        seen.append(place.size())
        return len(seen) > 50

    place.serve(
        lambda: place.count("hand_over") == 1 and place.size() == place.total(),
        lambda: place.set_held("another has found it"),
        lambda: place.add(5),
        lambda: bool(place.rows("UPDATE borrower SET wake_at = '2026-03-03T09:00:00Z' RETURNING 1")),
        looked,
    )
    assert place.held() == "another has found it"
    assert set(seen) == {place.size()} == {place.total() - 5}
    assert place.rows("SELECT wake_at IS NULL FROM borrower") == [(False,)]


def test_a_daemon_that_finds_the_database_shorter_than_its_witness_holds_it_and_says_so(place: Place) -> None:
    log = io.StringIO()
    place.serve(lambda: place.count("hand_over") == 1, lambda: place.witnessed() != [])
    with connect(place.url) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("DELETE FROM journal WHERE kind <> 'imported'")
        for table in ("ledger", "ledger_tile", "ledger_checkpoint", "message_body", "message"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - the names above
        connection.execute("UPDATE borrower SET wake_at = '2026-03-03T09:00:00Z'")
    configure_logging(SystemClock(), stream=log)
    place.serve(lambda: place.held() is not None)
    said = place.held()
    assert said is not None and "a witness keeps" in said
    assert (place.count("decision"), place.size()) == (0, 0)
    assert "held: nothing is decided and nothing leaves" in log.getvalue()


def test_a_ledger_that_cannot_go_on_holds_the_clock(place: Place) -> None:
    place.serve(
        lambda: place.count("hand_over") == 1 and place.size() == place.total(),
        lambda: bool(place.rows("UPDATE ledger SET next_xact = next_xact + 1000000 RETURNING 1")),
        lambda: place.held() is not None,
    )
    assert "moved here from another server" in (place.held() or "")


# --- the commands ---------------------------------------------------------------------------------------------------


@pytest.fixture
def command(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a command line on the place; its exit code, and what it said on stdout and stderr."""
    monkeypatch.setenv("DULY_DATABASE_URL", place.url)
    monkeypatch.setenv("DULY_HOME", str(place.settings.home))
    monkeypatch.setenv("DULY_WITNESS", str(place.settings.witness))
    monkeypatch.delenv("DULY_LEDGER_KEY", raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main.execute(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


Command = Callable[..., tuple[int, str, str]]
SPAN = ("--from", "2026-02-01", "--until", "2026-03-05")


def cut(place: Place) -> None:
    """Take the last entries away, and all that the database itself remembers of them."""
    with connect(place.url) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("DELETE FROM journal WHERE kind IN ('decision', 'hand_over', 'looked')")
        connection.execute("DELETE FROM ledger_tile")
        connection.execute("DELETE FROM ledger_checkpoint")
        connection.execute("UPDATE ledger SET size = 0, next_xact = 0, next_entry = 0")


def test_a_run_under_a_test_clock_ends_with_a_checkpoint(place: Place, command: Command) -> None:
    code, out, _ = command("run", *SPAN, "--json")
    assert (code, len(out.splitlines())) == (0, 1)
    assert place.signed() == place.witnessed() == [place.total()]


def test_a_run_at_speed_ends_with_a_checkpoint_too(place: Place, command: Command) -> None:
    assert command("run", *SPAN, "--speed", "2000000")[0] == 0
    assert place.signed()[-1] == place.witnessed()[-1] == place.size() == place.total()


def test_a_run_that_is_interrupted_ends_with_a_checkpoint_too(place: Place) -> None:
    interrupted = threading.Event()
    interrupted.set()
    channels = open_channels(place.settings, test_clock=True)
    with open_service(place.settings, place.url, 0, channels, test_clock=True) as service:
        run_through(service, Span(at(1, 0), None, Outages(())), interrupted)
    assert place.count("decision") == 0
    assert place.signed() == place.witnessed() == [place.total()]


@pytest.mark.parametrize("more", [(), ("--speed", "2000000")])
def test_a_run_refuses_a_database_that_its_witness_knows_otherwise(
    place: Place, command: Command, more: tuple[str, ...]
) -> None:
    assert command("run", *SPAN)[0] == 0
    cut(place)
    before = place.total()
    code, out, err = command("run", "--from", "2026-02-01", "--until", "2026-03-20", *more)
    assert (code, out) == (3, "")
    assert "a witness keeps a checkpoint" in err and "duly reconcile" in err
    assert place.total() == before


def test_reconcile_says_what_holds_and_with_a_reason_leads_out(place: Place, command: Command) -> None:
    assert command("run", *SPAN)[0] == 0
    known = place.total()
    cut(place)
    left = place.total()
    code, out, err = command("reconcile", "--json")
    said = json.loads(out)
    assert (code, said["well"]) == (3, False)
    assert (said["ledgers"][0]["last_that_holds"], said["ledgers"][0]["first_that_does_not"]) == (None, known)
    assert said["ledgers"][0]["lost"] == known
    assert "--accept" in err
    code, out, err = command("reconcile")
    assert code == 3 and "first that does not" in out and "lost" in out
    code, out, err = command("reconcile", "--accept", "--why", "the backup of Sunday")
    assert code == 0 and "free to run; 1 checkpoint given up" in err
    assert place.total() == place.size() == left + 1
    assert command("reconcile")[0] == 0
    assert command("run", "--from", "2026-02-01", "--until", "2026-03-20")[0] == 0


@pytest.mark.parametrize("arguments", [("--accept",), ("--why", "so"), ("--accept", "--why", "  ")])
def test_accepting_and_the_reason_go_together(place: Place, command: Command, arguments: tuple[str, ...]) -> None:
    assert command("reconcile", *arguments)[0] == 2


def test_reconcile_of_a_database_that_is_well_says_so(place: Place, command: Command) -> None:
    assert command("reconcile")[0] == 0
    assert command("run", *SPAN)[0] == 0
    code, out, _ = command("reconcile", "--json")
    assert (code, json.loads(out)["well"]) == (0, True)


def test_status_says_how_the_ledger_stands(place: Place, command: Command) -> None:
    assert command("run", *SPAN)[0] == 0
    code, out, _ = command("status", "--json")
    said = json.loads(out)
    assert (code, said["held"]) == (0, None)
    (ledger,) = said["ledgers"]
    assert ledger["size"] == ledger["checkpoint_size"] == place.total()
    assert (ledger["waiting_since"], ledger["unsigned_since"]) == (None, None)
    assert f"the ledger has {place.total()} entries, {place.total()} under a checkpoint" in command("status")[1]


def test_status_complains_of_a_hold(place: Place, command: Command) -> None:
    place.set_held("a witness keeps more")
    code, out, _ = command("status", "--json")
    assert (
        code == 3
        and "held, nothing is decided and nothing leaves: a witness keeps more" in json.loads(out)["complaints"]
    )


def test_status_complains_of_a_witness_that_lacks_the_last_checkpoint(
    place: Place, command: Command, tmp_path: Path
) -> None:
    assert command("run", *SPAN)[0] == 0
    shutil.rmtree(tmp_path / "witness")
    code, out, _ = command("status")
    assert code == 3 and "lacks the last checkpoint of default" in out


def test_status_complains_of_another_key(place: Place, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("run", *SPAN)[0] == 0
    monkeypatch.setenv("DULY_LEDGER_KEY", "ab" * 32)
    code, out, _ = command("status")
    assert code == 3 and "is not the one that signs the ledger of default" in out


def test_status_complains_of_entries_that_nobody_numbers_or_signs(place: Place, command: Command) -> None:
    place.serve(lambda: place.count("hand_over") == 1, lambda: place.size() == place.total())
    place.add(1)
    code, out, _ = command("status")
    assert code == 3 and "wait for their number" in out
    with connect(place.url) as connection:
        Sequencer(connection, 0, place.settings).tick(0)
    code, out, _ = command("status")
    assert code == 3 and "entries without a checkpoint" in out


def test_a_bad_witness_is_named_at_the_start(place: Place, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_WITNESS", "http://witness.example/")
    code, _, err = command("run", *SPAN)
    assert code == 1 and "DULY_WITNESS" in err and "https://" in err
