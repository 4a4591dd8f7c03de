"""What an operator has paused: nothing of it is decided or leaves, from the next claim on, until it is resumed.

Facts go on arriving, and none is lost: a borrower of whom a loan is paused is laid by when their wake comes, and is
looked at again when it is resumed, as after an outage.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from policies.calendar import to_datetime
from policies.decide import Borrower
from policies.facts import Instant, Loan
from policies.versions import NoPolicy
from scheduler import journal
from scheduler.batch import write_journal
from scheduler.store.database import Connection
from scheduler.store.people import instant

ALL: Final = "all"
LENDER: Final = "lender"
POLICY: Final = "policy"
CHANNEL: Final = "channel"
PROVIDER: Final = "provider"

_LIST = """
SELECT scope, name, lender_id, since, by, why FROM pause WHERE clock_id = %(clock)s
ORDER BY scope, lender_id, name
"""
_ADD = """
INSERT INTO pause (lender_id, clock_id, scope, name, since, by, why)
VALUES (%(lender)s, %(clock)s, %(scope)s, %(name)s, %(now)s, %(by)s, %(why)s)
ON CONFLICT DO NOTHING
"""
_REMOVE = """
DELETE FROM pause WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND scope = %(scope)s AND name = %(name)s
"""
# Locked until the engine's commit, so that who is laid by is seen by whoever resumes.
_KEPT = """
SELECT json_agg(json_build_array(scope, lender_id, name))::text
FROM (SELECT scope, lender_id, name FROM pause WHERE clock_id = %(clock)s FOR SHARE) p
"""
_LAY_BY = """
UPDATE borrower b SET laid_by_at = least(b.laid_by_at, b.wake_at), wake_at = NULL
FROM unnest(%(lenders)s::text[], %(borrowers)s::text[]) AS v(lender_id, borrower_id)
WHERE b.lender_id = v.lender_id AND b.clock_id = %(clock)s AND b.borrower_id = v.borrower_id
"""
# Everybody who was laid by is looked at again; whoever another pause concerns is laid by once more.
_TAKE_UP = """
UPDATE borrower b SET wake_at = least(b.wake_at, b.laid_by_at), laid_by_at = NULL
FROM (
    SELECT lender_id, clock_id, borrower_id FROM borrower WHERE clock_id = %(clock)s AND laid_by_at IS NOT NULL
    ORDER BY lender_id, borrower_id FOR NO KEY UPDATE
) v
WHERE (b.lender_id, b.clock_id, b.borrower_id) = (v.lender_id, v.clock_id, v.borrower_id)
"""


class Pause(NamedTuple):
    """One pause as it was made; ``name`` is empty where the scope says all."""

    scope: str
    name: str
    lender_id: str
    since: Instant
    by: str
    why: str | None

    def words(self) -> str:
        """What is paused, in two words."""
        return self.scope if not self.name else f"{self.scope} {self.name}"


@dataclass(frozen=True, slots=True)
class Pauses:
    """All pauses of a clock, as engine and dispatcher ask for them; ``policies`` as (lender_id, name)."""

    everything: bool = False
    lenders: frozenset[str] = field(default_factory=frozenset)
    policies: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    channels: frozenset[str] = field(default_factory=frozenset)
    providers: frozenset[str] = field(default_factory=frozenset)

    @property
    def of_people(self) -> bool:
        """Whether anybody's decisions may have to wait while those of others go on."""
        return bool(self.lenders or self.policies)

    @property
    def any(self) -> bool:
        """Whether anything is paused."""
        return self.count > 0

    @property
    def count(self) -> int:
        """How many pauses there are."""
        return int(self.everything) + sum(map(len, (self.lenders, self.policies, self.channels, self.providers)))

    def concern(self, lender_id: str, borrower: Borrower) -> bool:
        """Whether a borrower has to wait: one paused loan holds all of the person's.

        Caps, and messages for several loans, are over all of them: half a decision would be another decision.
        """
        if self.everything or lender_id in self.lenders:
            return True
        names = {name for whose, name in self.policies if whose == lender_id}
        return bool(names) and any(_policy_of(loan, borrower) in names for loan in borrower.loans)


NONE: Final = Pauses()
"""Nothing is paused."""


def parse(text: str | None) -> Pauses:
    """The pauses of a JSON list of [scope, lender_id, name]; none where there is no list."""
    if text is None:
        return NONE
    found: dict[str, set[str]] = {scope: set() for scope in (ALL, LENDER, CHANNEL, PROVIDER)}
    policies = set()
    for scope, lender_id, name in json.loads(text):
        if scope == POLICY:
            policies.add((lender_id, name))
        else:
            found[scope].add(lender_id if scope == LENDER else name)
    return Pauses(
        bool(found[ALL]), frozenset(found[LENDER]), frozenset(policies), frozenset(found[CHANNEL]),
        frozenset(found[PROVIDER]),
    )  # fmt: skip


def kept(connection: Connection, clock_id: int) -> Pauses:
    """The pauses as they are, and stay until the caller's transaction ends."""
    row = connection.execute(_KEPT, {"clock": clock_id}).fetchone()
    return parse(None if row is None else row[0])


def lay_by(connection: Connection, clock_id: int, keys: list[tuple[str, str]]) -> None:
    """Look no more at borrowers, as (lender_id, borrower_id), until something is resumed or a new fact comes."""
    people = {"lenders": [key[0] for key in keys], "borrowers": [key[1] for key in keys]}
    connection.execute(_LAY_BY, {"clock": clock_id, **people})


def all_pauses(connection: Connection, clock_id: int) -> list[Pause]:
    """Every pause of a clock."""
    return [
        Pause(scope, name, lender_id, instant(since), by, why)
        for scope, name, lender_id, since, by, why in connection.execute(_LIST, {"clock": clock_id})
    ]


def pause(
    connection: Connection, clock_id: int, scope: str, name: str, now: Instant, *, by: str, why: str | None
) -> bool:  # fmt: skip
    """Pause it, and journal who did, and why; False, and nothing done, where it is paused already."""
    with connection.transaction():
        keys = _keys(clock_id, scope, name)
        if not connection.execute(_ADD, {**keys, "now": to_datetime(now), "by": by, "why": why}).rowcount:
            return False
        _tell(connection, clock_id, journal.PAUSED, scope, name, now, by, why)
    return True


def resume(
    connection: Connection, clock_id: int, scope: str, name: str, now: Instant, *, by: str, why: str | None
) -> bool:  # fmt: skip
    """Let it go on, and journal who did, and why; False, and nothing done, where it is not paused."""
    with connection.transaction():
        if not connection.execute(_REMOVE, _keys(clock_id, scope, name)).rowcount:
            return False
        connection.execute(_TAKE_UP, {"clock": clock_id})
        _tell(connection, clock_id, journal.RESUMED, scope, name, now, by, why)
    return True


def _keys(clock_id: int, scope: str, name: str) -> dict[str, object]:
    """A lender's pause is in the lender's own name; all others are the house's."""
    lender_id, rest = (name, "") if scope == LENDER else ("default", name)
    return {"lender": lender_id, "clock": clock_id, "scope": scope, "name": rest}


def _tell(
    connection: Connection, clock_id: int, kind: str, scope: str, name: str, now: Instant, by: str, why: str | None
) -> None:  # fmt: skip
    values = {"scope": scope, "by": by}
    if name:
        values["name"] = name
    if why is not None:
        values["why"] = why
    write_journal(connection, "default", clock_id, [journal.entry(now, kind, values)])


def _policy_of(loan: Loan, borrower: Borrower) -> str | None:
    """The name of the policy that a loan is bound to, or will be; none, where none applies."""
    state = borrower.states.get(loan.loan_id)
    if state is not None and state.version is not None:
        return borrower.policies.version(state.version).name
    try:
        return borrower.policies.name_for(loan, borrower.person.region)
    except NoPolicy:
        return None
