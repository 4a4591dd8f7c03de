"""Compiles ``when`` into closures over the facts: everything is read and checked once, nothing at run time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from policies.contract import Condition, Facts
from policies.language.findings import Findings, did_you_mean
from policies.language.source import Map, Node, Seq, Text
from policies.language.vocabulary import (
    CHANNELS,
    COUNT,
    FACTS,
    LANGUAGE,
    LATER_FACTS,
    MONEY,
    REGION,
    SET,
    WORD,
    Fact,
)  # fmt: skip
from policies.money import MoneyError, decimal_text, parse_minor, shown

MAX_COUNT: Final = 1_000_000
MAX_CHOICES: Final = 200
MAX_TEST: Final = 200
"""The longest comparison, in characters."""

Span = tuple[int, int | None]
"""Whole numbers from the first to the second, both included; without an end where that is empty."""

_OPERATOR: Final = re.compile(r"(>=|<=|!=|>|<)\s*(\S.*)", re.DOTALL)
_RANGE: Final = re.compile(r"(\S+)\s*\.\.\s*(\S+)")
_COUNT: Final = re.compile(r"[0-9]{1,12}")
_WORDS: Final = ("any", "all", "not")


@dataclass(frozen=True, slots=True)
class Numbers:
    """A number lies in one of ``spans`` (minor units for money)."""

    fact: Fact
    spans: tuple[Span, ...]
    at: Node


@dataclass(frozen=True, slots=True)
class Words:
    """A text is one of ``values``, or with ``negated`` none of them; for a set: holds one of them, or none."""

    fact: Fact
    values: tuple[str, ...]
    negated: bool
    at: Node


@dataclass(frozen=True, slots=True)
class Group:
    """``kind`` is all, any or not (of all its parts)."""

    kind: str
    parts: tuple[Tested, ...]
    at: Node


Tested = Numbers | Words | Group


def read(node: Node, currency: str, findings: Findings) -> Group | None:
    """Read a ``when``; none where it has an error, which is in ``findings`` then."""
    before = findings.count
    group = _group("all", node, currency, findings, "when")
    return group if group is not None and findings.count == before else None


def _group(kind: str, node: Node, currency: str, findings: Findings, name: str = "") -> Group | None:
    if isinstance(node, Map):
        parts = [part for key, value in node.entries.values() if (part := _entry(key, value, currency, findings))]
    elif isinstance(node, Seq) and kind in ("any", "all") and not name:
        parts = [part for item in node.items if (part := _group("all", item, currency, findings))]
    else:
        findings.error(
            node, "not-a-condition", f"'{name or kind}' takes a mapping of facts to tests", expected="fact: test",
            remedy="write it like {overdue: \">= 10.00\"}",
        )  # fmt: skip
        return None
    if not parts:
        if not (node.entries if isinstance(node, Map) else node.items):
            findings.error(
                node, "empty-condition", "a condition without tests", expected="at least one fact and its test",
                remedy="write a test, or leave the condition out",
            )  # fmt: skip
        return None
    return Group(kind, tuple(parts), node)


def _entry(key: Text, value: Node, currency: str, findings: Findings) -> Tested | None:
    name = key.value
    if name in _WORDS:
        return _group(name, value, currency, findings)
    fact = FACTS.get(name)
    if fact is None:
        if name in LATER_FACTS:
            findings.error(
                key, "fact-comes-later", f"'{name}' comes with the scoring work", found=name,
                expected="a fact that is known today", remedy="leave this test out until then",
            )  # fmt: skip
        else:
            findings.error(
                key, "unknown-fact", f"there is no fact {shown(name)}", found=name, expected="a fact, any, all or not",
                remedy=did_you_mean(name, [*FACTS, *_WORDS]),
            )  # fmt: skip
        return None
    if isinstance(value, Map):
        findings.error(
            value, "not-a-test", f"a test of '{name}' is no mapping", expected="a value, a list or a comparison",
            remedy=f"write it like {name}: {_example(fact)}",
        )  # fmt: skip
        return None
    if fact.kind in (MONEY, COUNT):
        spans = _spans(fact, value, currency, findings)
        return None if spans is None else Numbers(fact, spans, value)
    return _words(fact, value, findings)


def _example(fact: Fact) -> str:
    return {MONEY: '">= 10.00"', COUNT: '"1 .. 3"'}.get(fact.kind, "[one, other]")


def _items(fact: Fact, node: Seq, findings: Findings) -> list[Text]:
    if not node.items or len(node.items) > MAX_CHOICES:
        findings.error(
            node, "bad-list-length", f"a list of {len(node.items)} values", expected=f"1 to {MAX_CHOICES} values",
            remedy="write the values that are meant",
        )  # fmt: skip
        return []
    found = []
    for item in node.items:
        if isinstance(item, Text):
            found.append(item)
        else:
            findings.error(
                item, "not-a-test", f"a list in a test of '{fact.name}' holds values only", expected="a value",
                remedy="write [one, other]",
            )  # fmt: skip
    return found


def _spans(fact: Fact, node: Text | Seq, currency: str, findings: Findings) -> tuple[Span, ...] | None:
    if isinstance(node, Seq):
        values = [_number(fact, item, item.value, currency, findings) for item in _items(fact, node, findings)]
        if not values or any(value is None for value in values):
            return None
        return tuple((value, value) for value in sorted({value for value in values if value is not None}))
    text = node.value.strip()
    if len(text) > MAX_TEST:
        findings.error(
            node, "test-too-long", f"a test of {len(text):,} characters", found=text[:40],
            expected=f"at most {MAX_TEST}", remedy=f"write it like {fact.name}: {_example(fact)}",
        )  # fmt: skip
        return None
    if (match := _RANGE.fullmatch(text)) is not None:
        low = _number(fact, node, match[1], currency, findings)
        high = _number(fact, node, match[2], currency, findings)
        if low is None or high is None:
            return None
        if low > high:
            findings.error(
                node, "range-upside-down", f"the range {shown(text)} holds nothing", found=text,
                expected="the smaller number first", remedy=f"write \"{match[2]} .. {match[1]}\"",
            )  # fmt: skip
            return None
        return ((low, high),)
    match = _OPERATOR.fullmatch(text)
    value = _number(fact, node, match[2] if match else text, currency, findings)
    if value is None:
        return None
    return _compared(match[1] if match else "==", value)


def _compared(operator: str, value: int) -> tuple[Span, ...]:
    below: tuple[Span, ...] = ((0, value - 1),) if value > 0 else ()
    return {
        "==": ((value, value),),
        ">=": ((value, None),),
        ">": ((value + 1, None),),
        "<=": ((0, value),),
        "<": below,
        "!=": (*below, (value + 1, None)),
    }[operator]


def _number(fact: Fact, node: Node, text: str, currency: str, findings: Findings) -> int | None:
    text = text.strip()
    if fact.kind == MONEY:
        try:
            return parse_minor(text, currency)
        except MoneyError as error:
            findings.error(
                node, error.code, f"'{fact.name}' is money, and {error}", found=text, expected=error.expected,
                remedy=f"write it like {fact.name}: {_example(fact)}",
            )  # fmt: skip
            return None
    if _COUNT.fullmatch(text) is None or int(text) > MAX_COUNT:
        findings.error(
            node, "not-a-count", f"'{fact.name}' is a whole number, and {shown(text)} is none", found=text[:60],
            expected=f"0 to {MAX_COUNT:,}", remedy=f"write it like {fact.name}: {_example(fact)}",
        )  # fmt: skip
        return None
    return int(text)


def _words(fact: Fact, node: Text | Seq, findings: Findings) -> Words | None:
    before = findings.count
    if isinstance(node, Seq):
        negated, values = False, [(item, item.value) for item in _items(fact, node, findings)]
    else:
        match = _OPERATOR.fullmatch(node.value.strip())
        if match is not None and match[1] != "!=":
            findings.error(
                node, "no-order", f"'{fact.name}' has no order, so {match[1]} says nothing", found=node.value,
                expected="a value, a list, or != and a value", remedy=f"write it like {fact.name}: [one, other]",
            )  # fmt: skip
            return None
        negated, values = match is not None, [(node, match[2] if match else node.value)]
    for item, value in values:
        _word(fact, item, value.strip(), findings)
    if findings.count != before:
        return None
    return Words(fact, tuple(sorted({value.strip() for _, value in values})), negated, node)


def _word(fact: Fact, node: Node, value: str, findings: Findings) -> None:
    if fact.name == "reachable_by":
        if value not in CHANNELS:
            findings.error(
                node, "unknown-channel", f"there is no channel {shown(value)}", found=value,
                expected=", ".join(CHANNELS), remedy=did_you_mean(value, CHANNELS),
            )  # fmt: skip
        return
    pattern, expected = {
        "region": (REGION, "a country or a subdivision of ISO 3166, such as US or US-CA"),
        "language": (LANGUAGE, "a language of BCP 47, such as en or zh-CN"),
    }.get(fact.name, (WORD, "a name of at most 64 characters"))
    if pattern.fullmatch(value) is None:
        findings.error(
            node, "not-a-value", f"{shown(value)} cannot be the {fact.name} of anything", found=value[:60],
            expected=expected, remedy="check the spelling",
        )  # fmt: skip


# --- what is executed ---------------------------------------------------------------------------------------------


def compile_condition(group: Group, currency: str) -> Condition:
    """The executable form of a ``when`` that was read without an error."""
    names = tuple(sorted(_names(group)))
    return Condition(_closure(group), names, describe(group, currency))


def _names(part: Tested) -> set[str]:
    if isinstance(part, Group):
        return set().union(*(_names(child) for child in part.parts))
    return {part.fact.name}


Closure = Callable[[Facts], bool]


def _closure(part: Tested) -> Closure:
    if isinstance(part, Numbers):
        return _number_closure(part.fact.name, part.spans)
    if isinstance(part, Words):
        return _word_closure(part)
    tests = tuple(_closure(child) for child in part.parts)
    if part.kind == "any":
        return lambda facts: any(test(facts) for test in tests)
    if part.kind == "not":
        return lambda facts: not all(test(facts) for test in tests)
    if len(tests) == 1:
        return tests[0]
    return lambda facts: all(test(facts) for test in tests)


def _number_closure(name: str, spans: tuple[Span, ...]) -> Closure:
    if len(spans) == 1:
        low, high = spans[0]
        if high is None:
            return lambda facts: (value := facts[name]) is not None and value >= low
        return lambda facts: (value := facts[name]) is not None and low <= value <= high
    return lambda facts: (
        (value := facts[name]) is not None
        and any(low <= value and (high is None or value <= high) for low, high in spans)
    )


def _word_closure(test: Words) -> Closure:
    name, wanted, values, negated = test.fact.name, frozenset(test.values), test.values, test.negated
    if test.fact.kind == SET:
        if negated:
            return lambda facts: (held := facts[name]) is not None and wanted.isdisjoint(held)
        return lambda facts: (held := facts[name]) is not None and not wanted.isdisjoint(held)
    if test.fact.prefix:
        starts = tuple(value + "-" for value in values)
        return lambda facts: (
            (held := facts[name]) is not None and ((held in wanted or held.startswith(starts)) is not negated)
        )
    return lambda facts: (held := facts[name]) is not None and (held in wanted) is not negated


# --- what is said of it -------------------------------------------------------------------------------------------


def canonical(part: Tested, currency: str) -> dict[str, Any]:
    """The meaning of a condition as plain values: two ways of writing one test come out the same."""
    if isinstance(part, Group):
        if part.kind == "all" and len(part.parts) == 1:
            return canonical(part.parts[0], currency)
        parts = [canonical(child, currency) for child in part.parts]
        return {part.kind: sorted(parts, key=lambda p: json.dumps(p, sort_keys=True, ensure_ascii=False))}
    if isinstance(part, Words):
        return {"fact": part.fact.name, "none_of" if part.negated else "one_of": list(part.values)}
    return {
        "fact": part.fact.name,
        "from_to": [[_plain(part.fact, n, currency) for n in span if n is not None] for span in part.spans],
    }


def _plain(fact: Fact, number: int, currency: str) -> str | int:
    return decimal_text(number, currency) if fact.kind == MONEY else number


def describe(part: Tested, currency: str) -> str:
    """A condition in words, for a person."""
    if isinstance(part, Words):
        values = part.values[0] if len(part.values) == 1 else f"one of {', '.join(part.values)}"
        verb = ("without" if part.negated else "with") if part.fact.kind == SET else ("not" if part.negated else "is")
        return f"{part.fact.name} {verb} {values}"
    if isinstance(part, Numbers):
        spans = [[str(_plain(part.fact, n, currency)) for n in span if n is not None] for span in part.spans]
        words = [
            f"{span[0]} or more" if len(span) == 1 else span[0] if span[0] == span[1] else f"{span[0]} to {span[1]}"
            for span in spans
        ]
        return f"{part.fact.name} {' or '.join(words) or 'never'}"
    if part.kind == "not":
        return f"not ({' and '.join(describe(child, currency) for child in part.parts)})"
    if len(part.parts) == 1:
        return describe(part.parts[0], currency)
    joined = (" or " if part.kind == "any" else " and ").join(describe(child, currency) for child in part.parts)
    return f"({joined})" if part.kind == "any" else joined
