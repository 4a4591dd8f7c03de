"""Every regular expression of ours, found by reading the code, and texts that would make a careless one slow."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("policies", "adapters", "scheduler")
WAYS = ("match", "search", "fullmatch", "sub", "split", "finditer", "findall")
REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_SAMPLES = "x 1\n-,.!y"


@dataclass(frozen=True, slots=True)
class Found:
    """One call of ``re``: where, the source of its pattern, the pattern, and in which ways it is used."""

    place: str
    written: str
    pattern: re.Pattern[Any] | None
    ways: tuple[str, ...]


def all_found() -> list[Found]:
    """Every regular expression in the three packages; one that is made of other values has no pattern."""
    trees = {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }
    used: dict[tuple[Path | None, str], set[str]] = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in WAYS:
                name = ast.unparse(node.value).rpartition(".")[2]
                used.setdefault((path if name.startswith("_") else None, name), set()).add(node.attr)
    return [found for path, tree in trees.items() for found in _in_file(path, tree, used)]


def _in_file(path: Path, tree: ast.Module, used: dict[tuple[Path | None, str], set[str]]) -> Iterator[Found]:
    calls = [
        node for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {f"re.{way}" for way in (*WAYS, "compile", "subn")}
    ]  # fmt: skip
    if not calls:
        return
    name = path.relative_to(ROOT).as_posix()
    module = vars(importlib.import_module(name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")))
    for call in calls:
        written = ast.unparse(call.args[0])
        way = ast.unparse(call.func).removeprefix("re.")
        flags = [ast.unparse(value) for value in call.args[1:2]] if way == "compile" else []
        try:
            pattern = re.compile(eval(written, dict(module)), *(eval(flag, dict(module)) for flag in flags))  # noqa: S307
        except NameError:
            yield Found(f"{name}:{call.lineno}", written, None, ())
            continue
        names = [key for key, value in module.items() if isinstance(value, re.Pattern) and value == pattern]
        ways = {way} if way in WAYS else set[str]().union(
            *(used.get((path if key.startswith("_") else None, key), ()) for key in names)
        )  # fmt: skip
        yield Found(f"{name}:{call.lineno}", written, pattern, tuple(sorted(ways)) or ("fullmatch",))


def run(pattern: re.Pattern[Any], way: str) -> Callable[[Any], object]:
    """The pattern, used in a way, as a function of the text alone."""
    nothing = b"" if isinstance(pattern.pattern, bytes) else ""
    if way == "sub":
        return lambda text: pattern.sub(nothing, text)
    if way == "finditer":
        return lambda text: list(pattern.finditer(text))
    return getattr(pattern, way)  # type: ignore[no-any-return]


def attacks(pattern: re.Pattern[Any]) -> Iterator[Callable[[int], Any]]:
    """Texts of any length: what leads to a repeat, what it repeats (and other characters of it), what cannot follow."""
    source = pattern.pattern
    tree = parser.parse(source, 0 if isinstance(source, bytes) else pattern.flags)
    known = list(dict.fromkeys(_characters(tree)))[:8]
    begins, pumps = {""}, set(known) | {a + b for a in known for b in known if a != b}
    for before, repeated in _repeats(tree, ""):
        begins.add(before[:60])
        pumps |= {repeated, before + repeated} | {repeated + char for char in known}
    whole = _sample(tree)
    pumps |= {whole, whole[:-1]}
    for begin in sorted(begins)[:6]:
        for pump in sorted(pumps - {""}):
            for end in ("", "\0", "!", "\n "):

                def text(length: int, begin: str = begin, pump: str = pump, end: str = end) -> Any:
                    made = begin + pump * (length // len(pump) + 1) + end
                    return made.encode("latin-1", "replace") if isinstance(source, bytes) else made

                yield text


def _inner(op: Any, value: Any) -> list[Any]:
    """The parts of one node of the tree that are trees themselves."""
    if op is codes.BRANCH:
        return list(value[1])
    if op is codes.SUBPATTERN:
        return [value[3]]
    if op in REPEATS:
        return [value[2]]
    if op in (codes.ASSERT, codes.ASSERT_NOT):
        return [value[1]]
    return [value] if op is codes.ATOMIC_GROUP else []


def _characters(tree: Any) -> Iterator[str]:
    for op, value in tree:
        if op in (codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN):
            yield _one(op, value)
            if op is codes.IN:
                yield from (
                    chr(v if o is codes.LITERAL else v[0]) for o, v in value if o in (codes.LITERAL, codes.RANGE)
                )
        for inner in _inner(op, value):
            yield from _characters(inner)


def _one(op: Any, value: Any) -> str:
    """A character that this node takes."""
    if op is codes.LITERAL:
        return chr(value)
    tree = parser.SubPattern(parser.State(), [(op, value)])
    likely = [*_SAMPLES]
    if op is codes.IN:
        likely += [chr(v if o is codes.LITERAL else v[0]) for o, v in value if o in (codes.LITERAL, codes.RANGE)]
    return next((char for char in likely if _takes(tree, char)), "x")


def _takes(tree: Any, char: str) -> bool:
    (op, value) = tree[0]
    if op is codes.ANY:
        return char != "\n"
    if op is codes.NOT_LITERAL:
        return ord(char) != value
    negated = any(o is codes.NEGATE for o, _ in value)
    kinds = {"SPACE": char.isspace(), "DIGIT": char.isdigit(), "WORD": char.isalnum() or char == "_"}
    inside = any(
        (o is codes.LITERAL and ord(char) == v)
        or (o is codes.RANGE and v[0] <= ord(char) <= v[1])
        or (o is codes.CATEGORY and kinds[str(v).rpartition("_")[2]] != ("NOT" in str(v)))
        for o, v in value
    )
    return inside != negated


def _sample(tree: Any) -> str:
    """A text that the tree takes, mostly."""
    made = ""
    for op, value in tree:
        if op in (codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN):
            made += _one(op, value)
        elif op in REPEATS:
            made += _sample(value[2]) * max(value[0], 1)
        elif op not in (codes.ASSERT, codes.ASSERT_NOT):
            made += "".join(_sample(inner) for inner in _inner(op, value)[:1])
    return made


def _repeats(tree: Any, before: str) -> Iterator[tuple[str, str]]:
    """For each repeat that has no near end: a text that leads to it, and one that it repeats."""
    for index, (op, value) in enumerate(tree):
        here = before + _sample(list(tree)[:index])
        if op in REPEATS and value[1] >= 50:
            yield here, _sample(value[2])
        for inner in _inner(op, value):
            yield from _repeats(inner, here)
