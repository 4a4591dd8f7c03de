"""Shows a story beside the one that was expected: two columns, the differing lines marked, the same text every time."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from policies.calendar import Zone
from policies.facts import Instant
from policies.outcome import CURED, HAND_OFF, OFFER, REVIEW, SENT, SET_ASIDE, SETTLED, Line
from policies.testing_expected import Expected, named, part_of

WIDTH: Final = 120
_COLUMN: Final = (WIDTH - 7) // 2
_EXCERPT: Final = 300
_NAMELESS: Final = (CURED, SETTLED, SET_ASIDE)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the two columns: an item with its line, or one of them alone. ``optional``: it need not be listed."""

    item: Expected | None
    line: Line | None
    optional: bool = False

    @property
    def differs(self) -> bool:
        """Whether this row is why the case fails."""
        return not self.optional and (self.item is None or self.line is None or bool(self.item.differs(self.line)))


def side_by_side(rows: Sequence[Row], home: Zone, several: bool) -> str:
    """The two columns as text, at most 120 wide. ``several``: the case has several loans, so each line names its own.

    A row that differs begins with ``!``, one that need not be listed with ``.``; under a pair that differs stands what.
    """
    shown = [("expected", "happened"), ("-" * _COLUMN, "-" * _COLUMN)]
    text = [_pair(" ", *pair) for pair in shown]
    for row in rows:
        left = [] if row.item is None else _wrapped(item_text(row.item, home))
        right = [] if row.line is None else _wrapped(line_text(row.line, home, several))
        mark = "!" if row.differs else "." if row.item is None else " "
        for number in range(max(len(left), len(right))):
            pair = (left[number] if number < len(left) else "", right[number] if number < len(right) else "")
            text.append(_pair(mark if number == 0 else " ", *pair))
        if row.item is not None and row.line is not None and row.differs:
            text.extend("      " + note for note in _notes(row.item, row.line, home))
    return "\n".join(line.rstrip() for line in text)


def item_text(item: Expected, home: Zone) -> str:
    """One expected line in words."""
    words = [clock_text(item.at, home), item.outcome]
    if item.name is not None:
        words.append(item.name)
    details = dict(item.details)
    for key in ("by", "step", "loan", "instalment", "language", "to"):
        if key in details:
            words += [key, details[key]]
    if item.until is not None:
        words += ["until", clock_text(item.until, home)]
    if "because" in details:
        words += ["because", details["because"]]
    words += [f"{key} with {details[key]!r}" for key in ("subject", "text") if key in details]
    return " ".join(words)


def line_text(line: Line, home: Zone, several: bool) -> str:
    """One line of the story in the same words."""
    words = [clock_text(line.at, home), line.outcome]
    name = named(line)
    if name is not None and line.outcome not in _NAMELESS:
        words.append(name)
    if line.channel is not None:
        words += ["by", line.channel]
    if line.outcome in (SENT, OFFER, HAND_OFF) and line.step is not None and line.step != name:
        words += ["step", line.step]
    if several:
        words += ["loan", line.loan_id]
    if line.until is not None:
        words += ["until", clock_text(line.until, home)]
    why = _why(line)
    if why:
        words.append(f"({why})")
    return " ".join(words)


def _why(line: Line) -> str:
    rules = [str(one["rule"]) for one in line.because]
    reason = line.because[0].get("reason") if line.because else None
    if line.outcome in (REVIEW, SET_ASIDE) and reason is not None:
        rules.append(str(reason))
    return ", ".join(dict.fromkeys(rules)) if line.outcome != CURED else ""


def clock_text(at: Instant, home: Zone) -> str:
    """A time on the borrower's wall, with its offset where the clock shows it twice."""
    iso = home.iso(at)
    day, tod = home.day(at), home.tod(at)
    seconds = "" if iso[17:19] == "00" else iso[16:19]
    text = f"{iso[:10]} {iso[11:16]}{seconds}"
    return text if home.instant(day, tod) == at - at % 1_000_000 else text + iso[19:]


def _notes(item: Expected, line: Line, home: Zone) -> Iterator[str]:
    """What differs between an item and the line of the same instant and outcome."""
    details = dict(item.details)
    for key in item.differs(line):
        if key == "at":
            continue
        if key in ("subject", "text"):
            reads = " ".join((part_of(line, key) or "").split())
            cut = reads if len(reads) <= _EXCERPT else reads[: _EXCERPT - 1] + "…"
            note = f"{key} does not hold {details[key]!r}; it reads: {cut}"
        elif key == "until":
            found = "none" if line.until is None else clock_text(line.until, home)
            note = f"until: expected {details[key]}, happened {found}"
        elif key == "because":
            note = f"because: expected {details[key]}, happened {', '.join(str(o['rule']) for o in line.because)}"
        elif key in details:
            note = f"{key}: expected {details[key]}, happened {part_of(line, key) or 'none'}"
        else:
            note = f"{key}: expected {item.name}, happened {named(line) or 'none'}"
        yield from _wrapped(note, WIDTH - 6)


def _pair(mark: str, left: str, right: str) -> str:
    return f"{mark} {left}{' ' * (_COLUMN - _width(left))} | {right}"


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _wrapped(text: str, width: int = _COLUMN) -> list[str]:
    """``text`` in lines of at most ``width`` columns, broken at blanks, or within a word that is too long."""
    visible = "".join(c if c.isprintable() else "\ufffd" for c in text)
    lines: list[str] = []
    current = ""
    for word in visible.split(" "):
        if current and _width(current) + 1 + _width(word) <= width:
            current = f"{current} {word}"
            continue
        if current:
            lines.append(current)
        current = "" if not lines else "  "
        for char in word:
            if _width(current) + _width(char) > width:
                lines.append(current)
                current = "  "
            current += char
    return [*lines, current]
