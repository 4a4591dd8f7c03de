"""What a contract remembers between decisions: what was settled, when, and for which instalment.

Only what cannot be counted afresh from the facts is kept: facts may be told late, outcomes are not undone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from policies.facts import Instant

DONE = "done"
SKIPPED = "skipped"
VOID = "void"
SUPPRESSED = "suppressed"
FAILED = "failed"


class Settled(NamedTuple):
    """How a step ended, at which instant, while the instalment at ``place`` was chased."""

    outcome: str
    at: Instant
    place: int


@dataclass(slots=True)
class Episode:
    """One episode of delinquency. ``places``: the instalments past due in it; ``pending``: since when a step is again."""

    start: Instant
    version: str
    places: set[int] = field(default_factory=set)
    settled: dict[str, Settled] = field(default_factory=dict)
    pending: dict[str, Instant] = field(default_factory=dict)
    last: tuple[str, Instant] | None = None
    whole: bool = True
    returned: bool = False
    reported: list[str] = field(default_factory=list)

    def settle(self, step: str, settled: Settled) -> None:
        """Keep how a step ended; the latest one moves what follows (rule 4)."""
        self.settled[step] = settled
        self.pending.pop(step, None)
        if self.last is None or settled.at >= self.last[1]:
            self.last = (step, settled.at)

    def copy(self) -> Episode:
        """A copy that may be changed."""
        return Episode(
            self.start, self.version, set(self.places), dict(self.settled), dict(self.pending), self.last,
            self.whole, self.returned, list(self.reported),
        )  # fmt: skip


@dataclass(slots=True)
class LoanState:
    """The state of one loan's contract after a decision; ``running`` is the place of the running episode."""

    looked: Instant | None = None
    version: str | None = None
    chased: int | None = None
    since: Instant = 0
    running: int | None = None
    episodes: list[Episode] = field(default_factory=list)
    before: dict[int, dict[str, Settled]] = field(default_factory=dict)
    handed: Instant | None = None
    returned: Instant | None = None
    closed: bool = False

    @property
    def episode(self) -> Episode | None:
        """The running episode."""
        return None if self.running is None else self.episodes[self.running]

    def copy(self) -> LoanState:
        """A copy that may be changed."""
        return LoanState(
            self.looked, self.version, self.chased, self.since, self.running, [e.copy() for e in self.episodes],
            {k: dict(v) for k, v in self.before.items()}, self.handed, self.returned,
            self.closed,
        )  # fmt: skip


def to_json(state: LoanState) -> dict[str, Any]:
    """The state as plain JSON values."""
    raise NotImplementedError


def from_json(value: dict[str, Any]) -> LoanState:
    """The state that ``to_json`` wrote."""
    raise NotImplementedError
