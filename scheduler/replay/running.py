"""A whole replay: histories are read some at a time, replayed in sealed children side by side, and summed up."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from policies.calendar import business_days, zone
from policies.compliance.packs import digest_of_all, packs_for_region
from policies.compliance.words import classify
from policies.facts import Instant
from scheduler.ledger.versions import versions
from scheduler.replay import seal
from scheduler.replay.child import Child, start
from scheduler.replay.core import Replayed, replay
from scheduler.replay.differences import Difference
from scheduler.replay.history import History, Versions
from scheduler.replay.reading import Chunk
from scheduler.replay.seal import Seal, UnrecordedRead

AT_ONCE: Final = 500
"""Borrowers of one child."""
SIDE_BY_SIDE: Final = 2
MOST_TOLD: Final = 1_000
"""Differences and reads kept of one child, and in all; the others are counted."""


class Read(NamedTuple):
    """An unrecorded read: of what, by which line, and the first borrower and instant that it was met at."""

    kind: str
    what: str
    file: str
    line: int
    borrower_id: str


@dataclass(slots=True)
class Sum:
    """What a replay came to. ``differing`` counts all differences, also those that are not kept."""

    borrowers: int = 0
    erased: int = 0
    loans: int = 0
    looks: int = 0
    entries: int = 0
    moved: int = 0
    aside: int = 0
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)
    reads: dict[Read, int] = field(default_factory=dict)
    notes: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @property
    def equal(self) -> bool:
        """Whether everything was decided as recorded, and nothing was read that is not recorded."""
        return not self.differing and not self.reads


def replay_all(
    chunks: Iterable[Chunk], policies: dict[str, Versions], since: Instant | None = None,
    progress: Callable[[int], None] | None = None,
) -> Sum:  # fmt: skip
    """Replay chunks of borrowers; ``progress`` is told how many borrowers are done."""
    total = Sum()
    closing = Seal()
    at_work: deque[Child] = deque()
    _warm_up(policies)
    try:
        for chunk in chunks:
            total.erased += chunk.erased
            if not chunk.histories:
                continue
            _warm_up_for(chunk.histories)
            at_work.append(start(closing, _work(chunk.histories, policies, since)))
            if len(at_work) >= SIDE_BY_SIDE:
                _take(at_work.popleft(), total, progress)
        while at_work:
            _take(at_work.popleft(), total, progress)
    finally:
        for child in at_work:
            child.end()
    return total


def _work(
    histories: list[History], policies: dict[str, Versions], since: Instant | None
) -> Callable[[], dict[str, Any]]:  # fmt: skip
    return lambda: replay_sealed(histories, policies, since)


def replay_sealed(
    histories: list[History], policies: dict[str, Versions], since: Instant | None = None
) -> dict[str, Any]:
    """Replay in this process, which is sealed; what comes of it as plain JSON values."""
    total = Sum()
    none = Versions(())
    for history in histories:
        total.borrowers += 1
        total.loans += len({one.loan.loan_id for one in history.loans})
        before = len(seal.reads)
        try:
            _add(total, replay(history, policies.get(history.lender_id, none), since))
        except UnrecordedRead:
            # It is among the reads, as is one that somebody caught on its way here.
            total.looks += 1
        for read in seal.reads[before:]:
            one = Read(read.kind, read.what, read.file, read.line, history.borrower_id)
            _count_read(total, one, 1)
    return {
        "counts": [getattr(total, name) for name in _COUNTS],
        "differences": [list(one) for one in total.differences],
        "reads": [[*read, times] for read, times in total.reads.items()],
        "notes": [[*note, times] for note, times in total.notes.items()],
    }


_COUNTS: Final = ("borrowers", "loans", "looks", "entries", "moved", "aside", "differing")


def _add(total: Sum, one: Replayed) -> None:
    total.looks += one.looks
    total.entries += one.entries
    total.moved += one.moved
    total.aside += one.aside
    total.notes += one.notes
    total.differing += len(one.differences)
    total.differences += one.differences[: MOST_TOLD - len(total.differences)]


def _count_read(total: Sum, read: Read, times: int) -> None:
    """The same read by the same line is told once."""
    same = next((one for one in total.reads if one[:4] == read[:4]), read)
    if same in total.reads or len(total.reads) < MOST_TOLD:
        total.reads[same] = total.reads.get(same, 0) + times


def _take(child: Child, total: Sum, progress: Callable[[int], None] | None) -> None:
    found = child.result()
    for name, count in zip(_COUNTS, found["counts"], strict=True):
        setattr(total, name, getattr(total, name) + count)
    for one in found["differences"][: MOST_TOLD - len(total.differences)]:
        total.differences.append(_difference(one))
    for *read, times in found["reads"]:
        _count_read(total, Read(*read), times)
    for what, then, now, times in found["notes"]:
        total.notes[what, then, now] += times
    if progress is not None:
        progress(total.borrowers + total.erased)


def _difference(values: list[Any]) -> Difference:
    borrower_id, loan_id, instalment, step, occurrence, at, what, recorded, now, rules, follows = values
    return Difference(
        borrower_id, loan_id, instalment, step, occurrence, at, tuple(what), recorded, now, (rules[0], rules[1]),
        follows,
    )  # fmt: skip


# --- what is read once, before a child begins ----------------------------------------------------------------------


def _warm_up(policies: dict[str, Versions]) -> None:
    """Data of the program's own that is read when it is first wanted; each child would read it again."""
    versions()
    digest_of_all()
    classify("", "sms")
    for one in policies.values():
        for name in one.names_of_calendars():
            business_days(name)


def _warm_up_for(histories: list[History]) -> None:
    for home, region in _places(histories):
        zone(home)
        business_days(region)
        packs_for_region(region)


def _places(histories: list[History]) -> Iterator[tuple[str, str]]:
    return iter({(one.person.zone, one.person.region) for history in histories for one in history.persons})
