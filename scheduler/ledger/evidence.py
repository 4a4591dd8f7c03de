"""Reads the evidence for one loan: its entries with their numbers and proofs, facts by look, messages, policies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from scheduler import journal
from scheduler.ledger import checkpoints, tree
from scheduler.ledger.checkpoints import Ledger, StoredTiles
from scheduler.ledger.errors import LedgerError
from scheduler.ledger.facts import Chain, Fact, fact_digest
from scheduler.ledger.notes import Checkpoint
from scheduler.ledger.reading import position
from scheduler.ledger.tree import TILE_WIDTH
from scheduler.replay.history import History
from scheduler.replay.reading import read_chunk
from scheduler.store.database import Connection
from scheduler.store.people import new_facts

_LOAN = """
SELECT l.lender_id, l.borrower_id, b.key, l.key FROM loan l JOIN borrower b USING (lender_id, clock_id, borrower_id)
WHERE l.clock_id = %(clock)s AND l.loan_id = %(loan)s ORDER BY l.lender_id LIMIT 1
"""

# In the order of writing, which is that of the looks: each was written under the lock of the borrower's row.
_ABOUT = """
SELECT xact, entry_id, entry FROM journal
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND borrower_key = %(borrower)s
  AND (kind IN ('decision', 'looked') OR loan_key IS NULL OR loan_key = %(key)s)
ORDER BY entry_id
"""

_COMMON = """
SELECT xact, entry_id, entry FROM journal
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND borrower_key IS NULL AND kind IN ('published', 'ledger_key')
ORDER BY entry_id
"""

_FIRSTS = """
SELECT place, first_xact, first_entry FROM ledger_tile
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND level = 0 AND place = ANY (%(places)s)
"""

_LEAVES = """
SELECT place, hashes FROM ledger_tile
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND level = 0 AND place = ANY (%(places)s)
"""

# How many rows there are from the first of a row's tile up to it.
_COUNTS = """
SELECT (SELECT count(*) FROM journal j
        WHERE j.lender_id = %(lender)s AND j.clock_id = %(clock)s
          AND (j.xact, j.entry_id) >= (v.first_xact, v.first_entry) AND (j.xact, j.entry_id) < (v.xact, v.entry_id))
FROM unnest(%(first_xacts)s::bigint[], %(first_entries)s::bigint[], %(xacts)s::bigint[], %(entries)s::bigint[])
     WITH ORDINALITY AS v(first_xact, first_entry, xact, entry_id, place)
ORDER BY v.place
"""

_MESSAGES = """
SELECT m.message_id, m.reference, m.reason, t.sent_to, t.subject, t.body
FROM message m LEFT JOIN message_body t USING (lender_id, clock_id, message_id)
WHERE m.lender_id = %(lender)s AND m.clock_id = %(clock)s AND m.loan_id = %(loan)s
ORDER BY m.decided_at, m.message_id
"""

_SOURCES = """
SELECT digest, file_name, source FROM policy_version
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND digest = ANY (%(digests)s)
"""


class NoEvidence(LookupError):
    """There is nothing to give evidence of; the text says why and what to do."""


class NoLoan(NoEvidence):
    """There is no loan of that id in the book."""


class Entry(NamedTuple):
    """An entry that the checkpoint covers: its number, its exact text, the text read, and its proof."""

    number: int
    text: str
    values: dict[str, Any]
    proof: tuple[bytes, ...]


class Seen(NamedTuple):
    """A look: the numbers of its entries, and the facts that it was the first to see."""

    entries: tuple[int, ...]
    facts: tuple[Fact, ...]


class Sent(NamedTuple):
    """A message as the outbox has it; ``body`` and ``to`` are none where they were erased."""

    message_id: str
    reference: str | None
    reason: str | None
    to: str | None
    subject: str | None
    body: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that there is about one loan, under one checkpoint, ``note``; entries in the order of their numbers.

    ``keys`` are the ledger's verifier keys with the numbers of their entries, ``sources`` the policies' files by
    digest as (file name, bytes). ``waiting`` entries about the loan are not covered yet, and left out.
    """

    lender_id: str
    loan_id: str
    borrower_id: str
    salt: bytes
    ledger: Ledger
    note: str
    keys: tuple[tuple[int, str], ...]
    entries: tuple[Entry, ...]
    looks: tuple[Seen, ...]
    messages: tuple[Sent, ...]
    sources: dict[str, tuple[str, bytes]]
    waiting: int


class _Row(NamedTuple):
    """A journal row; ``number`` is none where it waits for one."""

    number: int | None
    xact: int
    text: str
    values: dict[str, Any]

    def covered(self, size: int) -> bool:
        """Whether a checkpoint of this size covers it."""
        return self.number is not None and self.number < size


def lender_of(connection: Connection, clock_id: int, loan_id: str) -> str:
    """The lender of a loan. Raises NoLoan."""
    lender: str = _find(connection, clock_id, loan_id)[0]
    return lender


def _find(connection: Connection, clock_id: int, loan_id: str) -> tuple[Any, ...]:
    row = connection.execute(_LOAN, {"clock": clock_id, "loan": loan_id}).fetchone()
    if row is None:
        raise NoLoan(f"there is no loan {loan_id!r} in the book; its id is the loan_id of loans.csv")
    return row


def read_evidence(connection: Connection, clock_id: int, loan_id: str) -> Evidence:
    """The evidence for a loan up to the newest checkpoint. Raises NoEvidence, and LedgerError where tiles are missing.

    Facts of the person's other loans are among those of the looks; who shows the evidence leaves them out.
    """
    lender_id, borrower_id, borrower, loan = _find(connection, clock_id, loan_id)
    ledger = next((one for one in checkpoints.ledgers(connection, clock_id) if one.lender_id == lender_id), None)
    note = checkpoints.latest(connection, clock_id, lender_id)
    if ledger is None or note is None:
        raise NoEvidence("there is no checkpoint yet, and so nothing to prove by; run: duly ledger checkpoint")
    size = Checkpoint.parse(checkpoints.text_of(note)).size
    keys = {"lender": lender_id, "clock": clock_id, "loan": loan_id, "borrower": borrower, "key": loan}
    about, common = _rows(connection, keys, _ABOUT), _rows(connection, keys, _COMMON)
    # Looks at the borrower after which nothing was to be done name no loan; neither is there anything to show.
    if not any(row.covered(size) and row.values.get("loan") == loan.hex for row in about):
        raise NoEvidence(f"no entry about loan {loan_id} is covered by a checkpoint: nothing was decided about it yet")
    # Facts are read after the entries: whatever changes in between is kept in both versions.
    chunk = read_chunk(connection, clock_id, [(lender_id, borrower_id)])
    if not chunk.histories:
        raise NoEvidence(
            f"the personal data of the borrower of loan {loan_id} was erased, and with it the salt: no entry can be "
            "linked to the loan any more"
        )
    history = chunk.histories[0]
    used = _policies_of(about)
    named = [row for row in common if row.values["kind"] == journal.LEDGER_KEY or row.values["digest"] in used]
    entries = _proved(connection, keys, [*about, *named], size)
    sources = connection.execute(_SOURCES, {**keys, "digests": sorted(used)}).fetchall()
    return Evidence(
        lender_id, loan_id, borrower_id, history.salt, ledger, note,
        tuple([(one.number, one.values["key"]) for one in entries if one.values["kind"] == journal.LEDGER_KEY]),
        entries, _looks(history, about, size),
        tuple([Sent(*row) for row in connection.execute(_MESSAGES, keys)]),
        {digest: (file_name, bytes(source)) for digest, file_name, source in sources},
        sum(1 for row in about if not row.covered(size)),
    )  # fmt: skip


def _rows(connection: Connection, keys: dict[str, Any], statement: str) -> list[_Row]:
    found = connection.execute(statement, keys).fetchall()
    numbers = _numbers(connection, keys, [(row[0], row[1]) for row in found])
    return [_Row(number, row[0], row[2], json.loads(row[2])) for number, row in zip(numbers, found, strict=True)]


def _numbers(connection: Connection, keys: dict[str, Any], places: list[tuple[int, int]]) -> list[int | None]:
    """The numbers of journal rows, given as (xact, entry_id): all at once, in O(log n) statements."""
    size, *begin_of_waiting = position(connection, keys["lender"], keys["clock"])
    numbered = [place for place in places if list(place) < begin_of_waiting]
    low = dict.fromkeys(numbered, 0)
    high = dict.fromkeys(numbered, (size - 1) // TILE_WIDTH)
    firsts: dict[int, tuple[int, int]] = {}
    while True:
        middle = {place: (low[place] + high[place] + 1) // 2 for place in numbered}
        wanted = {*middle.values(), *low.values()} - firsts.keys()
        if wanted:
            rows = connection.execute(_FIRSTS, {**keys, "places": sorted(wanted)})
            firsts |= {tile: (xact, entry) for tile, xact, entry in rows}
        searched = [place for place in numbered if low[place] < high[place]]
        if not searched:
            break
        for place in searched:
            if _first(firsts, middle[place]) <= place:
                low[place] = middle[place]
            else:
                high[place] = middle[place] - 1
    begins = [_first(firsts, low[place]) for place in numbered]
    counts = connection.execute(
        _COUNTS,
        {
            **keys, "first_xacts": [one[0] for one in begins], "first_entries": [one[1] for one in begins],
            "xacts": [one[0] for one in numbered], "entries": [one[1] for one in numbered],
        },
    )  # fmt: skip
    found = {
        place: low[place] * TILE_WIDTH + before for place, (before,) in zip(numbered, counts.fetchall(), strict=True)
    }
    return [found.get(place) for place in places]


def _first(firsts: dict[int, tuple[int, int]], tile: int) -> tuple[int, int]:
    if tile not in firsts:
        raise LedgerError(f"the tree of the ledger has no tile 0/{tile}, which it must have; run: duly ledger verify")
    return firsts[tile]


def _proved(connection: Connection, keys: dict[str, Any], rows: list[_Row], size: int) -> tuple[Entry, ...]:
    """The entries that a checkpoint of this size covers, in the order of their numbers."""
    covered = sorted((row.number, row) for row in rows if row.number is not None and row.number < size)
    places = sorted({number // TILE_WIDTH for number, _ in covered})
    # A long story lies in as many tiles as it has entries: these are read at once, those above them when asked for.
    leaves = {
        (0, place): bytes(hashes)
        for place, hashes in connection.execute(_LEAVES, {**keys, "places": places}, binary=True)
    }
    stored = StoredTiles(connection, keys["lender"], keys["clock"])

    def tiles(level: int, place: int) -> bytes:
        found = leaves.get((level, place))
        return stored(level, place) if found is None else found

    try:
        return tuple(
            [Entry(number, row.text, row.values, tuple(tree.inclusion(tiles, number, size))) for number, row in covered]
        )
    except ValueError as error:
        raise LedgerError("the tree lacks hashes that the evidence needs; run: duly ledger verify") from error


def _policies_of(rows: list[_Row]) -> set[str]:
    """The digests of the versions that decided, and of those that contracts were moved between."""
    found = {row.values["policy"] for row in rows if row.values["kind"] == journal.DECISION and "policy" in row.values}
    moved = [row.values for row in rows if row.values["kind"] == journal.MIGRATED]
    return found | {values[end] for values in moved for end in ("from", "to")}


def _looks(history: History, rows: list[_Row], size: int) -> tuple[Seen, ...]:
    """The looks in their order, up to the last that the checkpoint covers: the entries of one transaction each."""
    together: dict[int, list[_Row]] = {}
    for row in rows:
        if row.values["kind"] in (journal.DECISION, journal.LOOKED):
            together.setdefault(row.xact, []).append(row)
    chain = Chain()
    looks: list[Seen] = []
    covered = 0
    for of_one in together.values():
        values = of_one[0].values
        revision, at = values["revision"], values["now"]
        then = history.at(revision, at)
        facts: list[Fact] = []
        if then is not None:
            person, known = then
            facts = new_facts(chain, person.person, person.revision, known, len(known.events))
        chain = chain.longer(revision, at, [fact_digest(history.salt, fact) for fact in facts])
        looks.append(
            Seen(tuple([row.number for row in of_one if row.number is not None and row.number < size]), tuple(facts))
        )
        covered = len(looks) if looks[-1].entries else covered
    return tuple(looks[:covered])
