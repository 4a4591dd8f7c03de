"""Reads a ``*.test.yaml`` file into cases, with every finding at its line and column."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from policies.calendar import Zone, zone
from policies.contract import Policy
from policies.facts import Event, Instant, Loan, Person
from policies.language.check import compile_policy
from policies.language.findings import Findings, did_you_mean
from policies.language.source import Document, Map, Node, Seq, Text
from policies.problems import Problem
from policies.simulate import Outage, Outages, Span
from policies.testing_expected import Expected, ExpectedReader, read_time
from policies.testing_rows import CaseRows

FILE_KEYS: Final = ("policy", "cases")
CASE_KEYS: Final = ("name", "borrower", "loan", "loans", "instalments", "events", "outage", "from", "until", "expect")

Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Case:
    """One case: a person, their loans and events, the span that is told, and what is expected of the story.

    ``whole``: the story has no other line of consequence. ``line`` is where the case begins in the file.
    """

    name: str
    line: int
    person: Person
    loans: tuple[Loan, ...]
    events: tuple[Event, ...]
    span: Span
    expected: tuple[Expected, ...]
    whole: bool

    @property
    def home(self) -> Zone:
        """The borrower's zone, in which times are written."""
        return zone(self.person.zone)


@dataclass(slots=True)
class TestFile:
    """What was read: the policy and the cases where nothing is wrong; the problems, and the texts they are of."""

    __test__ = False
    policy: Policy | None
    cases: tuple[Case, ...]
    problems: list[Problem]
    texts: dict[str, bytes]


def read_file(file_name: str, document: Document, read: Read) -> TestFile:
    """The cases of a test file; ``read`` gives the bytes of the policy file that it names, beside it."""
    found = TestFile(None, (), [], {})
    findings = Findings(document)
    root = document.root
    if not isinstance(root, Map):
        findings.error(
            root, "not-a-test", "this is no policy test", expected="a mapping with policy: FILE and cases: […]",
            remedy="write the policy's file, and the cases below it",
        )  # fmt: skip
        found.problems = findings.all()
        return found
    _check_keys(root, FILE_KEYS, findings)
    node = root.get("policy")
    if node is None:
        findings.error(
            root, "missing-key", "the test names no policy", expected="policy: FILE", remedy="add the policy's file"
        )
    else:
        _read_policy(file_name, node, read, findings, found)
    if found.policy is not None:
        cases = _cases(root, found.policy, document, findings)
        found.cases = () if findings.failed else cases
    found.problems = findings.all() + found.problems
    return found


def _read_policy(file_name: str, node: Node, read: Read, findings: Findings, found: TestFile) -> None:
    name = node.value.strip() if isinstance(node, Text) else ""
    parts = name.split("/")
    if not name or name.startswith("/") or any(c in name for c in "\\:") or {"", ".", ".."} & set(parts):
        findings.error(
            node, "policy-elsewhere", f"'{name[:60]}' is not a file beside this one", found=name[:60],
            expected="a file in the folder of this test, or below it",
            remedy="write its name, without '..' and not from the root",
        )  # fmt: skip
        return
    try:
        data = read(name)
    except OSError as error:
        findings.error(
            node, "policy-unreadable", f"'{name[:60]}' cannot be read: {error.strerror or type(error).__name__}",
            found=name[:60], expected="the policy that is tested", remedy="correct the name, or add the file",
        )  # fmt: skip
        return
    shown = f"{file_name.rpartition('/')[0]}/{name}" if "/" in file_name else name
    found.texts[shown] = data
    found.policy, found.problems = compile_policy(shown, data)


def _cases(root: Map, policy: Policy, document: Document, findings: Findings) -> tuple[Case, ...]:
    node = root.get("cases")
    if not isinstance(node, Seq) or not node.items:
        findings.error(
            node or root, "no-cases", "there are no cases", expected="cases: a list of at least one",
            remedy="write a case: its name, the loan, and what to expect",
        )  # fmt: skip
        return ()
    found: list[Case] = []
    names: dict[str, int] = {}
    for item in node.items:
        if not isinstance(item, Map):
            findings.error(
                item, "wrong-shape", "a case is a mapping", expected="name, loan, events, expect",
                remedy="write its keys, each on a line",
            )  # fmt: skip
            continue
        case = _CaseReader(item, policy, document, findings).read()
        name = item.get("name")
        if isinstance(name, Text):
            first = names.setdefault(name.value, document.place(name.start)[0])
            if first != document.place(name.start)[0]:
                findings.error(
                    name, "duplicate-case", f"a case of this name is already in line {first}", found=name.value[:60],
                    expected="each name once", remedy="say what is special about this one",
                )  # fmt: skip
        if case is not None:
            found.append(case)
    return tuple(found)


def _check_keys(node: Map, known: Iterable[str], findings: Findings) -> None:
    for name, (key, _) in node.entries.items():
        if name not in known:
            findings.error(
                key, "unknown-key", f"there is no key '{name[:60]}' here", found=name[:60], expected=", ".join(known),
                remedy=did_you_mean(name, known),
            )  # fmt: skip


class _CaseReader:
    def __init__(self, node: Map, policy: Policy, document: Document, findings: Findings) -> None:
        self._node = node
        self._policy = policy
        self._document = document
        self._findings = findings

    def read(self) -> Case | None:
        before = self._findings.count
        node = self._node
        _check_keys(node, CASE_KEYS, self._findings)
        name = node.get("name")
        if not isinstance(name, Text) or not name.value.strip():
            self._findings.error(
                name or node, "missing-key", "the case has no name", expected="name: what the case shows",
                remedy="say in a few words what it shows",
            )  # fmt: skip
        book = CaseRows(node, self._policy, self._document, self._findings).read()
        if book is None or not isinstance(name, Text):
            return None
        person = next(iter(book.persons.values()))
        home = zone(person.zone)
        span = self._span(home, min(loan.disbursed_at for loan in book.loans.values()))
        expected, whole = self._expected(home, tuple(book.loans))
        if self._findings.count != before or span is None:
            return None
        loans = tuple(book.loans[loan_id] for loan_id in sorted(book.loans))
        line = self._document.place(name.start)[0]
        return Case(name.value.strip(), line, person, loans, book.events, span, expected, whole)

    def _span(self, home: Zone, disbursed_at: Instant) -> Span | None:
        start, until = self._time("from", home), self._time("until", home)
        start = disbursed_at if start is None else start
        if until is not None and until <= start:
            self._findings.error(
                self._node.get("until") or self._node, "ends-before-it-begins", "the case ends before it begins",
                expected="an until after the disbursement and after from", remedy="correct one of the two",
            )  # fmt: skip
            return None
        return Span(start, until, Outages(self._outages(home)))

    def _time(self, key: str, home: Zone) -> Instant | None:
        node = self._node.get(key)
        return None if node is None else read_time(key, node, home, self._findings)

    def _outages(self, home: Zone) -> list[Outage]:
        node = self._node.get("outage")
        found: list[Outage] = []
        for item in node.items if isinstance(node, Seq) else [] if node is None else [node]:
            start, slash, end = item.value.partition("/") if isinstance(item, Text) else ("", "", "")
            if not slash or not isinstance(item, Text):
                self._findings.error(
                    item, "not-an-outage", "this is no outage", expected="FROM/TO",
                    remedy="write two times with a stroke between: 2026-03-01 18:00/2026-03-03 09:00",
                )  # fmt: skip
                continue
            first, last = (
                read_time("outage", Text(part.strip(), item.start, item.end), home, self._findings)
                for part in (start, end)
            )
            if first is not None and last is not None and last <= first:
                self._findings.error(
                    item, "ends-before-it-begins", "the outage ends before it begins", expected="FROM before TO",
                    remedy="turn the two round",
                )  # fmt: skip
            elif first is not None and last is not None:
                found.append((first, last))
        return found

    def _expected(self, home: Zone, loans: tuple[str, ...]) -> tuple[tuple[Expected, ...], bool]:
        node = self._node.get("expect")
        whole = True
        if isinstance(node, Map):
            _check_keys(node, ("includes",), self._findings)
            node, whole = node.get("includes"), False
        if not isinstance(node, Seq) or (not whole and not node.items):
            self._findings.error(
                node or self._node.get("expect") or self._node, "no-expectation", "the case expects nothing",
                expected="expect: a list of lines, or expect: {includes: a list of at least one}",
                remedy="write what is to happen; expect: [] says that nothing is",
            )  # fmt: skip
            return (), whole
        reader = ExpectedReader(self._policy, home, self._findings, loans)
        items = [reader.read(item, self._document.place(item.start)[0]) for item in node.items]
        return tuple(item for item in items if item is not None), whole
