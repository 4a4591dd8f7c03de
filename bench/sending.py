"""Hand-overs a second to a provider that answers in 50 ms, beside a bare httpx client with as many connections.

Ours is the dispatcher of a daemon with all that it writes: each message is marked as leaving, handed over, settled and
journaled. The client sends the same forms to the same server, and writes nothing. Both are in processes of their own,
one and then two, which begin at the same moment.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx

from adapters.sms.twilio import TwilioChannel
from bench import provider
from bench.book import PAST_DUE, WAVE, fill
from bench.figures import Asked, Row, clone, database, drop, in_turn, row
from scheduler.bootstrap import use_pinned_zones
from scheduler.clock import SystemClock
from scheduler.dispatch import Dispatcher
from scheduler.engine import Engine
from scheduler.service import settle_process
from scheduler.store.database import Connection, connect
from scheduler.store.embedded import Server

ANSWERS_S = 0.05
CONNECTIONS = 64
FLOOR = 0.6
FLOORS_PER_S = {1: 400, 2: 700}
_ACCOUNT = "AC" + "0" * 32
_PATH = f"/2010-04-01/Accounts/{_ACCOUNT}/Messages.json"
_CLOCK = SystemClock()


def run(asked: Asked) -> Iterator[Row]:
    """The outbox is the same before each run; the provider counts what it takes over, and the most in the air."""
    count = asked.size(3_000, 30_000)
    with database(asked.server, "bench_outbox") as url, provider.provider(ANSWERS_S) as base_url:
        fill_outbox(url, count)
        for processes in (1, 2):
            yield _with(asked, base_url, count, processes)
        drop(asked.server, "bench_sending")


def _with(asked: Asked, base_url: str, count: int, processes: int) -> Row:
    most = 0

    def ours() -> float:
        nonlocal most
        url = clone(asked.server, "bench_outbox", "bench_sending")
        provider.seen(base_url)
        seconds = at_once([partial(hand_over, url, base_url, CONNECTIONS)] * processes)
        counted = provider.seen(base_url)
        statuses = _statuses(asked.server, "bench_sending")
        assert counted["taken"] == count and statuses == {"sent": count}, (counted, statuses)
        most = max(most, counted["most_in_air"])
        assert most <= CONNECTIONS * processes, most
        return seconds

    def reference() -> float:
        provider.seen(base_url)
        seconds = at_once([partial(bare, base_url, count // processes)] * processes)
        assert provider.seen(base_url)["taken"] == count // processes * processes
        return seconds

    mine, theirs = in_turn(asked.pairs, ours, reference)
    return row(
        "dispatch" if processes == 1 else "dispatch, two", count, mine, theirs, floor=FLOOR,
        floor_per_s=FLOORS_PER_S[processes], connections=CONNECTIONS, most_in_air=most,
    )  # fmt: skip


def fill_outbox(url: str, count: int) -> None:
    """A database whose outbox has ``count`` messages by SMS, all ready to leave."""
    with connect(url, hot=True) as connection:
        fill(connection, count)
        by_sms_alone(connection)
        connection.execute("VACUUM ANALYZE")
        engine = Engine(connection, 0, "https://pay.example.invalid", 500)
        for at in (PAST_DUE, WAVE):
            while engine.tick(at).borrowers:
                pass
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def by_sms_alone(connection: Connection) -> None:
    """Give everybody a number, and no other address."""
    connection.execute("UPDATE person SET email = NULL, phone = '+447400' || lpad(substr(borrower_id, 3), 6, '0')")


def twilio(base_url: str) -> TwilioChannel:
    """The adapter, told that the provider of this machine is Twilio's server."""
    return TwilioChannel.from_settings(
        {"account_sid": _ACCOUNT, "auth_token": "secret-of-no-account", "from": "+447400123456", "base_url": base_url}
    )


def hand_over(url: str, base_url: str, connections: int, ready: Callable[[], Any]) -> None:
    """A process of ours: hands over all that is ready, and then looks again until nothing is left in the air."""
    use_pinned_zones()
    settle_process()
    channel = twilio(base_url)
    with connect(url, hot=True) as connection:
        dispatcher = Dispatcher(
            connection, 0, {"sms": channel}, link_key=b"k" * 32, connections=connections, lease_s=60
        )
        ready()
        while dispatcher.tick(WAVE):
            pass
        dispatcher.close()
    channel.close()


def bare(base_url: str, count: int, ready: Callable[[], Any]) -> None:
    """A process of the reference: ``count`` forms of the same size, as many connections, and nothing else."""
    body = "Ann, 123.00 on loan l0000001 was due 2 March 2026. See https://pay.example.invalid/" + "x" * 43 + " Acme"
    form = {"To": "+447400123456", "Body": body, "From": "+447400123456", "ValidityPeriod": "3600"}

    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    # Threads: with as many connections httpx's own client for asyncio is an order of magnitude slower.
    with (
        httpx.Client(base_url=base_url, limits=limits, trust_env=False, auth=("a", "b")) as client,
        ThreadPoolExecutor(CONNECTIONS) as pool,
    ):

        def one(_: int) -> None:
            client.post(_PATH, data=form).raise_for_status()

        ready()
        for _ in pool.map(one, range(count)):
            pass


def at_once(works: list[partial[None]]) -> float:
    """Seconds of all these works, each in a process of its own, from when the last of them is ready."""
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(len(works) + 1)
    at_work = [context.Process(target=_work, args=(work, gate), daemon=True) for work in works]
    for one in at_work:
        one.start()
    gate.wait()
    begun = _CLOCK.monotonic()
    for one in at_work:
        one.join()
    seconds = _CLOCK.monotonic() - begun
    assert all(one.exitcode == 0 for one in at_work), [one.exitcode for one in at_work]
    return seconds


def _work(work: partial[None], gate: Any) -> None:
    work(gate.wait)


def _statuses(server: Server, name: str) -> dict[str, int]:
    with connect(server.database_url(name)) as connection:
        found = connection.execute(
            "SELECT concat_ws(': ', status, reason), count(*) FROM message GROUP BY 1"
        ).fetchall()
    return {row[0]: row[1] for row in found}
