"""What the loans of one decision share: the person, where they are, how to reach them, and past contacts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from policies.calendar import Zone, zone
from policies.compliance.dossier import Contact, Dossier
from policies.compliance.guard import View
from policies.compliance.plan import RuleBook
from policies.compliance.record import contacts_of, dossier_of
from policies.compose import Reach, reach
from policies.facts import Event, Instant, Person
from policies.state import Unsent, Whereabouts
from policies.versions import Policies


def find_whereabouts(person: Person, known: Whereabouts | None, now: Instant) -> Whereabouts:
    """The zone in force at ``now``; a new one of the person takes effect at the next local midnight."""
    if known is None:
        return Whereabouts(person.zone)
    if known.coming is not None and known.starts <= now:
        known = Whereabouts(known.coming, known.zone, known.starts)
    if known.coming is None and person.zone == known.zone and not known.starts:
        return known
    if person.zone in (known.zone, known.coming):
        return known if person.zone != known.zone else known._replace(coming=None, starts=0)
    held = zone(known.zone)
    return known._replace(coming=person.zone, starts=held.instant(held.day(now) + 1))


@dataclass(slots=True)
class Situation:
    """What the loans of one decision share: the person, the zone, how to reach them, and what the guard judges by.

    ``history`` is the dossier's own list of contacts, which grows by those that are allowed.
    """

    person: Person
    policies: Policies
    now: Instant
    zone: Zone
    moved: tuple[Zone, Instant] | None
    reach: Reach
    history: list[Contact]
    dossier: Dossier
    link_base: str
    unsent: tuple[Unsent, ...] = ()
    made: list[Contact] = field(default_factory=list)
    _view: View | None = None

    def view(self, book: RuleBook) -> View:
        """How the guard looks at the person under these rules; worked out once, as loans mostly share them."""
        if self._view is None or self._view.book is not book:
            self._view = View(self.dossier, book, self.now)
        return self._view

    def contact(self, key: str, channel: str, loan_id: str) -> None:
        """A contact was allowed; it counts for whatever is proposed next."""
        one = Contact(self.now, key, channel, (loan_id,))
        self.history.append(one)
        self.made.append(one)


def situation_at(
    person: Person, policies: Policies, now: Instant, where: Whereabouts, events: Sequence[Event],
    contacts: Iterable[Contact], link_base: str, unsent: tuple[Unsent, ...] = (),
) -> Situation:  # fmt: skip
    """The situation of a person at ``now``: ``events`` are those known by then, ``contacts`` our own."""
    home = zone(where.zone)
    history = [*contacts, *contacts_of(events, now)]
    return Situation(
        person,
        policies,
        now,
        home,
        None if where.earlier is None else (zone(where.earlier), where.changed),
        reach(person, events, now),
        history,
        dossier_of(events, history, home, person.region, now),
        link_base,
        unsent,
    )
