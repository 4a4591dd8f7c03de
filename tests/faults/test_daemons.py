"""Several daemons on one database: one is suspended past its lease, one is killed, one is told to end in a send."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from scheduler.dispatch import link_token
from tests.faults.server import mortal
from tests.faults.test_postgres import ends_well, let_pass, sends_more, serving
from tests.faults.world import LINK_KEY

LEASE_S = 5


@pytest.mark.long
def test_killed_after_the_provider_accepted_and_before_it_was_written_down_nothing_is_sent_again(
    tmp_path: Path,
) -> None:
    with mortal(tmp_path / "server") as server, serving(server, tmp_path, manner="late", persons=16) as done:
        pid = done.world.begin("daemon", dispatch_connections=4)
        done.world.until(done.world.provider.accepted, "a message is accepted")
        with done.world.watching() as connection:
            assert done.world.kill(pid, connection) is not None
        had = {one.token for one in done.world.provider.accepted()}
        between = [one for one in done.world.killed_in_air if token_of(one) in had]
        assert between != []
        pid = done.world.begin("daemon", dispatch_connections=4)
        asked = "SELECT count(*) FROM message WHERE status = 'unconfirmed' AND message_id = ANY(%(these)s)"
        done.world.until(
            lambda: done.world.rows(asked, {"these": between}) == [(len(between),)], "they are held as unconfirmed"
        )
        sends_more(done)
        ends_well(done, pid)


@pytest.mark.long
def test_a_sigterm_in_the_middle_of_a_send_writes_down_what_came_of_it(tmp_path: Path) -> None:
    with mortal(tmp_path / "server") as server, serving(server, tmp_path) as done:
        pid = done.world.begin("daemon", dispatch_connections=4)
        done.world.until(lambda: done.world.provider.in_air() > 0, "a request is in the air")
        done.world.end(pid, signal.SIGTERM, within_s=10.0)
        assert done.world.hear("ended", "failed", pid=pid)[1] == "ended"
        assert done.world.rows("SELECT count(*) FROM message WHERE status = 'sending'") == [(0,)]
        sent = done.world.rows("SELECT count(*) FROM message WHERE channel = 'sms' AND status = 'sent'")
        assert sent == [(len(done.world.provider.accepted()),)] != [(0,)]
        ends_well(done)


@pytest.mark.long
def test_one_that_was_suspended_and_wakes_past_its_lease_sends_nothing(tmp_path: Path) -> None:
    with mortal(tmp_path / "server") as server, serving(server, tmp_path, persons=80) as done:
        pid = done.world.begin("daemon", dispatch_connections=8, engine_threads=1)
        with done.world.watching() as connection:

            def caught() -> bool:
                """Stopped between the mark and the request: what is marked has not arrived."""
                rows = connection.execute("SELECT message_id FROM message WHERE status = 'sending'").fetchall()
                if not rows:
                    return False
                os.kill(pid, signal.SIGSTOP)
                let_pass(0.3)  # what had left before has arrived
                asked = {one.token for one in done.world.provider.requests()}
                marked.clear()
                marked.update(token_of(row[0]) for row in rows)
                if marked - asked:
                    return True
                os.kill(pid, signal.SIGCONT)
                return False

            marked: set[str] = set()
            done.world.until(caught, "it is stopped between the mark and the request", within_s=120.0)
        never_left = marked - {one.token for one in done.world.provider.requests()}
        other = done.world.begin("daemon", dispatch_connections=8)
        let_pass(LEASE_S + 1.0)
        sends_more(done, 1)
        os.kill(pid, signal.SIGCONT)
        let_pass(2.0)
        assert not never_left & {one.token for one in done.world.provider.accepted()}
        ends_well(done, pid, other)


@pytest.mark.long
def test_of_four_daemons_one_is_killed_and_one_suspended_and_their_work_goes_on(tmp_path: Path) -> None:
    with mortal(tmp_path / "server") as server, serving(server, tmp_path, persons=80) as done:
        pids = [done.world.begin("daemon", dispatch_connections=3, engine_threads=1) for _ in range(4)]
        sends_more(done)
        os.kill(pids[0], signal.SIGSTOP)
        done.world.end(pids[1], signal.SIGKILL)
        sends_more(done)
        let_pass(LEASE_S + 1.0)
        os.kill(pids[0], signal.SIGCONT)
        sends_more(done)
        ends_well(done, pids[0], *pids[2:])


def token_of(message_id: str) -> str:
    """The token that the provider knows a message by."""
    return link_token(LINK_KEY.encode(), message_id)
