"""A connection to the real PostgreSQL that asks, before each statement and each commit, what is to become of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

GO = "go"
DIE = "die"
CUT = "cut"
DIE_AFTER = "die after"
CUT_AFTER = "cut after"
REFUSALS = {"serialization": "40001", "lock time-out": "55P03", "statement time-out": "57014", "disk full": "53100"}

STATEMENT = "statement"
COMMIT = "commit"
RETURNED = "returned"

AT_STATEMENT = (CUT, *REFUSALS)
AT_COMMIT = (CUT, CUT_AFTER, "serialization", "disk full")

Hook = Callable[["SimulatedConnection", str, str], str]
"""Asked at a point (connection, kind, what is about to run); answers with what happens there."""


class Died(BaseException):
    """The process ends here: nothing more of it runs, and what it had not committed is gone."""


def _words(query: Any) -> str:
    """How a statement begins, for the trace."""
    text = query if isinstance(query, str) else str(query)
    return " ".join(text.split()[:3])


class _Cursor(psycopg.Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **how: Any) -> Any:
        if isinstance(query, str) and query.startswith("ANALYZE"):
            # It changes no answer, and takes as long as all the rest of an import of a few rows.
            query = "SELECT"
        self.connection.reach(STATEMENT, _words(query))  # type: ignore[attr-defined]
        done = super().execute(query, params, **how)
        self.connection.reach(RETURNED, "")  # type: ignore[attr-defined]
        return done

    def executemany(self, query: Any, params_seq: Any, **how: Any) -> None:
        self.connection.reach(STATEMENT, _words(query))  # type: ignore[attr-defined]
        super().executemany(query, params_seq, **how)
        self.connection.reach(RETURNED, "")  # type: ignore[attr-defined]

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **how: Any) -> Iterator[Any]:
        self.connection.reach(STATEMENT, _words(statement))  # type: ignore[attr-defined]
        with super().copy(statement, params, **how) as copying:
            yield copying
        self.connection.reach(RETURNED, "")  # type: ignore[attr-defined]


class SimulatedConnection(psycopg.Connection[Any]):
    """As psycopg's own, and at each point it obeys its ``hook``; without one it is an ordinary connection."""

    hook: Hook | None = None

    def __init__(self, *arguments: Any, **how: Any) -> None:
        super().__init__(*arguments, **how)
        self.cursor_factory = _Cursor

    def reach(self, kind: str, what: str) -> None:
        """A point that is no commit: the hook may park the thread there, and may answer with a fault."""
        if self.hook is not None:
            self._obey(self.hook(self, kind, what))

    @contextmanager
    def transaction(self, *arguments: Any, **how: Any) -> Iterator[Any]:
        outermost = self.info.transaction_status == TransactionStatus.IDLE and self.hook is not None
        order = GO
        with super().transaction(*arguments, **how) as inner:
            yield inner
            if outermost and self.hook is not None:
                order = self.hook(self, COMMIT, "")
                if order not in (DIE_AFTER, CUT_AFTER):
                    self._obey(order)
        if order == CUT_AFTER:
            self._obey(CUT)
        elif order == DIE_AFTER:
            raise Died

    def _obey(self, order: str) -> None:
        if order == DIE:
            raise Died
        if order == CUT:
            # The server would notice a moment later; here it has noticed before anybody else looks.
            if self.info.transaction_status != TransactionStatus.IDLE and not self.closed:
                self.pgconn.exec_(b"ROLLBACK")
            self.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly (simulated)")
        if order in REFUSALS:
            # The server itself says so, so that the transaction is as it is after such an error.
            text = f"DO $$ BEGIN RAISE EXCEPTION 'simulated' USING ERRCODE = '{REFUSALS[order]}'; END $$"
            psycopg.Cursor(self).execute(text)
