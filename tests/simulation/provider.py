"""Ways out that misbehave by seed, with a record of their own of what they accepted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Any, Self

from adapters.base import Channel, Message, Receipt, Rejected, Transient, Unconfirmed
from tests.simulation.model import Accepted

ACCEPT = "accept"
BUSY = "busy"
LATER = "later"
REFUSE = "refuse"
LOST = "accept and lose the answer"
UNKNOWN = "lose the request"
BREAK_AFTER = "accept and break"
BREAK_BEFORE = "break"

MANNERS = (ACCEPT, BUSY, LATER, REFUSE, LOST, UNKNOWN, BREAK_AFTER, BREAK_BEFORE)


class Manners:
    """How often a provider does what, and what it accepted. Chance hangs on the message and the attempt alone."""

    def __init__(self, seed: int, weights: Mapping[str, int]) -> None:
        self._seed = seed
        self._weights = weights
        self.attempts: dict[str, int] = {}
        self.calm = False
        self.told: list[str] = []
        """What was done since somebody last looked."""

    def draw(self, message_id: str, what: str) -> int:
        """A number that is always the same for the seed, the message, its attempt and what is asked."""
        text = f"{self._seed}/{message_id}/{self.attempts.get(message_id, 0)}/{what}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])

    def of(self, message_id: str) -> str:
        """What happens to this attempt."""
        self.attempts[message_id] = self.attempts.get(message_id, 0) + 1
        if self.calm:
            return ACCEPT
        number = self.draw(message_id, "manner") % sum(self._weights.values())
        for manner, weight in self._weights.items():
            number -= weight
            if number < 0:
                return manner
        return ACCEPT


class SimulatedChannel(Channel):
    """One channel of the simulation; ``took`` is told each acceptance, ``point`` is where the thread may be parked."""

    channels = frozenset({"sms", "email", "letter"})
    thread_safe = True

    def __init__(
        self, manners: Manners, took: Callable[[Message, bool], None], point: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self._manners = manners
        self._took = took
        self._point = point
        self.accepted: set[str] = set()

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> Self:
        raise NotImplementedError

    def loopback(self) -> bool:
        """It leaves nothing."""
        return True

    def send(self, message: Message) -> Receipt:
        """Do what the seed says."""
        one, manners = message.message_id, self._manners
        manner = manners.of(one)
        manners.told.append(f"{message.channel} {one[:8]}: {manner}")
        self._point("send", one[:8])
        if manner == BUSY:
            raise Transient("busy")
        if manner == LATER:
            pauses = (0.5, 1, 60, 900, 7_200, 36_000)
            raise Transient("later", retry_after_s=pauses[manners.draw(one, "pause") % len(pauses)])
        if manner == REFUSE:
            raise Rejected("refused")
        if manner == UNKNOWN:
            raise Unconfirmed("no answer")
        if manner == BREAK_BEFORE:
            raise KeyError("sid")
        self._took(message, self.idempotent and one in self.accepted)
        self.accepted.add(one)
        self._point("accepted", one[:8])
        if manner == LOST:
            raise Unconfirmed("no answer")
        if manner == BREAK_AFTER:
            raise ValueError("not JSON")
        return Receipt(self.name, f"ref-{one[:8]}")

    def lookup(self, message_id: str) -> Receipt | None:
        """What the record says; sometimes it cannot be asked."""
        if not self.looks_up:
            return super().lookup(message_id)
        if not self._manners.calm and self._manners.draw(message_id, "lookup") % 5 == 0:
            raise Transient("busy")
        return Receipt(self.name, f"ref-{message_id[:8]}") if message_id in self.accepted else None


def kind_of_channel(name: str, *, idempotent: bool, looks_up: bool) -> type[SimulatedChannel]:
    """A class of channel with these abilities."""
    return type(name, (SimulatedChannel,), {"name": name, "idempotent": idempotent, "looks_up": looks_up})


def accepted_of(message: Message, borrower_of: Mapping[str, str], now: int) -> Accepted:
    """What the provider's record says of a message: loan and step stand in its text."""
    _, loan, step, *_ = message.body.split()
    return Accepted(message.message_id, message.channel, message.to, borrower_of[loan], loan, step, now)


class InTurn(Executor):
    """Runs what it is given at once, in the thread that gives it: the order is that of the giving."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Do it now."""
        done: Future[Any] = Future()
        done.set_result(work(*arguments, **named))
        return done
