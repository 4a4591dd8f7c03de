"""The command line within this process, on a database of the test's own; a policy and a small book as files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from policies import library
from policies.example import example_book
from scheduler.cli import main

POLICY = "us-personal-loan.yaml"
FROM, UNTIL = "2026-01-05", "2026-04-05"


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines on stdout."""
        return self.out.splitlines()


Duly = Callable[..., Ended]


@pytest.fixture
def duly(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Duly:
    """Run a command line in this process; DULY_HOME is a folder of the test's own."""
    monkeypatch.setenv("DULY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DULY_DATABASE_URL", raising=False)

    def call(*arguments: object) -> Ended:
        capsys.readouterr()
        code = main.execute([str(one) for one in arguments])
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return call


@pytest.fixture
def stored(duly: Duly, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Duly:
    """The same, with a database."""
    monkeypatch.setenv("DULY_DATABASE_URL", database_url)
    return duly


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy of the library as a file."""
    path = tmp_path_factory.mktemp("policy") / POLICY
    path.write_bytes(library.read(POLICY))
    return path


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of a dozen persons as a folder."""
    folder = tmp_path_factory.mktemp("book")
    write_book(folder, 12)
    return folder


def write_book(folder: Path, persons: int) -> None:
    """An example book of the United States."""
    for name, text in example_book(5, persons, start=date(2026, 1, 5), days=90, markets=("US",)).items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
