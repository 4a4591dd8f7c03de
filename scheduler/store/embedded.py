"""Starts, finds and stops the PostgreSQL server that comes with duly, one for each home folder.

Whether a server lives is found out by connecting. Where that fails, the lock on the file ``alive`` decides:
each process of the server holds it from birth to death, so nothing depends on a process id, which another
process may have by now. Only while nobody holds it is a left-over ``postmaster.pid`` removed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import make_conninfo

from scheduler.clock import SystemClock
from scheduler.store.server_place import MAJOR, SOCKET_NAME, EmbeddedError, Place, find, pause

__all__ = ["DATABASE", "EmbeddedError", "Server", "remove", "start", "stop", "url"]

DATABASE = "duly"
_ROLE = "duly"
_PORT = 5432
_ANSWER_S = 30.0
_CLOCK = SystemClock()

# For a small machine. Statements, parameters and details stay out of the log: they hold personal data.
_SETTINGS = {
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "dynamic_shared_memory_type": "posix",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "iso, ymd",
    "cluster_name": "duly",
    "password_encryption": "scram-sha-256",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "unix_socket_permissions": "0700",
}
_OURS = frozenset({"data_directory", "hba_file", "listen_addresses", "port", "unix_socket_directories"})


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answered. ``socket`` is the folder of its socket, ``listen`` its ``ADDRESS:PORT``, if any."""

    socket: Path
    port: int
    listen: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The URL of the database for SQLAlchemy, through the socket."""
        return self.database_url(DATABASE)

    @property
    def conninfo(self) -> str:
        """The connection string of the database for psycopg, through the socket."""
        return self._conninfo(DATABASE)

    @property
    def network_url(self) -> str | None:
        """The URL for a client elsewhere, password included, where the server listens on a port."""
        if self.listen is None or self.password is None:
            return None
        return f"postgresql+psycopg://{_ROLE}:{quote(self.password, safe='')}@{self.listen}/{DATABASE}"

    def database_url(self, database: str) -> str:
        """The URL of another database of this server."""
        where = urlencode({"host": str(self.socket), "port": self.port}, quote_via=quote)
        return f"postgresql+psycopg://{_ROLE}@/{quote(database, safe='')}?{where}"

    def maintenance(self) -> psycopg.Connection:
        """An autocommit connection to the database ``postgres``, to create and drop others."""
        return psycopg.connect(self._conninfo("postgres"), autocommit=True)

    def _conninfo(self, database: str) -> str:
        return make_conninfo(
            host=str(self.socket),
            port=self.port,
            user=_ROLE,
            dbname=database,
            connect_timeout=5,
            application_name="duly",
        )


def start(
    home: Path,
    *,
    listen: str | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
    user: str = "nobody",
) -> Server:
    """The server of ``home``, started where it does not run yet; it lives until ``stop``.

    ``listen`` (``ADDRESS:PORT``) opens a port, with a password that is made once and kept in the place.
    ``settings`` are PostgreSQL's own, on top of ours, for a server that is started now. ``user`` runs it where
    the caller is root. Any number of processes may ask at once and get the same server. Raises ``EmbeddedError``.
    """
    address = None if listen is None else _address(listen)
    place = find(home, user)
    place.make()
    with _told(place), place.locked():
        alive = _settled(place)
        if alive is not None:
            try:
                _launch(place, address, settings, alive)
            finally:
                os.close(alive)
        server = _recorded(place)
        if server is None or not _answers(server, place):
            raise EmbeddedError(f"the server in {place.base} went away while it was started; its log: {_log(place)}")
        if listen is not None and server.listen != listen:
            now = f"on {server.listen}" if server.listen else "on no port"
            raise EmbeddedError(
                f"the database runs already and listens {now}, not on {listen}; stop it with 'duly db stop' first"
            )
        _complete(server)
    return server


def stop(home: Path) -> bool:
    """Stop the server of ``home``; open transactions are rolled back. Whether it ran. Raises ``EmbeddedError``."""
    place = find(home)
    if not place.data.exists():
        return False
    with _told(place), place.locked():
        server = _recorded(place)
        alive = _settled(place)
        if alive is None:
            place.run("pg_ctl", ["stop", "-D", "data", "-m", "fast", "-w", "-t", "60"], timeout_s=90)
        else:
            os.close(alive)
        if server is not None and server.socket.parent != place.base:
            with contextlib.suppress(OSError):  # not empty: a socket left by a kill, used again next time
                server.socket.rmdir()
    return alive is None


def remove(home: Path) -> None:
    """Stop the server of ``home`` and delete its database, for ever. Raises ``EmbeddedError``."""
    stop(home)
    place = find(home)
    if place.base.exists():
        with _told(place):
            shutil.rmtree(place.base)


def url(home: Path) -> str:
    """The URL for SQLAlchemy of the running server of ``home``; raises ``EmbeddedError`` where none answers."""
    place = find(home)
    server = _recorded(place)
    if server is None or not _answers(server, place):
        raise EmbeddedError(f"no database runs for {place.home}; any duly command that needs it starts it")
    return server.url


@contextlib.contextmanager
def _told(place: Place) -> Iterator[None]:
    """Say where it was, when the system refuses something."""
    try:
        yield
    except OSError as error:
        raise EmbeddedError(f"the database in {place.base}: {error.filename or ''} {error.strerror}") from error


def _settled(place: Place) -> int | None:
    """``None`` where the server answers; where none lives, the locked ``alive`` for the next one to hold.

    A server that starts, recovers or dies is waited for.
    """
    until = _CLOCK.monotonic() + _ANSWER_S
    while True:
        server = _recorded(place)
        if server is not None and _answers(server, place):
            return None
        alive = place.grab("alive")
        if alive is not None:
            return alive
        if _CLOCK.monotonic() > until:
            raise EmbeddedError(
                f"the server in {place.base} runs (process {_pid(place)}) but has not answered for "
                f"{_ANSWER_S:g} s; its log: {_log(place)}"
            )
        pause()


def _answers(server: Server, place: Place) -> bool:
    """Whether a server answers there, and serves the data of this very place."""
    try:
        with server.maintenance() as connection:
            row = connection.execute("SHOW data_directory").fetchone()
            return row is not None and os.path.realpath(row[0]) == os.path.realpath(place.data)
    except psycopg.OperationalError:
        return False


def _launch(place: Place, address: tuple[str, int] | None, settings: Mapping[str, str], alive: int) -> None:
    if not place.data.exists():
        _initialise(place)
    version = _tail(place.data / "PG_VERSION").strip()
    if version != str(MAJOR):
        raise EmbeddedError(
            f"{place.data} was made by PostgreSQL {version}, this duly brings {MAJOR}; "
            "move the data over with pg_dump and pg_restore, or name another folder in DULY_HOME"
        )
    socket = place.socket_folder()
    host, port = address or ("", _PORT)
    _configure(place, socket, host, port, settings)
    log = place.data / "server.log"
    if log.exists():
        log.replace(place.data / "server.log.before")
    # Nobody holds ``alive``, so these are left over, whatever process has their number by now.
    name = SOCKET_NAME.format(port=port)
    for stale in (place.data / "postmaster.pid", socket / name, socket / f"{name}.lock"):
        stale.unlink(missing_ok=True)
    options = "-c config_file=postgresql.conf -c hba_file=pg_hba.conf"
    try:
        place.run(
            "pg_ctl",
            ["start", "-D", "data", "-l", "data/server.log", "-w", "-t", "60", "-o", options],
            timeout_s=90,
            keep=[alive],
        )
    except EmbeddedError as error:
        raise EmbeddedError(f"{error}; its log: {_log(place)}") from None


def _initialise(place: Place) -> None:
    """Make the cluster aside and move it in place when it is whole, so that a kill leaves no half of one."""
    fresh = place.base / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    place.make_own_folder(fresh)
    common = ["--locale=C", "--encoding=UTF8", f"--username={_ROLE}", "--auth-local=trust", "--auth-host=reject"]
    place.run("initdb", ["-D", "data.new", *common, "--no-instructions"], timeout_s=120)
    fresh.rename(place.data)


def _configure(place: Place, socket: Path, host: str, port: int, settings: Mapping[str, str]) -> None:
    for name in settings:
        if name in _OURS or not re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", name):
            raise EmbeddedError(f"the PostgreSQL setting {name!r} cannot be given; duly decides it, or it is none")
    where = {
        "listen_addresses": host,
        "port": str(port),
        "unix_socket_directories": '"' + str(socket).replace('"', '""') + '"',
    }
    lines = [f"{name} = {_quoted(value)}\n" for name, value in {**_SETTINGS, **settings, **where}.items()]
    # Whoever reaches the socket is the server's account or root: the folder is theirs alone.
    rules = "local all all trust\n" + ("host all all all scram-sha-256\n" if host else "")
    place.write("postgresql.conf", "".join(lines))
    place.write("pg_hba.conf", rules)
    if host and not (place.base / "password").exists():
        place.write("password", secrets.token_urlsafe(24), mode=0o600)
    record = {"socket": str(socket), "port": port, "host": host}
    place.write("server.json", json.dumps(record), mode=0o600)


def _recorded(place: Place) -> Server | None:
    """The server as it was started last; whether it still lives is another question."""
    try:
        record = json.loads((place.base / "server.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    host, port = record["host"], record["port"]
    if not host:
        return Server(Path(record["socket"]), port)
    shown = f"[{host}]" if ":" in host else host
    password = (place.base / "password").read_text(encoding="ascii")
    return Server(Path(record["socket"]), port, f"{shown}:{port}", password)


def _complete(server: Server) -> None:
    """Create the database, and set the password, where the server is new."""
    with server.maintenance() as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        if server.password is not None:
            # Digested here, so that the password itself never reaches the server or its log.
            digest = connection.pgconn.encrypt_password(server.password.encode(), _ROLE.encode(), b"scram-sha-256")
            connection.execute(psycopg.sql.SQL("ALTER ROLE duly PASSWORD {}").format(digest.decode()))


def _address(listen: str) -> tuple[str, int]:
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})", listen, re.ASCII)
    if found is None or not 1 <= int(found[3]) <= 65_535:
        raise EmbeddedError(f"the address {listen!r} is none; expected ADDRESS:PORT, such as 127.0.0.1:5433")
    return found[1] or found[2], int(found[3])


def _quoted(value: str) -> str:
    if not value.isprintable():
        raise EmbeddedError(f"the PostgreSQL setting {value!r} holds control characters")
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _pid(place: Place) -> str:
    return (_tail(place.data / "postmaster.pid") or "unknown").partition("\n")[0]


def _log(place: Place) -> str:
    return _tail(place.data / "server.log").strip() or "empty"


def _tail(file: Path) -> str:
    """The end of a file in the server's own folder; a link there could lead anywhere, and is not followed."""
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - 2_000))
            return opened.read().decode(errors="replace")
    except OSError:
        return ""
