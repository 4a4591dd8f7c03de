"""Puts the service together from its settings: the database, the adapters, the engine and the dispatcher."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

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

ASLEEP_S = 60
"""An engine that says nothing for so long in the middle of a batch has lost it."""

_SWITCH_S = 0.001
_Part = TypeVar("_Part", Engine, Dispatcher, Keeper)


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
    connect: Callable[[], Connection]
    """Makes a further connection; whoever asks for it closes it."""

    @property
    def engine(self) -> Engine:
        """The first engine."""
        return self.engines[0]

    @property
    def engine_connection(self) -> Connection:
        """The first engine's."""
        return self.engine.connection

    def renew(self, part: Engine | Dispatcher | Keeper) -> None:
        """Give a part another connection for the one that it lost. Raises DatabaseError where no server answers."""
        part.connection.close()
        made = self.connect()
        if isinstance(part, Engine):
            _not_for_ever(made)
        part.use(made)


@contextmanager
def open_service(
    settings: Settings, url: str, clock_id: int, channels: Mapping[str, Channel], *, test_clock: bool
) -> Iterator[Service]:
    """The service on ``url`` for one clock; at the end what is in the air is waited for, and all is let go of."""
    settle_process()
    with ExitStack() as stack:

        def connection(*, lasting: bool = not test_clock) -> Connection:
            # What a test clock decides is never real: its commits need not outlive the server.
            return connect(url, hot=True, lasting=lasting, patience_s=settings.database_timeout_s)

        def kept(part: _Part) -> _Part:
            # By then it may have another connection than it began with.
            stack.callback(lambda: part.connection.close())
            return part

        for channel in {id(c): c for c in channels.values()}.values():
            stack.callback(channel.close)
        witnesses = open_witnesses(settings)
        key = link_key(settings)
        # A checkpoint that was given out says what lies on the disk, under a test clock too.
        keeper = kept(Keeper(connection(lasting=True), clock_id, settings, witnesses))
        stack.callback(keeper.close)
        dispatcher = kept(
            Dispatcher(
                connection(), clock_id, channels, link_key=key, connections=settings.dispatch_connections,
                lease_s=settings.lease_s,
            )
        )  # fmt: skip
        stack.callback(dispatcher.close)
        engines = [
            kept(Engine(connection(), clock_id, settings.link_base, settings.batch, moves_clock=test_clock))
            for _ in range(1 if test_clock else settings.engine_threads)
        ]
        if not test_clock:
            for engine in engines:
                _not_for_ever(engine.connection)
        yield Service(url, clock_id, tuple(engines), dispatcher, keeper, partial(connection, lasting=True))


def _not_for_ever(connection: Connection) -> None:
    """Let the server take back what an engine has claimed that fell asleep: others decide it, and it wakes to nothing.

    The dispatcher's is not limited: it asks providers while it holds messages that were abandoned.
    """
    connection.execute(f"SET idle_in_transaction_session_timeout = '{ASLEEP_S}s'")
