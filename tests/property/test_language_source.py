"""Whatever a file holds, checking it ends with a policy or with findings that have a place in the file."""

from __future__ import annotations

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policies.language import source
from policies.language.check import compile_policy
from policies.language.report import report
from policies.language.source import Map, Node, Seq, Text
from tests.unit.language.writing import EXAMPLE, SMALL

WHOLE = EXAMPLE.read_text(encoding="utf-8")
PIECES = st.sampled_from(
    ["{", "}", "[", "]", ":", ": ", "- ", "\n", "\n  ", "'", '"', "#", "&a ", "*a ", "!x ", "|", ">", "%", "{{", "}}",
     "{% if due %}", "{% endif %}", "|", "..", ">= ", "due", "overdue", "when:", "not:", "\u202e", "\0", "é",
     "😀", "9" * 50,
          "\\", "\t", "\r", "\ufeff", "~", "?", ",", "- - - ", "---", "..."],
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A valid policy with a few places cut, replaced or filled with what has a meaning to some parser."""
    text = draw(st.sampled_from([SMALL, WHOLE]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 0, 1, 2, 5, 20])))
        text = text[:start] + "".join(draw(st.lists(PIECES, max_size=4))) + text[end:]
    return text


def inspect(data: str | bytes) -> None:
    policy, problems = compile_policy("policy.yaml", data)
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    rows = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert (policy is None) == any(problem.severity == "error" for problem in problems)
    assert problems == sorted(problems, key=lambda p: (p.line, p.column, p.code, p.message))
    for problem in problems:
        assert 1 <= problem.line <= len(rows)
        assert 1 <= problem.column <= len(rows[problem.line - 1]) + 1
        assert problem.message
        assert problem.remedy
    assert isinstance(report(problems, text), str)


@settings(max_examples=150, deadline=None)
@given(damaged())
def test_a_damaged_policy_gives_findings_with_places(text: str) -> None:
    inspect(text)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
@example("a: ' \u2028 b'")
@example("'")
@example("a: b\r")
def test_any_text_and_any_bytes_give_findings_with_places(data: str | bytes) -> None:
    inspect(data)


KEYS = st.text("abcdef", min_size=1, max_size=4)
VALUES = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8).filter(str.isprintable),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def plain(node: Node) -> object:
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Seq):
        return [plain(item) for item in node.items]
    return {name: plain(value) for name, (_, value) in node.entries.items()}


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4), st.booleans())
def test_what_is_read_is_what_was_written(value: dict[str, object], flow: bool) -> None:
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=flow, default_style='"', width=30)
    document, _, problems = source.read("policy.yaml", text)
    assert problems == []
    assert document is not None
    assert plain(document.root) == value


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab \n'\"\\é李:#-"), min_size=1, max_size=30), st.sampled_from(["'", '"', "|", ">"]))
def test_every_character_of_a_value_has_its_place_in_the_file(value: str, style: str) -> None:
    text = yaml.dump({"key": value}, allow_unicode=True, default_style=style, width=12)
    document, _, _ = source.read("policy.yaml", text)
    assert document is not None
    assert isinstance(document.root, Map)
    node = document.root.get("key")
    assert isinstance(node, Text)
    rows = text.split("\n")
    places = [document.place_in(node, index) for index in range(len(node.value))]
    assert places == sorted(places)
    for char, (line, column) in zip(node.value, places, strict=True):
        if char not in " \n\"'\\":
            assert rows[line - 1][column - 1] == char
