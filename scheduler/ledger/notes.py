"""Signed notes and checkpoints as C2SP has them (signed-note, tlog-checkpoint): written, read strictly, verified.

A note is a text, a blank line, and lines ``— <key name> <base64 of key id and signature>``. A checkpoint's text is the
ledger's origin, its size, its root in base64, and lines of extension.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_ED25519: Final = b"\x01"
_DASH: Final = "\u2014 "
_KEY_ID: Final = 4
_SIGNATURE: Final = 64
_HASH: Final = 32
_MOST_SIGNATURES: Final = 100
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class NoteError(ValueError):
    """A note, checkpoint or key is not what the format asks for, or nobody known has signed it."""


class Verifier:
    """A public key with its name; ``str`` is its vkey: ``name+hhhhhhhh+base64(0x01 ‖ key)``."""

    def __init__(self, name: str, public: bytes) -> None:
        """``public``: the 32 bytes of an Ed25519 key. Raises NoteError on a name that no note may hold."""
        if not _is_name(name):
            raise NoteError(f"the key name {name!r} is none; expected characters that print, no blank and no plus sign")
        if len(public) != _HASH:
            raise NoteError(f"the key of {name} has {len(public)} bytes; expected {_HASH}")
        self.name = name
        self.key_id = sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_KEY_ID]
        self._public = public

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """The key that a vkey names; raises NoteError."""
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        key = _decoded(encoded, "the key")
        if len(key) != 1 + _HASH or key[:1] != _ED25519:
            raise NoteError("the verifier key is not of Ed25519 (type 1 and 32 bytes)")
        found = cls(name, key[1:])
        if key_id != found.key_id.hex():
            raise NoteError(f"the verifier key's id is {key_id}; by its name and key it is {found.key_id.hex()}")
        return found

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(_ED25519 + self._public).decode()}"

    def verifies(self, text: str, signature: bytes) -> bool:
        """Whether the signature (64 bytes) is this key's over the text."""
        try:
            Ed25519PublicKey.from_public_bytes(self._public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


class Signer:
    """A private key with its name."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.verifier = Verifier(name, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> Signer:
        """The key of a seed of 32 bytes; raises NoteError."""
        if len(seed) != _HASH:
            raise NoteError(f"the seed of {name} has {len(seed)} bytes; expected {_HASH}")
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    def sign(self, text: str) -> str:
        """The line of a signature over the text."""
        signed = self.verifier.key_id + self._private.sign(text.encode())
        return f"{_DASH}{self.verifier.name} {b64encode(signed).decode()}\n"


def sign_note(text: str, *signers: Signer) -> str:
    """The note of a text, which ends with a line feed, signed by each."""
    _check_text(text)
    return text + "\n" + "".join(signer.sign(text) for signer in signers)


def open_note(note: str, verifiers: Sequence[Verifier]) -> tuple[str, tuple[str, ...]]:
    """The text of a note and the vkeys that signed it, of those given. Signatures of other keys are passed over.

    Raises NoteError where the form is wrong, a known key's signature is, or none of the keys has signed.
    """
    text, lines = _parts(note)
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    found: dict[str, None] = {}
    for line in lines:
        name, key_id, signature = _signature(line)
        verifier = known.get((name, key_id))
        if verifier is None:
            continue
        if str(verifier) in found:
            raise NoteError(f"the key {name} signs the note twice")
        if len(signature) != _SIGNATURE or not verifier.verifies(text, signature):
            raise NoteError(f"the signature of {name} does not verify")
        found[str(verifier)] = None
    if not found:
        raise NoteError("no key that is known has signed the note")
    return text, tuple(found)


def _parts(note: str) -> tuple[str, list[str]]:
    _check_characters(note)
    at = note.rfind("\n\n")
    if at < 0:
        raise NoteError("the note has no blank line before its signatures")
    text, rest = note[: at + 1], note[at + 2 :]
    _check_text(text)
    if not rest.endswith("\n"):
        raise NoteError("the last signature of the note has no line feed behind it")
    lines = rest[:-1].split("\n")
    if len(lines) > _MOST_SIGNATURES:
        raise NoteError(f"the note has {len(lines)} signatures; expected at most {_MOST_SIGNATURES}")
    return text, lines


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, blank, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not blank or not _is_name(name):
        raise NoteError(f"the line {line[:60]!r} is no signature")
    signed = _decoded(encoded, f"the signature of {name}")
    if len(signed) <= _KEY_ID:
        raise NoteError(f"the signature of {name} is too short")
    return name, signed[:_KEY_ID], signed[_KEY_ID:]


def _is_name(name: str) -> bool:
    return bool(name) and not any(char.isspace() or char == "+" or not char.isprintable() for char in name)


def _check_text(text: str) -> None:
    _check_characters(text)
    if not text.endswith("\n"):
        raise NoteError("the text of the note does not end with a line feed")


def _check_characters(text: str) -> None:
    wrong = next((char for char in text if (char < " " and char != "\n") or "\ud800" <= char <= "\udfff"), None)
    if wrong is not None:
        raise NoteError(f"the note holds the character U+{ord(wrong):04X}")


def _decoded(text: str, what: str) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise NoteError(f"{what} is not base64") from None
    if b64encode(data).decode() != text:
        raise NoteError(f"{what} is not in the one form of base64 that its bytes have")
    return data


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How a ledger stands: ``size`` entries with this root (32 bytes)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The text to be signed."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """The checkpoint of a note's text; raises NoteError where anything is not in its one form."""
        _check_text(text)
        origin, *rest = text[:-1].split("\n")
        if len(rest) < 2:
            raise NoteError("the checkpoint has fewer than three lines; expected origin, size and root")
        size, encoded, *extensions = rest
        if not origin:
            raise NoteError("the checkpoint has no origin")
        if _SIZE.fullmatch(size) is None:
            raise NoteError(f"the checkpoint's size is {size[:40]!r}; expected a decimal number without leading zeros")
        root = _decoded(encoded, "the checkpoint's root")
        if len(root) != _HASH:
            raise NoteError(f"the checkpoint's root has {len(root)} bytes; expected {_HASH}")
        if not all(extensions):
            raise NoteError("the checkpoint has an empty line of extension")
        return cls(origin, int(size), root, tuple(extensions))
