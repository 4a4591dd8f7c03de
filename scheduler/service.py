"""Puts the service together from its settings: the database, the adapters, the engine and the dispatcher."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from adapters.base import CHANNELS, Channel
from adapters.base import SettingsError as AdapterSettingsError
from adapters.base import load as load_adapter
from scheduler.dispatch import Dispatcher
from scheduler.engine import Engine
from scheduler.key_files import link_key
from scheduler.ledger.keeping import Keeper
from scheduler.ledger.witness import open_witnesses
from scheduler.settings import Settings, SettingsError
from scheduler.store import database, embedded
from scheduler.store.database import Connection, connect

_SWITCH_S = 0.001


def database_url(settings: Settings) -> str:
    """The database that the settings name, or the embedded one, started and brought up to date.

    Raises DatabaseError or EmbeddedError where there is none, and where the schema is another version's.
    """
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        database.check(url)
        return url
    url = embedded.start(settings.home, listen=settings.embedded_listen, user=settings.embedded_user).url
    database.migrate(url)
    return url


def open_channels(settings: Settings, *, test_clock: bool) -> dict[str, Channel]:
    """The adapter of each channel. Under a test clock, only such as cannot leave this machine.

    Raises SettingsError that names the variable.
    """
    made: dict[str, Channel] = {}
    found: dict[str, Channel] = {}
    for name in sorted(CHANNELS):
        adapter = str(getattr(settings, f"{name}_adapter"))
        variable = f"DULY_{name.upper()}_ADAPTER"
        try:
            if adapter not in made:
                made[adapter] = load_adapter(adapter).from_settings(settings.adapter_options(adapter))
        except AdapterSettingsError as error:
            remedy = ""
            if error.option is not None:
                remedy = f"; set DULY_{adapter.upper().replace('-', '_')}_{error.option.upper()}"
            raise SettingsError(f"{variable}: {error.reason}{remedy}") from error
        channel = made[adapter]
        if name not in channel.channels:
            carried = ", ".join(sorted(channel.channels))
            raise SettingsError(f"{variable} is {adapter}, which carries {carried}; choose one that carries {name}")
        if test_clock and not channel.loopback():
            raise SettingsError(
                f"{variable} is {adapter}, which reaches real people; under a test clock messages go to the sandbox "
                f"or to a host on this machine: set {variable}=sandbox"
            )
        found[name] = channel
    return found


def settle_process() -> None:
    """Let the garbage collector look seldom, and let a thread that the server has answered not wait for its turn.

    A batch makes many values at once and no cycles among them; ``tests/unit/test_no_cycles.py`` holds ``decide()`` to
    that. While one engine decides, another has a few words to say to the server at each of its answers.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 50)
    sys.setswitchinterval(_SWITCH_S)


@dataclass(frozen=True, slots=True)
class Service:
    """Engines, a dispatcher and the keeper of the ledger, each with a connection of its own.

    While one engine waits for the server, another decides; under a test clock there is one.
    """

    url: str
    clock_id: int
    engines: tuple[Engine, ...]
    dispatcher: Dispatcher
    keeper: Keeper
    engine_connections: tuple[Connection, ...]
    dispatch_connection: Connection

    @property
    def engine(self) -> Engine:
        """The first engine."""
        return self.engines[0]

    @property
    def engine_connection(self) -> Connection:
        """The first engine's."""
        return self.engine_connections[0]


@contextmanager
def open_service(
    settings: Settings, url: str, clock_id: int, channels: Mapping[str, Channel], *, test_clock: bool
) -> Iterator[Service]:
    """The service on ``url`` for one clock; at the end what is in the air is waited for, and all is let go of."""
    settle_process()
    with ExitStack() as stack:

        def connection() -> Connection:
            # What a test clock decides is never real: its commits need not outlive the server.
            made = connect(url, hot=True, lasting=not test_clock)
            stack.callback(made.close)
            return made

        for channel in {id(c): c for c in channels.values()}.values():
            stack.callback(channel.close)
        connections = [connection() for _ in range(1 if test_clock else settings.engine_threads)]
        dispatch_connection = connection()
        dispatcher = Dispatcher(
            dispatch_connection,
            clock_id,
            channels,
            link_key=link_key(settings),
            connections=settings.dispatch_connections,
            lease_s=settings.lease_s,
        )
        stack.callback(dispatcher.close)
        engines = tuple(
            Engine(one, clock_id, settings.link_base, settings.batch, moves_clock=test_clock) for one in connections
        )
        # A checkpoint that was given out says what lies on the disk, under a test clock too.
        ledger_connection = connect(url, hot=True)
        stack.callback(ledger_connection.close)
        keeper = Keeper(ledger_connection, clock_id, settings, open_witnesses(settings))
        stack.callback(keeper.close)
        yield Service(url, clock_id, engines, dispatcher, keeper, tuple(connections), dispatch_connection)
