"""What a text that we send says, and what it leaves unsaid: classes of content that rules forbid, by language.

The words are data (``contents/*.yaml``, explained in ``contents/README.md``). A threat that is only denied is found
as well ("we will not take you to court if you pay" is one): better to ask for another word than to miss it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from policies.compliance import patterns
from policies.compliance.plain import placed
from policies.compliance.vocabulary import CHANNEL_CLASSES

NO_OPT_OUT: Final = "no_optout_instruction"
NO_COLLECTOR: Final = "missing_debt_collector_disclosure"
NO_INITIAL: Final = "missing_initial_disclosure"
NO_IDENTITY: Final = "missing_identity"
NO_RESIDUAL: Final = "missing_residual_debt_statement"
DEBT_VISIBLE: Final = "debt_visible_to_third_party"
PAYMENT_LINK: Final = "payment_link"

DISCLOSURES: Final = (NO_OPT_OUT, NO_COLLECTOR, NO_INITIAL, NO_IDENTITY, NO_RESIDUAL)
"""Classes of what a text leaves unsaid."""

FORBIDDEN: Final = (
    "profanity", "violence_threat", "arrest_threat", "lawsuit_threat", "government_impersonation",
    "court_impersonation", "police_impersonation", "attorney_impersonation", "false_urgency", "shaming", "ridicule",
    "publication_threat", "third_party_disclosure_threat", "seizure_threat", "credit_bureau_threat",
    "induce_new_loan",
)  # fmt: skip
"""Classes of what a text says, by word lists."""

CLASSES: Final = frozenset({*DISCLOSURES, *FORBIDDEN, DEBT_VISIBLE, PAYMENT_LINK})

_ELECTRONIC: Final = frozenset({*CHANNEL_CLASSES["text"], *CHANNEL_CLASSES["email"]})
_LINK: Final = re.compile(r"https?://[^\s<>\"]+|\bwww\.[^\s<>\"]+", re.IGNORECASE)
_FOLDER: Final = "contents"
_BEFORE: Final = 200
"""How far back from words one looks for what makes them harmless, in characters."""
_SAME: Final = {"tl": "fil", "in": "id", "ms": "id", "cmn": "zh"}


@dataclass(frozen=True, slots=True)
class Found:
    """A class of content, and the piece of the text that has it: [start, end) in characters."""

    kind: str
    start: int
    end: int
    matched: str


@dataclass(frozen=True, slots=True)
class _List:
    """The words of one language. A disclosure is made where each of its patterns matches."""

    forbidden: tuple[tuple[str, re.Pattern[str], re.Pattern[str] | None], ...]
    disclosures: tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]
    visible: re.Pattern[str]


# --- public -----------------------------------------------------------------------------------------------------


def known_languages() -> tuple[str, ...]:
    """The languages with a word list, by code, in order."""
    return patterns.languages(_FOLDER)


def list_for(language: str) -> str | None:
    """The code of the word list that reads a language tag (``zh`` for ``zh-CN``); none where there is no list."""
    code = language.replace("_", "-").split("-", 1)[0].lower()
    code = _SAME.get(code, code)
    return code if code in known_languages() else None


def classes_of(
    text: str, language: str, channel: str, *, lender_name: str | None, subject: str | None = None
) -> frozenset[str]:
    """The classes of content of one text in one language.

    ``text`` is the body as the person reads it, ``subject`` the line above it that others may see. Of a language
    without a word list, only what needs none is known: a link, and whether the lender's name appears.
    """
    classes = set(missing(text, language, channel, lender_name=lender_name, subject=subject))
    classes.update(found.kind for found in findings(text, language))
    if subject is not None:
        classes.update(found.kind for found in findings(subject, language, subject=True))
    return frozenset(classes)


def missing(
    text: str, language: str, channel: str, *, lender_name: str | None, subject: str | None = None
) -> frozenset[str]:
    """The disclosures that the text does not make. Whether they are due is for the rules to say.

    How to opt out is only asked of what is sent electronically; the lender's name counts in the subject as well.
    """
    classes: set[str] = set()
    reading = _read(text)[0]
    name = _read(lender_name or "")[0]
    whole = reading if subject is None else f"{_read(subject)[0]} . {reading}"
    if not name or name not in whole:
        classes.add(NO_IDENTITY)
    code = list_for(language)
    if code is None:
        return frozenset(classes)
    for kind, statements in _list(code).disclosures:
        if (kind != NO_OPT_OUT or channel in _ELECTRONIC) and not all(p.search(reading) for p in statements):
            classes.add(kind)
    return frozenset(classes)


def findings(text: str, language: str, *, subject: bool = False) -> tuple[Found, ...]:
    """What the text says that rules may forbid, each with its place, in order; a subject also shows the debt."""
    found = [Found(PAYMENT_LINK, match.start(), match.end(), match[0]) for match in _LINK.finditer(text)]
    code = list_for(language)
    if code is not None:
        reading, places = _read(text)
        words = _list(code)
        kinds = [*words.forbidden, *([(DEBT_VISIBLE, words.visible, None)] if subject else [])]
        for kind, pattern, unless in kinds:
            for match in pattern.finditer(reading):
                if match[0] and not (
                    unless is not None and unless.search(reading[max(0, match.start() - _BEFORE) : match.start()])
                ):
                    start, end = places[match.start()], places[match.end() - 1] + 1
                    found.append(Found(kind, start, end, text[start:end]))
    return tuple(sorted(found, key=lambda one: (one.start, one.end, one.kind)))


def _read(text: str) -> tuple[str, list[int]]:
    """The text in plain form, with places; a statement goes on over a comma."""
    return placed(text.replace(",", " "))


# --- the data ---------------------------------------------------------------------------------------------------


@cache
def _list(code: str) -> _List:
    data = patterns.read(_FOLDER, code)

    def compiled(written: list[str], *, before: bool = False) -> re.Pattern[str]:
        return re.compile(patterns.whole(written, data, before=before))

    unless = data.get("unless_before", {})
    forbidden = tuple(
        (kind, compiled(written), compiled(unless[kind], before=True) if kind in unless else None)
        for kind, written in data["forbidden"].items()
    )
    said = data["disclosures"]
    disclosures = (
        (NO_OPT_OUT, (compiled(said["opt_out"]),)),
        (NO_COLLECTOR, (compiled(said["debt_collector"]),)),
        (NO_INITIAL, (compiled(said["collects"]), compiled(said["purpose"]))),
        (NO_RESIDUAL, (compiled(said["residual"]),)),
    )
    return _List(forbidden, disclosures, compiled(data["debt_visible"]))
