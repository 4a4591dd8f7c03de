"""The loop: processes of the service are killed at seeded moments over a book, started again, and let finish."""

from __future__ import annotations

import csv
import io
import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from time import monotonic, monotonic_ns
from typing import Any

from policies.calendar import to_instant
from policies.example import example_book
from policies.simulate import Span
from tests import running
from tests.faults.provider import provider
from tests.faults.world import Moment, World, world

START = date(2026, 1, 5)
POLICIES = [running.ladder_policy(currency, house=True) for currency in ("USD", "GBP", "INR", "CNY")]
LIVE_EVERY = 5
"""To every fifth person things happen while the daemon runs, and are acknowledged; nothing is told of them before."""

AT_WORK = 0.85
"""Of the kills so many come after the process has begun to decide or to send; the others may fall into its start."""

JUMP, SERVE = "jump", "serve"
WAIT_FOR_END_S = 900.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does: ``manner`` is JUMP (from wake to wake) or SERVE (the daemon, on a clock that runs fast)."""

    seed: int
    manner: str
    persons: int
    kills: int
    longest_s: float = 1.2
    factor: int = 8_000
    delay_s: float = 0.05


SHORT = (
    Plan(0, JUMP, persons=20, kills=5, longest_s=0.3, delay_s=0.01),
    Plan(0, SERVE, persons=20, kills=5, longest_s=0.3, factor=80_000, delay_s=0.01),
)
"""What ``make test`` does."""


@dataclass
class Done:
    """A run when all is over: the world, what it went by, and where the kills fell."""

    plan: Plan
    world: World
    files: running.Files
    span: Span
    moments: list[Moment] = field(default_factory=list)
    told_kills: int = 0
    seconds: float = 0.0
    finish_ns: int = 0

    @property
    def histogram(self) -> Counter[str]:
        """How many kills fell where."""
        return Counter(moment.where for moment in self.moments)

    @property
    def busy(self) -> int:
        """How many kills fell while a transaction was open or a request in the air."""
        return sum(moment.busy for moment in self.moments)

    def report(self) -> str:
        """What a person wants to see."""
        found = self.histogram
        total = max(1, len(self.moments))
        bars = [f"  {word:<12}{many:>5}  {'#' * (60 * many // total)}" for word, many in found.most_common()]
        head = (
            f"seed {self.plan.seed}, {self.plan.manner}: {len(self.moments)} kills of the service, {self.told_kills} "
            f"of an import, {self.busy} with a transaction open or a request in the air; {self.seconds:.0f} s"
        )
        return "\n".join((head, *bars))


def live(borrower_id: str) -> bool:
    """Whether a person is one of those to whom things happen while the daemon runs."""
    return int(borrower_id.rpartition("-")[2]) % LIVE_EVERY == 0


def files_of(plan: Plan) -> running.Files:
    """The book; where a daemon serves it, without what is told of the live ones."""
    found = example_book(plan.seed, plan.persons, start=START, days=90)
    if plan.manner == SERVE:
        whose = {row["loan_id"]: row["borrower_id"] for row in rows(found["loans.csv"])}
        head, *lines = found["events.csv"].splitlines(keepends=True)
        kept = [line for line in lines if not _is_live(next(csv.reader([line])), whose)]
        kept_ids = {line.split(",")[0] for line in kept}
        # What refers to something that is no longer there goes too.
        kept = [line for line in kept if (ref := next(csv.reader([line]))[7]) == "" or ref in kept_ids]
        found["events.csv"] = "".join((head, *kept))
    return running.text_files(found)


def _is_live(row: list[str], whose: dict[str, str]) -> bool:
    who = row[4] or whose.get(row[5], "")
    return bool(who) and live(who)


def rows(text: str | bytes) -> list[dict[str, str]]:
    """The rows of a file of the book."""
    return list(csv.DictReader(io.StringIO(text.decode() if isinstance(text, bytes) else text)))


def facts_to_tell(files: running.Files, seed: int, start: int) -> list[dict[str, str]]:
    """What will happen to the live ones, in a seeded order: paid in full, closed, disputed, opted out."""
    chance = Random(f"{seed}/facts")
    owed: dict[str, Decimal] = {}
    for one in rows(files["instalments.csv"]):
        owed[one["loan_id"]] = owed.get(one["loan_id"], Decimal(0)) + sum(
            (Decimal(one[part]) for part in ("principal", "interest", "fees")), Decimal(0)
        )
    found = []
    stopped: set[str] = set()
    for loan in rows(files["loans.csv"]):
        who, which = loan["borrower_id"], loan["loan_id"]
        if not live(who) or to_instant(datetime.fromisoformat(loan["disbursed_at"])) > start:
            continue
        kind = chance.choice(("payment", "payment", "close", "hold", "opt_out"))
        if kind == "opt_out" and who in stopped:
            kind = "payment"
        event_id = f"live-{kind}-{which}"
        row = {
            "payment": f"{event_id},NOW,payment,,{which},{owed[which]},,",
            "close": f"{event_id},NOW,close,,{which},,,written_off",
            "hold": f"{event_id},NOW,hold,,{which},,,dispute",
            "opt_out": f"{event_id},NOW,opt_out,{who},,,sms,",
        }[kind]
        if kind == "opt_out":
            stopped.add(who)
        found.append({"id": event_id, "row": row, "kind": kind, "loan": which, "borrower": who})
    chance.shuffle(found)
    return found


class _Loop:
    """One run of the loop."""

    def __init__(self, done: Done) -> None:
        self.done, self.plan, self.world = done, done.plan, done.world
        self.chance = Random(f"{done.plan.seed}/kills")
        self.to_tell = facts_to_tell(done.files, self.plan.seed, self.world.start) if self.plan.manner == SERVE else []
        self.never = threading.Event()
        self.teller: int | None = None

    def run(self) -> None:
        """All kills, then to completion."""
        with self.world.watching() as connection:
            empty = 0
            while len(self.done.moments) < self.plan.kills:
                pid = self._begin()
                self._tell()
                if self.chance.random() < AT_WORK:
                    self.world.at_work(connection, within_s=5.0)
                self.never.wait(self.chance.random() * self.plan.longest_s)
                moment = self.world.kill(pid, connection)
                if moment is None:
                    empty += 1
                    assert empty < 20, f"the book is done after {len(self.done.moments)} kills; {self.world.failures}"
                else:
                    self.done.moments.append(moment)
                self.world.catch_up()
                assert not self.world.failures, self.world.failures
        self._complete()

    def _begin(self) -> int:
        changes = {"dispatch_connections": self.chance.randint(2, 8), "batch": self.chance.choice((20, 60, 200))}
        if self.plan.manner == JUMP:
            return self.world.begin("jump", **changes)
        return self.world.begin("daemon", engine_threads=2, **changes)

    def _tell(self) -> None:
        """Now and then some facts are told beside; whoever tells them may be killed too."""
        if self.teller is not None and self.world.gone(self.teller):
            self.teller = None
        if self.teller is not None and self.chance.random() < 0.5:
            self.world.end(self.teller)
            self.done.told_kills += 1
            self.teller = None
        if self.to_tell and self.teller is None and self.chance.random() < 0.5:
            count = max(1, 2 * len(self.to_tell) // max(1, self.plan.kills - len(self.done.moments)))
            some, self.to_tell = self.to_tell[:count], self.to_tell[count:]
            self.teller = self.world.begin("tell", events=some)
            if self.chance.random() < 0.4:
                self.never.wait(self.chance.random() * 0.4)
                self.world.end(self.teller)
                self.done.told_kills += 1
                self.teller = None

    def _complete(self) -> None:
        if self.teller is not None:
            self.world.until(lambda: self.world.gone(self.teller or 0), "the last facts are told")
        if self.to_tell:
            self.world.hear("ended", pid=self.world.begin("tell", events=self.to_tell), within_s=WAIT_FOR_END_S)
        do = "jump" if self.plan.manner == JUMP else "finish"
        self.done.finish_ns = monotonic_ns()
        pid = self.world.begin(do, dispatch_connections=32, batch=500)
        _, word, rest = self.world.hear("ended", "failed", pid=pid, within_s=WAIT_FOR_END_S)
        assert word == "ended", rest
        self.world.catch_up()
        assert not self.world.failures, self.world.failures


def run(plan: Plan, url: str, folder: Path, *, check: Any) -> Done:
    """A whole run on an empty database with the schema; ``check`` looks at it while everything still runs."""
    begun = monotonic()
    files = files_of(plan)
    span = running.span_of(running.read(files))
    start = span.start
    if plan.manner == SERVE:
        start = to_instant(datetime.combine(START + timedelta(days=20), datetime.min.time(), UTC))
    running.import_all(url, POLICIES, files)
    with (
        provider(folder / "provider", plan.seed, delay_s=plan.delay_s) as one,
        world(url, folder, one, start, plan.factor) as made,
    ):
        done = Done(plan, made, files, span)
        made.begin("warm")
        made.anchor_ns = monotonic_ns()
        _Loop(done).run()
        done.seconds = monotonic() - begun
        check(done)
    return done


def seed_from(name: str, default: int) -> int:
    """The seed of a run: the environment's, else the default."""
    return int(os.environ.get(name, str(default)))
