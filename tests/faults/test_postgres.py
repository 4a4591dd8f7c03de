"""The database stops, freezes, loses answers, runs full, or is yesterday's: nothing is sent twice, nothing is lost."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from time import monotonic_ns

import pytest

from policies.calendar import to_instant
from tests import running
from tests.faults import invariants, kills
from tests.faults.kills import SERVE, Done, Plan
from tests.faults.provider import provider
from tests.faults.server import Mortal, Wire, mortal
from tests.faults.world import ROOT, World, world

SEED = kills.seed_from("DULY_FAULTS_SEED", 20260105)
FACTOR = 40_000
"""Half a day in a second: messages leave all the time."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mortal]:
    with mortal(tmp_path / "server") as made:
        yield made


@contextmanager
def serving(
    server: Mortal, folder: Path, *, url: str | None = None, persons: int = 40, manner: str = "kind"
) -> Iterator[Done]:  # fmt: skip
    """A world with a book, a provider of one manner, and nobody who serves it yet."""
    print(f"seed {SEED}; DULY_FAULTS_SEED chooses another")  # noqa: T201 - to be repeated
    plan = Plan(SEED, SERVE, persons, kills=0, factor=FACTOR)
    files = kills.files_of(plan)
    start = to_instant(datetime.combine(kills.START + timedelta(days=12), datetime.min.time(), UTC))
    running.import_all(server.url, kills.POLICIES, files)
    with (
        provider(folder / "provider", SEED, manner=manner, delay_s=0.1) as one,
        world(server.url, folder, one, start, FACTOR) as made,
    ):
        made.service_url = url
        made.begin("warm")
        made.anchor_ns = monotonic_ns()
        yield Done(plan, made, files, running.span_of(running.read(files)))


def ends_well(done: Done, *pids: int, within_s: float = 60.0) -> None:
    """A SIGTERM ends each in order, what is left is done, and the invariants hold."""
    for pid in pids:
        done.world.end(pid, signal.SIGTERM, within_s)
        _, word, rest = done.world.hear("ended", "failed", pid=pid)
        assert word == "ended", rest
    done.finish_ns = monotonic_ns()
    # Nobody else is there any more: what somebody left as leaving is settled by whoever comes next.
    _, word, rest = done.world.hear(
        "ended", "failed", pid=done.world.begin("finish", dispatch_connections=32), within_s=600.0
    )
    assert word == "ended", rest
    assert not done.world.failures
    seen = invariants.Seen(done)
    invariants.i1_never_two_accepted_sends_for_one_id(seen)
    invariants.i3_lawful_hours_and_caps(seen)
    invariants.i4_every_step_ends_once(seen)
    invariants.i6_the_ledger_holds_every_send(seen)
    invariants.i7_a_replay_decides_the_same(seen)


def sends_more(done: Done, count: int = 3) -> None:
    """Wait until the provider has accepted some more messages than now."""
    had = len(done.world.provider.accepted())
    done.world.until(lambda: len(done.world.provider.accepted()) >= had + count, f"{count} more messages leave")


def let_pass(seconds: float) -> None:
    Event().wait(seconds)


@pytest.mark.long
@pytest.mark.parametrize("manner", ["immediate", "fast"])
def test_a_daemon_goes_on_by_itself_when_the_server_was_stopped_and_started(
    server: Mortal, tmp_path: Path, manner: str
) -> None:
    with serving(server, tmp_path) as done:
        pid = done.world.begin("daemon", dispatch_connections=4)
        for _ in range(2):
            sends_more(done)
            server.stop(manner)
            let_pass(0.5)
            assert not done.world.gone(pid)
            server.start()
        sends_more(done)
        ends_well(done, pid)


@pytest.mark.long
def test_what_a_lost_answer_of_commit_did_is_read_again_and_never_assumed(server: Mortal, tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="wire-"))
    found = server.place.socket_folder()
    wire = Wire(found, 5432, folder, SEED)
    try:
        with serving(server, tmp_path, url=wire.url("duly")) as done:
            pid = done.world.begin("daemon", dispatch_connections=4)
            sends_more(done)
            wire.armed.set()
            done.world.until(lambda: {"before", "after"} <= set(wire.cut) and len(wire.cut) >= 12, "commits are cut")
            wire.armed.clear()
            sends_more(done)
            assert not done.world.gone(pid)
            ends_well(done, pid)
    finally:
        wire.close()
        shutil.rmtree(folder)


@pytest.mark.long
def test_while_the_server_is_frozen_nothing_leaves_and_afterwards_nothing_leaves_twice(
    server: Mortal, tmp_path: Path
) -> None:
    with serving(server, tmp_path) as done:
        pids = [done.world.begin("daemon", dispatch_connections=4) for _ in range(2)]
        sends_more(done)
        with server.frozen():
            let_pass(1.5)  # what had been marked as leaving has arrived by then
            had = len(done.world.provider.accepted())
            let_pass(6.0)  # longer than the lease
            assert len(done.world.provider.accepted()) == had
            assert not any(done.world.gone(pid) for pid in pids)
        sends_more(done)
        ends_well(done, *pids)


@pytest.mark.long
def test_a_copy_of_yesterday_is_held_until_somebody_has_reconciled_it(server: Mortal, tmp_path: Path) -> None:
    with serving(server, tmp_path) as done:
        pid = done.world.begin("daemon", dispatch_connections=4)
        sends_more(done)
        done.world.end(pid, signal.SIGTERM)
        server.stop("fast")
        server.copy(tmp_path / "yesterday")
        server.start()
        pid = done.world.begin("daemon", dispatch_connections=4)
        sends_more(done)
        done.world.end(pid, signal.SIGTERM)
        server.stop("fast")
        server.restore(tmp_path / "yesterday")
        server.start()

        had = len(done.world.provider.accepted())
        pid = done.world.begin("daemon", dispatch_connections=4)
        done.world.until(lambda: _held(done.world), "the clock is held")
        let_pass(2.0)  # a day
        assert not done.world.gone(pid)
        assert len(done.world.provider.accepted()) == had
        code, out = done.world.duly("reconcile")
        assert code == 3, out
        assert "held" in out and "lost" in out

        code, out = done.world.duly("reconcile", "--accept", "--why", "restored from the copy of yesterday")
        assert code == 0, out
        sends_more(done)
        done.world.end(pid, signal.SIGTERM)
        code, out = done.world.duly("ledger", "verify")
        assert code == 0, out


def _held(world: World) -> bool:
    return world.rows("SELECT held FROM clock WHERE clock_id = 0") not in ([], [(None,)])


@pytest.mark.long
def test_on_a_full_disk_nothing_leaves_and_it_goes_on_by_itself_when_there_is_room(tmp_path: Path) -> None:
    tried = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], capture_output=True)
    if tried.returncode:
        pytest.skip(f"no tmpfs of one's own may be mounted here: {tried.stderr.decode().strip()}")
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-m", "tests.faults.full_disk", str(tmp_path)], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "went on", done.stdout
