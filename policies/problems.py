"""A problem found in what somebody wrote: where, what was found, what was expected, and what to do.

Problems are values: a reader collects all of them and shows them at once.
"""

from __future__ import annotations

from dataclasses import dataclass

ERROR = "error"
WARNING = "warning"
NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about an input.

    ``line`` and ``column`` count from 1, columns in characters; 0 where the file as a whole is meant.
    ``code`` is stable and short (``unknown-fact``); ``remedy`` says what to do.
    """

    file: str
    line: int
    column: int
    severity: str
    code: str
    message: str
    found: str | None = None
    expected: str | None = None
    remedy: str | None = None


class InputError(Exception):
    """The input is wrong; ``problems`` says where and why."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{first.file}:{first.line}:{first.column}: {first.message}{more}")
