"""Keys of this machine: as they are set, else made once and kept as files in ``DULY_HOME``, for their owner only."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from scheduler.settings import SHORTEST_KEY, Settings, SettingsError


def link_key(settings: Settings) -> bytes:
    """The key that tokens of links are derived from. Raises SettingsError where it cannot be kept."""
    if settings.link_key is not None:
        return settings.link_key.get_secret_value().encode()
    file = settings.home / "link.key"
    key = kept_key(file, "the key of links", "DULY_LINK_KEY")
    if len(key) < SHORTEST_KEY:
        raise SettingsError(f"{file} holds no key of {SHORTEST_KEY} characters; restore it, or set DULY_LINK_KEY")
    return key


def kept_key(file: Path, what: str, variable: str) -> bytes:
    """What the file of a key holds, without blanks around; a new one (64 hexadecimal digits) is made where none is.

    Raises SettingsError that names ``what`` it is and the ``variable`` that stands for the file.
    """
    try:
        if not file.exists():
            with contextlib.suppress(FileExistsError):
                _write(file, new_key(), lambda fresh: file.hardlink_to(fresh))
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            key = opened.read().strip()
    except OSError as error:
        raise SettingsError(
            f"{what} cannot be kept in {file}: {error.strerror}; set {variable}, or DULY_HOME"
        ) from error
    if mode & 0o077:
        raise SettingsError(f"{file} can be read by others (mode {mode:o}); run: chmod 600 {file}")
    return key


def replace_key(file: Path, key: str) -> None:
    """Put another key into the file's place, so that at any moment the one or the other is there."""
    _write(file, key, lambda fresh: fresh.replace(file))


def new_key() -> str:
    """A key made at random: 64 hexadecimal digits, 256 bits."""
    return secrets.token_hex(32)


def _write(file: Path, key: str, put: Callable[[Path], object]) -> None:
    """Write the key beside the file, to the disk, and let ``put`` bring it there."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as opened:
            opened.write(key + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        put(fresh)
    finally:
        fresh.unlink(missing_ok=True)
