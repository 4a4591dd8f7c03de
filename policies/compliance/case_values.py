"""The parts of a case as values: texts, instants, dates, hours; what cannot be read is a problem with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from policies.book_values import FieldError, a_date, an_instant, nearest
from policies.calendar import UnknownZone, Zone, zone
from policies.compliance.case_words import DAY_SETS, word
from policies.compliance.dossier import Times
from policies.facts import Instant
from policies.language.source import Document, Map, Node, Seq, Text
from policies.problems import ERROR, Problem

DAY_S: Final = 86_400
LONG_AGO: Final[Instant] = 0
"""When what a case tells without a date is taken to have been said."""

_CLOCK: Final = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?")
_TRUE: Final = frozenset({"true", "yes", "on", "y", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "n", "0", "none", "null", "~", ""})
_NOTHING: Final = frozenset({"null", "~", ""})


class Reading:
    """One case being read: the document, and the problems found so far."""

    __slots__ = ("document", "problems")

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def problem(
        self, node: Node, code: str, message: str, *, found: str | None = None, expected: str | None = None,
        remedy: str | None = None,
    ) -> None:  # fmt: skip
        """Note a problem at the place of ``node``."""
        line, column = self.document.place(node.start)
        self.problems.append(Problem(self.document.file, line, column, ERROR, code, message, found, expected, remedy))

    def unknown(self, node: Node, what: str, name: str, known: Iterable[str]) -> None:
        """Note that a word is none of those known, with the nearest of them."""
        self.problem(
            node, "unknown-word", f"'{name[:80]}' is no {what} that the rules know", found=name[:80],
            expected=f"a known {what}", remedy=nearest(name, known) or f"see the {what}s in docs/case-files.md",
        )  # fmt: skip

    def wrong(self, node: Node, what: str, expected: str) -> None:
        """Note that a value is not of its type."""
        found = node.value[:80] if isinstance(node, Text) else "a list" if isinstance(node, Seq) else "a mapping"
        self.problem(node, "wrong-value", f"{what}: {found!r}", found=found, expected=expected, remedy="correct it")


class Part:
    """A mapping of a case: what is asked for is taken, and what is left over at the end is a problem.

    A key may have synonyms; the first that is there counts.
    """

    __slots__ = ("_asked", "node", "reading", "what")

    def __init__(self, reading: Reading, node: Map, what: str) -> None:
        self.reading, self.node, self.what = reading, node, what
        self._asked: set[str] = set()

    def has(self, *names: str) -> bool:
        """Whether one of the keys is there with a value."""
        return self.take(*names) is not None

    def take(self, *names: str) -> Node | None:
        """The value under the first of the keys that is there; none, where it is null."""
        self._asked.update(names)
        for name in names:
            found = self.node.get(name)
            if found is not None:
                return None if isinstance(found, Text) and not found.style and found.value in _NOTHING else found
        return None

    def skip(self, *names: str) -> None:
        """Keys that say something to a person only."""
        self._asked.update(names)

    def text(self, *names: str) -> str | None:
        """A text."""
        node = self.take(*names)
        if node is None or isinstance(node, Text):
            return None if node is None else node.value
        self.reading.wrong(node, names[0], "a text")
        return None

    def texts(self, *names: str) -> tuple[str, ...]:
        """A list of texts; a single one is a list of it."""
        return tuple(node.value for node in self.nodes(*names))

    def nodes(self, *names: str) -> tuple[Text, ...]:
        """The same, with their places."""
        node = self.take(*names)
        return () if node is None else scalars(self.reading, node, names[0])

    def choice(self, table: Mapping[str, str], what: str, *names: str) -> str | None:
        """A word of a table, as the rules say it."""
        node = self.take(*names)
        return None if node is None else self.chosen(table, what, node)

    def chosen(self, table: Mapping[str, str], what: str, node: Node) -> str | None:
        """The same of a value at hand."""
        if not isinstance(node, Text):
            self.reading.wrong(node, what, f"a {what}")
            return None
        found = table.get(word(node.value))
        if found is None:
            self.reading.unknown(node, what, node.value, table)
        return found

    def flag(self, *names: str) -> bool | None:
        """true or false."""
        node = self.take(*names)
        if node is None:
            return None
        value = truth(node)
        if value is None:
            self.reading.wrong(node, names[0], "true or false")
        return value

    def number(self, *names: str) -> int | None:
        """A whole number."""
        node = self.take(*names)
        if node is None:
            return None
        if isinstance(node, Text) and re.fullmatch(r"[+-]?\d{1,6}", node.value):
            return int(node.value)
        self.reading.wrong(node, names[0], "a whole number")
        return None

    def instant(self, place: Zone, *names: str) -> Instant | None:
        """An instant with its offset, or a date, which is its first instant at ``place``."""
        node = self.take(*names)
        return None if node is None else instant(self.reading, node, names[0], place)

    def day(self, *names: str) -> date | None:
        """A date; of an instant, the date that it writes."""
        node = self.take(*names)
        return None if node is None else day(self.reading, node, names[0])

    def part(self, *names: str) -> Part | None:
        """A mapping."""
        node = self.take(*names)
        if node is None:
            return None
        if isinstance(node, Map):
            return Part(self.reading, node, names[0])
        self.reading.wrong(node, names[0], "a mapping")
        return None

    def parts(self, *names: str) -> list[Part]:
        """A list of mappings; a single one is a list of it."""
        node = self.take(*names)
        if node is None:
            return []
        found = []
        for item in node.items if isinstance(node, Seq) else (node,):
            if isinstance(item, Map):
                found.append(Part(self.reading, item, names[0]))
            else:
                self.reading.wrong(item, names[0], "a mapping")
        return found

    def rest(self) -> list[tuple[str, Text, Node]]:
        """What has not been asked for: key, its place, and value."""
        return [(name, key, value) for name, (key, value) in self.node.entries.items() if name not in self._asked]

    def finish(self) -> None:
        """Report every key that nobody asked for."""
        for name, key, _ in self.rest():
            self.reading.problem(
                key, "unknown-key", f"'{name[:80]}' is not a key of {self.what}", found=name[:80],
                expected=f"a key of {self.what}", remedy=nearest(name, self._asked) or "remove it",
            )  # fmt: skip


def scalars(reading: Reading, node: Node, what: str) -> tuple[Text, ...]:
    """The texts of a list, or the one text."""
    found: list[Text] = []
    for item in node.items if isinstance(node, Seq) else (node,):
        if isinstance(item, Text):
            found.append(item)
        else:
            reading.wrong(item, what, "a text")
    return tuple(found)


def truth(node: Node) -> bool | None:
    """true or false, if the value is one of them."""
    text = node.value.lower() if isinstance(node, Text) else None
    return True if text in _TRUE else False if text in _FALSE else None


def instant(reading: Reading, node: Node, what: str, place: Zone) -> Instant | None:
    """An instant with its offset, or a date, which is its first instant at ``place``."""
    expected = "an instant such as 2026-10-14T11:00:00-04:00, or a date"
    if not isinstance(node, Text):
        reading.wrong(node, what, expected)
        return None
    try:
        if len(node.value) == 10:
            return place.instant(a_date(node.value).toordinal())
        return an_instant(node.value)
    except FieldError as error:
        reading.problem(node, error.code, f"{what}: {error}", found=node.value[:80], expected=expected)
        return None


def day(reading: Reading, node: Node, what: str) -> date | None:
    """A date; of an instant, the date that it writes."""
    if not isinstance(node, Text):
        reading.wrong(node, what, "a date")
        return None
    try:
        return a_date(node.value[:10])
    except FieldError as error:
        reading.problem(node, error.code, f"{what}: {error}", found=node.value[:80], expected="a date, YYYY-MM-DD")
        return None


def zones(reading: Reading, nodes: Iterable[Text]) -> tuple[str, ...]:
    """Names of zones that tzdata has."""
    found = []
    for node in nodes:
        try:
            found.append(zone(node.value).name)
        except UnknownZone as error:
            reading.problem(node, "unknown-zone", str(error), found=node.value[:80], expected="an IANA name of a zone")
    return tuple(found)


# --- hours of the week ------------------------------------------------------------------------------------------


def windows(part: Part, *names: str) -> tuple[Times, ...]:
    """Spans of the week: ``days`` (all, where none are named), ``from`` and ``to``; past midnight, where to < from.

    One span may stand in the part itself.
    """
    found: list[Times] = []
    inline = not part.has(*names) and part.has("from") and part.has("to")
    for one in [part] if inline else part.parts(*names):
        days = _days(one)
        opens = _clock(one, 0, "from", "start", "opens", "after")
        closes = _clock(one, DAY_S, *(("to",) if inline else ("to", "end", "until", "closes", "before")))
        if not inline:
            one.skip("note", "tz", "zone", "label", "reason")
            one.finish()
        if opens is None or closes is None:
            continue
        if opens < closes:
            found.append(Times(days, opens, closes))
        else:
            found.append(Times(days, opens, DAY_S))
            if closes:
                found.append(Times(frozenset((d + 1) % 7 for d in days), 0, closes))
    return tuple(found)


def all_day(days: Iterable[int]) -> tuple[Times, ...]:
    """The whole of these days of the week."""
    chosen = frozenset(days)
    return (Times(chosen, 0, DAY_S),) if chosen else ()


def outside(times: Iterable[Times]) -> tuple[Times, ...]:
    """All the time that is in none of the spans."""
    spans = list(times)
    found = []
    for weekday in range(7):
        at = 0
        for opens, closes in sorted((t.opens, t.closes) for t in spans if weekday in t.days):
            if opens > at:
                found.append(Times(frozenset({weekday}), at, opens))
            at = max(at, closes)
        if at < DAY_S:
            found.append(Times(frozenset({weekday}), at, DAY_S))
    return tuple(found)


def _days(part: Part) -> frozenset[int]:
    nodes = part.nodes("days", "day", "weekdays", "on")
    return weekdays(part.reading, nodes) if nodes else frozenset(range(7))


def weekdays(reading: Reading, nodes: Iterable[Text]) -> frozenset[int]:
    """Days of the week by their names (``mon``, ``monday``, ``weekdays``, ``mon-fri``), Monday 0."""
    found: set[int] = set()
    for node in nodes:
        first, dash, last = node.value.strip().lower().partition("-")
        if dash and first in DAY_SETS and last in DAY_SETS:
            begin, end = DAY_SETS[first][0], DAY_SETS[last][0]
            found.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
        elif (days := DAY_SETS.get(word(node.value))) is not None:
            found.update(days)
        else:
            reading.unknown(node, "day of the week", node.value, DAY_SETS)
    return frozenset(found)


def _clock(part: Part, default: int, *names: str) -> int | None:
    node = part.take(*names)
    if node is None:
        return default
    match = _CLOCK.fullmatch(node.value.strip()) if isinstance(node, Text) else None
    if match is not None:
        seconds = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0)
        if seconds <= DAY_S:
            return seconds
    part.reading.wrong(node, names[0], "a time of day such as 08:30")
    return None
