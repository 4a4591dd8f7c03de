"""Texts in plain form: without case, accents, hidden characters and look-alikes, as words and ends of clauses."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

MOST: Final = 20_000
"""Characters of a message that are read; nobody writes a refusal after so many."""

_ACCENTS: Final = re.compile("[\u0300-\u036f]")
_STROKES: Final = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "\u0131": "i", "ħ": "h", "æ": "ae", "œ": "oe"})
_APOSTROPHES: Final = frozenset("'\u2018\u2019\u201b\u02bc\u0060\u00b4\u2032\u05f3")
_BLANKS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800\u180e")
_ENDS: Final = frozenset('.!?;:,\n\r\u2026\u3002\u3001\uff0c\u0964\u0965\u061f\u060c\u037e\u00b7()[]{}"\u201c\u201d')
_LATIN: Final = str.maketrans(
    "авсԁеһіјкӏмпоԛрѕтухуѵгαβεηικνορτυχϲϳ",
    "abcdehijklmnoqpstyxyvrabehiknoptuxcj",
)
_SPELLED: Final = re.compile(r"(?<![^ .])[a-z](?:[ .]{1,3}[a-z]){2,}(?![^ .])")
_LONG: Final = re.compile(r"([a-z])\1{2,}")
_QUOTED: Final = re.compile(
    r"^[ \t]*(?:-{2,} ?(?:original|urspr|mensaje|message|oorspr|messaggio|mensagem|原)"
    r"|(?:on|am|le|el|il|em|op|w dniu) .{4,160}"
    r"(?:wrote|schrieb|a écrit|escribió|ha scritto|escreveu|schreef|napisał).{0,60}:\s*$"
    r"|_{10,}\s*$|在.{4,80}写道)",
    re.IGNORECASE | re.MULTILINE,
)


def folded(text: str) -> str:
    """One form for what reads the same: compatible characters, small letters, no accents on Latin, Greek, Cyrillic."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = _ACCENTS.sub("", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", text).translate(_STROKES)


def plain(text: str) -> str:
    """Words between single blanks, `` . `` where a clause ends; hidden characters gone, S T O P put together."""
    found = placed(text)[0]
    found = _SPELLED.sub(lambda match: re.sub(r"[ .]", "", match[0]), found)
    return _LONG.sub(r"\1", found)


def placed(text: str) -> tuple[str, list[int]]:
    """The same with letters left as they are spelled, and for each character the index in ``text`` it comes from."""
    kept: list[str] = []
    places: list[int] = []
    gap = ""
    for index, char in enumerate(text[:MOST]):
        for one in _forms(char):
            if one in (" ", " . "):
                gap = max(gap, one, key=len)
                continue
            if gap and kept:
                kept += gap
                places += [index] * len(gap)
            gap = ""
            kept.append(one)
            places.append(index)
    return "".join(kept), places


@lru_cache(maxsize=4096)
def _forms(char: str) -> tuple[str, ...]:
    """What a character becomes: letters, a blank, an end of a clause, or nothing."""
    if char in _BLANKS:
        return (" ",)
    if char in _ENDS:
        return (" . ",)
    forms: list[str] = []
    for one in folded(char):
        category = unicodedata.category(one)
        if one in _APOSTROPHES or category == "Cf" or "\ufe00" <= one <= "\ufe0f":
            continue
        if one in _BLANKS or one in _ENDS:
            forms.append(" " if one in _BLANKS else " . ")
        elif category[0] in "LN" or category in ("Mc", "Mn", "Me"):
            forms.append(one)
        else:
            forms.append(" . " if category == "So" and one not in "\u00a9\u00ae" else " ")
    return tuple(forms)


def latin(text: str) -> str:
    """A plain text with the Cyrillic and Greek letters that look like Latin ones put into Latin."""
    return text.translate(_LATIN)


def own_words(text: str) -> str:
    """A message without the lines that it quotes."""
    text = text[:MOST]
    quoted = _QUOTED.search(text)
    if quoted is not None:
        text = text[: quoted.start()]
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith((">", "|>")))
