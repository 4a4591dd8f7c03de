"""What the loans of one decision share: the person, where they are, how to reach them, and past contacts."""

from __future__ import annotations

from dataclasses import dataclass, field

from policies.calendar import Zone, zone
from policies.compliance.old_guard import Contact
from policies.compose import Reach
from policies.facts import Instant, Person
from policies.state import Unsent, Whereabouts
from policies.versions import Policies


def find_whereabouts(person: Person, known: Whereabouts | None, now: Instant) -> Whereabouts:
    """The zone in force at ``now``; a new one of the person takes effect at the next local midnight."""
    if known is None:
        return Whereabouts(person.zone)
    if known.coming is not None and known.starts <= now:
        known = Whereabouts(known.coming, known.zone, known.starts)
    if person.zone in (known.zone, known.coming):
        return known if person.zone != known.zone else known._replace(coming=None, starts=0)
    held = zone(known.zone)
    return known._replace(coming=person.zone, starts=held.instant(held.day(now) + 1))


@dataclass(slots=True)
class Situation:
    """What the loans of one decision share: the person, the zone, the contacts that count, and how to reach them."""

    person: Person
    policies: Policies
    now: Instant
    zone: Zone
    moved: tuple[Zone, Instant] | None
    reach: Reach
    history: list[Contact]
    link_base: str
    unsent: tuple[Unsent, ...] = ()
    made: list[Contact] = field(default_factory=list)

    def contact(self, key: str) -> None:
        """A contact was allowed; it counts for whatever is proposed next."""
        one = Contact(self.now, key)
        self.history.append(one)
        self.made.append(one)
