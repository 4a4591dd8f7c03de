"""The house rules that no linter knows, kept by reading the repository's own files."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("policies", "adapters", "scheduler")
LONGEST = 400

READS_THE_TIME = re.compile(
    r"((datetime\.)?datetime\.(now|utcnow|today)|(datetime\.)?date\.today"
    r"|time\.(time|monotonic|perf_counter|process_time)(_ns)?|time\.(localtime|gmtime|ctime|asctime|strftime))"
)
MAY_READ_THE_TIME = {"scheduler/clock.py"}
MAY_IMPORT_HTTPX = {"adapters/http.py"}

# A float is a duration in seconds, or a likeness of two words; its name says so.
A_FLOATS_NAME = re.compile(r"(.*_s|seconds|cutoff)", re.IGNORECASE)
MAY_HOLD_FLOATS = {"scheduler/clock.py": "lets seconds pass, and clips them at zero"}

# Tables and generated code may be longer than a screen can show.
MAY_BE_LONG = {
    "requirements.lock": "generated",
}

# Written so that this file does not find itself.
REGISTRIES = re.compile(r"py" r"pi\.org|python" r"hosted\.org|://[^\s/]+/sim" r"ple\b", re.IGNORECASE)
PATHS_OF_ONE_MACHINE = re.compile(r"(?<![\w.~])/(work|root|Users)" r"/|/home/(?!duly\b)\w+/")


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked() -> list[Path]:
    """What belongs to the repository: what git tracks or would, or all files where git is absent."""
    if shutil.which("git") and (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        return [path for entry in listed.decode().split("\0") if entry and (path := ROOT / entry).is_file()]
    hidden = {".git", ".venv", "build", "dist", "__pycache__"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not hidden & set(path.relative_to(ROOT).parts)]


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), name(path))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def time_readings(tree: ast.Module) -> list[str]:
    """Every mention of a function that reads a clock, called or only passed on, under its own name."""
    found = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return [text for text in (*found, *imported(tree)) if READS_THE_TIME.fullmatch(text)]


def floats(tree: ast.Module) -> list[int]:
    """The lines on which a float is made that is no duration and no likeness by its name."""
    excused: set[int] = set()
    for node in ast.walk(tree):
        named: list[tuple[str, ast.expr | None]] = []
        if isinstance(node, ast.keyword):
            named = [(node.arg or "", node.value)]
        elif isinstance(node, ast.Assign):
            named = [(ast.unparse(target), node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign):
            named = [(ast.unparse(node.target), node.value)]
        elif isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args]
            with_default = positional[len(positional) - len(node.defaults) :]
            named = [(each.arg, value) for each, value in zip(with_default, node.defaults, strict=True)]
            named += [(each.arg, value) for each, value in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
        for label, value in named:
            if value is not None and A_FLOATS_NAME.fullmatch(label):
                excused.update(id(inner) for inner in ast.walk(value))
    return [node.lineno for node in ast.walk(tree) if id(node) not in excused and is_float(node)]


def is_float(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "float"
    return isinstance(node, ast.Constant) and isinstance(node.value, float)


def test_the_packages_are_found() -> None:
    assert len(list(sources(*PACKAGES))) > 20


def test_only_the_clock_reads_the_time_of_day() -> None:
    found = {name(path): readings for path in sources(*PACKAGES) if (readings := time_readings(parsed(path)))}
    assert set(found) == MAY_READ_THE_TIME, found


def test_nothing_sleeps() -> None:
    calls = [
        f"{name(path)}:{node.lineno}"
        for path in sources(*PACKAGES, "tests", "bench")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("sleep", "pg_sleep")
    ]
    assert calls == []


def test_no_float_comes_near_money() -> None:
    found = {name(path): lines for path in sources("policies", "scheduler") if (lines := floats(parsed(path)))}
    assert set(found) == set(MAY_HOLD_FLOATS), found


def test_only_one_module_knows_httpx() -> None:
    found = {
        name(path)
        for path in sources(*PACKAGES)
        if any(each.split(".")[0] == "httpx" for each in imported(parsed(path)))
    }
    assert found == MAY_IMPORT_HTTPX


@pytest.mark.parametrize("folder", [*PACKAGES, "tests", "bench"])
def test_each_module_says_what_it_is_for(folder: str) -> None:
    silent = [name(path) for path in sources(folder) if path.stat().st_size and not ast.get_docstring(parsed(path))]
    assert silent == []


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    long = {
        name(path): lines
        for path in tracked()
        if path.suffix in (".py", ".sh", ".lock", "") and (lines := path.read_bytes().count(b"\n")) > LONGEST
    }
    assert set(long) == set(MAY_BE_LONG), long


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = []
    for path in tracked():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if REGISTRIES.search(line) or PATHS_OF_ONE_MACHINE.search(line):
                found.append(f"{name(path)}:{number}: {line.strip()}")
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "x = datetime.now()",
        "x = datetime.datetime.now(UTC)",
        "f(default_factory=datetime.utcnow)",
        "x = date.today()",
        "import time\nx = time.time()",
        "from time import monotonic",
        "x = time.perf_counter_ns()",
    ],
)
def test_a_reading_of_the_time_is_seen(code: str) -> None:
    assert time_readings(ast.parse(code))


@pytest.mark.parametrize(
    "code", ["x = 1.5", "x = float(amount)", "f(1.0)", "def f(rate=0.1): ...", "RATE: float = 0.1"]
)
def test_a_float_is_seen(code: str) -> None:
    assert floats(ast.parse(code))


@pytest.mark.parametrize(
    "code", ["TIMEOUT_S = 1.5", "f(cutoff=0.6)", "def f(*, timeout_s: float = 2.5): ...", "x = '1.5'"]
)
def test_a_float_that_is_named_as_a_duration_is_none_of_money(code: str) -> None:
    assert not floats(ast.parse(code))
