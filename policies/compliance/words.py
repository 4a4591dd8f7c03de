"""What a person wrote: a refusal of messages, their return, or neither; in many languages, without asking which.

The words are data (``words/*.yaml``, one file a language, explained in ``words/README.md``). Whoever reads them has
to weigh two faults: a refusal that is missed is a message against the law, a refusal that is read into other words
is one reminder less. So a doubt counts as a refusal; but a word by itself is no doubt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from policies.compliance import patterns
from policies.compliance.plain import latin, own_words, plain
from policies.compliance.vocabulary import CHANNEL_CLASSES

HERE: Final = "here"
ALL: Final = "all"
MEDIA: Final = (HERE, ALL, "sms", "email", "call", "letter")
"""What a phrase may refuse: the medium it is written by, all media, or one."""

_TEXT: Final = frozenset(CHANNEL_CLASSES["text"])
_FOLDER: Final = "words"
_BEFORE: Final = 200
"""How far back from a phrase one looks for what turns it into its contrary, in characters."""


@dataclass(frozen=True, slots=True)
class Said:
    """A refusal or its end; ``channel`` is the medium that it is about, none for all of them."""

    kind: Literal["opt_out", "opt_in"]
    channel: str | None


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of all languages, folded. Keywords have no blanks."""

    clause: frozenset[str]
    alone: frozenset[str]
    letters: frozenset[str]
    start: frozenset[str]
    polite: frozenset[str]
    phrases: tuple[tuple[str, re.Pattern[str]], ...]
    unless_before: re.Pattern[str]
    signs: frozenset[str]


def classify(text: str, channel: str) -> Said | None:
    """What a message that a person sent through ``channel`` says of messages to come.

    A refusal wins over all else in it. A return (START, YES) is only one as the whole message, and only by text
    message. Quoted lines of an answered message do not count. A refusal by an unknown medium (``""``) is of all.
    """
    words = _words()
    own = own_words(text)
    for reading in dict.fromkeys((plain(own), latin(plain(own)))):
        refused = _refused(reading, own, channel, words)
        if refused:
            return Said("opt_out", _medium(refused, channel))
    if channel in _TEXT and _joined(plain(own)) in words.start:
        return Said("opt_in", channel)
    return None


def _refused(reading: str, own: str, channel: str, words: _Words) -> set[str]:
    """The media that a text in plain form refuses. A phrase says more than the keyword that it is made of."""
    found: set[str] = set()
    spans: list[tuple[int, int]] = []
    for medium, pattern in words.phrases:
        for match in pattern.finditer(reading):
            if not words.unless_before.search(reading[max(0, match.start() - _BEFORE) : match.start()]):
                found.add(medium)
                spans.append(match.span())
    whole = _joined(reading)
    if not whole:
        # No word at all: only a sign that is itself a refusal is one, and a thumb or a question mark is none.
        signs = set("".join(own.split()).replace("\ufe0f", ""))
        return {HERE} if signs and signs <= words.signs else set()
    if not found and (
        whole in words.clause
        or whole in words.alone
        or (channel in _TEXT | {""} and whole in words.letters)
        or _all_of(reading.replace(".", " ").split(), words.clause | words.alone, words.polite)
    ):
        return {HERE}
    start = 0
    for clause in reading.split(" . "):
        end = start + len(clause)
        if not any(first < end and start < last for first, last in spans) and _all_of(
            clause.split(), words.clause, words.polite
        ):
            found.add(HERE)
        start = end + 3
    return found or ({HERE} if _shouts(own) else set())


def _all_of(tokens: list[str], keywords: frozenset[str], polite: frozenset[str]) -> bool:
    """Whether the tokens are keywords, at least one, and words of politeness around them."""
    rest = [token for token in tokens if token not in polite]
    return bool(rest) and ("".join(rest) in keywords or all(token in keywords for token in rest))


def _joined(reading: str) -> str:
    return reading.replace(" ", "").replace(".", "")


_SHOUT: Final = re.compile(r"\bSTOP\b")
_NO_SHOUT: Final = re.compile(
    r"(?:\b(?:not|n['\u2019]?t|never|cannot|reply|replying|text|texting|send|sending|type|word|with|nicht|no|non|nie|"
    r"responda|con|palabra|envoyez|antworten|mit|回复|回覆|发送)\W+$)|[\"\u201c\u201d\u201e\u00ab]$",
    re.IGNORECASE,
)


def _shouts(own: str) -> bool:
    """STOP in capitals amid small letters is meant as the keyword; not where it is told of (``reply STOP to``)."""
    if not re.search(r"[a-z]", own):
        return False
    return any(
        not _NO_SHOUT.search(own, max(0, match.start() - _BEFORE), match.start()) for match in _SHOUT.finditer(own)
    )


def _medium(refused: set[str], channel: str) -> str | None:
    here = channel or ALL
    media = {here if medium == HERE or (medium == "sms" and channel in _TEXT) else medium for medium in refused}
    return None if ALL in media or len(media) > 1 else media.pop()


# --- the data ---------------------------------------------------------------------------------------------------


def languages() -> tuple[str, ...]:
    """The languages of the word lists, by code, in order."""
    return patterns.languages(_FOLDER)


@cache
def _words() -> _Words:
    sets: dict[str, set[str]] = {name: set() for name in ("clause", "alone", "letters", "start", "polite")}
    signs: set[str] = set()
    phrases: list[tuple[str, re.Pattern[str]]] = []
    unless: list[str] = []
    for language in languages():
        data = patterns.read(_FOLDER, language)
        for name, found in sets.items():
            found.update(filter(None, (_joined(plain(word)) for word in data.get(name, ()))))
        signs.update(word for word in data.get("alone", ()) if not _joined(plain(word)))
        for medium, written in data.get("phrases", {}).items():
            # One pattern for a language and medium: whichever phrase it is, the medium is refused.
            phrases.append((medium, re.compile(patterns.whole(written, data))))
        if "unless_before" in data:
            unless.append(patterns.whole(data["unless_before"], data, before=True))
    # A polite word that is a keyword in another language stays a keyword.
    polite = sets["polite"] - sets["clause"] - sets["alone"]
    return _Words(
        clause=frozenset(sets["clause"]),
        alone=frozenset(sets["alone"]),
        letters=frozenset(sets["letters"]),
        start=frozenset(sets["start"]),
        polite=frozenset(polite),
        signs=frozenset(signs),
        phrases=tuple(phrases),
        unless_before=re.compile("|".join(unless)),
    )
