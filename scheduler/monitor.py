"""What a monitor is told of a daemon: whether it lives, whether it is ready, and its metrics in Prometheus' form."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from policies.calendar import to_datetime
from policies.facts import SECOND, Instant
from scheduler.daemon import Daemon
from scheduler.ledger.standing import look as look_at_ledger
from scheduler.port import Answer, Pages
from scheduler.store.database import LOST, Connection, connect, head
from scheduler.store.people import instant
from scheduler.tally import BUCKETS_S

SILENT_S: Final = 150
"""A job that did not come to its end for so long is stuck: longer than one answer of the database and one message."""

_ANSWER_S: Final = 2
_KIND: Final = "text/plain; version=0.0.4; charset=utf-8"
_T = TypeVar("_T")

_REVISION = "SELECT version_num FROM alembic_version"
_DUE = "SELECT count(*), min(wake_at) FROM borrower WHERE clock_id = %(clock)s AND wake_at <= %(now)s"
_OPEN = """
SELECT status, count(*), min(next_attempt_at) FILTER (WHERE next_attempt_at <= %(now)s) FROM message
WHERE clock_id = %(clock)s AND status IN ('queued', 'sending') GROUP BY status
"""
_UNCONFIRMED = "SELECT count(*) FROM message WHERE clock_id = %(clock)s AND status = 'unconfirmed'"
_SET_ASIDE = "SELECT count(*) FROM borrower WHERE clock_id = %(clock)s AND set_aside IS NOT NULL"
_LAID_BY = "SELECT count(*) FROM borrower WHERE clock_id = %(clock)s AND laid_by_at IS NOT NULL"
# More than a monitor needs to know is not counted.
_UNNUMBERED = """
SELECT count(*) FROM (
    SELECT FROM journal j LEFT JOIN ledger l USING (lender_id, clock_id)
    WHERE j.lender_id = %(lender)s AND j.clock_id = %(clock)s
      AND (j.xact, j.entry_id) >= (coalesce(l.next_xact, 0), coalesce(l.next_entry, 0))
    LIMIT 100000
) waiting
"""


class Monitor(Collector):
    """One daemon's pages. It looks at the database on a short-tempered connection of its own, one page at a time."""

    def __init__(self, daemon: Daemon, url: str, clock_id: int) -> None:
        self._daemon = daemon
        self._url = url
        self._clock_id = clock_id
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    @property
    def pages(self) -> Pages:
        """What answers by path."""
        return {"/healthz": self.health, "/readyz": self.ready, "/metrics": self.metrics}

    def health(self) -> Answer:
        """Whether the process lives and its jobs come to their end; a database that is gone is no reason to kill it."""
        stuck = [job.name for job in self._daemon.jobs if job.idle_s > SILENT_S]
        return _told({"alive": not stuck, "stuck": stuck}, good=not stuck)

    def ready(self) -> Answer:
        """Whether it decides and sends, and if not, why."""
        gate = self._daemon.gate
        reasons = [f"{job.name}: {job.trouble}" for job in self._daemon.jobs if job.trouble is not None]
        if gate.held is not None:
            reasons.append(f"held: {gate.held}")
        if gate.halted is not None:
            reasons.append(f"halted: {gate.halted}")
        try:
            revision = self._look(lambda connection: connection.execute(_REVISION).fetchone())
        except LOST:
            reasons.append("the database does not answer")
        else:
            if revision is None or revision[0] != head():
                reasons.append(f"the schema is not this version's, {head()}; run: duly db migrate")
        return _told({"ready": not reasons, "reasons": reasons}, good=not reasons)

    def metrics(self) -> Answer:
        """Everything that is counted."""
        return Answer(200, generate_latest(self._registry), _KIND)

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._let_go()

    def collect(self) -> Iterator[Metric]:
        """Every metric; those of the book only while the database answers."""
        yield from self._of_the_process()
        try:
            found = self._look(lambda connection: [*self._of_the_book(connection)])
        except LOST:
            found = []
        yield _gauge("database_up", "Whether the database answers.", int(bool(found)))
        yield from found

    def _of_the_process(self) -> Iterator[Metric]:
        daemon, tally = self._daemon, self._daemon.tally
        yield _counter("decided", "Borrowers decided.", tally.decided)
        yield _counter("lines", "Outcomes decided.", tally.lines)
        yield _counter("messages_decided", "Messages put into the outbox.", tally.messages)
        late = HistogramMetricFamily("duly_lateness_seconds", "How long after their wake borrowers were decided.")
        counts, total, buckets = list(tally.lateness), 0, []
        for end_s, count in zip(BUCKETS_S, counts, strict=False):
            total += count
            buckets.append((str(end_s), total))
        late.add_metric([], [*buckets, ("+Inf", total + counts[-1])], sum_value=tally.late_s)
        yield late
        outcomes = CounterMetricFamily(
            "duly_adapter_outcomes", "What became of messages handed over.", labels=["adapter", "outcome"]
        )
        for (adapter, outcome), count in sorted(daemon.outcomes.items()):
            outcomes.add_metric([adapter, outcome], count)
        yield outcomes
        gate = daemon.gate
        yield _gauge("held", "Whether a hold lets nothing be decided or leave.", int(gate.held is not None))
        yield _gauge("halted", "Whether the clock is too far ahead to be served.", int(gate.halted is not None))
        yield _gauge("clock_behind_seconds", "How far the clock is behind what was served.", gate.behind_s)
        yield _gauge("clock_skew_seconds", "The machine's clock less the database's.", daemon.skew_us / SECOND)
        yield _gauge("database_full", "Whether the database answers and cannot write.", int(daemon.room.is_full))
        troubled = sum(1 for job in daemon.jobs if job.trouble is not None)
        yield _gauge("jobs_in_trouble", "Jobs that wait for the database to come back.", troubled)
        yield _gauge("paused", "Pauses in force.", gate.paused.count)

    def _of_the_book(self, connection: Connection) -> Iterator[Metric]:
        now = self._daemon.gate.now()
        keys = {"clock": self._clock_id, "now": to_datetime(now)}

        def count(statement: str) -> int:
            return int(connection.execute(statement, keys).fetchall()[0][0])

        due, since = connection.execute(_DUE, keys).fetchall()[0]
        yield _gauge("due", "Borrowers whose wake has come.", due)
        yield _gauge("due_oldest_seconds", "For how long the first of them waits.", _since(since, now))
        outbox = GaugeMetricFamily("duly_outbox", "Messages that are not settled, by state.", labels=["state"])
        rows = {row[0]: row for row in connection.execute(_OPEN, keys)}
        for state in ("queued", "sending"):
            outbox.add_metric([state], rows[state][1] if state in rows else 0)
        outbox.add_metric(["unconfirmed"], count(_UNCONFIRMED))
        yield outbox
        oldest = min((row[2] for row in rows.values() if row[2] is not None), default=None)
        yield _gauge("unsent_oldest_seconds", "How long the first message waits that may leave.", _since(oldest, now))
        yield _gauge("set_aside", "Borrowers who could not be decided.", count(_SET_ASIDE))
        yield _gauge("laid_by", "Borrowers who wait for the end of a pause.", count(_LAID_BY))
        size = GaugeMetricFamily("duly_ledger_size", "Entries with a number.", labels=["lender"])
        waiting = GaugeMetricFamily("duly_ledger_unnumbered", "Entries without one, up to 100,000.", labels=["lender"])
        age = GaugeMetricFamily(
            "duly_ledger_checkpoint_age_seconds", "Since when the last checkpoint was signed.", labels=["lender"]
        )
        for one in look_at_ledger(connection, self._clock_id).ledgers:
            size.add_metric([one.lender_id], one.size)
            row = connection.execute(_UNNUMBERED, {**keys, "lender": one.lender_id}).fetchall()[0]
            waiting.add_metric([one.lender_id], row[0])
            if one.checkpoint_at is not None:
                age.add_metric([one.lender_id], max(0, now - one.checkpoint_at) / SECOND)
        yield from (size, waiting, age)

    def _look(self, ask: Callable[[Connection], _T]) -> _T:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = connect(self._url, patience_s=_ANSWER_S)
                return ask(self._connection)
            except LOST:
                self._let_go()
                raise

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _told(values: dict[str, object], *, good: bool) -> Answer:
    return Answer(200 if good else 503, (json.dumps(values) + "\n").encode())


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"duly_{name}", meaning, value=value)


def _counter(name: str, meaning: str, value: int) -> Metric:
    return CounterMetricFamily(f"duly_{name}", meaning, value=value)


def _since(at: datetime | None, now: Instant) -> float:
    return 0 if at is None else max(0, now - instant(at)) / SECOND
