"""What is wrong in a policy file, collected so that all of it is shown at once, in the order of the file."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from policies.language.source import Document, Node
from policies.problems import ERROR, NOTE, WARNING, Problem

Where = Node | int | tuple[int, int]
"""A node of the tree, an offset into the file, or a line and a column."""

MOST: Final = 500
"""So many problems are told of one file; a hostile one has more, and each costs time to word."""


class Findings:
    """The problems of one file."""

    __slots__ = ("_beyond", "_document", "_found")

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found: list[Problem] = []
        self._beyond = 0

    def error(
        self, where: Where, code: str, message: str, *, found: str | None = None, expected: str | None = None,
        remedy: str | None = None,
    ) -> None:  # fmt: skip
        """Add an error; ``code`` is stable, the rest is words for a person."""
        self._add(ERROR, where, code, message, found, expected, remedy)

    def warning(
        self, where: Where, code: str, message: str, *, found: str | None = None, expected: str | None = None,
        remedy: str | None = None,
    ) -> None:  # fmt: skip
        """Add a warning, which does not keep the policy from being published."""
        self._add(WARNING, where, code, message, found, expected, remedy)

    def note(
        self, where: Where, code: str, message: str, *, found: str | None = None, expected: str | None = None,
        remedy: str | None = None,
    ) -> None:  # fmt: skip
        """Add what is good to know and needs no change."""
        self._add(NOTE, where, code, message, found, expected, remedy)

    def _add(
        self, severity: str, where: Where, code: str, message: str, found: str | None, expected: str | None,
        remedy: str | None,
    ) -> None:  # fmt: skip
        if self.full:
            self._beyond += 1
            return
        if isinstance(where, int):
            line, column = self._document.place(where)
        elif isinstance(where, tuple):
            line, column = where
        else:
            line, column = self._document.place(where.start)
        self._found.append(Problem(self._document.file, line, column, severity, code, message, found, expected, remedy))

    @property
    def count(self) -> int:
        """How many there are so far."""
        return len(self._found) + self._beyond

    @property
    def full(self) -> bool:
        """Whether no more are told, but only counted."""
        return len(self._found) >= MOST

    @property
    def failed(self) -> bool:
        """Whether there is an error among them, or so many problems that nobody knows."""
        return self._beyond > 0 or any(problem.severity == ERROR for problem in self._found)

    def pass_over(self) -> None:
        """Count one that is not told."""
        self._beyond += 1

    def all(self) -> list[Problem]:
        """Everything found, each once, in the order of the file; behind it, how many more there are."""
        told = sorted(dict.fromkeys(self._found), key=lambda p: (p.line, p.column, p.code, p.message))
        if self._beyond:
            more = f"{self._beyond:,} more problem{'' if self._beyond == 1 else 's'} not shown"
            told.append(
                Problem(
                    self._document.file, told[-1].line, told[-1].column, ERROR, "more-problems", more,
                    found=str(self._beyond), expected=f"at most {MOST}", remedy="correct these first",
                )
            )  # fmt: skip
        return told


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` was most likely meant to be."""
    candidates = sorted(known)
    folded = name.strip().lower().replace(" ", "_").replace("-", "_")[:80]
    by_folded = {candidate.lower().replace("-", "_"): candidate for candidate in candidates}
    match = get_close_matches(folded, list(by_folded), n=1, cutoff=0.6)
    return by_folded[match[0]] if match else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A remedy that names the nearest known name, or all of them where none is near."""
    candidates = sorted(known)
    near = nearest(name, candidates)
    if near is not None:
        return f"did you mean '{near}'?"
    return f"known: {', '.join(candidates)}" if candidates else "there is none"
