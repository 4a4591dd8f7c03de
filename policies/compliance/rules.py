"""The kinds of rule that a guard knows, and the rule sets made of them; ``house`` is the one built in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """Contact only in [opens, closes), seconds since local midnight."""

    rule_id: str
    opens: int
    closes: int
    cite: str


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``most`` contacts with a person in any ``days`` calendar days of theirs, a contact's day included."""

    rule_id: str
    most: int
    days: int
    cite: str


Rule = Window | Cap

HOUSE: tuple[Rule, ...] = (
    Window("HOUSE-HOURS", 8 * 3600, 20 * 3600, "house rule of duly: 08:00-20:00 where the borrower is"),
    Cap("HOUSE-DAY", 1, 1, "house rule of duly: one contact a day"),
    Cap("HOUSE-WEEK", 3, 7, "house rule of duly: three contacts in seven days"),
)

PACKS: dict[str, tuple[Rule, ...]] = {"house": HOUSE}
KNOWN_PACKS = frozenset(PACKS)


def rules_of(names: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules of the packs named, in order, each once."""
    found: dict[str, Rule] = {}
    for name in names:
        for rule in PACKS[name]:
            found.setdefault(rule.rule_id, rule)
    return tuple(found.values())
