"""The key that signs checkpoints of the ledger, and the one that comes after it."""

from __future__ import annotations

import string
from pathlib import Path

from scheduler.key_files import kept_key, replace_key
from scheduler.ledger.notes import Signer
from scheduler.settings import Settings, SettingsError

KEY_FILE = "ledger.key"
NEXT_FILE = "ledger.key.next"
_DIGITS = 64


def ledger_seed(settings: Settings) -> bytes:
    """The seed of the signing key, 32 bytes: as it is set, else the one in ``DULY_HOME``, made there once.

    Raises SettingsError where it cannot be kept.
    """
    if settings.ledger_key is not None:
        return bytes.fromhex(settings.ledger_key.get_secret_value())
    return _kept_seed(settings.home / KEY_FILE, "the key of the ledger", "DULY_LEDGER_KEY")


def signer(settings: Settings, origin: str) -> Signer:
    """Who signs for the ledger of this origin: the key's name is the origin."""
    return Signer.from_seed(origin, ledger_seed(settings))


def next_seed(settings: Settings) -> bytes:
    """The seed to rotate to: ``DULY_LEDGER_KEY_NEXT``, or one made beside the present file and kept until all is done.

    Raises SettingsError where the present one is set and the next is not.
    """
    if settings.ledger_key_next is not None:
        return bytes.fromhex(settings.ledger_key_next.get_secret_value())
    if settings.ledger_key is not None:
        raise SettingsError(
            "DULY_LEDGER_KEY is set, so the next key is set too: put its 64 hexadecimal digits into "
            "DULY_LEDGER_KEY_NEXT and run this again"
        )
    return _kept_seed(settings.home / NEXT_FILE, "the next key of the ledger", "DULY_LEDGER_KEY_NEXT")


def keep_seed(settings: Settings, seed: bytes) -> None:
    """Put the seed into the place of the present one, where that is a file; else the operator sets it."""
    if settings.ledger_key is None:
        replace_key(settings.home / KEY_FILE, seed.hex())
    (settings.home / NEXT_FILE).unlink(missing_ok=True)


def _kept_seed(file: Path, what: str, variable: str) -> bytes:
    text = kept_key(file, what, variable).decode("ascii", errors="replace")
    if len(text) != _DIGITS or not set(text) <= set(string.hexdigits):
        raise SettingsError(f"{file} holds no seed of {_DIGITS} hexadecimal digits; restore it, or set {variable}")
    return bytes.fromhex(text)
