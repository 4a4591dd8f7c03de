"""Runs a policy's tests, ``*.test.yaml``: each case is told by ``decide()`` alone and compared with what it expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from policies.contract import Policy
from policies.language import source
from policies.language.report import describe
from policies.outcome import DEFERRED, OFFER, REVIEW, SKIPPED, SUPERSEDED, VOID, Line
from policies.problems import ERROR, Problem
from policies.simulate import story
from policies.testing_cases import Case, Read, read_file
from policies.testing_coverage import Coverage, cover, coverage_json, table
from policies.testing_expected import Expected, pairs
from policies.testing_told import Row, item_text, line_text, side_by_side
from policies.versions import Policies, Published

_OF_NO_CONSEQUENCE: Final = frozenset({SKIPPED, VOID, DEFERRED, SUPERSEDED})


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A case that was run: its whole story, and the rows that pair it with what was expected."""

    case: Case
    story: tuple[Line, ...]
    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        """Whether every item happened and, unless the case only includes, nothing else of consequence did."""
        return not any(row.differs for row in self.rows)

    def text(self) -> str:
        """Both stories side by side, at most 120 columns wide."""
        return side_by_side(self.rows, self.case.home, len(self.case.loans) > 1)


@dataclass(frozen=True, slots=True)
class TestReport:
    """What came of a test file. ``problems`` are those of the file and of its policy; with an error, no case was run.

    ``texts`` are the files that problems point into, by name; ``policy`` and ``coverage`` are absent after an error.
    """

    __test__ = False
    file: str
    problems: tuple[Problem, ...]
    results: tuple[CaseResult, ...] = ()
    policy: Policy | None = None
    coverage: Coverage | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        """Whether file and policy have no error, so that the cases could be run."""
        return not any(problem.severity == ERROR for problem in self.problems)

    @property
    def passed(self) -> bool:
        """Whether the file is valid and every case passed."""
        return self.valid and all(result.passed for result in self.results)

    @property
    def every_step(self) -> bool:
        """Whether each step of the policy was done in some case."""
        return self.coverage is not None and self.coverage.every_step

    def text(self, *, coverage: bool = False) -> str:
        """The report for people: problems, failures side by side, a summary, and on request the coverage."""
        parts = [describe(problem, self.texts.get(problem.file)) for problem in self.problems]
        for result in self.results:
            if not result.passed:
                parts.append(f"{self.file}:{result.case.line}: {result.case.name}\n{result.text()}")
        if self.valid:
            failed = sum(not result.passed for result in self.results)
            count = len(self.results)
            cases = f"{count} case{'' if count == 1 else 's'}"
            parts.append(f"{self.file}: {cases} passed" if not failed else f"{self.file}: {failed} of {cases} failed")
        if coverage and self.coverage is not None:
            parts.append(table(self.coverage))
        return "\n\n".join(parts)

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "file": self.file,
            "passed": self.passed,
            "policy": None if self.policy is None else self.policy.name,
            "digest": None if self.policy is None else self.policy.digest,
            "problems": [asdict(problem) for problem in self.problems],
            "cases": [_case_json(result) for result in self.results],
            "coverage": None if self.coverage is None else coverage_json(self.coverage),
        }


def _case_json(result: CaseResult) -> dict[str, Any]:
    home, several = result.case.home, len(result.case.loans) > 1
    return {
        "name": result.case.name,
        "line": result.case.line,
        "passed": result.passed,
        "rows": [
            {
                "expected": None if row.item is None else item_text(row.item, home),
                "happened": None if row.line is None else line_text(row.line, home, several),
                "differs": row.differs,
            }
            for row in result.rows
        ],
    }


def run_tests(file_name: str, data: bytes, read: Read) -> TestReport:
    """Run the test file ``data``; ``file_name`` is only shown.

    ``read`` gives the bytes of the policy named by ``policy:``, a path below the folder of the test file with ``/``
    between its parts; an OSError that it raises becomes a problem of the file.
    """
    document, bare, problems = source.read(file_name, data)
    texts = {file_name: bare.text}
    if document is None:
        return TestReport(file_name, tuple(problems), texts=texts)
    found = read_file(file_name, document, read)
    texts |= {name: content.decode("utf-8", "replace") for name, content in found.texts.items()}
    policy = found.policy
    if policy is None or any(problem.severity == ERROR for problem in found.problems):
        return TestReport(file_name, tuple(found.problems), policy=policy, texts=texts)
    published = Policies([Published(policy)])
    results = tuple(run_case(case, policy, published) for case in found.cases)
    coverage = cover(policy, (result.story for result in results))
    return TestReport(file_name, tuple(found.problems), results, policy, coverage, texts)


def run_case(case: Case, policy: Policy, published: Policies) -> CaseResult:
    """Tell one case's story and pair it with what is expected."""
    lines = story(case.person, case.loans, case.events, published, case.span)
    lines.sort(key=lambda line: line.order)
    sending = frozenset(step.name for step in policy.steps if step.send is not None)
    return CaseResult(case, tuple(lines), tuple(_rows(case, lines, sending)))


def _rows(case: Case, lines: list[Line], sending: frozenset[str]) -> list[Row]:
    paired = pairs(case.expected, lines)
    by_line = {place: item for item, place in paired.items()}
    missed = [item for item in range(len(case.expected)) if item not in paired]
    found: list[tuple[tuple[int, int], Row]] = []
    for place, line in enumerate(lines):
        item = by_line.get(place)
        if item is not None:
            found.append(((line.at, place), Row(case.expected[item], line)))
            continue
        optional = not case.whole or _need_not_be_listed(line, sending)
        near = None if optional else _nearest(case.expected, missed, line)
        if near is not None:
            missed.remove(near)
        found.append(((line.at, place), Row(None if near is None else case.expected[near], line, optional)))
    found += [((case.expected[item].at, len(lines) + item), Row(case.expected[item], None)) for item in missed]
    found.sort(key=lambda one: one[0])
    return [row for _, row in found]


def _nearest(expected: tuple[Expected, ...], missed: list[int], line: Line) -> int | None:
    """The item that was most likely meant by a line that it is not: of its instant, if one can be of its outcome."""
    same = [item for item in missed if expected[item].at == line.at]
    return min(same, key=lambda item: (expected[item].outcome != line.outcome, item), default=None)


def _need_not_be_listed(line: Line, sending: frozenset[str]) -> bool:
    """What reached nobody, a report that comes by the calendar, and an offer beside the message that makes it."""
    if line.outcome == OFFER:
        return line.step in sending
    return line.outcome in _OF_NO_CONSEQUENCE or (line.outcome == REVIEW and line.step is None)
