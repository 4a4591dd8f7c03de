"""The default channel: writes each message as a readable file and sends nothing.

A message lies at ``<folder>/<channel>/<first two digits of its id>/<id>.txt``, so that a hundred thousand of
them are a few hundred in each folder.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from adapters.base import CHANNELS, Channel, Message, Receipt, Transient, check_message_id, check_sendable
from adapters.options import Options

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW


class SandboxChannel(Channel):
    """Writes files that only their owner can read; safe from many threads and processes at once.

    A second ``send`` of one id leaves the first file as it is. Files are not synced to the disk one by one: what
    a power cut takes away had never left anyway.
    """

    name = "sandbox"
    channels = CHANNELS
    thread_safe = True
    idempotent = True
    looks_up = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return f"SandboxChannel(folder={str(self._folder)!r})"

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> Self:
        """Option ``folder``: where the messages are written; it is made, for its owner only, when first needed."""
        return cls(Path(Options(cls.name, settings, ("folder",)).text("folder")))

    def path(self, channel: str, message_id: str) -> Path:
        """Where a message of this channel and id lies, or would."""
        return self._folder / channel / message_id[:2] / f"{check_message_id(message_id)}.txt"

    def send(self, message: Message) -> Receipt:
        """Write the message as a file, whole or not at all."""
        check_sendable(message, self)
        path = self.path(message.channel, message.message_id)
        try:
            if not path.exists():
                self._write(path, _readable(message).encode())
        except OSError as error:
            raise Transient(f"sandbox: the folder cannot be written: {error.strerror}") from None
        return Receipt(self.name, message.message_id)

    def lookup(self, message_id: str) -> Receipt | None:
        """The receipt of a message whose file is there."""
        if any(self.path(channel, message_id).exists() for channel in self.channels):
            return Receipt(self.name, message_id)
        return None

    def loopback(self) -> bool:
        """Always: nothing leaves."""
        return True

    def _write(self, path: Path, content: bytes) -> None:
        # Two threads with one message write two files, and the last rename wins with the same bytes.
        temporary = path.with_name(f".{path.stem}.{os.getpid()}.{threading.get_ident()}")
        try:
            handle = os.open(temporary, _NEW_FILE, _FILE_MODE)
        except FileNotFoundError:
            _make(path.parent)
            handle = os.open(temporary, _NEW_FILE, _FILE_MODE)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def _make(folder: Path) -> None:
    # Path.mkdir gives its mode to the last folder only, and each one made here is to be private.
    for each in (*reversed(folder.parents), folder):
        if not each.is_dir():
            each.mkdir(_FOLDER_MODE, exist_ok=True)


def _readable(message: Message) -> str:
    head = {
        "Message": message.message_id,
        "Channel": message.channel,
        "To": ", ".join(message.to.splitlines()),
        "From": message.lender_name,
        "Reply-To": message.reply_to,
        "Subject": message.subject,
        "Language": message.language,
        "Decided": message.created_at.isoformat(),
    }
    lines = [f"{name}: {value}" for name, value in head.items() if value is not None]
    return "\n".join([*lines, "", message.body, ""])
