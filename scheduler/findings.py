"""The problems that an import finds: kept up to a limit, counted all, put in order, and given their column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

from policies.book_rows import FILES
from policies.book_source import Record, column_of, read_records
from policies.problems import ERROR, Problem


class Findings:
    """The problems of an import: of single rows, and between rows."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.broken: set[str] = set()
        """The files with rows that could not be read: such a row may be the very one that others refer to."""
        self._kept: dict[str, list[Problem]] = {}
        self._to_place: dict[str, list[Problem]] = {}
        self._count = 0

    def add(self, problem: Problem) -> None:
        """A problem of one row; those of a file come in the order of its lines, so the first ones are enough."""
        kept = self._kept.setdefault(problem.file, [])
        self.broken.add(problem.file)
        self._count += 1
        if len(kept) < self.limit:
            kept.append(problem)

    def add_found(self, file: str, problems: list[Problem], count: int, *, by_column: bool = False) -> None:
        """The first problems that a check found, and how many there are.

        ``by_column``: the message begins with the name of the column, and the place is to be looked up.
        """
        (self._to_place if by_column else self._kept).setdefault(file, []).extend(problems)
        self._count += count

    def problems(self, again: Callable[[str], BinaryIO | None]) -> list[Problem]:
        """The first ones, in the order of file and line, and how many more there are.

        ``again`` gives a file from its beginning, where it can be read twice, to look a column up.
        """
        for file, problems in self._to_place.items():
            stream = again(file)
            self._kept.setdefault(file, []).extend(problems if stream is None else _placed(file, stream, problems))
        self._to_place.clear()
        order = [*(file for file in self._kept if file not in FILES), *FILES]
        found = [p for file in order for p in sorted(self._kept.get(file, ()), key=lambda p: (p.line, p.column))]
        more = self._count - len(found[: self.limit])
        if not more:
            return found
        text = f"{more} more problem{'' if more == 1 else 's'} not shown"
        last = Problem("", 0, 0, ERROR, "more-problems", text, remedy="correct these first")
        return [*found[: self.limit], last]


def _placed(file: str, stream: BinaryIO, problems: list[Problem]) -> list[Problem]:
    wanted = {problem.line for problem in problems}
    records: dict[int, Record] = {}
    header: Record | None = None
    for record in read_records(file, stream):
        if isinstance(record, Problem):
            continue
        header = header or record
        if record.line in wanted:
            records[record.line] = record
            if len(records) == len(wanted):
                break
    order = {} if header is None else {name.lstrip("\ufeff"): index for index, name in enumerate(header.fields)}
    found = []
    for problem in problems:
        index = order.get(problem.message.partition(":")[0])
        record_there = records.get(problem.line)
        if index is None or record_there is None:
            found.append(problem)
        else:
            found.append(replace(problem, column=column_of(record_there.text, index)))
    return found
