"""One process of the service, put together as in production, on simulated connections; it can be killed anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from random import Random
from typing import Any
from unittest.mock import patch

import psycopg

import scheduler.dispatch
from adapters.base import Channel
from scheduler.dispatch import Dispatcher
from scheduler.engine import Engine
from scheduler.ledger.keeping import Keeper
from scheduler.service import Service, open_service
from scheduler.settings import Settings
from tests.simulation.connection import Hook, SimulatedConnection
from tests.simulation.provider import InTurn
from tests.simulation.stage import Actor, Stage


def open_connection(hook: Hook, *what: Any, **how: Any) -> SimulatedConnection:
    """A connection that obeys the hook."""
    made = SimulatedConnection.connect(*what, **how)
    made.hook = hook
    return made


class Process:
    """Engines, a dispatcher and a keeper, each on a connection of its own."""

    def __init__(
        self, name: str, settings: Settings, url: str, channels: Mapping[str, Channel], stage: Stage
    ) -> None:  # fmt: skip
        self.name = name
        self._stage = stage
        self._stack = ExitStack()
        with self._simulated():
            self.service: Service = self._stack.enter_context(
                open_service(settings, url, 0, channels, test_clock=False)
            )
        self.busy: dict[str, Actor] = {}
        self.recover_first = True

    @contextmanager
    def _simulated(self) -> Iterator[None]:
        """Whatever is opened in here is simulated, and sends one after another."""
        with (
            patch.object(psycopg, "connect", lambda *what, **how: open_connection(self._stage.hook, *what, **how)),
            patch.object(scheduler.dispatch, "ThreadPoolExecutor", InTurn),
        ):
            yield

    def why_held(self) -> str | None:
        """What the daemon looks at when it starts."""
        return self.service.keeper.examine()

    @property
    def parts(self) -> dict[str, Engine | Dispatcher | Keeper]:
        """What the daemon has a job for, by name."""
        service = self.service
        engines = {f"engine{n}": engine for n, engine in enumerate(service.engines)}
        return {**engines, "dispatch": service.dispatcher, "keeper": service.keeper}

    def job(self, name: str, now: int, random: Random) -> Callable[[], Any]:
        """One round of a job, as the daemon has it, at ``now``."""
        part = self.parts[name]
        if isinstance(part, Engine):
            return lambda: part.tick(now)
        if isinstance(part, Dispatcher):
            recovers, self.recover_first = self.recover_first or random.random() < 0.5, False
            return lambda: (part.recover(now) if recovers else 0) + part.tick(now)
        return partial(_keep, part, now, random.random() < 0.5, random.random() < 0.7)

    def renew(self, name: str) -> None:
        """A part that lost its connection gets another one."""
        with self._simulated():
            self.service.renew(self.parts[name])

    def kill(self) -> None:
        """End it without a word: what is open is rolled back by the server, what is in the air stays there."""
        self._stage.doom([one for one in self.busy.values() if one.state != "done"])
        for actor in self.busy.values():
            self._stage.forget(actor)
        self.busy.clear()
        self._stack.close()


def _keep(keeper: Keeper, now: int, signs: bool, gives: bool) -> str | None:
    keeper.number(now)
    if signs:
        keeper.sign(now)
    return keeper.give() if gives else None
