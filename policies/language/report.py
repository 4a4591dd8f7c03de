"""Shows problems: for a person with the excerpt and a caret, for a program as JSON."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from policies.problems import Problem

_MAX_EXCERPT: Final = 120
_BREAK: Final = re.compile(r"\r\n|\n|\r")


def describe(problem: Problem, text: str | None = None) -> str:
    """One problem: ``file:line:col: error[code]: message``, the excerpt from ``text`` (the file's), the remedy."""
    place = f"{problem.file}:{problem.line}:{problem.column}"
    lines = [_one_line(f"{place}: {problem.severity}[{problem.code}]: {problem.message}")]
    rows = _BREAK.split(text.removeprefix("\ufeff")) if text is not None else []
    if 0 < problem.line <= len(rows):
        lines.extend(_excerpt(rows[problem.line - 1], problem.line, problem.column))
    if problem.expected:
        lines.append(_one_line(f"  expected: {problem.expected}"))
    if problem.remedy:
        lines.append(_one_line(f"  remedy: {problem.remedy}"))
    return "\n".join(lines)


def _one_line(text: str) -> str:
    """What was found may come from anywhere: no line of it begins another, and a terminal obeys none of it."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in text)


def _excerpt(row: str, line: int, column: int) -> list[str]:
    start = 0 if column <= _MAX_EXCERPT else column - _MAX_EXCERPT // 2
    shown = _one_line(row[start : start + _MAX_EXCERPT].replace("\t", " "))
    width = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in shown[: column - 1 - start])
    label = f"{line:>5} | "
    return [f"{label}{shown}", f"{' ' * (len(label) - 2)}| {' ' * width}^"]


def report(problems: Iterable[Problem], text: str | None = None) -> str:
    """All problems, a blank line between two."""
    return "\n\n".join(describe(problem, text) for problem in problems)


def as_json(problem: Problem) -> str:
    """One problem as the JSON object of ``duly policy check --json``, on one line."""
    return json.dumps(
        {
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "severity": problem.severity,
            "code": problem.code,
            "message": problem.message,
            "found": problem.found,
            "expected": problem.expected,
            "remedy": problem.remedy,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
