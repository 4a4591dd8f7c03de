"""A book with a ledger, a key and a witness, that tests make go on, spoil, and put back to yesterday."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scheduler import settings
from scheduler.ledger import checkpoints, reconcile
from scheduler.ledger.keeping import Keeper
from scheduler.ledger.witness import open_witnesses
from scheduler.store.database import Connection
from tests.integration.ledger.test_sequencing import append

NOW = 1_772_000_000_000_000


@dataclass
class Book:
    """A database with a ledger, its key and its witness."""

    url: str
    settings: settings.Settings
    connection: Connection

    def keeper(self) -> Keeper:
        """As a daemon that begins has it."""
        return Keeper(self.connection, 0, self.settings, open_witnesses(self.settings))

    def go_on(self, count: int, text: str = "e") -> None:
        """Some entries, a checkpoint, and the witness has it."""
        append(self.connection, count, text)
        assert self.keeper().finish(NOW) is None

    def reason(self) -> str | None:
        """Why a daemon that begins now is held."""
        return self.keeper().examine()

    @property
    def size(self) -> int:
        return checkpoints.ledgers(self.connection, 0)[0].size

    def spoil(self, *statements: str) -> None:
        """As the owner, whom no trigger stops."""
        with self.connection.transaction():
            self.connection.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                self.connection.execute(statement)  # type: ignore[arg-type]

    def accept(self) -> reconcile.Comparison:
        return reconcile.accept(
            self.connection, 0, self.settings, open_witnesses(self.settings), NOW, by="ann", why="the disk died"
        )


Restored = Callable[[], Book]
