"""Compares the root of the leaves with every checkpoint that somebody kept, as the leaves stream by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from scheduler.ledger.authority import Authority, Named, Noted
from scheduler.ledger.findings import CUT, Finding, Findings, Held
from scheduler.ledger.rebuilding import Rebuilding
from scheduler.store.database import Connection

DATABASE: Final = "the database"

_CHECKPOINTS = """
SELECT size, note FROM ledger_checkpoint WHERE lender_id = %(lender)s AND clock_id = %(clock)s ORDER BY size
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """Checkpoints from outside the database, as notes: a witness's, or such as were ``given`` to compare with.

    ``fault`` says why a witness could not be read.
    """

    source: str
    notes: Sequence[str]
    given: bool = False
    fault: str | None = None


class _Outside(NamedTuple):
    """A checkpoint from outside the database; ``wrong`` says why it does not hold."""

    noted: Noted
    given: bool
    wrong: str | None = None


class Outcome(NamedTuple):
    """How far the ledger agrees with what is kept outside it.

    ``named`` are all that a witnessed one gives up; ``only_outside`` counts those that hold and that the database does
    not have.
    """

    holds: Held | None
    fails: Held | None
    given_up: tuple[Held, ...]
    named: frozenset[Named]
    only_outside: int


class CheckpointCheck:
    """The checkpoints of one ledger: those in the database as a stream, those from outside it in memory."""

    def __init__(
        self, connection: Connection, lender_id: str, clock_id: int, authority: Authority, findings: Findings
    ) -> None:  # fmt: skip
        self._connection = connection
        self._keys = {"lender": lender_id, "clock": clock_id}
        self._authority = authority
        self._findings = findings
        self._outside: list[_Outside] = []
        self._judged: list[_Outside] = []
        self._stream: Iterator[Noted] = iter(())
        self._next: Noted | None = None
        self._place = 0
        self._only_outside: set[int] = set()
        self.inside = 0
        self.last_good = 0

    @property
    def outside(self) -> int:
        """How many there are outside the database that can be read."""
        return len(self._outside)

    def hear(self, note: str, kept: Kept) -> None:
        """Take in a checkpoint from outside the database, before ``begin``."""
        heard = self._authority.note(note, kept.source)
        if isinstance(heard, Finding):
            self._findings.add(heard)
        else:
            self._outside.append(_Outside(heard, kept.given))

    def begin(self) -> None:
        """Begin to read those of the database, in the caller's transaction."""
        self._outside.sort(key=lambda one: one.noted.size)
        self._only_outside = {one.noted.size for one in self._outside}
        self._stream = self._in_database()
        self._next = next(self._stream, None)

    def up_to(self, rebuilt: Rebuilding) -> None:
        """Judge every checkpoint of a size that the leaves have come to."""
        self._judge_all(rebuilt.size, rebuilt)

    def end(self, size: int) -> Outcome:
        """Judge those that are left, whose size the leaves never came to, and settle what was given up."""
        self._judge_all(None, f"the ledger has only {size:,} entries")
        given_up = {
            one for kept in self._judged if kept.wrong is None and not kept.given for one in kept.noted.given_up
        }
        holds, fails, given = None, None, []
        for kept in self._judged:
            noted = kept.noted
            held = Held(noted.size, noted.source)
            if kept.wrong is None:
                if fails is None:
                    holds = held
            elif not kept.given and (noted.origin, noted.size, noted.root) in given_up:
                given.append(held)
            else:
                self._findings.add(_does_not_hold(kept, holds, first=fails is None))
                fails = fails or held
        missing = {one.noted.size for one in self._judged if one.wrong is None} & self._only_outside
        return Outcome(holds, fails, tuple(given), frozenset(given_up), len(missing))

    def _judge_all(self, size: int | None, against: Rebuilding | str) -> None:
        while self._next is not None and (size is None or self._next.size <= size):
            self._inside(self._next, self._wrong(self._next, against))
            self._next = next(self._stream, None)
        while self._place < len(self._outside) and (size is None or self._outside[self._place].noted.size <= size):
            kept = self._outside[self._place]
            self._judged.append(kept._replace(wrong=self._wrong(kept.noted, against)))
            self._place += 1

    def _wrong(self, noted: Noted, against: Rebuilding | str) -> str | None:
        """Why a checkpoint does not hold; who signed it is looked at on the way."""
        if not self._authority.may_sign(noted.size, noted.signers):
            text = f"the checkpoint of {noted.size:,} entries in {noted.source} is signed by a key not in force there"
            self._findings.add(Finding("checkpoint-wrong-key", text, size=noted.size, source=noted.source))
        if isinstance(against, str):
            return against
        if against.root(noted.size) != noted.root:
            return f"the first {noted.size:,} entries are not those that it was signed over"
        self.last_good = max(self.last_good, noted.size)
        return None

    def _inside(self, noted: Noted, wrong: str | None) -> None:
        if not self._authority.endorses(noted.size, noted.signers):
            text = (
                f"at {noted.size:,} entries another key begins to sign, and the checkpoint in {DATABASE} is not signed "
                "by the key before it as well"
            )
            self._findings.add(Finding("key-not-endorsed", text, size=noted.size, source=DATABASE))
        if wrong is not None:
            text = f"the checkpoint of {noted.size:,} entries in {DATABASE} does not hold: {wrong}"
            self._findings.add(Finding("checkpoint-does-not-hold", text, size=noted.size, source=DATABASE))

    def _in_database(self) -> Iterator[Noted]:
        with self._connection.cursor(name="duly_checkpoints") as cursor:
            cursor.execute(_CHECKPOINTS, self._keys)
            for size, text in cursor:
                self.inside += 1
                self._only_outside.discard(size)
                noted = self._authority.note(text, DATABASE)
                if isinstance(noted, Noted) and noted.size != size:
                    said = f"the checkpoint of {noted.size:,} entries in {DATABASE} is kept as one of {size:,}"
                    noted = Finding("checkpoint-misplaced", said, size=size, source=DATABASE)
                if isinstance(noted, Finding):
                    self._findings.add(noted)
                else:
                    yield noted


def _does_not_hold(kept: _Outside, holds: Held | None, *, first: bool) -> Finding:
    noted = kept.noted
    before = (
        "none before it holds" if holds is None
        else f"the last that holds is that of {holds.size:,} entries in {holds.source}"
    )  # fmt: skip
    text = f"the checkpoint of {noted.size:,} entries in {noted.source} does not hold: {kept.wrong}; {before}"
    return Finding(CUT if first else "kept-does-not-hold", text, size=noted.size, source=noted.source)
