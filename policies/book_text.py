"""Text that somebody wrote: which characters it may hold, and how a piece of it is shown in a message."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_CONTROLS: Final = {0: "NUL", 9: "TAB", 10: "LINE FEED", 13: "CARRIAGE RETURN", 0x1B: "ESCAPE", 0x85: "NEXT LINE"}

_FORBIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters
    "\u2028\u2029"  # line and paragraph separators
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the direction of what follows
    "\ufeff\ufff9-\uffff\U000e0001-\U000e007f"  # byte order mark, annotations, non-characters, invisible tags
    "\ud800-\udfff]"  # lone surrogates
)
_FORBIDDEN_BUT_BREAKS: Final = re.compile(
    _FORBIDDEN.pattern.replace("\x00-\x1f", "\x00-\x08\x0b\x0c\x0e-\x1f")
)  # fmt: skip


def forbidden_character(text: str, *, breaks: bool = False) -> str | None:
    """The first character that no text of a book may hold, by code and name; with ``breaks``, lines may break."""
    if text.isprintable():
        return None
    match = (_FORBIDDEN_BUT_BREAKS if breaks else _FORBIDDEN).search(text)
    return None if match is None else character_name(match[0])


def character_name(character: str) -> str:
    """A character by its code and its name: ``U+0000 (NUL)``."""
    code = ord(character)
    usual = "lone surrogate" if 0xD800 <= code <= 0xDFFF else "control character"
    name = _CONTROLS.get(code) or unicodedata.name(character, usual)
    return f"U+{code:04X} ({name})"


def shown(text: str, most: int = 40) -> str:
    """A piece of somebody's text, quoted, on one line, short, and without a character that a terminal would obey."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "'" + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut) + "'"
