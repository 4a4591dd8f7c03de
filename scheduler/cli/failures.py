"""Ends of a command other than good: the exit codes, and what is said for each error that can be expected."""

from __future__ import annotations

import os
import traceback
from typing import Final

GOOD: Final = 0
WRONG: Final = 1
USAGE: Final = 2
NOT_WELL: Final = 3
NO_DATABASE: Final = 4
INTERRUPTED: Final = 130

_EXPECTED: Final = {
    "scheduler.cli.failures.Failure": WRONG,
    "scheduler.settings.SettingsError": WRONG,
    "scheduler.release.NotReleased": WRONG,
    "scheduler.port.PortError": WRONG,
    "scheduler.named_clocks.ClockError": WRONG,
    "scheduler.bootstrap.ForeignPackageError": WRONG,
    "policies.problems.InputError": WRONG,
    "policies.versions.NoPolicy": WRONG,
    "builtins.OSError": WRONG,
    "scheduler.ledger.errors.LedgerError": NOT_WELL,
    "scheduler.store.database.DatabaseError": NO_DATABASE,
    "scheduler.store.server_place.EmbeddedError": NO_DATABASE,
    "psycopg.OperationalError": NO_DATABASE,
    "psycopg.errors.UndefinedTable": NO_DATABASE,
}
"""Errors by their full name, so that telling one does not load the library that it comes from."""


class Failure(Exception):
    """The command cannot be done: the text says what was found and what to do; ``code`` is the exit code."""

    def __init__(self, text: str, code: int = WRONG) -> None:
        self.code = code
        super().__init__(text)


def describe(error: BaseException) -> tuple[str, int]:
    """What to say of an error, and the exit code. One that nobody expected is named, with its traceback on request."""
    for kind in type(error).__mro__:
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name in _EXPECTED:
            code = error.code if isinstance(error, Failure) else _EXPECTED[name]
            return _words(error, name), code
    if os.environ.get("DULY_LOG_LEVEL", "").lower() == "debug":
        return "".join(traceback.format_exception(error)).rstrip(), WRONG
    return (
        f"this is a fault of duly itself ({type(error).__name__}), and nothing was half done; "
        "run it again with DULY_LOG_LEVEL=debug to see where it lies, and report it",
        WRONG,
    )


def _words(error: BaseException, name: str) -> str:
    if name == "policies.problems.InputError":
        from scheduler.cli.reading import book_line

        return "\n".join(book_line(problem) for problem in getattr(error, "problems", ()))
    if isinstance(error, OSError) and name == "builtins.OSError":
        what = (error.strerror or type(error).__name__).lower()
        return f"{error.filename}: {what}" if error.filename is not None else what
    if name == "psycopg.errors.UndefinedTable":
        return "the database has no tables of duly's; run: duly db migrate"
    if name == "psycopg.OperationalError":
        lines = str(error).strip().splitlines()
        return f"the database does not answer: {lines[0] if lines else type(error).__name__}; check DULY_DATABASE_URL"
    return str(error)
