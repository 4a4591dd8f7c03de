"""The entries about a borrower, taken apart: the looks at them, the contracts moved, the decisions that failed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from policies.facts import Instant
from scheduler import journal
from scheduler.ledger.commit import canonical
from scheduler.ledger.versions import versions_text
from scheduler.replay.history import Written


class Recorded(NamedTuple):
    """One look as it was recorded: the entries of one transaction about one borrower, read, and their texts.

    What is common to them is taken from the first; where another says something else, its text will differ.
    """

    values: list[dict[str, Any]]
    texts: list[str]

    @property
    def now(self) -> Instant:
        """The instant that was decided at."""
        return int(self.values[0]["now"])

    @property
    def revision(self) -> int:
        """The borrower's revision."""
        return int(self.values[0]["revision"])

    @property
    def facts(self) -> str:
        """The value of the chain of facts."""
        return str(self.values[0]["facts"])

    @property
    def policies(self) -> int:
        """The number of the newest version of a policy."""
        return int(self.values[0]["policies"])

    @property
    def unsent(self) -> tuple[str, ...]:
        """The keys of the messages that had not left."""
        return tuple(self.values[0].get("unsent", ()))

    @property
    def unsent_parts(self) -> tuple[str, ...]:
        """Of these the keys of those of whose contact another message had left."""
        return tuple(self.values[0].get("unsent_parts", ()))

    def look(self, salt: bytes, borrower: str) -> journal.Look:
        """The look as today's entries of it are written: with the facts, rules and link that were recorded."""
        first = self.values[0]
        return journal.Look(
            salt, borrower, self.now, self.revision, self.facts, self.policies, str(first["rules"]),
            str(first["link"]), self.unsent, self.unsent_parts,
        )  # fmt: skip

    def with_versions(self, text: str) -> str:
        """An entry of today with the versions that were recorded: they are the last of an entry's keys."""
        today = f'"versions":{versions_text()}}}'
        if not text.endswith(today):
            raise AssertionError("an entry does not end with its versions")
        return f'{text[: -len(today)]}"versions":{canonical(self.values[0].get("versions", {}))}}}'


class Moved(NamedTuple):
    """A contract was moved to another version of its policy: the entry."""

    values: dict[str, Any]


class Aside(NamedTuple):
    """A decision could not be made or written, and the borrower was set aside: the entry."""

    values: dict[str, Any]


def taken_apart(entries: Iterable[Written]) -> Iterator[Recorded | Moved | Aside]:
    """The entries that matter for a replay, in their order; entries of one transaction are one look."""
    look: Recorded | None = None
    writer = 0
    for xact, text in entries:
        values = json.loads(text)
        kind = values.get("kind")
        if kind in (journal.DECISION, journal.LOOKED):
            if look is not None and writer != xact:
                yield look
                look = None
            if look is None:
                look = Recorded([], [])
                writer = xact
            look.values.append(values)
            look.texts.append(text)
            continue
        if look is not None:
            yield look
            look = None
        if kind == journal.MIGRATED:
            yield Moved(values)
        elif kind == journal.SET_ASIDE:
            yield Aside(values)
    if look is not None:
        yield look
