"""Every test that docs/reliability.md names is there, and every row of the page names a test or says why not."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]
_PAGE = (_ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
_NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", _PAGE)))
_ROWS = [line for line in _PAGE.splitlines() if re.match(r"\| (I\d|\d|S\d)", line)]


@cache
def _functions(file: str) -> set[str]:
    tree = ast.parse((_ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), _NAMED)
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    assert name in _functions(file)


def test_the_page_has_a_row_for_each_invariant_fault_and_attack() -> None:
    found: set[str] = set()
    for row in _ROWS:
        for part in row.split("|")[1].strip().split(", "):
            first, _, last = part.partition("\u2013")
            letter = first[0] if first[0] in "IS" else ""
            numbers = [int(one.removeprefix(letter)) for one in (first, last or first)]
            found |= {f"{letter}{number}" for number in range(numbers[0], numbers[1] + 1)}
    wanted = {f"I{n}" for n in range(1, 9)} | {str(n) for n in range(1, 30)} | {f"S{n}" for n in range(1, 33)}
    assert found == wanted


def test_not_more_than_five_rows_of_faults_and_of_attacks_are_a_sentence() -> None:
    for begins in (r"\| \d", r"\| S"):
        sentences = [row for row in _ROWS if re.match(begins, row) and "a sentence:" in row]
        assert len(sentences) <= 5
    for row in _ROWS:
        assert re.search(r"tests/|a sentence:|owed by|no exports yet", row), row
