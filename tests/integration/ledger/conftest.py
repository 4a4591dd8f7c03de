"""A ledger filled by the real path, with a witness, to be copied and spoilt; and the command line that looks at it."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from policies import library
from policies.example import example_book
from policies.facts import SECOND, Instant
from policies.simulate import Span
from scheduler import settings
from scheduler.cli import main
from scheduler.ledger.keeping import Keeper
from scheduler.ledger.witness import open_witnesses
from scheduler.store.database import Connection, connect
from scheduler.store.embedded import Server
from tests import running

_TEMPLATE = "template_ledger"
_numbers = itertools.count(1)

CHECKPOINTS_AT = ("2026-01-20", "2026-02-10", "2026-03-01")
"""Dates up to which the book was run when a checkpoint was signed; the last one was signed after all."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def verdict(self) -> dict[str, Any]:
        """The one verdict that it printed."""
        (line,) = self.out.splitlines()
        found: dict[str, Any] = json.loads(line)
        return found


@dataclass(frozen=True, slots=True)
class Ledger:
    """A database with a ledger, the home of its key, and the file of its witness."""

    url: str
    home: Path
    witness: Path
    duly: Callable[..., Ended]

    def verify(self, *more: object) -> Ended:
        """``duly ledger verify --json``."""
        return self.duly("ledger", "verify", "--json", *more)

    def checkpoint(self, now: Instant = 0) -> None:
        """Number all there is, sign, and give it to the witness."""
        with connect(self.url) as connection:
            keep(connection, self.home, self.witness, now)

    def spoil(self, *statements: str, **values: Any) -> None:
        """Statements as the owner of the database, whom no trigger stops."""
        with connect(self.url) as connection, connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                connection.execute(statement, values or None)  # type: ignore[arg-type]

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """What a statement answers."""
        with connect(self.url) as connection:
            return connection.execute(statement, values or None).fetchall()  # type: ignore[arg-type]

    def entry(self, number: int) -> tuple[int, int, str, str]:
        """Transaction, id, kind and text of an entry."""
        ((xact, entry_id, kind, text),) = self.rows(
            "SELECT xact, entry_id, kind, entry FROM journal ORDER BY xact, entry_id LIMIT 1 OFFSET %(n)s", n=number
        )
        return xact, entry_id, kind, text

    @property
    def size(self) -> int:
        """How many entries have a number."""
        ((size,),) = self.rows("SELECT size FROM ledger")
        return int(size)

    @property
    def sizes(self) -> list[int]:
        """The sizes of the checkpoints that were given out."""
        return [int(size) for (size,) in self.rows("SELECT size FROM ledger_checkpoint ORDER BY size")]


def keep(connection: Connection, home: Path, witness: Path, now: Instant) -> None:
    """One round of what a daemon does for its ledger."""
    configured = settings.Settings(home=home, witness=str(witness))
    keeper = Keeper(connection, 0, configured, open_witnesses(configured))
    try:
        assert keeper.finish(now) is None
    finally:
        keeper.close()


def instant(day: str) -> Instant:
    """Midnight UTC."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * SECOND


@pytest.fixture(scope="session")
def filled(
    server: Server, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path, Path]]:  # fmt: skip
    """A database after an import and a run, with some checkpoints on the way; to be copied, never changed."""
    folder = tmp_path_factory.mktemp("ledger")
    home, witness = folder / "home", folder / "witness"
    home.mkdir()
    with server.maintenance() as connection:
        connection.execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE {migrated_template}")
    url = server.database_url(_TEMPLATE)
    files = running.text_files(example_book(7, 30, start=date(2026, 1, 5), days=90, markets=("US",)))
    running.import_all(url, [library.read("us-personal-loan.yaml")], files)
    start = running.span_of(running.read(files)).start
    for day in CHECKPOINTS_AT:
        with connect(url) as connection:
            keep(connection, home, witness, instant(day))
        running.run(url, home, Span(start, instant(day)))
    with connect(url) as connection:
        keep(connection, home, witness, instant(CHECKPOINTS_AT[-1]))
    yield _TEMPLATE, home, witness
    with server.maintenance() as connection:
        connection.execute(f"DROP DATABASE {_TEMPLATE} WITH (FORCE)")


@pytest.fixture
def ledger(
    server: Server, filled: tuple[str, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Ledger]:  # fmt: skip
    """A copy of that database, key and witness, of this test's own."""
    template, home, witness = filled
    name = f"ledger_{next(_numbers)}"
    with server.maintenance() as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    shutil.copytree(home, tmp_path / "home")
    shutil.copy(witness, tmp_path / "witness")
    for variable in ("LEDGER_KEY", "LEDGER_KEY_NEXT", "LEDGER_ORIGIN"):
        monkeypatch.delenv(f"DULY_{variable}", raising=False)
    monkeypatch.setenv("DULY_DATABASE_URL", server.database_url(name))
    monkeypatch.setenv("DULY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DULY_WITNESS", str(tmp_path / "witness"))

    def duly(*arguments: object) -> Ended:
        capsys.readouterr()
        code = main.execute([str(one) for one in arguments])
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    yield Ledger(server.database_url(name), tmp_path / "home", tmp_path / "witness", duly)
    with server.maintenance() as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
