"""Reads the word lists of a folder, one file a language: strings, and patterns over texts in plain form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

from policies.compliance.plain import folded

_PART: Final = re.compile(r"<([a-z_]+)>")
_REPEAT: Final = re.compile(r"\)\*")


@cache
def languages(folder: str) -> tuple[str, ...]:
    """The languages of a folder of word lists, by code, in order."""
    files = resources.files("policies.compliance").joinpath(folder).iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def read(folder: str, language: str) -> dict[str, Any]:
    """The word list of a language, of texts, lists and mappings."""
    file = resources.files("policies.compliance").joinpath(folder, f"{language}.yaml")
    # Every scalar is a word: "no" and "off" are not booleans here.
    data: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - strings
    return data


def whole(patterns: Iterable[str], data: Mapping[str, Any], *, before: bool = False) -> str:
    """One pattern for any of several: of whole words, unless the list says ``joined``; ``before`` ends the text."""
    parts: Mapping[str, str] = data.get("parts", {})
    either = "|".join(_filled(pattern, parts) for pattern in patterns)
    start = "" if "joined" in data else r"(?<![^ ])"
    elided = f"(?:{data['elided']})?" if "elided" in data else ""
    end = "$" if before else "" if "joined" in data else r"(?![^ ])"
    return f"{start}{elided}(?:{either}){end}"


def _filled(pattern: str, parts: Mapping[str, str]) -> str:
    """A pattern with its parts in place, folded as texts are, and with an end to every repetition.

    Without an end, two repetitions in a row take time that grows with the cube of a text's length.
    """
    while _PART.search(pattern):
        pattern = _PART.sub(lambda match: f"(?:{parts[match[1]]})", pattern)
    return _REPEAT.sub("){0,6}", folded(pattern))
