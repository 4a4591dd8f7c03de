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


class Deferred(NamedTuple):
    """A step that waits for the guard: until when, and the rule that bound."""

    until: Instant
    rule: str


class Side(NamedTuple):
    """A side step that waits: its anchor's date (an ordinal), the place of its instalment, and which occurrence.

    ``offer`` is the ref of the offer that it hangs on.
    """

    step: str
    day: int
    place: int
    occurrence: int
    since: Instant
    offer: str | None = None


class Attempt(NamedTuple):
    """A message that may yet need its next channel: its step, instalment, occurrence and the channels left."""

    step: str
    place: int
    occurrence: int
    episode: int | None
    left: tuple[str, ...]


class Unsent(NamedTuple):
    """A message that was decided and has not left: ``alone``, where no other channel of its step has either.

    ``to`` is the address that it was decided for; none, where that is no longer known.
    """

    message_id: str
    loan_id: str
    instalment: int
    step: str
    occurrence: int
    channel: str
    decided_at: Instant
    send_by: Instant | None
    contact: str
    alone: bool
    to: str | None = None


class Made(NamedTuple):
    """A settlement offer as made: its terms frozen. Amounts in minor units, dates as ordinals."""

    ref: str
    offer: str
    at: Instant
    expires: Instant
    last_day: int
    total: int
    waived: int
    payments: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Episode:
    """One episode of delinquency. ``places``: its instalments past due; ``pending``: since when a step is again."""

    start: Instant
    version: str
    places: set[int] = field(default_factory=set)
    settled: dict[str, Settled] = field(default_factory=dict)
    pending: dict[str, Instant] = field(default_factory=dict)
    last: tuple[str, Instant] | None = None
    whole: bool = True
    returned: bool = False
    reported: tuple[str, ...] = ()

    def settle(self, step: str, settled: Settled) -> None:
        """Keep how a step ended; the latest one moves what follows (rule 4)."""
        self.settled[step] = settled
        self.pending.pop(step, None)
        if self.last is None or settled.at >= self.last[1]:
            self.last = (step, settled.at)

    def copy(self) -> Episode:
        """A copy that may be changed."""
        return Episode(
            self.start, self.version, self.places.copy(), self.settled.copy(), self.pending.copy(), self.last,
            self.whole, self.returned, self.reported,
        )  # fmt: skip


@dataclass(slots=True)
class LoanState:
    """The state of one loan's contract after a decision.

    ``running`` is the place of the running episode; ``before`` holds what was settled before the due date, by
    instalment; ``acted`` the ids of events that act once; ``sent`` how often a step was done for an instalment;
    ``wake`` the next instant at which anything can happen; ``set_aside`` the reason why it could not be decided;
    ``facts`` how many events were known at the last look.
    """

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
    acted: tuple[str, ...] = ()
    deferred: dict[str, Deferred] = field(default_factory=dict)
    sides: tuple[Side, ...] = ()
    holds: tuple[tuple[str, Instant, Instant | None], ...] = ()
    offers: tuple[Made, ...] = ()
    attempts: dict[str, Attempt] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    wake: Instant | None = None
    set_aside: str | None = None
    facts: int = 0

    def rests(self, facts: int, now: Instant) -> bool:
        """Whether nothing can have happened since the last look: no new fact (their number grows), no wake come.

        What could not be decided does not rest: its loan may have been put right, which is no event.
        """
        return self.set_aside is None and self.facts == facts and (self.wake is None or self.wake > now)

    @property
    def episode(self) -> Episode | None:
        """The running episode."""
        return None if self.running is None else self.episodes[self.running]

    def copy(self) -> LoanState:
        """A copy that may be changed."""
        return LoanState(
            self.looked, self.version, self.chased, self.since, self.running, [e.copy() for e in self.episodes],
            {k: v.copy() for k, v in self.before.items()}, self.handed, self.returned, self.closed, self.acted,
            self.deferred.copy(), self.sides, self.holds, self.offers, self.attempts.copy(), self.sent.copy(),
            self.wake, self.set_aside, self.facts,
        )  # fmt: skip


def to_json(state: LoanState) -> list[Any]:
    """The state as plain JSON values in the order of its fields: half as long, and as long to write, as with names.

    ``scheduler.migrate`` finds loans by the second of them, the version.
    """
    before = state.before
    return [
        state.looked, state.version, state.chased, state.since, state.running,
        [_episode_json(e, state.version) for e in state.episodes],
        {place: steps for place, steps in before.items() if steps} if before else before,
        state.handed, state.returned, state.closed, state.acted, state.deferred, state.sides, state.holds,
        state.offers, state.attempts, state.sent, state.wake, state.set_aside, state.facts,
    ]  # fmt: skip


def _episode_json(episode: Episode, version: str | None) -> list[Any]:
    return [
        episode.start, None if episode.version == version else episode.version, sorted(episode.places),
        episode.settled, episode.pending, episode.last, episode.whole, episode.returned, episode.reported,
    ]  # fmt: skip


def from_json(value: list[Any]) -> LoanState:
    """The state that ``to_json`` wrote, after a trip through JSON text."""
    (
        looked, version, chased, since, running, episodes, before, handed, returned, closed, acted, deferred, sides,
        holds, offers, attempts, sent, wake, set_aside, facts,
    ) = value  # fmt: skip
    return LoanState(
        looked, version, chased, since, running, [_episode(e, version) for e in episodes],
        {int(p): {s: Settled(*v) for s, v in steps.items()} for p, steps in before.items()} if before else {},
        handed, returned, closed, tuple(acted),
        {k: Deferred(*v) for k, v in deferred.items()} if deferred else {},
        tuple([Side(*s) for s in sides]),
        tuple([(h[0], h[1], h[2]) for h in holds]),
        tuple([Made._make((*m[:7], tuple((p[0], p[1]) for p in m[7]))) for m in offers]),
        {k: Attempt._make((*v[:4], tuple(v[4]))) for k, v in attempts.items()} if attempts else {},
        dict(sent), wake, set_aside, facts,
    )  # fmt: skip


def _episode(value: list[Any], version: str | None) -> Episode:
    start, own, places, settled, pending, last, whole, returned, reported = value
    return Episode(
        start, own or version or "", set(places),
        {s: Settled(*v) for s, v in settled.items()} if settled else {}, dict(pending),
        None if last is None else (last[0], last[1]), whole, returned, tuple(reported),
    )  # fmt: skip


class Whereabouts(NamedTuple):
    """The zone a person's dates go by. A new one takes effect at the next local midnight (``coming`` at ``starts``)."""

    zone: str
    earlier: str | None = None
    changed: Instant = 0
    coming: str | None = None
    starts: Instant = 0
