"""All that the decisions about one borrower rest on, as it was recorded: what a replay is given, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from policies.facts import Event, Instant, Loan, Person
from policies.language.check import compile_policy
from policies.versions import ALWAYS, Policies, Published
from scheduler.store.people import Known


class ReplayError(Exception):
    """A replay cannot be done at all; the text says what was found and what to do."""


class Written(NamedTuple):
    """An entry of the journal: the transaction that wrote it, and its text."""

    xact: int
    text: str


class Version(NamedTuple):
    """A published version of a policy; ``since`` is none for the first, which holds from the beginning of time."""

    number: int
    digest: str
    file_name: str
    source: bytes
    since: Instant | None


class PersonThen(NamedTuple):
    """What was known of a person from ``revision`` on."""

    revision: int
    person: Person


class LoanThen(NamedTuple):
    """What was known of a loan from ``revision`` on."""

    revision: int
    loan: Loan


class EventThen(NamedTuple):
    """An event that was there from ``revision`` on."""

    revision: int
    event: Event


class Facts(NamedTuple):
    """What a look could see: the person, the loans, and of the events those that were known."""

    person: PersonThen
    known: Known


@dataclass(frozen=True, slots=True)
class History:
    """One borrower's facts in all their versions, and the entries about them in the order in which they were written.

    ``persons`` and the versions of each loan go up by revision; loans are in order of id, events in order of
    (known_at, at, event_id). The order of writing is that of ``entry_id``: each entry was written under the lock of
    the borrower's row, and a transaction that began earlier may have got it later.
    """

    lender_id: str
    borrower_id: str
    salt: bytes
    persons: tuple[PersonThen, ...]
    loans: tuple[LoanThen, ...]
    events: tuple[EventThen, ...]
    entries: tuple[Written, ...]

    def at(self, revision: int, now: Instant) -> Facts | None:
        """The facts that a look at ``now`` at this revision saw; none, where there was nobody yet."""
        person = None
        for one in self.persons:
            if one.revision <= revision:
                person = one
        if person is None:
            return None
        loans: dict[str, LoanThen] = {}
        for then in self.loans:
            if then.revision <= revision:
                loans[then.loan.loan_id] = then
        events = [one for one in self.events if one.revision <= revision and one.event.known_at <= now]
        known = Known(
            tuple([then.loan for then in loans.values()]),
            {},
            tuple([one.event for one in events]),
            [],
            tuple([then.revision for then in loans.values()]),
            tuple([one.revision for one in events]),
        )
        return Facts(person, known)


class Versions:
    """The published policies of one lender, read with today's code; ``up_to`` answers what a look could see."""

    def __init__(self, versions: Iterable[Version]) -> None:
        """Raises ReplayError where one cannot be read any more."""
        self.all = tuple(sorted(versions))
        self._read: list[tuple[int, Published]] = []
        self._up_to: dict[int, Policies] = {}
        for one in self.all:
            policy, problems = compile_policy(one.file_name, one.source, executing=True)
            if policy is None or policy.digest != one.digest:
                reason = problems[0].message if policy is None and problems else "its digest is another"
                raise ReplayError(
                    f"version {one.digest} of {one.file_name} cannot be read by this version of duly: {reason}; "
                    "replay it with the version that it was published with"
                )
            self._read.append((one.number, Published(policy, ALWAYS if one.since is None else one.since)))

    def up_to(self, number: int) -> Policies:
        """The policies as they were when version ``number`` was the newest."""
        found = self._up_to.get(number)
        if found is None:
            found = self._up_to[number] = Policies(one for own, one in self._read if own <= number)
        return found

    def names_of_calendars(self) -> set[str]:
        """The regions whose holidays the policies name."""
        return {one.policy.calendar for _, one in self._read if one.policy.calendar is not None}
