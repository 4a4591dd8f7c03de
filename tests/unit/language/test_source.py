"""A policy file is read with positions, every scalar as text, and a hostile one ends early with a reason."""

from __future__ import annotations

import pytest

from policies.language import source
from policies.language.source import Map, Seq, Text
from tests.unit.language.writing import SMALL, changed, compiled, problems_of


def read(data: str | bytes) -> source.Document:
    document, _, problems = source.read("policy.yaml", data)
    assert document is not None, problems
    return document


def refusal(data: str | bytes) -> tuple[str, int, int]:
    document, _, problems = source.read("policy.yaml", data)
    assert document is None
    return problems[0].code, problems[0].line, problems[0].column


@pytest.mark.parametrize("written", ["21:00", "NO", "10.10", "1e3", "~", "null", "2026-01-01", "0x10", "yes", "1_000"])
def test_every_scalar_is_the_text_that_was_written(written: str) -> None:
    root = read(f"a: {written}\n").root
    assert isinstance(root, Map)
    value = root.get("a")
    assert isinstance(value, Text)
    assert value.value == written


def test_places_count_lines_and_characters_from_one() -> None:
    document = read("ключ: [é, 💶, x]\n")
    assert isinstance(document.root, Map)
    items = document.root.get("ключ")
    assert isinstance(items, Seq)
    assert [document.place(item.start) for item in items.items] == [(1, 8), (1, 11), (1, 14)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_read_alike(end: str) -> None:
    assert compiled(SMALL.replace("\n", end)).digest == compiled(SMALL).digest
    (problem,) = problems_of(changed(("[sms]", "[smss]")).replace("\n", end))
    assert (problem.line, problem.column) == (8, 32)


def test_a_byte_order_mark_changes_nothing() -> None:
    assert compiled(b"\xef\xbb\xbf" + SMALL.encode()).digest == compiled(SMALL).digest
    (problem,) = problems_of("\ufeff" + changed(("policy: example", "policy: Example")))
    assert (problem.line, problem.column) == (1, 9)


@pytest.mark.parametrize(
    ("written", "needle"),
    [
        ("a: plain {{ x }} text\n", "{{"),
        ("a: 'it''s {{ x }}'\n", "{{"),
        ('a: "tab\\t and \\u00e9 {{ x }}"\n', "{{"),
        ('a: "one \\\n    two {{ x }}"\n', "{{"),
        ("a: 'one\n  two\n\n  three {{ x }}'\n", "{{"),
        ("a: |\n  one\n  two {{ x }}\n", "{{"),
        ("a: |2-\n   one\n    two {{ x }}\n", "{{"),
        ("a: >\n  one\n  two\n\n  three {{ x }}\n", "{{"),
    ],
)
def test_a_place_inside_a_value_is_found_through_quotes_escapes_and_folding(written: str, needle: str) -> None:
    document = read(written)
    assert isinstance(document.root, Map)
    value = document.root.get("a")
    assert isinstance(value, Text)
    line, column = document.place_in(value, value.value.index(needle))
    assert written.split("\n")[line - 1][column - 1 :].startswith(needle)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("[" * 30_000, ("too-deep", 1, 1001)),
        ("{a: " * 30_000, ("too-deep", 1, 129)),
        ("- " * 40 + "x", ("too-deep", 1, 65)),
        ("[" + ",".join(["a"] * 20_001) + "]", ("too-many-nodes", 1, 40_000)),
        ("a" * 256_001, ("file-too-large", 1, 1)),
        ("é" * 128_001, ("file-too-large", 1, 1)),
        (b"\0" * 300_000, ("file-too-large", 1, 1)),
        ("a: &a [x]\nb: [*a, *a]\n", ("yaml-anchor", 1, 4)),
        ("a: b\n--- \nc: d\n", ("second-document", 2, 1)),
        ("title: \ud800\n", ("lone-surrogate", 1, 8)),
        (b"title: \xed\xa0\x80\n", ("not-utf-8", 1, 8)),
        ("policy: x\n".encode("utf-16"), ("not-utf-8", 1, 1)),
        (b"\x80", ("not-utf-8", 1, 1)),
        ("", ("empty-file", 1, 1)),
        ('a: "b\\0c"\n', ("nul-byte", 1, 6)),
        ('a: "b\\u202ec"\n', ("bidi-control", 1, 6)),
        ('a: "b\\ac"\n', ("control-character", 1, 6)),
        ("a: 'open\n", ("yaml-syntax", 2, 1)),
        ("a:\n\tb: c\n", ("tab-indentation", 2, 1)),
    ],
)
def test_a_hostile_file_is_refused_at_a_place(data: str | bytes, expected: tuple[str, int, int]) -> None:
    assert refusal(data) == expected


def test_exactly_the_largest_file_is_read() -> None:
    assert read("a: " + "b" * (source.MAX_BYTES - 3)).root.end == source.MAX_BYTES


def test_every_key_written_twice_is_told() -> None:
    _, _, problems = source.read("policy.yaml", "a: 1\nb: {c: 1, c: 2}\na: 2\na: 3\n")
    assert [(p.code, p.line, p.column) for p in problems] == [
        ("duplicate-key", 2, 11), ("duplicate-key", 3, 1), ("duplicate-key", 4, 1),
    ]  # fmt: skip
