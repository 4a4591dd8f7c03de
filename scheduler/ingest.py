"""Import of a book: its files are staged as they are read, checked against each other, and written, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from policies.book import read_book
from policies.book_rows import BORROWERS, EVENTS, FILES, INSTALMENTS, LOANS, Row, RowReader
from policies.book_values import MONEY_DECIMALS
from policies.calendar import to_datetime
from policies.facts import Instant
from policies.money import currencies, minor_digits
from policies.problems import ERROR, InputError, Problem
from policies.versions import Policies
from scheduler import journal, release
from scheduler.batch import write_journal
from scheduler.findings import Findings
from scheduler.sharing import find_refusals, share_refusals
from scheduler.staged_checks import Checks
from scheduler.store import staged_rows, staging
from scheduler.store.database import Connection

LIMIT: Final = 100
Progress = Callable[[str, int], None]

_ROWS_A_WRITE: Final = 1_000
_LINE_OF: Final[dict[str, Callable[[int, Row], str]]] = {
    BORROWERS: staged_rows.person_line,
    LOANS: staged_rows.loan_line,
    INSTALMENTS: staged_rows.instalment_line,
    EVENTS: staged_rows.event_line,
}


@dataclass(frozen=True, slots=True)
class Count:
    """Rows of one file: new, changed, and there already with the same contents."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    borrowers: Count = Count()
    loans: Count = Count()
    instalments: Count = Count()
    events: Count = Count()


def import_book(
    connection: Connection, files: Mapping[str, BinaryIO], *, clock_id: int, lender_id: str = "default", now: Instant,
    policies: Policies | None, limit: int = LIMIT, progress: Progress | None = None, by: str | None = None,
    release_limit: int | None = None,
) -> Imported:  # fmt: skip
    """Add the book in ``files`` (name to an open binary file) to the lender's book, in one transaction.

    Memory is bounded, whatever the size. Each new or changed loan must go by exactly one of ``policies``, where
    these are given. A borrower whose facts changed is looked at again: at ``now`` for a changed person or loan, when
    a new loan is disbursed, when a new event becomes known. ``progress`` is told a file and how many of its rows
    were read, then ``checking`` and ``writing``; ``by`` is who imports. Raises InputError with up to ``limit``
    problems, in the order of file and line, and NotReleased where more than ``release_limit`` people would be chased
    today; then nothing has changed.
    """
    keys = {"lender": lender_id, "clock": clock_id, "now": to_datetime(now)}
    findings = Findings(limit)
    for problem in _folder_problems(files):
        findings.add(problem)
    tell = progress or (lambda what, rows: None)
    starts = {name: stream.tell() for name, stream in files.items() if stream.seekable()}

    def again(name: str) -> BinaryIO | None:
        if name not in starts:
            return None
        files[name].seek(starts[name])
        return files[name]

    with connection.transaction():
        connection.execute(staging.CREATE)
        connection.execute(staging.ONE_AT_A_TIME, keys)
        _stage_units(connection)
        rows, digests = {}, {}
        for name in FILES:
            if name in files:
                rows[name], digests[name] = _stage(connection, name, files[name], findings, tell)
                connection.execute(staging.ANALYZE[name])
        tell("checking", 0)
        borrowers, loans = connection.execute(staging.THERE, keys).fetchone() or (False, False)
        if borrowers:
            connection.execute(staging.LOCK, keys)
        there = {BORROWERS: borrowers, LOANS: loans}
        Checks(connection, keys, frozenset(files), there, findings).run(policies)
        problems = findings.problems(again)
        if problems:
            raise InputError(problems)
        tell("writing", 0)
        done = _write(connection, keys, rows)
        if release_limit is not None:
            release.check(connection, keys, now, release_limit)
        values = {"files": digests, **{name: _plain(getattr(done, name)) for name in Imported.__slots__}}
        if by is not None:
            values["by"] = by
        write_journal(connection, lender_id, clock_id, [journal.entry(now, journal.IMPORTED, values)])
    return done


@contextmanager
def read_files(folder: Path) -> Iterator[dict[str, BinaryIO]]:
    """The CSV files of a book's folder, open for ``import_book`` and closed at the end; raises InputError."""
    with ExitStack() as stack:
        try:
            paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".csv")
            files = {path.name: cast(BinaryIO, stack.enter_context(path.open("rb"))) for path in paths}
        except OSError as error:
            place = str(error.filename or folder)
            reason = (error.strerror or "unknown reason").lower()
            raise InputError(
                [
                    Problem(
                        place, 0, 0, ERROR, "cannot-read", f"it cannot be read: {reason}", found=reason,
                        expected="a folder with " + ", ".join(FILES), remedy="check the path",
                    )
                ]
            ) from error  # fmt: skip
        problems = _folder_problems(files)
        if problems:
            raise InputError(problems)
        yield files


def _folder_problems(files: Mapping[str, BinaryIO]) -> list[Problem]:
    """What ``read_book`` says of files that are none of a book, or of no file at all."""
    unknown = {name: BytesIO() for name in files if name not in FILES}
    return read_book(unknown, limit=len(unknown) + 1)[1] if unknown or not files else []


class _Hashed:
    """A file whose bytes are digested as they are read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = sha256()

    def read(self, size: int) -> bytes:
        """The next bytes."""
        chunk = self._stream.read(size)
        self.digest.update(chunk)
        return chunk


def _stage_units(connection: Connection) -> None:
    with connection.cursor() as cursor, cursor.copy(staging.COPY_UNITS) as copy:
        for currency in currencies():
            copy.write_row((currency, 10 ** (MONEY_DECIMALS - minor_digits(currency))))
    connection.execute(staging.ANALYZE_UNITS)


def _stage(
    connection: Connection, name: str, stream: BinaryIO, findings: Findings, tell: Progress
) -> tuple[int, str]:  # fmt: skip
    """Put the rows of a file where the checks find them: how many were right, and the digest of the file."""
    hashed = _Hashed(stream)
    reader = RowReader(name, cast(BinaryIO, hashed))
    line_of = _LINE_OF[name]
    count = 0
    lines: list[str] = []
    with connection.cursor() as cursor, cursor.copy(staging.COPY[name]) as copy:
        for row in reader:
            if isinstance(row, Problem):
                findings.add(row)
                continue
            lines.append(line_of(reader.line, row))
            if len(lines) == _ROWS_A_WRITE:
                copy.write("".join(lines))
                count += len(lines)
                lines.clear()
                tell(name, count)
        copy.write("".join(lines))
    count += len(lines)
    tell(name, count)
    return count, "sha256:" + hashed.digest.hexdigest()


def _write(connection: Connection, keys: dict[str, Any], rows: dict[str, int]) -> Imported:
    def run(statement: str) -> int:
        cursor = connection.execute(statement, keys)
        if cursor.description is None:
            return cursor.rowcount
        return int((cursor.fetchone() or (0,))[0])

    run(staging.WHOSE)
    changed_persons = run(staging.CHANGED_PERSONS)
    if changed_persons:
        run(staging.KEEP_PERSONS)
        run(staging.UPDATE_PERSONS)
        run(staging.TELL_CHANGED_PERSONS)
    new_persons = run(staging.INSERT_PERSONS)
    find_refusals(connection, keys)
    run(staging.INSERT_TEXTS)
    new_events = run(staging.INSERT_EVENTS)
    share_refusals(connection, keys)
    new_instalments = run(staging.INSERT_INSTALMENTS)
    changed_loans = run(staging.UPDATE_LOANS)
    new_loans = run(staging.INSERT_LOANS)
    run(staging.TELL_BORROWERS)
    run(staging.INSERT_BORROWERS)
    for name, new in zip(FILES, (new_persons, new_loans, new_instalments, new_events), strict=True):
        if new:
            connection.execute(staging.ANALYZE_GROWN[name])

    def count(name: str, new: int, changed: int = 0) -> Count:
        return Count(new, changed, rows.get(name, 0) - new - changed)

    return Imported(
        count(BORROWERS, new_persons, changed_persons),
        count(LOANS, new_loans, changed_loans),
        count(INSTALMENTS, new_instalments),
        count(EVENTS, new_events),
    )


def _plain(count: Count) -> dict[str, int]:
    return {"new": count.new, "changed": count.changed, "unchanged": count.unchanged}
