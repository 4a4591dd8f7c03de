"""Forks processes that do what a service of duly does, to be killed by whoever started this.

Reads a JSON object a line on standard input and forks one process for it; says ``PID begun`` at once, and ``PID WORD
REST`` for what the process tells: ``ready``, ``told ID``, ``ended``, ``failed REASON``. It has imported everything and
read the policies: to begin afresh takes a second each.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from time import monotonic_ns
from typing import Any

from policies.calendar import to_datetime
from policies.simulate import Span
from scheduler import settings
from scheduler.bootstrap import configure_logging, use_pinned_zones
from scheduler.cli.main import execute
from scheduler.clock import SpeedClock, SystemClock
from scheduler.daemon import Daemon
from scheduler.engine import read_policies
from scheduler.ingest import import_book
from scheduler.run_through import run_through, serve_real_time, work_off
from scheduler.service import Service, open_channels, open_service
from scheduler.store.database import connect
from scheduler.store.tables import REAL_CLOCK

SHORTEST_WAIT_S = 0.005
COLUMNS = "event_id,at,type,borrower_id,loan_id,amount,channel,value"


class Fast(SpeedClock):
    """Time that runs so fast that the second of a watch is less than a thread needs to look: it looks less often."""

    def wait(self, seconds: float, event: threading.Event) -> bool:
        """Wait ``seconds`` of fast time, or a little longer."""
        super().wait(seconds, event)
        return event.wait(SHORTEST_WAIT_S)


def clock_of(job: dict[str, Any]) -> Fast:
    """The clock that all processes of a book share: it was ``start`` at ``anchor_ns`` of the monotonic time."""
    passed_us = (monotonic_ns() - job["anchor_ns"]) * job["factor"] // 1_000
    return Fast(job["start"] + passed_us, job["factor"])


def say(*words: object) -> None:
    text = " ".join(str(word) for word in words).replace("\n", " ")
    os.write(1, f"{os.getpid()} {text}\n".encode())


@contextmanager
def service_of(job: dict[str, Any], *, test_clock: bool) -> Iterator[Service]:
    """The production service by the settings of the job."""
    configured = settings.Settings(**job["settings"])
    channels = open_channels(configured, test_clock=test_clock)
    with open_service(configured, job["url"], REAL_CLOCK, channels, test_clock=test_clock) as service:
        yield service


def jump(job: dict[str, Any]) -> None:
    """``duly run --from``: from wake to wake, from where the clock stands."""
    with service_of(job, test_clock=True) as service:
        say("ready")
        run_through(service, Span(job["start"], job.get("until")), threading.Event())


def daemon(job: dict[str, Any]) -> None:
    """``duly run``, on a clock that runs fast."""
    with service_of(job, test_clock=False) as service:
        serve_real_time(service)
        say("ready")
        Daemon(service, clock_of(job), 1, speed=job["factor"], checkpoint_s=1).run()


def finish(job: dict[str, Any]) -> None:
    """The daemon's engine and dispatcher from wake to wake, from now until nothing more can happen."""
    with service_of(job, test_clock=False) as service:
        say("ready")
        now = clock_of(job).now()
        done = work_off(service.engine, service.dispatcher, now, Span(now), threading.Event())
        refused = service.keeper.finish(done.at)
        assert refused is None, refused


def tell(job: dict[str, Any]) -> None:
    """``duly import`` of one event after the other; each is acknowledged when its import has answered."""
    with connect(job["url"]) as connection:
        policies = read_policies(connection, REAL_CLOCK)["default"]
        clock = clock_of(job)
        say("ready")
        for one in job["events"]:
            now = clock.now()
            text = f"{COLUMNS}\n{one['row']}".replace("NOW", to_datetime(now).strftime("%Y-%m-%dT%H:%M:%SZ"))
            import_book(
                connection, {"events.csv": BytesIO(f"{text}\n".encode())}, clock_id=REAL_CLOCK, now=now,
                policies=policies,
            )  # fmt: skip
            say("told", one["id"], monotonic_ns())


def command(job: dict[str, Any]) -> None:
    """A command of duly's, with its output in a file; says how it ended."""
    for name in [name for name in os.environ if name.startswith("DULY_")]:
        del os.environ[name]
    os.environ.update(job["environment"])
    ours = os.dup(1)
    with open(job["out"], "wb") as out:  # noqa: PTH123 - its number is wanted
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        code = execute(job["events"])
        sys.stdout.flush()
        sys.stderr.flush()
    os.dup2(ours, 1)
    say("ended", code)
    os._exit(0)


JOBS = {"command": command, "jump": jump, "daemon": daemon, "finish": finish, "tell": tell}


def main() -> None:
    """See above."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    use_pinned_zones()
    configure_logging(SystemClock(), level="info", as_json=True)
    for line in sys.stdin:
        job = json.loads(line)
        if job["do"] == "warm":
            with connect(job["url"]) as connection:
                read_policies(connection, REAL_CLOCK)
            say("warm")
            continue
        pid = os.fork()
        if pid:
            os.write(1, f"{pid} begun\n".encode())
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        code = 1
        try:
            JOBS[job["do"]](job)
            say("ended")
            code = 0
        except BaseException as error:
            say("failed", f"{type(error).__name__}: {error}"[:500])
        finally:
            os._exit(code)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
