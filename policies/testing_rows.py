"""The rows of one test case, with what it leaves out filled in, read by the reader of a book's CSV files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from policies.book import read_book
from policies.book_events import KINDS
from policies.book_rows import BORROWERS, EVENTS, INSTALMENTS, LOANS
from policies.book_values import FieldError, a_date, an_amount_e4, in_minor
from policies.calendar import Zone, zone, zone_names
from policies.compose import message_id
from policies.contract import Policy
from policies.facts import Book
from policies.language.findings import Findings, did_you_mean
from policies.language.source import Document, Map, Node, Seq, Text
from policies.problems import Problem

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    BORROWERS: (
        "borrower_id", "first_name", "last_name", "language", "zone", "region", "phone", "email", "address",
    ),
    LOANS: (
        "loan_id", "borrower_id", "product", "currency", "principal", "disbursed_at", "policy", "segment", "tags",
        "allocation",
    ),
    INSTALMENTS: ("loan_id", "number", "due_on", "principal", "interest", "fees"),
    EVENTS: (
        "event_id", "at", "known_at", "type", "borrower_id", "loan_id", "amount", "ref", "channel", "address", "value",
        "from", "until", "text",
    ),
}  # fmt: skip
"""The columns that a case may give, by the file of a book that they are from."""

DEFAULT_ZONE: Final = "UTC"
DEFAULT_PERSON: Final = {
    "borrower_id": "borrower", "first_name": "Robin", "last_name": "Example", "zone": DEFAULT_ZONE,
    "phone": "+12025550142", "email": "robin@example.com",
}  # fmt: skip

_TIME: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ Tt](?P<clock>[0-9]{2}:[0-9]{2})(?P<seconds>:[0-9]{2}(?:\.[0-9]+)?)?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)
_TIMES: Final = {LOANS: ("disbursed_at",), EVENTS: ("at", "known_at")}
_TIMES_OR_DATES: Final = {EVENTS: ("from", "until")}
_JOINED: Final = {"tags": ";", "allocation": " "}
_LINE: Final = re.compile(r"on line ([0-9]+)")
_DISBURSED_DAYS: Final = 30


@dataclass(slots=True)
class _Row:
    """One row: its values by column, and where each is written (the row itself, where a default stands)."""

    file: str
    node: Node
    values: dict[str, str]
    nodes: dict[str, Node]
    line: int = 0


def known_zone(node: Node | None) -> Zone:
    """The zone that a borrower's mapping names; UTC where it names none that is known."""
    named = node.get("zone") if isinstance(node, Map) else None
    name = named.value if isinstance(named, Text) else DEFAULT_ZONE
    return zone(name if name in zone_names() else DEFAULT_ZONE)


def as_instant_text(text: str, home: Zone) -> str:
    """A time as a case writes it, as RFC 3339 with its offset; what is no time is left as it is."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return text
    clock, seconds = match["clock"] or "00:00", match["seconds"] or ":00"
    if match["offset"]:
        return f"{match['day']}T{clock}{seconds}{match['offset']}"
    hours, minutes, rest = int(clock[:2]), int(clock[3:]), int(seconds[1:3])
    day = _ordinal(match["day"])
    if day is None or hours > 23 or minutes > 59 or rest > 59 or "." in seconds:
        return f"{match['day']}T{clock}{seconds}Z"
    return home.iso(home.instant(day, hours * 3600 + minutes * 60 + rest))


def _amount(amount_e4: int) -> str:
    """Ten-thousandths as decimal text without needless decimals."""
    whole, part = divmod(amount_e4, 10_000)
    return f"{whole}.{part:04}".rstrip("0").rstrip(".")


def _ordinal(text: str) -> int | None:
    """A date between 1900 and 2199 as an ordinal; none where it is no such date."""
    try:
        return a_date(text).toordinal()
    except FieldError:
        return None


class CaseRows:
    """Reads ``borrower``, ``loan`` or ``loans``, ``instalments`` and ``events`` of one case as a book of one person."""

    def __init__(self, case: Map, policy: Policy, document: Document, findings: Findings) -> None:
        self._case = case
        self._policy = policy
        self._document = document
        self._findings = findings
        self._rows: dict[str, list[_Row]] = {file: [] for file in COLUMNS}
        self._home = known_zone(case.get("borrower"))

    def read(self) -> Book | None:
        """The book, or none where something is wrong with it; every problem is at its place in the test file."""
        before = self._findings.count
        self._borrower()
        self._loans()
        self._events()
        if self._findings.count != before:
            return None
        book, problems = read_book({file: io.BytesIO(self._written(file)) for file in COLUMNS})
        for problem in problems:
            self._translate(problem)
        return book

    # --- what is written, and what it leaves out -------------------------------------------------------------

    def _borrower(self) -> None:
        node = self._case.get("borrower")
        row = self._row(BORROWERS, node if isinstance(node, Map) else Map({}, self._case.start, self._case.end))
        if node is not None and not isinstance(node, Map):
            self._wrong_shape(node, "borrower", "the columns of borrowers.csv: {zone: Europe/London}")
        policy = self._policy
        self._default(row, DEFAULT_PERSON)
        self._default(row, {"language": policy.languages[0], "region": (policy.regions or ("ZZ",))[0]})

    def _loans(self) -> None:
        one, many = self._case.get("loan"), self._case.get("loans")
        if (one is None) == (many is None):
            self._findings.error(
                self._case.key("loans") or self._case, "no-loan" if one is None else "loan-twice",
                "the case has no loan" if one is None else "the case has both loan and loans",
                expected="loan: {…}, or loans: [{…}, {…}]", remedy="write one of the two",
            )  # fmt: skip
            return
        nodes = [one] if one is not None else self._listed("loans", many)
        beside = self._listed("instalments", self._case.get("instalments"))
        for number, node in enumerate(nodes, 1):
            if not isinstance(node, Map):
                self._wrong_shape(node, "a loan", "the columns of loans.csv and its instalments")
                continue
            row = self._row(LOANS, node, also=("instalments",))
            self._default(row, {"loan_id": "loan" if one is not None else f"loan-{number}"})
            own = beside if one is not None else []
            parts = [self._instalment(i, row) for i in [*self._listed("instalments", node.get("instalments")), *own]]
            self._loan_defaults(row, [part for part in parts if part is not None])
        if one is None:
            for node in beside:
                self._instalment(node, None)
        self._number()

    def _instalment(self, node: Node, loan: _Row | None) -> _Row | None:
        if not isinstance(node, Map):
            self._wrong_shape(node, "an instalment", "the columns of instalments.csv: {due_on: …, principal: …}")
            return None
        row = self._row(INSTALMENTS, node)
        self._default(
            row, {"interest": "0", "fees": "0"} | ({} if loan is None else {"loan_id": loan.values["loan_id"]})
        )
        return row

    def _number(self) -> None:
        given: dict[str, int] = {}
        for row in self._rows[INSTALMENTS]:
            loan_id = row.values.get("loan_id", "")
            given[loan_id] = given.get(loan_id, 0) + 1
            self._default(row, {"number": str(given[loan_id])})

    def _loan_defaults(self, row: _Row, parts: list[_Row]) -> None:
        policy = self._policy
        total_e4 = 0
        dues = []
        for part in parts:
            due = _ordinal(part.values.get("due_on", ""))
            if due is not None:
                dues.append(due)
            try:
                amount_e4 = an_amount_e4(part.values.get("principal", ""))
                in_minor(amount_e4, row.values.get("currency", policy.currency))
                total_e4 += amount_e4
            except FieldError:
                continue  # the reader of the book says what is wrong with it
        start = min(dues, default=date(1970, 1, 31).toordinal()) - _DISBURSED_DAYS
        self._default(row, {
            "borrower_id": self._rows[BORROWERS][0].values["borrower_id"], "currency": policy.currency,
            "product": (policy.products or ("loan",))[0], "principal": _amount(total_e4),
            "disbursed_at": self._home.iso(self._home.instant(start, 9 * 3600)),
        })  # fmt: skip

    def _events(self) -> None:
        loans = [row.values["loan_id"] for row in self._rows[LOANS]]
        person = self._rows[BORROWERS][0].values["borrower_id"]
        for number, node in enumerate(self._listed("events", self._case.get("events")), 1):
            if not isinstance(node, Map):
                self._wrong_shape(node, "an event", "the columns of events.csv: {at: …, type: payment, amount: …}")
                continue
            row = self._row(EVENTS, node)
            self._default(row, {"event_id": f"event-{number}"})
            kind = KINDS.get(row.values.get("type", ""))
            if kind is None:
                continue
            about = {*kind.needs, *kind.one_of}
            if "borrower_id" in kind.needs:
                self._default(row, {"borrower_id": person})
            if "loan_id" in about and len(loans) == 1 and not row.values.get("borrower_id"):
                self._default(row, {"loan_id": loans[0]})
            if row.values.get("type") == "receipt":
                row.values["ref"] = _message_ref(row.values.get("ref", ""))

    # --- rows -------------------------------------------------------------------------------------------------

    def _row(self, file: str, node: Map, also: tuple[str, ...] = ()) -> _Row:
        known = (*COLUMNS[file], *also)
        row = _Row(file, node, {}, {})
        for name, (key, value) in node.entries.items():
            if name not in known:
                self._findings.error(
                    key, "unknown-column", f"'{name[:60]}' is not a column of {file}", found=name[:60],
                    expected=", ".join(known), remedy=did_you_mean(name, known),
                )  # fmt: skip
            elif name not in also:
                row.nodes[name] = value
                row.values[name] = self._value(file, name, value)
        self._rows[file].append(row)
        return row

    def _value(self, file: str, name: str, node: Node) -> str:
        if isinstance(node, Seq) and name in _JOINED and all(isinstance(item, Text) for item in node.items):
            return _JOINED[name].join(item.value for item in node.items if isinstance(item, Text))
        if not isinstance(node, Text):
            self._wrong_shape(node, f"'{name}'", "one value")
            return ""
        if name in _TIMES.get(file, ()):
            return as_instant_text(node.value, self._home)
        if name in _TIMES_OR_DATES.get(file, ()) and len(node.value.strip()) != len("2026-03-01"):
            return as_instant_text(node.value, self._home)
        return node.value

    def _default(self, row: _Row, values: dict[str, str]) -> None:
        for name, value in values.items():
            row.values.setdefault(name, value)

    def _listed(self, name: str, node: Node | None) -> Iterable[Node]:
        if node is None:
            return []
        if isinstance(node, Seq):
            return node.items
        self._wrong_shape(node, f"'{name}'", "a list: one entry a line, each after a dash")
        return []

    def _wrong_shape(self, node: Node, what: str, expected: str) -> None:
        shape = {Text: "a single value", Seq: "a list", Map: "a mapping"}[type(node)]
        self._findings.error(node, "wrong-shape", f"{what} is {shape}", expected=expected, remedy="write it like this")

    def _written(self, file: str) -> bytes:
        """The rows as a CSV file of all columns; each row learns the line on which it begins."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
        writer.writerow(COLUMNS[file])
        line = 2
        for row in self._rows[file]:
            row.line = line
            values = [row.values.get(name, "").replace("\r\n", "\n") for name in COLUMNS[file]]
            writer.writerow(values)
            line += 1 + sum(value.count("\n") for value in values)
        return text.getvalue().encode("utf-8", "surrogatepass")

    def _translate(self, problem: Problem) -> None:
        """A problem of a CSV row at its place in the test file, whose keys are the columns."""
        row = next((row for row in self._rows.get(problem.file, ()) if row.line == problem.line), None)
        column = problem.message.partition(": ")[0]
        node: Node = self._case if row is None else row.nodes.get(column, row.node)
        line, place = self._document.place(node.start)
        message = _LINE.sub(lambda match: f"in line {self._line_of(problem.file, int(match[1]))}", problem.message)
        self._findings.error(
            (line, place), problem.code, message, found=problem.found, expected=problem.expected, remedy=problem.remedy
        )

    def _line_of(self, file: str, line: int) -> int:
        node = next((row.node for row in self._rows[file] if row.line == line), self._case)
        return self._document.place(node.start)[0]


def _message_ref(ref: str) -> str:
    """``LOAN/INSTALMENT/STEP/CHANNEL``, and ``/OCCURRENCE`` after the first, as the id of that message."""
    parts = ref.split("/")
    if len(parts) in (4, 5) and parts[1].isdigit() and (len(parts) == 4 or parts[4].isdigit()):
        return message_id(parts[0], int(parts[1]), parts[2], int(parts[4]) if len(parts) == 5 else 1, parts[3])
    return ref
