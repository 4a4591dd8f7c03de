"""Contracts that are ready to use, each with its tests beside it; read as package data, never by a path."""

from __future__ import annotations

from importlib import resources

TEST_SUFFIX = ".test.yaml"


def names() -> tuple[str, ...]:
    """The contracts of the library, by name and in order: ``us-personal-loan``."""
    files = (entry.name for entry in resources.files(__name__).iterdir())
    return tuple(sorted(f.removesuffix(".yaml") for f in files if f.endswith(".yaml") and not f.endswith(TEST_SUFFIX)))


def read(file_name: str) -> bytes:
    """One file of the library (``us-personal-loan.yaml``, ``us-personal-loan.test.yaml``).

    Raises FileNotFoundError for a name that is no file of the library.
    """
    if file_name.removesuffix(TEST_SUFFIX).removesuffix(".yaml") not in names():
        raise FileNotFoundError(2, "no such file in the library", file_name)
    return resources.files(__name__).joinpath(file_name).read_bytes()
