"""What a test case expects: one line of a story each, read from the file and compared with what happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from policies.book_values import CHANNELS, FieldError, an_instant
from policies.calendar import Zone
from policies.contract import Policy
from policies.facts import Instant
from policies.language.findings import Findings, did_you_mean
from policies.language.source import Map, Node, Seq, Text
from policies.language.vocabulary import HAND_OFFS
from policies.outcome import CURED, HAND_OFF, OFFER, OUTCOMES, REVIEW, SENT, SET_ASIDE, SETTLED, Line
from policies.testing_rows import as_instant_text

TRUE: Final = "true"
DETAILS: Final = (
    "by", "step", "loan", "instalment", "language", "to", "subject", "text", "until", "because",
)  # fmt: skip
"""What an item may say beside its time and its outcome; what it leaves out is not compared."""

_NAMED_BY_STEP: Final = frozenset(OUTCOMES) - {SENT, OFFER, HAND_OFF, REVIEW, CURED, SETTLED, SET_ASIDE}
_ALONE: Final = (CURED, SETTLED, SET_ASIDE)
_CONTAINING: Final = ("subject", "text")


@dataclass(frozen=True, slots=True)
class Expected:
    """One item of ``expect``. ``name`` is what its outcome names, none for ``true``; ``details`` as written.

    ``until`` and ``at`` are instants; ``line`` is where the item stands in the file.
    """

    at: Instant
    outcome: str
    name: str | None
    details: tuple[tuple[str, str], ...]
    until: Instant | None
    line: int

    def differs(self, line: Line) -> list[str]:
        """The keys of this item that do not hold of ``line``; empty where it is the line that is meant."""
        found = [] if self.at == line.at else ["at"]
        if self.outcome != line.outcome or (self.name is not None and self.name != named(line)):
            found.append(self.outcome)
        for key, value in self.details:
            if key == "until":
                good = line.until == self.until
            elif key == "because":
                good = any(one.get("rule") == value for one in line.because)
            elif key in _CONTAINING:
                good = value in (part_of(line, key) or "")
            else:
                good = value == part_of(line, key)
            if not good:
                found.append(key)
        return found


def named(line: Line) -> str | None:
    """What an item names for a line of this outcome: the message, the offer, the receiver, else the step."""
    if line.outcome == SENT:
        return line.message
    if line.outcome in (OFFER, HAND_OFF):
        found = line.because[0].get(line.outcome)
        return None if found is None else str(found)
    return line.step


def part_of(line: Line, key: str) -> str | None:
    """The value of a line that a detail is compared with, as text."""
    value = {
        "by": line.channel, "step": line.step, "loan": line.loan_id, "instalment": line.instalment,
        "language": line.language, "to": line.to, "subject": line.subject, "text": line.body,
    }[key]  # fmt: skip
    return None if value is None else str(value)


def pairs(expected: Sequence[Expected], lines: Sequence[Line]) -> dict[int, int]:
    """Which item is which line, by index: as many pairs as there can be, each line once, earlier ones first."""
    fits = [[place for place, line in enumerate(lines) if not item.differs(line)] for item in expected]
    taken: dict[int, int] = {}

    def place_for(item: int, tried: set[int]) -> bool:
        for place in fits[item]:
            if place not in tried:
                tried.add(place)
                if place not in taken or place_for(taken[place], tried):
                    taken[place] = item
                    return True
        return False

    for item in range(len(expected)):
        place_for(item, set())
    return {item: place for place, item in taken.items()}


class ExpectedReader:
    """Reads the items of one case's ``expect``; names are checked against the policy."""

    def __init__(self, policy: Policy, home: Zone, findings: Findings, loans: Iterable[str]) -> None:
        self._policy = policy
        self._home = home
        self._findings = findings
        steps = tuple(step.name for step in policy.steps)
        self._known: dict[str, tuple[str, ...]] = {
            SENT: tuple(dict.fromkeys(name for name, _, _ in policy.templates)),
            OFFER: tuple(policy.offers),
            HAND_OFF: HAND_OFFS,
            **dict.fromkeys((*_NAMED_BY_STEP, REVIEW, "step"), steps),
            "by": CHANNELS,
            "language": policy.languages,
            "loan": tuple(loans),
        }

    def read(self, node: Node, line: int) -> Expected | None:
        """One item; none where something is wrong with it, which is reported."""
        if not isinstance(node, Map):
            self._findings.error(
                node, "wrong-shape", "an expected line is a mapping", expected="{at: TIME, sent: MESSAGE, by: CHANNEL}",
                remedy="write it like this",
            )  # fmt: skip
            return None
        before = self._findings.count
        outcomes = [key for key in node.entries if key in OUTCOMES]
        known = ("at", *OUTCOMES, *DETAILS)
        for word, (key, _) in node.entries.items():
            if word not in known:
                self._findings.error(
                    key, "unknown-key", f"there is no key '{word[:60]}' here", found=word[:60],
                    expected=", ".join(known), remedy=did_you_mean(word, known),
                )  # fmt: skip
        if len(outcomes) != 1:
            self._findings.error(
                node if not outcomes else node.entries[outcomes[1]][0], "one-outcome",
                "the line names no outcome" if not outcomes else f"the line names both {' and '.join(outcomes)}",
                expected="one of " + ", ".join(OUTCOMES), remedy="write one outcome a line",
            )  # fmt: skip
        at = self._time(node, "at")
        until = self._time(node, "until") if "until" in node.entries else None
        texts = {word: self._text(word, value) for word, (_, value) in node.entries.items()}
        outcome = outcomes[0] if outcomes else ""
        name = self._name(outcome, node.get(outcome)) if len(outcomes) == 1 else None
        for detail in ("step", "loan", "by", "language"):
            if texts.get(detail) is not None:
                self._known_name(detail, texts[detail] or "", node.entries[detail][1])
        if self._findings.count != before or at is None:
            return None
        details = tuple((detail, text) for detail in DETAILS if (text := texts.get(detail)) is not None)
        return Expected(at, outcome, name, details, until, line)

    def _time(self, node: Map, key: str) -> Instant | None:
        value = node.get(key)
        if value is None:
            self._findings.error(
                node, "missing-key", f"the line has no '{key}'", expected=f"{key}: 2026-03-01 10:30",
                remedy=f"add '{key}'",
            )  # fmt: skip
            return None
        return read_time(key, value, self._home, self._findings)

    def _text(self, key: str, node: Node) -> str | None:
        if isinstance(node, Text):
            return node.value
        self._findings.error(
            node, "wrong-shape", f"'{key}' is {'a list' if isinstance(node, Seq) else 'a mapping'}",
            expected="one value", remedy="write one line for each",
        )  # fmt: skip
        return None

    def _name(self, outcome: str, node: Node | None) -> str | None:
        """What an outcome names; ``true`` stands for any, and is all that some outcomes take."""
        if not isinstance(node, Text) or node.value == TRUE:
            return None
        if outcome in _ALONE:
            self._findings.error(
                node, "unknown-name", f"'{outcome}' names nothing", found=node.value[:60], expected=f"{outcome}: true",
                remedy="write true",
            )  # fmt: skip
            return None
        self._known_name(outcome, node.value, node)
        return node.value

    def _known_name(self, key: str, name: str, node: Node) -> None:
        known = self._known[key]
        if name not in known:
            self._findings.error(
                node, "unknown-name", f"there is no '{name[:60]}' that '{key}' could name", found=name[:60],
                expected=", ".join(known) or "nothing", remedy=did_you_mean(name, known),
            )  # fmt: skip


def read_time(key: str, node: Node, home: Zone, findings: Findings) -> Instant | None:
    """A time of a case, the borrower's where it has no offset, a date meaning its first instant; none where wrong."""
    text = node.value if isinstance(node, Text) else ""
    try:
        return an_instant(as_instant_text(text, home))
    except FieldError as error:
        findings.error(
            node, error.code, f"{key}: {error}", found=text[:60],
            expected="a time such as 2026-03-01 10:30 (the borrower's), or 2026-03-01 for its first instant",
            remedy="write the date, and if it is not the day's first instant, the time",
        )  # fmt: skip
        return None
