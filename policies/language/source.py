"""The text of a policy, a rule pack or a case file as a positioned tree of scalars; hostile files end early.

Lines and columns count from 1, columns in characters. Before anything is built, one pass over the parser's
events refuses what such a file never needs: see ``MAX_BYTES``, ``MAX_DEPTH``, ``MAX_NODES``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from policies.problems import ERROR, Problem

MAX_BYTES: Final = 256_000
MAX_DEPTH: Final = 32
MAX_NODES: Final = 20_000

_BREAK: Final = re.compile(r"\r\n|\n|\r")
# What YAML itself cannot hold, and controls of writing direction, by which a text can look like another one.
_REFUSED: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]|\ufeff"
)


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar: its text, where it stands (offsets into the file's characters), and how it is quoted."""

    value: str
    start: int
    end: int
    style: str | None = None


@dataclass(frozen=True, slots=True)
class Seq:
    """A list."""

    items: tuple[Node, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping; ``entries`` in the order of the file, each key once."""

    entries: dict[str, tuple[Text, Node]]
    start: int
    end: int

    def get(self, name: str) -> Node | None:
        """The value under ``name``."""
        entry = self.entries.get(name)
        return None if entry is None else entry[1]

    def key(self, name: str) -> Text | None:
        """The key ``name`` itself."""
        entry = self.entries.get(name)
        return None if entry is None else entry[0]


Node = Text | Seq | Map


@dataclass(slots=True)
class Document:
    """A file that was read: its characters and its tree."""

    file: str
    text: str
    root: Node = field(default_factory=lambda: Text("", 0, 0))
    _starts: list[int] = field(default_factory=list)
    _offsets: dict[int, list[int]] = field(default_factory=dict)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of a character."""
        if not self._starts:
            self._starts = [0, *(match.end() for match in _BREAK.finditer(self.text))]
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def place_in(self, node: Text, index: int) -> tuple[int, int]:
        """Line and column of the ``index``-th character of a scalar's value, through quotes, escapes and folding."""
        offsets = self._offsets.get(node.start)
        if offsets is None:
            offsets = self._offsets[node.start] = _offsets(self.text, node)
        return self.place(offsets[min(index, len(offsets) - 1)])

    def line(self, number: int) -> str:
        """The text of one line."""
        lines = _BREAK.split(self.text)
        return lines[number - 1] if 0 < number <= len(lines) else ""


class _Refused(Exception):
    def __init__(self, code: str, offset: int, message: str, expected: str | None, remedy: str) -> None:
        self.code, self.offset, self.message, self.expected, self.remedy = code, offset, message, expected, remedy
        self.text: str | None = None
        super().__init__(message)


def read(file: str, data: bytes | str) -> tuple[Document | None, Document, list[Problem]]:
    """Read a file. Answers the document (none where it is refused), its bare text for excerpts, and problems."""
    bare = Document(file, "")
    try:
        bare = Document(file, _decode(data))
        _characters(bare.text)
        _events(bare.text)
        node = yaml.compose(bare.text, Loader=yaml.CBaseLoader)
        if node is None:
            raise _Refused("empty-file", 0, "the file is empty", "a policy", "write `policy: NAME` and its steps")
        problems: list[Problem] = []
        bare.root = _tree(bare, node, problems)
        return (None if problems else bare), bare, sorted(problems, key=lambda p: (p.line, p.column))
    except _Refused as refused:
        if refused.text is not None:
            bare.text = refused.text
        return None, bare, [_problem(bare, bare.place(refused.offset), refused)]


def _problem(document: Document, place: tuple[int, int], refused: _Refused) -> Problem:
    line, column = place
    return Problem(
        document.file, line, column, ERROR, refused.code, refused.message, expected=refused.expected,
        remedy=refused.remedy,
    )  # fmt: skip


def _decode(data: bytes | str) -> str:
    if len(data) > MAX_BYTES or (isinstance(data, str) and len(data.encode("utf-8", "surrogatepass")) > MAX_BYTES):
        raise _Refused(
            "file-too-large", 0, f"the file has more than {MAX_BYTES // 1000} kB", f"at most {MAX_BYTES:,} bytes",
            "split it into several files",
        )  # fmt: skip
    if not isinstance(data, str):
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise _Refused("not-utf-8", 0, "the file is UTF-16", "UTF-8", "save it as UTF-8")
        try:
            return data.decode("utf-8").removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            whole = data[: error.start].decode("utf-8").removeprefix("\ufeff")
            refused = _Refused(
                "not-utf-8", len(whole), f"the byte 0x{data[error.start]:02x} is not UTF-8", "UTF-8", "save it as UTF-8"
            )
            refused.text = data.decode("utf-8", "replace").removeprefix("\ufeff")
            raise refused from None
    return data.removeprefix("\ufeff")


def _characters(text: str) -> None:
    match = _REFUSED.search(text)
    if match is not None:
        refused = _refused_character(match[0])
        refused.offset = match.start()
        raise refused


def _refused_character(char: str) -> _Refused:
    name = f"U+{ord(char):04X}"
    if char == "\0":
        return _Refused("nul-byte", 0, "a NUL character", "text", "remove it; is this a text file?")
    if "\ud800" <= char <= "\udfff":
        return _Refused("lone-surrogate", 0, f"half a character ({name})", "whole characters", "remove it")
    if char in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        return _Refused(
            "bidi-control", 0, f"a hidden control of writing direction ({name})", "text that reads as it is",
            "remove it; right-to-left text needs none",
        )  # fmt: skip
    return _Refused("control-character", 0, f"a control character ({name})", "printable text", "remove it")


def _events(text: str) -> None:
    depth = nodes = documents = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CBaseLoader):
            at = event.start_mark.index if event.start_mark is not None else 0
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(
                        "second-document", at, "a second document begins here", "one document in a file",
                        "move it to a file of its own",
                    )  # fmt: skip
                if event.version or event.tags:
                    raise _Refused(
                        "yaml-directive", at, "a YAML directive", "a file without directives", "remove the line"
                    )
            elif isinstance(event, yaml.AliasEvent):
                raise _Refused(
                    "yaml-alias", at, f"an alias (*{event.anchor})", "the value itself", "write the value out again"
                )
            elif isinstance(event, yaml.NodeEvent):
                nodes += 1
                _node(event, at, nodes)
                depth += isinstance(event, yaml.CollectionStartEvent)
                if depth > MAX_DEPTH:
                    raise _too_deep(at)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.MarkedYAMLError as error:
        raise _syntax(text, error) from None
    except yaml.YAMLError as error:
        raise _Refused("yaml-syntax", 0, f"the file cannot be read: {error}", "YAML", "check the file") from None


def _node(event: Any, at: int, nodes: int) -> None:
    if nodes > MAX_NODES:
        raise _Refused(
            "too-many-nodes", at, f"the file has more than {MAX_NODES:,} values", f"at most {MAX_NODES:,}",
            "split it into several files",
        )  # fmt: skip
    if event.anchor is not None:
        raise _Refused(
            "yaml-anchor", at, f"an anchor (&{event.anchor})", "the value alone", "remove it, and write repeats out"
        )
    if event.tag is not None:
        raise _Refused("yaml-tag", at, f"a tag ({event.tag})", "the value alone", "remove it; every value is text")


def _too_deep(at: int) -> _Refused:
    return _Refused(
        "too-deep", at, f"the file is nested more than {MAX_DEPTH} deep", f"at most {MAX_DEPTH} levels",
        "write it flatter",
    )  # fmt: skip


def _syntax(text: str, error: yaml.MarkedYAMLError) -> _Refused:
    mark = error.problem_mark or error.context_mark
    at = min(mark.index if mark is not None else 0, len(text))
    problem = (error.problem or "not YAML").strip()
    if "nesting depth" in problem:
        return _too_deep(at)
    if at < len(text) and text[at] == "\t":
        return _Refused("tab-indentation", at, "a tab at the start of a line", "spaces", "indent with spaces")
    context = f" ({error.context})" if error.context else ""
    remedy = "check the indentation here and in the line above, and put texts with ': ', '#', '{' or '%' in quotes"
    return _Refused("yaml-syntax", at, f"this is not YAML: {problem}{context}", None, remedy)


def _tree(document: Document, node: yaml.Node, problems: list[Problem]) -> Node:
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, yaml.ScalarNode):
        scalar = Text(node.value, start, end, node.style)
        if (match := _REFUSED.search(node.value)) is not None:  # written as an escape
            problems.append(_problem(document, document.place_in(scalar, match.start()), _refused_character(match[0])))
        return scalar
    if isinstance(node, yaml.SequenceNode):
        return Seq(tuple(_tree(document, item, problems) for item in node.value), start, end)
    entries: dict[str, tuple[Text, Node]] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _Refused(
                "key-not-text", key.start_mark.index, "a key that is not text", "NAME: value",
                "put a text that begins with '{{' in quotes",
            )  # fmt: skip
        name = Text(key.value, key.start_mark.index, key.end_mark.index, key.style)
        before = entries.get(name.value)
        if before is not None:
            line, column = document.place(name.start)
            problems.append(
                Problem(
                    document.file, line, column, ERROR, "duplicate-key", f"'{name.value}' is written twice",
                    found=name.value, expected="each key once",
                    remedy=f"keep one; the first is in line {document.place(before[0].start)[0]}",
                )
            )  # fmt: skip
            continue
        entries[name.value] = (name, _tree(document, value, problems))
    return Map(entries, start, end)


_ESCAPED: Final = {"x": 4, "u": 6, "U": 10}


def _offsets(source: str, node: Text) -> list[int]:
    """Where each character of a value stands in the file, and its end: value and source are walked side by side."""
    position = node.start
    if node.style in ("|", ">"):
        newline = _BREAK.search(source, position)
        position = newline.end() if newline else position
    elif node.style in ("'", '"'):
        position += 1
    found: list[int] = []
    run = _Run()
    for char in node.value:
        position, width = _match(source, node, position, char, run)
        found.append(min(position, node.end))
        position += width
    return [*found, min(position, node.end)]


@dataclass(slots=True)
class _Run:
    """A run of blanks that was looked through once: where it ends, and whether a line ends there."""

    end: int = -1
    ends_line: bool = False


def _match(source: str, node: Text, position: int, char: str, run: _Run) -> tuple[int, int]:
    """Where ``char`` of the value stands at or after ``position``, and how many characters spell it."""
    while position < node.end:
        here = source[position]
        if node.style == '"' and here == "\\":
            following = source[position + 1]
            if following in "\r\n":
                position = _skip_blank(source, position + 1)
                while source[position] in " \t":
                    position += 1
                continue
            return position, _ESCAPED.get(following, 2)
        if node.style == "'" and here == "'":
            return position, 2
        if here == char and not (char == " " and _ends_line(source, position, run)):
            return position, 1
        if char in " \n" and here in " \t\r\n":
            return position, _skip_blank(source, position) - position
        position += 1
    return node.end, 0


def _ends_line(source: str, position: int, run: _Run) -> bool:
    if position >= run.end:
        while position < len(source) and source[position] in " \t":
            position += 1
        run.end, run.ends_line = position, position < len(source) and source[position] in "\r\n"
    return run.ends_line


def _skip_blank(source: str, position: int) -> int:
    while position < len(source) and source[position] in " \t":
        position += 1
    newline = _BREAK.match(source, position)
    if newline is None:
        return position
    return newline.end()
