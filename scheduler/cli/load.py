"""``duly import``: a book goes into the database, all of it or nothing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from scheduler.cli.clock_option import REAL, OfClock
from scheduler.cli.failures import GOOD, WRONG
from scheduler.cli.output import columns, progress, say_all, say_json, tell
from scheduler.cli.reading import book_line
from scheduler.cli.start import whoever


def add_to(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("import")(import_)


def import_(
    book: Annotated[Path, typer.Argument(metavar="BOOK", help="The folder of the book: borrowers.csv, loans.csv …")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show so many problems at most.")] = 100,
    clock: OfClock = REAL,
    release: Annotated[
        bool, typer.Option("--release", help="Also where more people would be chased today than DULY_RELEASE_LIMIT.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="What was done as JSON, or each problem, one a line.")] = False,
) -> int:
    """Read a book into the database: all of the folder, or nothing."""
    from policies.language.report import as_json
    from policies.problems import InputError
    from scheduler.cli.store import opened
    from scheduler.engine import read_policies
    from scheduler.ingest import import_book, read_files

    try:
        with read_files(book) as files, opened(clock, changing=True) as store, progress("importing") as bar:
            policies = read_policies(store.connection, store.clock_id)["default"]
            now, moved = store.clock()
            free = release or moved  # what a test clock sends reaches nobody
            done = import_book(
                store.connection, files, clock_id=store.clock_id, now=now, policies=policies, limit=limit,
                progress=lambda what, rows: bar(0, None, f"{what} {rows:,}" if rows else what), by=whoever(),
                release_limit=None if free else store.settings.release_limit,
            )  # fmt: skip
    except InputError as error:
        if json_:
            say_all(as_json(problem) for problem in error.problems)
        else:
            tell("\n".join(book_line(problem) for problem in error.problems))
            tell("duly: nothing was imported; correct the book and import it again")
        return WRONG
    counts = asdict(done)
    if json_:
        say_json(counts)
    else:
        say_all(
            columns(
                (name, *(f"{count[key]:,} {key}" for key in ("new", "changed", "unchanged")))
                for name, count in counts.items()
            )
        )
    return GOOD
