"""What a check of the ledger found, as values: what is wrong with which entry or checkpoint, how far all is well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

KEPT: Final = 100
"""Findings kept of one code; of more there is the count alone."""

# What an entry is found to be, against the tree.
CHANGED: Final = "entry-changed"
MISSING: Final = "entry-missing"
INSERTED: Final = "entry-inserted"
MOVED: Final = "entry-moved"
TREE: Final = "tree-changed"
ENTRY_CODES: Final = frozenset({CHANGED, MISSING, INSERTED, MOVED, TREE})

CUT: Final = "witnessed-does-not-hold"
"""The first checkpoint, of the witness or given, that the ledger does not hold."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not well.

    ``number``, ``kind`` and ``at`` are of an entry (``at`` ISO 8601), ``size`` of a checkpoint that ``source`` has.
    """

    code: str
    text: str
    number: int | None = None
    kind: str | None = None
    at: str | None = None
    size: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A checkpoint that was compared: its size, and who has it."""

    size: int
    source: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of checking one lender's ledger.

    ``holds`` and ``fails`` are the last checkpoint from outside the database that holds, and the first after it that
    does not. ``counts`` has how many there were of each code, also of those beyond ``KEPT``. ``remarks`` say what
    could not be found out.
    """

    lender_id: str
    origin: str | None
    size: int
    waiting: int
    root: bytes
    checkpoints: int
    outside: int
    holds: Held | None
    fails: Held | None
    given_up: tuple[Held, ...]
    findings: tuple[Finding, ...]
    counts: dict[str, int]
    remarks: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


@dataclass(slots=True)
class Findings:
    """Gathers findings; memory is bounded, however many there are."""

    found: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """One more."""
        count = self.counts.get(finding.code, 0)
        self.counts[finding.code] = count + 1
        if count < KEPT:
            self.found.append(finding)

    def in_order(self) -> tuple[Finding, ...]:
        """The first bad entry first, then the checkpoint at which the ledger parts from its witness, then the rest."""
        return tuple(sorted(self.found, key=_rank))


def _rank(finding: Finding) -> tuple[int, int]:
    if finding.code in ENTRY_CODES:
        return 0, finding.number or 0
    return (1, finding.size or 0) if finding.code == CUT else (2, 0)
