"""Whether a database is what its witnesses remember, and the hold under which nothing is decided and nothing leaves.

A book that was put back to yesterday would send again what left since. So a daemon looks, at its start, whether the
tree still has every root that a witness keeps, and holds the clock where it has not; ``duly reconcile`` leads out.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from scheduler import journal
from scheduler.ledger import checkpoints
from scheduler.ledger.checkpoints import Ledger, StoredTiles
from scheduler.ledger.errors import LedgerError, WitnessError
from scheduler.ledger.lenders import FOUND
from scheduler.ledger.notes import Checkpoint, NoteError, Verifier, open_note
from scheduler.store.database import Connection

MOST_EXAMINED = 4_096
"""So many checkpoints of a ledger are compared at a start, the largest; ``duly ledger verify`` compares all."""

GIVEN_UP = "duly-reconciled"
"""Begins the extension lines of a checkpoint that name those it gives up: size, root, and the origin of another's."""

# How far each lender's journal has come, and where the server is: what is visible was written before that, if here.
_COUNTS = f"""
{FOUND}
SELECT f.lender_id, greatest(coalesce(l.next_xact, 0), e.xact + 1), %(offset)s::bigint,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint
FROM found f LEFT JOIN ledger l USING (lender_id, clock_id) CROSS JOIN LATERAL (
    SELECT j.xact FROM journal j WHERE j.lender_id = f.lender_id AND j.clock_id = f.clock_id
    ORDER BY j.xact DESC LIMIT 1
) e
WHERE f.clock_id = %(clock)s ORDER BY f.lender_id
"""  # noqa: S608 - the pieces are the ledger's own
# What new entries are written with: the offset is in the column's default, which a backup of the rows alone forgets.
_DEFAULT = """
SELECT pg_get_expr(d.adbin, d.adrelid)
FROM pg_attrdef d JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.adrelid, d.adnum)
WHERE d.adrelid = 'journal'::regclass AND a.attname = 'xact'
"""
_ADDED = re.compile(r"\+ '?(\d+)")
_KEYS = """
SELECT entry FROM journal
WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND kind = %(kind)s ORDER BY xact, entry_id
"""
_WHY = "SELECT held FROM clock WHERE lender_id = 'default' AND clock_id = %(clock)s"
_HOLD = """
INSERT INTO clock (lender_id, clock_id, moved, held) VALUES ('default', %(clock)s, false, %(reason)s)
ON CONFLICT (lender_id, clock_id) DO UPDATE SET held = coalesce(clock.held, excluded.held)
"""
_RELEASE = "UPDATE clock SET held = NULL WHERE lender_id = 'default' AND clock_id = %(clock)s"

Named = tuple[str, int, bytes]
"""A checkpoint by what it says: origin, size and root."""


@dataclass(frozen=True, slots=True)
class Count:
    """From which transaction on a lender's next entry must come, ``farthest``, and where the server is."""

    lender_id: str
    farthest: int
    offset: int
    counted: int

    @property
    def server(self) -> int:
        """The number of the server's next transaction, as the journal writes it."""
        return self.offset + self.counted

    @property
    def lower(self) -> bool:
        """Whether the next entry would come to lie before one that is there."""
        return self.server < self.farthest


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint that a witness keeps, and what speaks against it; ``wrong`` is none where it holds."""

    note: str
    checkpoint: Checkpoint
    wrong: str | None

    @property
    def named(self) -> Named:
        """What it says."""
        return self.checkpoint.origin, self.checkpoint.size, self.checkpoint.root


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found: checkpoints by origin and size, those that were given up left out, and faults beside them."""

    witnessed: tuple[Witnessed, ...]
    faults: tuple[str, ...]
    given_up: frozenset[Named]

    @property
    def wrong(self) -> tuple[Witnessed, ...]:
        """The checkpoints that do not hold."""
        return tuple(one for one in self.witnessed if one.wrong is not None)

    def reason(self) -> str | None:
        """Why to hold, in one sentence; none, where all is as it was."""
        wrong = self.wrong
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            return f"{wrong[0].wrong}{more}; run: duly reconcile"
        return f"{self.faults[0]}; run: duly reconcile" if self.faults else None


def examine(connection: Connection, clock_id: int, notes: Iterable[str]) -> str | None:
    """Why the database is shorter than what witnesses keep, or another; none, where it is neither.

    Raises WitnessError where a note is no checkpoint.
    """
    return look(connection, clock_id, notes).reason()


def look(
    connection: Connection, clock_id: int, notes: Iterable[str], *, most: int | None = MOST_EXAMINED
) -> Examination:  # fmt: skip
    """Compare the ledgers of a clock with the notes that witnesses keep, of each the ``most`` largest.

    Raises WitnessError as ``examine`` does.
    """
    with connection.transaction():
        ledgers = checkpoints.ledgers(connection, clock_id)
        judges = {one.origin: _Judge(connection, clock_id, one) for one in ledgers}
        faults = [
            lower_count(one.lender_id, one.farthest, one.server) for one in counts(connection, clock_id) if one.lower
        ]
        read = {note: parsed(note) for note in notes}
        given_up = {
            named
            for note, one in read.items()
            if one.extensions and one.origin in judges and judges[one.origin].wrong(note, one) is None
            for named in _named_in(one)
        }
        left = [(n, c) for n, c in read.items() if (c.origin, c.size, c.root) not in given_up]
        left.sort(key=lambda one: (one[1].origin, -one[1].size))
        witnessed: list[Witnessed] = []
        taken: dict[str, int] = {}
        for note, checkpoint in left:
            origin = checkpoint.origin
            taken[origin] = taken.get(origin, 0) + 1
            if most is None or taken[origin] <= most:
                judge = judges.get(origin)
                wrong = _foreign(checkpoint) if judge is None else judge.wrong(note, checkpoint)
                witnessed.append(Witnessed(note, checkpoint, wrong))
    witnessed.sort(key=lambda one: one.named)
    return Examination(tuple(witnessed), tuple(faults), frozenset(given_up))


def counts(connection: Connection, clock_id: int) -> list[Count]:
    """How far the journal of each lender has come, beside the server's own count: a few probes of an index a lender."""
    added = _ADDED.search(str(connection.execute(_DEFAULT).fetchall()[0][0]))
    offset = 0 if added is None else int(added[1])
    return [Count(*row) for row in connection.execute(_COUNTS, {"clock": clock_id, "offset": offset})]


class _Judge:
    """Tells what speaks against checkpoints of one ledger."""

    def __init__(self, connection: Connection, clock_id: int, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tiles = StoredTiles(connection, ledger.lender_id, clock_id)
        self._verifiers = keys_of(connection, clock_id, ledger)

    def wrong(self, note: str, checkpoint: Checkpoint) -> str | None:
        """What speaks against it; none, where it holds."""
        size, ours = checkpoint.size, self._ledger.size
        what = f"a witness keeps a checkpoint of {_entries(size)} of the ledger of {self._ledger.lender_id}"
        try:
            open_note(note, self._verifiers)
        except NoteError:
            return f"{what} that no key of this ledger has signed"
        if size > ours:
            return f"{what}, and this database has {_entries(ours)}: it was put back to an earlier state, or cut"
        try:
            root = checkpoints.root_at(self._tiles, size)
        except LedgerError as error:
            return f"{what}, and {error}"
        if root != checkpoint.root:
            return f"{what}, and the first {_entries(size)} of this database are others: it was changed, or forked"
        return None


def keys_of(connection: Connection, clock_id: int, ledger: Ledger) -> list[Verifier]:
    """Every key that has signed for a ledger: the present one, and those of before from its entries."""
    rows = connection.execute(
        _KEYS, {"lender": ledger.lender_id, "clock": clock_id, "kind": journal.LEDGER_KEY}
    ).fetchall()
    texts = dict.fromkeys([ledger.key, *(json.loads(row[0]).get("key", "") for row in rows)])
    found = []
    for text in texts:
        try:
            verifier = Verifier.parse(text)
        except NoteError:
            continue  # an entry that names no key gives none the right to sign
        if verifier.name == ledger.origin:
            found.append(verifier)
    return found


def giving_up(named: Named, origin: str) -> str:
    """The extension line by which a checkpoint of ``origin`` gives up another one."""
    whose, size, root = named
    return f"{GIVEN_UP} {size} {b64encode(root).decode()}" + ("" if whose == origin else f" {whose}")


def why(connection: Connection, clock_id: int) -> str | None:
    """Why the clock is held; none, where it is not. One probe of an index."""
    row = connection.execute(_WHY, {"clock": clock_id}).fetchone()
    return None if row is None else row[0]


def hold(connection: Connection, clock_id: int, reason: str) -> None:
    """Hold the clock: every daemon of the database stops deciding and sending. The first reason stays."""
    connection.execute(_HOLD, {"clock": clock_id, "reason": reason})


def release(connection: Connection, clock_id: int) -> None:
    """Let the clock go on."""
    connection.execute(_RELEASE, {"clock": clock_id})


def lower_count(lender_id: str, next_xact: int, horizon: int) -> str:
    """Why a ledger whose server counts its transactions lower than its journal cannot go on."""
    return (
        f"the ledger of {lender_id} has come to transaction {next_xact:,} and this server is at {horizon:,}: the book "
        "was moved here from another server, and new entries would come to lie before old ones"
    )


def parsed(note: str) -> Checkpoint:
    """What a note says, whoever signed it. Raises WitnessError where it is no checkpoint."""
    try:
        return Checkpoint.parse(checkpoints.text_of(note))
    except NoteError as error:
        raise WitnessError(f"a witness keeps something that is no checkpoint: {error}") from error


def _named_in(checkpoint: Checkpoint) -> Iterable[Named]:
    """The checkpoints that this one gives up."""
    for line in checkpoint.extensions:
        word, _, rest = line.partition(" ")
        parts = rest.split(" ")
        if word == GIVEN_UP and len(parts) in (2, 3) and parts[0].isdecimal():
            yield parts[2] if len(parts) == 3 else checkpoint.origin, int(parts[0]), b64decode(parts[1])


def _foreign(checkpoint: Checkpoint) -> str:
    return (
        f"a witness keeps a checkpoint of {_entries(checkpoint.size)} of the ledger {checkpoint.origin}, which this "
        "database does not have: it is another database, or was put back to before its ledger began"
    )


def _entries(count: int) -> str:
    return f"{count:,} entr{'y' if count == 1 else 'ies'}"
