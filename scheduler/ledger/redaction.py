"""What a bundle leaves out, by the names of fields, and where else a value that was left out still stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from policies.language.findings import did_you_mean
from policies.money import decimal_text

PERSON_FIELDS: Final = (
    "borrower_id", "first_name", "last_name", "language", "zone", "region", "phone", "email", "address",
)  # fmt: skip
LOAN_FIELDS: Final = (
    "loan_id", "borrower_id", "product", "currency", "principal_minor", "disbursed_at", "policy", "segment", "tags",
    "allocation", "instalments",
)  # fmt: skip
EVENT_FIELDS: Final = (
    "event_id", "type", "at", "known_at", "borrower_id", "loan_id", "amount_minor", "ref", "channel", "address",
    "value", "from", "until", "text",
)  # fmt: skip
MESSAGE_FIELDS: Final = ("message_id", "to", "text", "subject", "body", "reference", "reason")
FIELDS: Final = tuple(dict.fromkeys((*PERSON_FIELDS, *LOAN_FIELDS, *EVENT_FIELDS, *MESSAGE_FIELDS)))
"""Everything that can be left out."""

# What comes with a field: a message's id is made of its loan's, and can be guessed back to it.
_BESIDE: Final = {"subject": ("body",), "body": ("subject",), "text": ("subject", "body"), "loan_id": ("message_id",)}
_SHORTEST: Final = 3


class NoField(ValueError):
    """There is no field of that name; the text names the nearest."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """The fields that are left out."""

    fields: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, names: Iterable[str]) -> Redaction:
        """Of these names, several of which may stand in one with commas between. Raises NoField."""
        wanted = [name.strip() for one in names for name in one.split(",")]
        for name in wanted:
            if name not in FIELDS:
                raise NoField(f"there is no field {name!r}; {did_you_mean(name, FIELDS)}")
        return cls(frozenset([*wanted, *(beside for name in wanted for beside in _BESIDE.get(name, ()))]))

    def hides(self, name: str) -> bool:
        """Whether values of this field are left out."""
        return name in self.fields

    def hides_of_event(self, name: str, fields: Mapping[str, Any]) -> bool:
        """The same of a field of an event: a receipt names its message twice."""
        return self.hides(name) or (
            self.hides("message_id") and fields.get("type") == "receipt" and name in ("event_id", "ref")
        )


@dataclass(slots=True)
class Values:
    """The values of a bundle as they are gone through: those left out and those shown, each with where it stands."""

    currency: str
    hidden: list[tuple[str, Any]] = field(default_factory=list)
    shown: list[tuple[str, Any]] = field(default_factory=list)

    def add(self, name: str, value: Any, *, hidden: bool) -> None:
        """One value of the field ``name``."""
        (self.hidden if hidden else self.shown).append((name, value))

    def leftovers(self) -> dict[str, tuple[str, ...]]:
        """By field that was left out: where one of its values stands, word for word, among those that are shown."""
        texts: dict[str, str] = {}
        for name, value in self.shown:
            texts[name] = "\n".join([texts.get(name, ""), *self._words(name, value)])
        found: dict[str, dict[str, None]] = {}
        for name, value in self.hidden:
            for word in self._words(name, value):
                if len(word) < _SHORTEST:
                    continue
                pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
                for place, text in texts.items():
                    if pattern.search(text):
                        found.setdefault(name, {})[place] = None
        return {name: tuple(places) for name, places in found.items()}

    def _words(self, name: str, value: Any) -> Iterator[str]:
        """A value as it may stand in a text."""
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            for one in value:
                yield from self._words(name, one)
        else:
            yield str(value)
            if name.endswith("_minor") or name == "instalments":
                amount = decimal_text(value, self.currency)
                whole, point, rest = amount.partition(".")
                yield amount
                yield f"{int(whole):,}{point}{rest}"
