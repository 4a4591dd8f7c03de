"""Witnesses: where checkpoints are kept outside the database, so that nobody who holds that can take them back.

A witness keeps the checkpoints of one database. It is a folder, a file, or an address; whoever looks after it should
not be who looks after the database.
"""

from __future__ import annotations

import fcntl
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from adapters.base import AdapterError, is_loopback_host
from adapters.base import SettingsError as AdapterSettingsError
from adapters.http import HttpClient, Transport
from scheduler.ledger.errors import Refused, WitnessError
from scheduler.settings import Settings, SettingsError

SIGNATURE = "— "
_SUFFIX = ".checkpoint"
_LONGEST_NAME = 120
_TIMEOUT_S = 10
_MOST_BYTES = 256 << 20
_TAIL = 1 << 16
_CANNOT_BE_READ = (404, 405, 501)


class Witness(Protocol):
    """One place that keeps checkpoints; ``name`` says which, without a secret."""

    name: str

    def keep(self, note: str) -> None:
        """Keep a checkpoint, for good. Raises WitnessError where it did not, Refused where it never will."""
        ...

    def read(self) -> list[str] | None:
        """Every note that it keeps; none at all, where it cannot be read back. Raises WitnessError."""
        ...

    def has(self, note: str) -> bool | None:
        """Whether it keeps just this note; none, where it cannot be read back. Raises WitnessError."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


def open_witnesses(settings: Settings, *, transport: Transport | None = None) -> tuple[Witness, ...]:
    """The witnesses that DULY_WITNESS names. Raises SettingsError that says what is wrong with which."""
    if settings.witness is None:
        return ()
    return tuple(_open(named.strip(), transport) for named in settings.witness.split(","))


@contextmanager
def witnesses_of(settings: Settings) -> Iterator[tuple[Witness, ...]]:
    """The same for a block, and let go of at its end."""
    with ExitStack() as stack:
        found = open_witnesses(settings)
        for one in found:
            stack.callback(one.close)
        yield found


def split(text: str) -> list[str]:
    """The notes in a text in which one follows another. Raises WitnessError where it holds something else."""
    notes: list[str] = []
    lines: list[str] = []
    for line in io.StringIO(text, newline="\n"):
        if lines and lines[-1].startswith(SIGNATURE) and not line.startswith(SIGNATURE):
            notes.append("".join(lines))
            lines = []
        lines.append(line)
    if lines:
        notes.append("".join(lines))
    for note in notes:
        if f"\n\n{SIGNATURE}" not in note or not note.endswith("\n"):
            raise WitnessError(f"it holds something that is no checkpoint: {note[:40]!r}")
    return notes


def _open(named: str, transport: Transport | None) -> Witness:
    if "://" in named:
        return _open_address(named, transport)
    if not named:
        raise SettingsError("DULY_WITNESS names nothing between two commas; take one comma out")
    path = Path(named)
    try:
        if named.endswith("/") or path.is_dir():
            path.mkdir(mode=0o700, exist_ok=True)
            if not os.access(path, os.W_OK | os.X_OK):
                raise PermissionError(13, os.strerror(13))
            return FolderWitness(path)
        # Opened once, so that a path that cannot be written is found now and not at the first checkpoint.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600))
        _sync_folder(path.parent)
    except OSError as error:
        raise SettingsError(
            f"DULY_WITNESS names {named}, which cannot be written: {(error.strerror or '').lower()}; make the folder "
            "that it lies in, let this user write there, or name another place"
        ) from error
    return FileWitness(path)


def _open_address(named: str, transport: Transport | None) -> Witness:
    try:
        return AddressWitness(named, transport=transport)
    except (AdapterSettingsError, ValueError):
        raise SettingsError(
            "DULY_WITNESS names an address that is wrong; expected https://host/path (http for this machine only), "
            "without a user, a query or a fragment"
        ) from None


class FolderWitness:
    """A folder with a file for each checkpoint, named by the ledger, the size and the note's own digest."""

    def __init__(self, folder: Path) -> None:
        self.name = f"{folder}/"
        self._folder = folder

    def keep(self, note: str) -> None:
        """Written beside, made lasting, then given its name; a file of that name is never written again."""
        target = self._folder / file_name(note)
        data = note.encode()
        fresh = self._folder / f".{target.name[:_LONGEST_NAME]}.{secrets.token_hex(8)}"
        try:
            if target.exists():
                if target.read_bytes() != data:
                    raise Refused(f"{target} holds another text than the checkpoint that it is named after")
                return
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(target)
            _sync_folder(self._folder)
        except OSError as error:
            raise WitnessError(f"{self.name}: {(error.strerror or type(error).__name__).lower()}") from error
        finally:
            fresh.unlink(missing_ok=True)

    def read(self) -> list[str] | None:
        """The texts of its files, by name."""
        try:
            names = sorted(entry.name for entry in os.scandir(self._folder) if entry.name.endswith(_SUFFIX))
            texts = [(self._folder / name).read_bytes() for name in names if not name.startswith(".")]
        except OSError as error:
            raise WitnessError(f"{self.name}: {(error.strerror or type(error).__name__).lower()}") from error
        return [note for text in texts for note in _decoded(self.name, text)]

    def has(self, note: str) -> bool | None:
        """Whether there is a file of its name."""
        try:
            return (self._folder / file_name(note)).exists()
        except OSError as error:
            raise WitnessError(f"{self.name}: {(error.strerror or type(error).__name__).lower()}") from error

    def close(self) -> None:
        """Nothing is open."""


class FileWitness:
    """A file to which checkpoints are appended."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def keep(self, note: str) -> None:
        """Append it, unless it is the last one there; what a crash left half written is taken off first."""
        data = note.encode()
        try:
            with os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                length = file.seek(0, os.SEEK_END)
                begin = max(0, length - _TAIL)
                file.seek(begin)
                tail = file.read()
                whole = _whole(tail)
                if tail[:whole].endswith(data):
                    return
                file.seek(begin + whole)
                file.truncate()
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise WitnessError(f"{self.name}: {(error.strerror or type(error).__name__).lower()}") from error

    def read(self) -> list[str] | None:
        """What was appended, in that order; what a crash left half written at the end is none."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise WitnessError(f"{self.name}: {(error.strerror or type(error).__name__).lower()}") from error
        return _decoded(self.name, data[: _whole(data)])

    def has(self, note: str) -> bool | None:
        """Whether it was appended."""
        return note in (self.read() or ())

    def close(self) -> None:
        """Nothing is open."""


class AddressWitness:
    """A server: takes a checkpoint by POST, answers 409 to one that contradicts what it has, gives all back by GET."""

    def __init__(self, address: str, *, transport: Transport | None = None) -> None:
        parts = urlsplit(address)
        if parts.query or parts.fragment or (parts.scheme == "http" and not is_loopback_host(parts.hostname or "")):
            raise ValueError(address)
        # A path may be what gives access; it is not shown.
        self.name = f"{parts.scheme}://{parts.netloc}"
        self._path = parts.path or "/"
        self._client = HttpClient(
            self.name, self.name, timeout_s=_TIMEOUT_S, max_bytes=_MOST_BYTES,
            transport=transport,
        )  # fmt: skip

    def keep(self, note: str) -> None:
        """POST it once."""
        try:
            answer = self._client.post_text(self._path, note)
        except AdapterError as error:
            raise WitnessError(error.reason) from error
        if answer.status == 409:
            raise Refused(f"{self.name} refuses a checkpoint, as it contradicts one that it has")
        if not 200 <= answer.status < 300:
            raise WitnessError(f"{self.name}: HTTP {answer.status}")

    def read(self) -> list[str] | None:
        """GET the same address."""
        try:
            answer = self._client.get(self._path)
        except AdapterError as error:
            raise WitnessError(error.reason) from error
        if answer.status in _CANNOT_BE_READ:
            return None
        if answer.status != 200:
            raise WitnessError(f"{self.name}: HTTP {answer.status}")
        return _decoded(self.name, answer.body)

    def has(self, note: str) -> bool | None:
        """Whether it is among what a GET answers."""
        notes = self.read()
        return None if notes is None else note in notes

    def close(self) -> None:
        """Close the client."""
        self._client.close()


def file_name(note: str) -> str:
    """The name of a checkpoint's file: sorted by name, those of a ledger are in the order of their size."""
    origin, size, *_ = note.split("\n", 2)
    escaped = quote(origin, safe="")
    if len(escaped) > _LONGEST_NAME:
        escaped = f"{escaped[:_LONGEST_NAME]}-{sha256(origin.encode()).hexdigest()[:16]}"
    return f"{escaped}.{int(size):020}.{sha256(note.encode()).hexdigest()[:16]}{_SUFFIX}"


def _decoded(name: str, data: bytes) -> list[str]:
    try:
        return split(data.decode())
    except UnicodeDecodeError:
        raise WitnessError(f"{name}: it holds something that is no checkpoint") from None
    except WitnessError as error:
        raise WitnessError(f"{name}: {error}") from None


def _whole(data: bytes) -> int:
    """Where the last whole note ends: after the last whole line of a signature."""
    end = len(data)
    for line in _lines_from_behind(data):
        if line.endswith(b"\n") and line.startswith(SIGNATURE.encode()):
            return end
        end -= len(line)
    return 0


def _lines_from_behind(data: bytes) -> Iterator[bytes]:
    end = len(data)
    while end > 0:
        begin = data.rfind(b"\n", 0, end - 1) + 1
        yield data[begin:end]
        end = begin


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
