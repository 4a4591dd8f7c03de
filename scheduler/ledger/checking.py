"""``duly ledger verify``: every leaf, tile, root, signature and neighbour of a ledger reckoned anew, and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from scheduler.ledger.authority import Named, authority, read_checkpoint
from scheduler.ledger.checkpoint_check import CheckpointCheck, Kept, Outcome
from scheduler.ledger.contents import Publications, compare_texts, is_as_it_says, iso
from scheduler.ledger.entry_check import EntryCheck
from scheduler.ledger.findings import Finding, Findings, Held, Verdict
from scheduler.ledger.lenders import lenders
from scheduler.ledger.reading import Position, Row, every_row, position
from scheduler.ledger.rebuilding import Rebuilding
from scheduler.ledger.tree import leaf_hash
from scheduler.store.database import Connection

AT_ONCE: Final = 4_096
"""Entries that are compared at once: whole tiles."""

Tell = Callable[[int, int | None, str], None]
"""Is told how many were done, of how many where that is known, and what they are."""

_FIRST_LENDER = "default"
_LEDGER = "SELECT origin, key FROM ledger WHERE lender_id = %(lender)s AND clock_id = %(clock)s"

# How far the tree has come, and what a checkpoint says that the ledger is called, where its own row is gone.
_WITHOUT_ROW = """
SELECT t.place * 256 + length(t.hashes) / 32, (
    SELECT split_part(c.note, E'\\n', 1) FROM ledger_checkpoint c
    WHERE c.lender_id = t.lender_id AND c.clock_id = t.clock_id ORDER BY c.size DESC LIMIT 1
) FROM ledger_tile t WHERE t.lender_id = %(lender)s AND t.clock_id = %(clock)s AND t.level = 0
ORDER BY t.place DESC LIMIT 1
"""
_NEVER: Final = 1 << 62

_NO_WITNESS = (
    "no witness (DULY_WITNESS) and no older checkpoint (--from) was compared with: entries cut off the end, or a "
    "ledger written anew by who has the key, cannot be found"
)
_NOT_YET = "no checkpoint outside the database has the entries from {:,} on yet: a cut there could not be found"
_ONLY_OUTSIDE = "{:,} of the checkpoints outside the database hold and are not in it any more"
_NO_KEY = "this machine has no key of the ledger: signatures were checked by the keys that the ledger itself names"


def check(
    connection: Connection, clock_id: int, kept: Sequence[Kept], known: Callable[[str], Iterable[str]], tell: Tell
) -> list[Verdict]:  # fmt: skip
    """Check the ledger of every lender of a clock; one verdict each, in the order of lenders.

    ``kept`` was read before this is called, so that all of it is from before what is seen here. ``known``: the
    verifier keys that this machine knows for an origin. Reads one snapshot of the database and writes nothing; memory
    is bounded but for the sizes and roots of ``kept``.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = lenders(connection, clock_id) or [_FIRST_LENDER]
        runs = [_Run(connection, lender, clock_id, known) for lender in found]
        origins = {run.origin: run for run in runs if run.origin is not None}
        foreign = []
        for source in kept:
            for note in source.notes:
                run = origins.get(note.partition("\n")[0])
                if run is None:
                    foreign.append((note, source))
                else:
                    run.checkpoints.hear(note, source)
        verdicts = [run.through(tell) for run in runs]
        faults = [Finding("witness-unreadable", one.fault, source=one.source) for one in kept if one.fault is not None]
        return [_with_foreign(verdicts[0], runs, foreign, faults), *verdicts[1:]]


def _with_foreign(
    verdict: Verdict, runs: Sequence[_Run], foreign: Sequence[tuple[str, Kept]], faults: Sequence[Finding]
) -> Verdict:  # fmt: skip
    """The verdict, and with it the checkpoints of ledgers that this database does not have."""
    named = frozenset().union(*(run.named for run in runs))
    findings, given_up = Findings(), list(verdict.given_up)
    for fault in faults:
        findings.add(fault)
    for note, source in foreign:
        one = read_checkpoint(note, source.source)
        if isinstance(one, Finding):
            findings.add(one)
        elif (one.origin, one.size, one.root) in named and not source.given:
            given_up.append(Held(one.size, source.source))
        else:
            text = (
                f"{source.source} has a checkpoint of {one.size:,} entries of the ledger {one.origin}, which this "
                "database does not have"
            )
            findings.add(Finding("ledger-of-another", text, size=one.size, source=source.source))
    return replace(
        verdict, given_up=tuple(given_up), findings=(*verdict.findings, *findings.found),
        counts={**verdict.counts, **findings.counts},
    )  # fmt: skip


class _Run:
    """The check of one lender's ledger."""

    def __init__(
        self, connection: Connection, lender_id: str, clock_id: int, known: Callable[[str], Iterable[str]]
    ) -> None:  # fmt: skip
        self._connection = connection
        self._lender = lender_id
        self._clock = clock_id
        keys = {"lender": lender_id, "clock": clock_id}
        self.origin: str | None = None
        self._key: str | None = None
        self._at = position(connection, lender_id, clock_id)
        row = connection.execute(_LEDGER, keys).fetchone()
        left = None if row is not None else connection.execute(_WITHOUT_ROW, keys).fetchone()
        if row is not None:
            self.origin, self._key = row
        elif left is not None:
            self._at, self.origin = Position(left[0], _NEVER, 0), left[1]
        self._known = () if self.origin is None else tuple(known(self.origin))
        self._authority = authority(connection, lender_id, clock_id, self.origin, self._key, self._known)
        self._findings = Findings()
        self.named: frozenset[Named] = frozenset()
        self.checkpoints = CheckpointCheck(connection, lender_id, clock_id, self._authority, self._findings)

    def through(self, tell: Tell) -> Verdict:
        """Check it all."""
        at = self._at
        rebuilt, publications = Rebuilding(), Publications()
        entries = EntryCheck(self._connection, self._lender, self._clock, at.size, self._findings)
        waiting = 0
        self.checkpoints.begin()
        for numbered, rows in _blocks(every_row(self._connection, self._lender, self._clock), at):
            if not numbered:
                for row in rows:
                    self._contents(None, row, publications)
                    self._authority.read(None, row)
                waiting += len(rows)
                continue
            begin = rebuilt.size
            for number, row in enumerate(rows, begin):
                self._contents(number, row, publications)
                self._authority.read(number, row)
            leaves = [leaf_hash(row.leaf) for row in rows]
            entries.compare(begin, rows, leaves, rebuilt.extend(b"".join(leaves)))
            self.checkpoints.up_to(rebuilt)
            tell(rebuilt.size, at.size, "entries")
        self.checkpoints.up_to(rebuilt)
        entries.end(rebuilt)
        outcome = self.checkpoints.end(rebuilt.size)
        self.named = outcome.named
        entries.settle(self.checkpoints.last_good)
        self._whose_key()
        publications.compare(self._connection, self._lender, self._clock, self._findings)
        compare_texts(
            self._connection, self._lender, self._clock, self._findings, lambda people: tell(people, None, "people")
        )
        return Verdict(
            self._lender, self.origin, at.size, waiting, rebuilt.root(rebuilt.size), self.checkpoints.inside,
            self.checkpoints.outside, outcome.holds, outcome.fails, outcome.given_up, self._findings.in_order(),
            self._findings.counts, self._remarks(outcome, rebuilt.size),
        )  # fmt: skip

    def _contents(self, number: int | None, row: Row, publications: Publications) -> None:
        publications.read(number, row)
        wrong = is_as_it_says(row)
        if wrong is not None:
            name = "an entry that waits for its number" if number is None else f"entry {number:,}"
            self._findings.add(Finding("entry-columns", f"{name}: {wrong}", number, row.kind, iso(row.at)))

    def _whose_key(self) -> None:
        """The key of the ledger is the last that an entry names, and one that this machine knows."""
        chain = [key for _, key in self._authority.chain]
        if self._key is None:
            if self._at.size or self.checkpoints.inside:
                text = "the ledger's own row is gone, which says how far it has come and which key signs"
                self._findings.add(Finding("ledger-missing", text))
            return
        named = [*chain, *self._authority.waiting]
        if named and self._key != named[-1]:
            text = f"the ledger's row names the key {self._key}, its last entry on keys {named[-1]}"
            self._findings.add(Finding("key-changed", text))
        if self._known and not set(self._known) & {*chain, self._key}:
            text = (
                f"the ledger is signed by the key {self._key}, which was never that of this machine ({self._known[0]})"
            )
            self._findings.add(Finding("key-unknown", text))

    def _remarks(self, outcome: Outcome, size: int) -> tuple[str, ...]:
        covered = 0 if outcome.holds is None else outcome.holds.size
        remarks = [] if covered >= size or outcome.fails is not None else [_NOT_YET.format(covered)]
        if not self.checkpoints.outside:
            remarks = [_NO_WITNESS]
        if outcome.only_outside:
            remarks.append(_ONLY_OUTSIDE.format(outcome.only_outside))
        return tuple(remarks if self._known or self.origin is None else [*remarks, _NO_KEY])


def _blocks(rows: Iterator[Row], at: Position) -> Iterator[tuple[bool, list[Row]]]:
    """Rows, some at once: those that have a number (True) in whole tiles but for the last, then those that wait."""
    numbered, block = True, list[Row]()
    for row in rows:
        if numbered and (row.xact, row.entry_id) >= at[1:]:
            if block:
                yield True, block
            numbered, block = False, []
        block.append(row)
        if len(block) == AT_ONCE:
            yield numbered, block
            block = []
    if block:
        yield numbered, block
