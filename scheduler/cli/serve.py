"""``duly run`` on the real clock: one daemon, or a parent of several, with the health port where one is asked for."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from scheduler.cli.failures import GOOD, Failure
from scheduler.cli.signals import noted
from scheduler.cli.start import log_by, whoever

if TYPE_CHECKING:
    from policies.facts import Instant
    from scheduler.cli.signals import Stop
    from scheduler.daemon import Daemon
    from scheduler.service import Service
    from scheduler.settings import Settings

_ACCEPT_WITHIN_S = 300


@dataclass(frozen=True, slots=True)
class Orders:
    """What the command line says beyond the settings; ``of_parent``: whoever started this process holds its input."""

    roles: tuple[str, ...]
    workers: int
    listen: str | None
    accept: Instant | None
    of_parent: bool

    @classmethod
    def of(
        cls, roles: str | None, workers: int, listen: str | None, accept: Instant | None, *, of_parent: bool
    ) -> Orders:  # fmt: skip
        """Checked; a usage error where a role is none, or an address is none."""
        from scheduler.daemon import ROLES
        from scheduler.port import split_address

        named = tuple(dict.fromkeys(ROLES if roles is None else (role.strip() for role in roles.split(","))))
        for role in named:
            if role not in ROLES:
                raise typer.BadParameter(f"{role!r} is none; expected some of {', '.join(ROLES)}", param_hint="--roles")
        if listen is not None:
            try:
                split_address(listen)
            except ValueError as error:
                raise typer.BadParameter(str(error), param_hint="--listen") from error
        return cls(named, workers, listen, accept, of_parent)


def serve(settings: Settings, orders: Orders) -> int:
    """Serve until a signal comes; answers the exit code."""
    from scheduler.clock import SystemClock

    log_by(settings, SystemClock(), serving=True)
    with noted() as stop:
        if orders.workers > 1:
            return _parent(settings, orders, stop)
        return _daemon(settings, orders, stop)


def _daemon(settings: Settings, orders: Orders, stop: Stop) -> int:
    from scheduler.clock import SystemClock
    from scheduler.daemon import Daemon
    from scheduler.run_through import serve_real_time
    from scheduler.service import database_url, open_channels, open_service
    from scheduler.store.tables import REAL_CLOCK

    clock = SystemClock()
    channels = open_channels(settings, test_clock=False)
    with open_service(settings, database_url(settings), REAL_CLOCK, channels, test_clock=False) as service:
        serve_real_time(service)
        if orders.accept is not None:
            _accept(service, orders.accept, clock.now())
        if stop.event.is_set():
            return GOOD
        daemon = Daemon(
            service, clock, settings.tick_s, checkpoint_s=settings.checkpoint_s, roles=orders.roles
        )  # fmt: skip
        if orders.of_parent:
            threading.Thread(target=_follow_parent, args=(daemon,), name="parent", daemon=True).start()
        with _port(daemon, service, orders.listen or settings.listen):
            daemon.run()
    return GOOD


def _accept(service: Service, said: Instant, now: Instant) -> None:
    from policies.calendar import zone
    from policies.facts import SECOND
    from scheduler import gate

    if abs(said - now) > _ACCEPT_WITHIN_S * SECOND:
        iso = zone("UTC").iso
        raise Failure(
            f"--accept-clock is {iso(said)}, and the clock of this machine says {iso(now)}; only what it says can be "
            "accepted: look at the time, then name it"
        )
    gate.accept(service.engine_connection, service.clock_id, now, by=whoever())


@contextmanager
def _port(daemon: Daemon, service: Service, address: str | None) -> Iterator[None]:
    if address is None:
        yield
        return
    import structlog

    from scheduler.monitor import Monitor
    from scheduler.port import Port, split_address

    monitor = Monitor(daemon, service.url, service.clock_id)
    port = Port(split_address(address), monitor.pages)
    structlog.get_logger(__name__).info("health port open", host=port.address[0], port=port.address[1])
    try:
        yield
    finally:
        port.close()
        monitor.close()


def _follow_parent(daemon: Daemon) -> None:
    """The parent holds the other end of the standard input, and with its death comes the end of that."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    daemon.stop()


def _parent(settings: Settings, orders: Orders, stop: Stop) -> int:
    from scheduler.port import split_address
    from scheduler.service import database_url, open_channels
    from scheduler.workers import Workers

    # What refuses to start is found out here, once, and the tables are brought up to date by one process alone.
    for channel in {id(one): one for one in open_channels(settings, test_clock=False).values()}.values():
        channel.close()
    database_url(settings)
    address = orders.listen or settings.listen
    commands = []
    for number in range(orders.workers):
        words = ["run", "--roles", ",".join(orders.roles), "--of-parent"]
        if address is not None:
            host, port = split_address(address)
            words += ["--listen", f"{f'[{host}]' if ':' in host else host}:{port + number}"]
        if orders.accept is not None and number == 0:
            from policies.calendar import zone

            words += ["--accept-clock", zone("UTC").iso(orders.accept)]
        commands.append([sys.executable, "-c", "from scheduler.cli.main import main; main()", *words])
    return Workers(commands).run(stop.event)
