"""What a decision was computed with: versions of duly and of the data that times are resolved from."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from scheduler.ledger.commit import canonical

_PACKAGES = ("duly", "holidays", "tzdata")


@cache
def versions() -> dict[str, str]:
    """The versions of this process, by package."""
    return {name: version(name) for name in _PACKAGES}


@cache
def versions_text() -> str:
    """The same as canonical JSON."""
    return canonical(versions())
