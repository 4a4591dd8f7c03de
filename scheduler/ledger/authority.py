"""Which keys may sign a checkpoint of which size, by the ledger's own entries; and checkpoints read by them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from scheduler import journal
from scheduler.ledger.checkpoints import text_of
from scheduler.ledger.findings import Finding
from scheduler.ledger.hold import GIVEN_UP
from scheduler.ledger.notes import Checkpoint, NoteError, Verifier, open_note
from scheduler.ledger.reading import Row
from scheduler.store.database import Connection

Named = tuple[str, int, bytes]
"""A checkpoint by what it says: origin, size and root."""

_KEYS = """
SELECT entry FROM journal WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND kind = 'ledger_key'
ORDER BY xact, entry_id
"""


@dataclass(frozen=True, slots=True)
class Noted:
    """A checkpoint that somebody kept: who signed it (verifier keys), which others it gives up, and who has it."""

    origin: str
    size: int
    root: bytes
    signers: frozenset[str]
    given_up: tuple[Named, ...]
    source: str


@dataclass(slots=True)
class Authority:
    """The keys of a ledger: each signs from its entry on, the first from the beginning.

    ``verifiers`` are all that are named anywhere, by their text; only those in ``chain`` may sign. ``waiting`` are keys
    whose entry has no number yet.
    """

    origin: str | None
    verifiers: dict[str, Verifier] = field(default_factory=dict)
    chain: list[tuple[int, str]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    _endorsed: int = 0

    def read(self, number: int | None, row: Row) -> None:
        """Take in an entry, in the order of the ledger; ``number`` is None where it waits for one."""
        if row.kind == journal.LEDGER_KEY:
            key = _said(row.entry).get("key")
            if isinstance(key, str) and number is None:
                self.waiting.append(key)
            elif isinstance(key, str) and number is not None:
                self.chain.append((number, key))

    def may_sign(self, size: int, signers: frozenset[str]) -> bool:
        """Whether one of the keys signs at this size: that of the last entry before it, or one that followed."""
        begun = [place for place, (number, _) in enumerate(self.chain) if number < size]
        return any(key in signers for _, key in self.chain[begun[-1] if begun else 0 :])

    def endorses(self, size: int, signers: frozenset[str]) -> bool:
        """Whether each key that begins to sign at this size has the signature of the one before it beside its own."""
        begin, self._endorsed = self._endorsed, max(self._endorsed, size)
        return all(
            before in signers and key in signers
            for (_, before), (number, key) in pairwise(self.chain)
            if begin <= number < size
        )

    def note(self, text: str, source: str) -> Noted | Finding:
        """A checkpoint that ``source`` has; a finding, where it is none or no key that is known has signed it."""
        checkpoint = read_checkpoint(text, source)
        if isinstance(checkpoint, Finding):
            return checkpoint
        size = checkpoint.size
        try:
            _, signers = open_note(text, list(self.verifiers.values()))
        except NoteError as error:
            said = f"the checkpoint of {size:,} entries in {source} is not signed by a key of this ledger: {error}"
            return Finding("checkpoint-not-signed", said, size=size, source=source)
        return Noted(checkpoint.origin, size, checkpoint.root, frozenset(signers), _given_up(checkpoint), source)


def read_checkpoint(text: str, source: str) -> Checkpoint | Finding:
    """What a note says, whoever signed it; a finding, where it is no checkpoint."""
    try:
        return Checkpoint.parse(text_of(text))
    except NoteError as error:
        said = f"something in {source} is no checkpoint: {error}"
        return Finding("checkpoint-unreadable", said, source=source)


def authority(
    connection: Connection, lender_id: str, clock_id: int, origin: str | None, key: str | None, known: Iterable[str]
) -> Authority:  # fmt: skip
    """The authority over a ledger whose row names ``key``; ``known`` are verifier keys known on this machine."""
    named = [*known, *([] if key is None else [key])]
    for (entry,) in connection.execute(_KEYS, {"lender": lender_id, "clock": clock_id}):
        said = _said(entry)
        named += [value for value in (said.get("after"), said.get("key")) if isinstance(value, str)]
    verifiers = {}
    for text in dict.fromkeys(named):
        try:
            verifiers[text] = Verifier.parse(text)
        except NoteError:
            continue
    return Authority(origin, verifiers)


def _said(entry: str) -> dict[str, Any]:
    try:
        said = json.loads(entry)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _given_up(checkpoint: Checkpoint) -> tuple[Named, ...]:
    """The checkpoints that this one gives up, as ``duly reconcile`` wrote them."""
    found = []
    for line in checkpoint.extensions:
        word, *parts = line.split(" ")
        if word == GIVEN_UP and len(parts) in (2, 3) and parts[0].isdecimal():
            whose = parts[2] if len(parts) == 3 else checkpoint.origin
            found.append((whose, int(parts[0]), base64.b64decode(parts[1])))
    return tuple(found)
