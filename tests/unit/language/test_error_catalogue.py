"""Every mistake in the catalogue is found where it is, said in the agreed words, and each code is shown by a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policies.language.check import compile_policy
from tests.errors.catalogue import FOLDER, Entry, entries, shown

ENTRIES = entries()
PACKAGE = Path(compile_policy.__code__.co_filename).parent

# Shown by tests of their own: a file of the catalogue would be too large, or cannot hold it.
ELSEWHERE = {
    "file-too-large", "too-many-nodes", "too-many-steps", "template-too-long", "lone-surrogate", "more-problems"
}  # fmt: skip


def named(entry: Entry) -> str:
    return entry.path.stem


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_the_mistake_and_nothing_else_is_found_at_its_line_and_column(entry: Entry) -> None:
    _, problems = compile_policy(entry.path.name, entry.path.read_bytes(), notes=True)
    assert [(one.code, one.line, one.column) for one in problems] == [(entry.code, entry.line, entry.column)]


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_the_output_is_the_agreed_one(entry: Entry) -> None:
    assert shown(entry) == entry.output.read_text(encoding="utf-8")


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_an_error_keeps_the_policy_from_being_made_and_a_warning_does_not(entry: Entry) -> None:
    policy, problems = compile_policy(entry.path.name, entry.path.read_bytes(), notes=True)
    assert (policy is None) == (problems[0].severity == "error")


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_every_finding_says_what_to_do_in_few_words(entry: Entry) -> None:
    _, (problem,) = compile_policy(entry.path.name, entry.path.read_bytes(), notes=True)
    assert problem.remedy
    assert len(problem.message) <= 200


def test_every_entry_has_its_output_and_every_output_its_entry() -> None:
    assert {entry.output for entry in ENTRIES} == set(FOLDER.glob("*.txt"))


def test_at_least_a_hundred_codes_are_shown() -> None:
    assert len({entry.code for entry in ENTRIES}) >= 100


def test_every_code_in_the_source_is_shown_by_a_file() -> None:
    literal = re.compile(r'"([a-z]+(?:-[a-z0-9]+)+)"')
    known = {entry.code for entry in ENTRIES} | ELSEWHERE
    modules = [path for path in PACKAGE.glob("*.py") if path.stem not in ("segments", "environment")]
    assert modules
    found = {code for path in modules for code in literal.findall(path.read_text(encoding="utf-8"))}
    not_codes = {"hand-off", "utf-8", "add-on"}
    assert found - not_codes <= known
