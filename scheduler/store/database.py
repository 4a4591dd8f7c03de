"""Connections to the one database, and its schema: brought up to date, or found to be another version's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine

Connection = psycopg.Connection[tuple[Any, ...]]

PATIENCE_S: Final = 120
"""So long a command waits for one answer of the database."""

_MIGRATIONS = Path(__file__).parent / "migrations"
# Keepalives are the server's part of _LINE: of a host that has lost its power it would keep the locks for hours.
_OPTIONS = (
    "-c timezone=UTC -c application_name=duly -c statement_timeout={ms}"
    " -c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=30000"
)
_NOT_LASTING = " -c synchronous_commit=off"
# A daemon that is suspended in the middle of a transaction gives its borrowers back.
_HOT = (
    " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c idle_in_transaction_session_timeout={ms}"
)


# What a host that is gone is found out by, where the server is on another: libpq ignores it on a socket.
_LINE: Final[dict[str, Any]] = {
    "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000,
}  # fmt: skip
_PLAIN_OPTIONS = frozenset({"host", "hostaddr", "port", "dbname", "user", "sslmode", "connect_timeout"})
_LATER_S = 5
_LOOK_S = 0.1
_T = TypeVar("_T")


class DatabaseError(Exception):
    """The database cannot be used; the text says why and what to do."""


LOST: Final = (
    psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.IdleInTransactionSessionTimeout, DatabaseError
)  # fmt: skip
"""The database is not there, or has stopped answering: what was asked of it is unknown until it is read again."""

FULL: Final = (psycopg.errors.DiskFull, psycopg.errors.IoError)
"""The database answers and cannot write."""


class _Patient(psycopg.Connection[tuple[Any, ...]]):
    """Gives up a server that does not answer at all: one that is frozen keeps no time-out of its own."""

    patience_s: float = PATIENCE_S + _LATER_S

    def wait(self, gen: PQGen[_T], interval: float = _LOOK_S, timeout: float | None = None) -> _T:
        """As psycopg does, and no longer than our patience; then the connection is of no more use."""
        try:
            return super().wait(gen, interval, self.patience_s if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if error.sqlstate is None:  # the server did not say so itself
                self.pgconn.finish()
            raise


def connect(url: str, *, hot: bool = False, lasting: bool = True, patience_s: int = PATIENCE_S) -> Connection:
    """A connection to ``url`` (``postgresql://…`` or ``postgresql+psycopg://…``), in UTC, autocommit.

    ``hot``: for the statements of ``queries``, each of which is a few probes of indexes a row. A table that has just
    been filled looks small to the planner, which would then read the whole of it at every batch. Not ``lasting``: a
    commit is not waited for on its way to the disk; it survives the end of this process, not of the server.
    ``patience_s``: the longest time for one answer; the server gives up then, and a little later so do we.

    Raises DatabaseError where no server answers. The text never holds the password.
    """
    if not _can_be_read(url):
        raise DatabaseError(
            "DULY_DATABASE_URL cannot be read as an address (it is not shown, it holds a password); expected "
            "postgresql://user:password@host:port/database, in a password %XX for what is no letter and no digit"
        )
    options = _OPTIONS + (_HOT if hot else "") + ("" if lasting else _NOT_LASTING)
    try:
        connection = _Patient.connect(
            conninfo_of(url),
            autocommit=True,
            connect_timeout=min(10, max(2, patience_s)),
            options=options.format(ms=patience_s * 1_000),
            **_LINE,
        )
    except psycopg.OperationalError as error:
        reason = _reason(str(error))
        raise DatabaseError(f"no database answers at {shown_url(url)}: {reason}; check DULY_DATABASE_URL") from error
    connection.patience_s = patience_s + _LATER_S
    return connection


def _reason(said: str) -> str:
    """What libpq says of a connection that failed, without the place, which is named already, and its questions."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["no answer"]
    told = [line for line in lines if not line.endswith("?")] or lines
    return told[-1].rpartition(" failed: ")[2]


def conninfo_of(url: str) -> str:
    """The address as libpq reads it."""
    return "postgresql://" + url.partition("://")[2]


def shown_url(url: str) -> str:
    """The address as libpq reads it, with ``***`` for a password, and for each option that may hold a secret."""
    rest = conninfo_of(url).removeprefix("postgresql://")
    # Whatever stands before the last @ may belong to a password that was not escaped.
    login, at, place = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    place, question, options = place.partition("?")
    shown = "&".join(
        f"{name}={value if name in _PLAIN_OPTIONS else '***'}"
        for name, _, value in (option.partition("=") for option in options.split("&"))
    )
    return f"postgresql://{user}{':***' if colon else ''}{at}{place}" + (f"?{shown}" if question else "")


def _can_be_read(url: str) -> bool:
    """Whether libpq takes it for an address, and for the one that was meant: a second @ belongs to a password."""
    try:
        conninfo_to_dict(conninfo_of(url))
    except psycopg.ProgrammingError:
        return False
    return conninfo_of(url).partition("?")[0].count("@") < 2


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["url"] = "postgresql+psycopg://" + url.partition("://")[2]
    return config


def migrate(url: str) -> str:
    """Bring the schema up to date, in one transaction; answers with its revision."""
    connect(url).close()
    command.upgrade(_config(url), "head")
    return head()


def head() -> str:
    """The revision that this version of duly works with."""
    found = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    assert found is not None  # noqa: S101 - the first revision ships with the package
    return found


def revision(url: str) -> str | None:
    """The revision of the database; none, where it is empty. Raises DatabaseError where no server answers."""
    connect(url).close()
    engine = create_engine("postgresql+psycopg://" + url.partition("://")[2])
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def check(url: str) -> None:
    """Raise DatabaseError where the schema is not this version's."""
    found = revision(url)
    if found is None:
        raise DatabaseError("the database is empty; run: duly db migrate")
    if found != head():
        raise DatabaseError(f"the database is at revision {found}, this duly works with {head()}; run: duly db migrate")
