"""S5: no text makes a regular expression of ours take longer than its length allows."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from policies.compliance import content, words
from tests.attacks.regexes import all_found, attacks, run

FOUND = all_found()
SHORT, LONG, LONGER = 300, 3_000, 12_000
QUICK_S = 0.001
"""What is quicker than this at 3,000 characters would, even if it grew with the square, take a second at 100,000."""
MOST_S = 0.02

BOUNDED = {
    r"([a-z0-9_.-]+)(?:\s*([+-])([^,+]*))?(?:\s*,([^,]*))?": 200,  # parse_at() reads no longer text
    r"(\S+)\s*\.\.\s*(\S+)": 200,  # so long is a test of ``when`` at most
    r"(\S.*?)\s+of\s+(\S+)": 500,  # so long is a single value of a policy at most
    r"\{%.*?%\}|\{\{.*?\}\}": 500,  # a longer tag, and one that is not closed, are refused before
}
"""Patterns that grow with the square of a text's length, and how long the texts are that reach them."""
MADE = {
    "patterns.whole(written, data, before=before)", "patterns.whole(written, data)", "'|'.join(unless)",
    "f'(?<!\\\\w){re.escape(word)}(?!\\\\w)'", "prefix", "pattern",
    "found.general_desc.national_number_pattern or '(?!)'",
}  # fmt: skip
"""Patterns made of data: the words of the law (below), one word, and those of phonenumbers for 15 digits at most."""


def seconds(function: Callable[[Any], object], text: Any) -> float:
    """The processor time of one call: the least of several, where it matters."""
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        function(text)
        best = min(best, time.process_time() - begun)
        if best < QUICK_S:
            break
    return best


def slow(pattern: re.Pattern[Any], way: str, longest: int | None) -> str | None:
    """The first text that takes the pattern too long, shown by its beginning; none where there is none."""
    function = run(pattern, way)
    for text in attacks(pattern):
        for length in (14, 18, 20, SHORT, LONG):
            if longest is not None and length > longest:
                break
            took = seconds(function, text(length))
            if took > MOST_S:
                return f"{way} of {text(length)[:30]!r}… of {length} takes {took:.3f} s"
        else:
            if took > QUICK_S and (longer := seconds(function, text(LONGER))) > 8 * took:
                return f"{way} of {text(LONG)[:30]!r}… takes {took:.4f} s for {LONG}, {longer:.4f} s for {LONGER}"
    return None


def made_of_words() -> list[re.Pattern[str]]:
    """The patterns that are made of the lists of words in which the law is broken, or a refusal is said."""
    found = [words._words().unless_before, *(pattern for _, pattern in words._words().phrases)]
    for code in content.known_languages():
        for value in vars_of(content._list(code)):
            for one in value if isinstance(value, tuple) else (value,):
                found += [part for part in (one if isinstance(one, tuple) else (one,)) if isinstance(part, re.Pattern)]
    return found


def vars_of(value: Any) -> list[Any]:
    """The fields of a dataclass or a named tuple."""
    return [getattr(value, name) for name in getattr(value, "__slots__", None) or value._fields]


def test_the_regular_expressions_are_found_and_used_as_they_are_tried():
    assert len(FOUND) > 70
    assert {one.written for one in FOUND if one.pattern is None} == MADE
    assert set(BOUNDED) <= {one.pattern.pattern for one in FOUND if one.pattern is not None}


@pytest.mark.parametrize("folder", sorted({one.place.rpartition("/")[0] for one in FOUND}))
def test_no_text_takes_a_regular_expression_long(folder):
    for one in FOUND:
        if one.pattern is not None and one.place.rpartition("/")[0] == folder:
            for way in one.ways:
                assert slow(one.pattern, way, BOUNDED.get(one.pattern.pattern)) is None, one


def test_no_message_takes_the_words_of_the_law_long():
    found = made_of_words()
    assert len(found) > 20
    for pattern in found:
        assert slow_in_words(pattern) is None


def slow_in_words(pattern: re.Pattern[str]) -> str | None:
    """The same for a pattern that is long already, with fewer texts: each of its own words again and again."""
    source = sorted(set(re.findall(r"[^\W\d_]{2,}|[\u4e00-\u9fff]+", pattern.pattern)))[
        :: max(1, len(pattern.pattern) // 600)
    ]
    for word in ["a", " ", "a ", ". ", "n't ", *source[:20], *(f"{one} " for one in source[:20])]:
        text = word * (LONG // len(word))
        took = seconds(pattern.search, text)
        if took > 10 * MOST_S or (took > MOST_S and seconds(pattern.search, text * 4) > 8 * took):
            return f"{pattern.pattern[:60]}… takes {took:.3f} s for {word!r} again and again"
    return None


@pytest.mark.parametrize("pattern", [r"(a+)+b", r"\*?(?:[a-z]+\*?)*", r"(x|x)*y", r"(\d+)\s*\.\.\s*\d+", r"x*\s*x*!"])
def test_a_careless_regular_expression_is_seen(pattern):
    assert slow(re.compile(pattern), "fullmatch", None) or slow(re.compile(pattern), "search", None)
