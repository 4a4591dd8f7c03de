"""A wave over four hosts: the database and a provider on one, a daemon on each of the others, one of which is cut off,
one killed, one suspended past its lease; reckoned by the provider's own record.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from scheduler.dispatch import link_token
from scheduler.history import story
from scheduler.store import embedded
from scheduler.store.database import connect, conninfo_of
from tests.faults.hosts.network import Host, hosts
from tests.faults.provider import Running
from tests.faults.world import LINK_KEY, ROOT

LEASE_S = 5
CONNECTIONS = 16
"""Messages that one daemon has in the air at most: a cut, a kill and a suspension may leave so many unknown each."""
PORT = 5433
RELAY_PORT = 8025
DULY = (sys.executable, "-c", "from scheduler.cli.main import main; main()")
ZONES = (
    "Pacific/Auckland", "Australia/Perth", "Asia/Kolkata", "Europe/Helsinki", "Europe/London", "America/Sao_Paulo",
    "America/New_York", "America/Denver", "Pacific/Honolulu",
)  # fmt: skip

_LEFT = """
SELECT (SELECT count(*) FROM message WHERE status IN ('queued', 'sending'))
     + (SELECT count(*) FROM borrower WHERE wake_at <= clock_timestamp())
"""
_OF_A_LOAN = "SELECT many, count(*) FROM (SELECT count(*) AS many FROM message GROUP BY loan_id) m GROUP BY many"


@dataclass
class Wave:
    """What runs: ``daemons`` has the process of each host that has one, the hosts of daemons are all but the first."""

    all: list[Host]
    folder: Path
    provider: Running
    url: str
    environment: dict[str, str]
    zone: ZoneInfo
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    loans: int = 0
    figures: dict[str, float] = field(default_factory=dict)

    # --- what an operator does --------------------------------------------------------------------------------

    def duly(self, *words: str, host: Host | None = None) -> str:
        """A command that is given on the database's host, or on another."""
        on = host or self.all[0]
        return on.run([*DULY, *words], self.of(on))

    def of(self, host: Host) -> dict[str, str]:
        """The settings on a host: each has a folder of its own, and they share the two keys."""
        return {**self.environment, "DULY_HOME": str(self.folder / host.space)}

    def serve(self, host: Host) -> None:
        """Start a daemon, and wait until it says that it serves."""
        log = self.folder / f"{host.space}.log"
        words = [*DULY, "run", "--roles", "engine,dispatch,ledger"]
        self.daemons[host.space] = host.start(words, self.of(host), log)
        self.until(lambda: b"daemon started" in log.read_bytes(), f"a daemon serves on {host.address}", 60.0)

    def end(self, host: Host) -> None:
        """Tell a daemon to end in order."""
        process = self.daemons.pop(host.space)
        process.terminate()
        assert process.wait(60.0) == 0, (self.folder / f"{host.space}.log").read_text()[-3000:]

    def tell(self, count: int) -> None:
        """Import so many borrowers more, with a loan each whose step has just fallen due."""
        book = self.folder / f"book-{self.loans}"
        book.mkdir()
        for name, text in self._book(range(self.loans, self.loans + count)).items():
            (book / name).write_text(text)
        self.duly("import", str(book), "--release")
        self.loans += count

    def _book(self, numbers: range) -> dict[str, str]:
        today = datetime.now(self.zone).date()
        paid_out = datetime.now(UTC) - timedelta(days=30)
        due = today - timedelta(days=1)
        return {
            "borrowers.csv": "borrower_id,first_name,last_name,language,zone,region,phone,email,address\n"
            + "".join(f"b{n},Ann,Bell,en,{self.zone.key},GB,+4477{n:08},,\n" for n in numbers),
            "loans.csv": "loan_id,borrower_id,product,currency,principal,disbursed_at,segment,tags,allocation\n"
            + "".join(f"l{n},b{n},personal,GBP,120.00,{paid_out:%Y-%m-%dT%H:%M:%SZ},,,\n" for n in numbers),
            "instalments.csv": "loan_id,number,due_on,principal,interest,fees\n"
            + "".join(f"l{n},1,{due},120.00,3.00,0.00\n" for n in numbers),
        }

    # --- what is seen -----------------------------------------------------------------------------------------

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement answers, through the socket: whatever becomes of the wires."""
        with psycopg.connect(conninfo_of(self.url), autocommit=True, application_name="faults") as connection:
            return connection.execute(statement.encode()).fetchall()

    def accepted(self) -> int:
        """How many messages the provider has."""
        with (self.provider.folder / "accepted.jsonl").open("rb") as file:
            return sum(1 for _ in file)

    def speed(self, had: int) -> float:
        """Messages a second, between the first and the last that the provider accepted after those it had."""
        times = [one.ns for one in self.provider.accepted()[had:]]
        return (len(times) - 1) / (times[-1] - times[0]) * 1e9

    def until(self, test: Callable[[], bool], what: str, within_s: float) -> None:
        """Look again and again until it is so."""
        last = monotonic() + within_s
        while not test():
            assert monotonic() < last, f"not within {within_s:g} s: {what}; the logs are in {self.folder}"
            let_pass(0.1)

    def until_done(self, within_s: float) -> None:
        """Until nothing is due and nothing waits to leave."""
        self.until(lambda: self.ask(_LEFT) == [(0,)], "all that is due is done", within_s)


def let_pass(seconds: float) -> None:
    Event().wait(seconds)


@contextmanager
def wave(folder: Path) -> Iterator[Wave]:
    """Four hosts with a database, a provider and nobody who serves yet; everything is paused."""
    with ExitStack() as stack:
        found = stack.enter_context(hosts(4))
        first = found[0]
        home = folder / first.space
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DULY_")}
        environment |= {"PYTHONPATH": str(ROOT), "DULY_LINK_KEY": LINK_KEY, "DULY_LEDGER_KEY": "17" * 32,
                        "DULY_LEASE_S": str(LEASE_S), "DULY_DISPATCH_CONNECTIONS": str(CONNECTIONS),
                        "DULY_RELEASE_LIMIT": "1000000000"}  # fmt: skip
        listen = f"{first.address}:{PORT}"
        stack.callback(embedded.remove, home)
        first.run(
            [*DULY, "db", "migrate"],
            {**environment, "DULY_HOME": str(home), "DULY_EMBEDDED_LISTEN": listen},
        )
        server = embedded.start(home, listen=listen)
        assert server.network_url is not None
        # Its record lies in memory: the disk is the database's, and no machine dies here.
        memory = stack.enter_context(tempfile.TemporaryDirectory(prefix="duly-hosts-", dir=_memory(folder)))
        record = Path(memory) / "provider"
        port = _provider(first, record, environment)
        for one in found:
            relay = [sys.executable, str(Path(__file__).with_name("relay.py")), str(RELAY_PORT), first.address, port]
            one.start(relay, environment, folder / "relay.log")
        environment |= {"DULY_DATABASE_URL": server.network_url, "DULY_SMS_ADAPTER": "twilio",
                        "DULY_TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "DULY_TWILIO_AUTH_TOKEN": "token",
                        "DULY_TWILIO_FROM": "+15005550006", "DULY_TWILIO_TIMEOUT_S": "5",
                        "DULY_TWILIO_BASE_URL": f"http://127.0.0.1:{RELAY_PORT}"}  # fmt: skip
        made = Wave(found, folder, Running(int(port), record), server.url, environment, _zone_at_noon())
        policy = folder / "wave.yaml"
        policy.write_text(_policy(datetime.now(made.zone) - timedelta(minutes=1)))
        made.duly("policy", "publish", str(policy))
        made.duly("pause", "--all")
        yield made


def _memory(otherwise: Path) -> Path:
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    return memory if os.access(memory, os.W_OK) else otherwise


def _provider(host: Host, folder: Path, environment: dict[str, str]) -> str:
    """A kind provider that answers at once; its port."""
    folder.mkdir(parents=True)
    said = folder / "said"
    words = [sys.executable, str(ROOT / "tests/faults/provider.py"), str(folder), "0", "kind", "0", host.address]
    host.start(words, environment, said)
    last = monotonic() + 30.0
    while not said.read_text().endswith("\n"):
        assert monotonic() < last, "the provider does not start"
        let_pass(0.05)
    return said.read_text().strip()


def _zone_at_noon() -> ZoneInfo:
    """A zone in which people may be written to now, and for hours."""
    return min((ZoneInfo(name) for name in ZONES), key=lambda one: abs(datetime.now(one).hour - 11))


def _policy(at: datetime) -> str:
    return f"""\
policy: wave
title: One step for every loan at one instant
currency: GBP
languages: [en]
send_at: "{at:%H:%M}"
lender: {{name: Acme Credit, reply_to: help@acme.example, phone: "+44 20 7946 0000"}}
end: true
steps:
  reminder: {{at: due + 1 day, send: {{message: overdue, by: [sms]}}}}
messages:
  overdue:
    sms: {{en: "{{{{ overdue | money }}}} on {{{{ loan.loan_id }}}}: {{{{ links.view }}}} {{{{ lender.name }}}}"}}
"""


def go(made: Wave, count: int, serving: int) -> float:
    """A wave of ``count`` on so many hosts; messages a second."""
    while len(made.daemons) < serving:
        made.serve(made.all[1 + len(made.daemons)])
    made.tell(count)
    had = made.accepted()
    made.duly("resume", "--all")
    made.until_done(600.0 + count / 20)
    made.duly("pause", "--all")
    return made.speed(had)


def worst_day(made: Wave, count: int) -> None:
    """A wave of ``count`` on three hosts: one is cut off and comes back, one is killed, one is suspended and woken."""
    _, cut, killed, suspended = made.all
    for one in made.all[1 + len(made.daemons) :]:
        made.serve(one)
    had = made.accepted()
    made.tell(count)
    made.duly("resume", "--all")

    def sends(what: str, more: int = 3 * CONNECTIONS) -> None:
        """More than what was in the air leaves: the others go on."""
        before = made.accepted()
        made.until(lambda: made.accepted() >= min(before + more, had + count), f"messages leave {what}", 120.0)

    made.until(lambda: made.accepted() >= had + count // 10, "a tenth has left", 600.0)
    cut.cut()
    since = monotonic()
    sends("while a host is cut off")
    # Its own daemons see nothing of it: it is as if the power had gone, and no word of it reaches the server.
    killed.cut()
    killed.signal(signal.SIGKILL)
    made.daemons.pop(killed.space).wait(60.0)
    suspended.signal(signal.SIGSTOP)
    asleep = monotonic()
    let_pass(max(0.0, since + 2 * LEASE_S - monotonic()))
    cut.join()
    sends("when the one that was cut off is back, and no other serves")
    let_pass(max(0.0, asleep + 2 * LEASE_S - monotonic()))
    suspended.signal(signal.SIGCONT)
    made.figures["troubled for, s"] = monotonic() - since
    made.until_done(900.0 + count / 20)
    made.figures["the worst day, messages a second"] = made.speed(had)
    for one in (cut, suspended):
        made.end(one)


def holds(made: Wave) -> None:
    """Nothing lost, nothing double, each step with one end, and a ledger that verifies."""
    accepted = Counter(one.token for one in made.provider.accepted())
    assert [token for token, many in accepted.items() if many > 1] == [], "accepted twice"
    rows = made.ask("SELECT message_id, status FROM message")
    statuses = Counter(status for _, status in rows)
    assert set(statuses) <= {"sent", "unconfirmed"}, statuses
    of_token = {link_token(LINK_KEY.encode(), message_id): status for message_id, status in rows}
    assert set(accepted) <= set(of_token), "accepted and never decided"
    assert [one for one, status in of_token.items() if status == "sent" and one not in accepted] == []
    assert statuses["unconfirmed"] <= 3 * CONNECTIONS, statuses
    assert made.ask(_OF_A_LOAN) == [(1, made.loans)]
    with connect(made.url) as connection:
        lines = [json.loads(line) for line in story(connection, 0, since=None, until=None)]
    ends = Counter(line["loan_id"] for line in lines if line["channel"] is not None)
    assert len(ends) == made.loans and set(ends.values()) == {1}, (len(ends), made.loans, Counter(ends.values()))
    assert Counter(line["outcome"] for line in lines if line["channel"] is not None) == statuses
    verified = json.loads(made.duly("ledger", "verify", "--json").splitlines()[0])
    assert verified["waiting"] == 0, verified
    at_the_provider = sum(status == "unconfirmed" and one in accepted for one, status in of_token.items())
    made.figures |= {"messages": made.loans, "sent": statuses["sent"], "unconfirmed": statuses["unconfirmed"],
                     "of these at the provider": at_the_provider}  # fmt: skip


def table(made: Wave) -> str:
    """The figures, for a person."""
    rows = [f"  {name:<40}{value:>10,.0f}" for name, value in made.figures.items()]
    return "\n".join(("four hosts on one machine, whose cores they share:", *rows))


def run(folder: Path, count: int, warm: int) -> Wave:
    """The speed with one, two and three hosts over ``warm`` messages each, then the worst day with ``count``."""
    with wave(folder) as made:
        for serving in (1, 2, 3):
            name = f"messages a second, {serving} host{'s' if serving > 1 else ''}"
            made.figures[name] = go(made, warm, serving)
        worst_day(made, count)
        holds(made)
        return made
