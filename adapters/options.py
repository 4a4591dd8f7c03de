"""Reads an adapter's options, all text, into typed values; each error names the option and what it expected."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from adapters.base import SettingsError


class Options:
    """The options of one adapter; an empty value counts as not given, an unknown name is an error at once."""

    def __init__(self, adapter: str, settings: Mapping[str, str], known: tuple[str, ...]) -> None:
        self._adapter = adapter
        self._given = {name: value.strip() for name, value in settings.items() if value.strip()}
        for name in settings:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known)}"
                raise SettingsError(f"{adapter}: there is no option {name!r}; {hint}", option=name)

    def wrong(self, name: str, expected: str) -> SettingsError:
        """The error for an option whose value is not as ``expected``; the value is left out, it may be secret."""
        return SettingsError(f"{self._adapter}: option {name!r} is wrong; expected {expected}", option=name)

    def optional(self, name: str) -> str | None:
        """The text, or ``None`` where it was not given."""
        return self._given.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """The text, or its default; an error where there is neither."""
        value = self._given.get(name, default)
        if value is None:
            raise SettingsError(f"{self._adapter}: option {name!r} is missing", option=name)
        return value

    def secret(self, name: str) -> SecretStr:
        """A value that no ``repr`` prints; an error where it was not given."""
        return SecretStr(self.text(name))

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """One of ``allowed``."""
        value = self._given.get(name, default)
        if value not in allowed:
            raise self.wrong(name, "one of " + ", ".join(allowed))
        return value

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        value = self._given.get(name, str(default))
        if not (value.isascii() and value.isdigit() and len(value) < 10 and low <= int(value) <= high):
            raise self.wrong(name, f"a whole number from {low} to {high}")
        return int(value)

    def file(self, name: str) -> Path | None:
        """The path of a file that exists, or ``None`` where it was not given."""
        value = self._given.get(name)
        if value is None:
            return None
        path = Path(value)
        if not path.is_file():
            raise self.wrong(name, "the path of a file that exists")
        return path
