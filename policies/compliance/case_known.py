"""What the packs give a case file to speak of: types of notes, classes of content, facts, options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from policies.compliance.kinds import Content, Notice, Pack, Recent, Rule, Stop
from policies.compliance.stops import VALIDATION_BOUNCED, VALIDATION_NOTICE, named

NOT_FLAGS: Final = frozenset({"zones", "basis", "days_past_due", "program", "actor"})
"""What a rule's ``when`` may ask of the contact itself."""


@dataclass(frozen=True, slots=True)
class Known:
    """The words of a set of packs; ``notes`` and ``contents`` may hold ``*``."""

    notes: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    options: Mapping[str, str] = field(default_factory=dict)

    def note(self, name: str) -> bool:
        """Whether a rule names this type of note."""
        return named(self.notes, name)

    def content(self, name: str) -> bool:
        """Whether a rule names this class of content."""
        return named(self.contents, name)


def known_of(packs: Iterable[Pack]) -> Known:
    """The words of the packs."""
    notes: set[str] = {*VALIDATION_NOTICE, *VALIDATION_BOUNCED}
    contents: set[str] = set()
    flags: set[str] = set()
    options: dict[str, str] = {}
    for pack in packs:
        options.update(pack.options)
        for rule in pack.rules:
            notes.update(_notes(rule))
            contents.update(rule.forbids if isinstance(rule, Content) else ())
            flags.update(rule.when)
    return Known(tuple(sorted(notes)), tuple(sorted(contents)), frozenset(flags) - NOT_FLAGS, options)


def _notes(rule: Rule) -> tuple[str, ...]:
    if isinstance(rule, Stop):
        return (*rule.begins, *rule.ends)
    if isinstance(rule, Notice):
        return (*rule.notice, *rule.bounced)
    return rule.notes if isinstance(rule, Recent) else ()
