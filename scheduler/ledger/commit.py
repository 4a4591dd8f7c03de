"""Salted digests: what an entry says of a person without naming them, and what each digest takes to be opened.

Every borrower has a salt of 32 random bytes. A value at a path has an opening, SHA-256 of salt and path, and a digest,
SHA-256 of opening and value. Whoever is given one opening can check that one value and learns no other; once the salt
is gone, no digest can be linked to anybody.
"""

from __future__ import annotations

import json
from hashlib import sha256
from json.encoder import encode_basestring as _quoted
from typing import Any

BORROWER = "borrower"
_KEY_HEX = 32

_canonical = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def canonical(value: Any) -> str:
    """Canonical JSON as RFC 8785 has it, for what entries hold: text, whole numbers, lists, maps, null."""
    return _canonical(value)


def opening(salt: bytes, path: str) -> bytes:
    """What opens the digest at ``path``: 32 bytes."""
    return sha256(salt + path.encode()).digest()


def digest_of(opened: bytes, value: Any) -> bytes:
    """The digest of a plain JSON value under its opening: 32 bytes."""
    return sha256(opened + _canonical(value).encode()).digest()


def digest(salt: bytes, path: str, value: Any) -> bytes:
    """The digest of the value at ``path``."""
    # A text, which most values are, is quoted at once: the encoder takes twice as long to find out that it is one.
    text = _quoted(value) if isinstance(value, str) else _canonical(value)
    return sha256(sha256(salt + path.encode()).digest() + text.encode()).digest()


def borrower_key(salt: bytes, borrower_id: str) -> str:
    """How the journal names a borrower: 32 hexadecimal digits. The database's ``duly_key`` reckons the same."""
    return digest(salt, BORROWER, borrower_id).hex()[:_KEY_HEX]


def loan_path(loan_id: str) -> str:
    """Where the digest of a loan's id stands."""
    return f"loan/{loan_id}"


def loan_key(salt: bytes, loan_id: str) -> str:
    """How the journal names a loan."""
    return digest(salt, loan_path(loan_id), loan_id).hex()[:_KEY_HEX]


def message_path(message_id: str, part: str) -> str:
    """Where the digest of a part of a message stands: ``id``, ``text``, ``to``, ``reference`` or ``reason``."""
    return f"message/{message_id}/{part}"


def message_key(salt: bytes, message_id: str) -> str:
    """How the journal names a message."""
    return digest(salt, message_path(message_id, "id"), message_id).hex()[:_KEY_HEX]


def text_of(subject: str | None, body: str) -> str:
    """The text of a message whose digest an entry holds: the subject, a line feed, the body."""
    return f"{subject or ''}\n{body}"
