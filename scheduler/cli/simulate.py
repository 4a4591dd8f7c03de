"""``duly simulate``: a book through time with ``decide()`` alone, no database."""

from __future__ import annotations

import json
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.failures import Failure
from scheduler.cli.output import columns, progress, say_all, tell
from scheduler.cli.reading import (
    book_line,
    check_span,
    compile_files,
    open_book,
    optional_instant,
    outages_of,
)
from scheduler.cli.start import link_base

if TYPE_CHECKING:
    from policies.facts import Book
    from policies.versions import Policies

From = Annotated[
    str | None,
    typer.Option("--from", metavar="T", help="Instant or date (00:00 UTC); else the first disbursement."),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="T", help="Instant or date (00:00 UTC); else when nothing more can happen."),
]
Outage = Annotated[
    list[str] | None, typer.Option("--outage", metavar="FROM/TO", help="Nothing runs in between; repeatable.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def add_to(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(simulate)


def simulate(
    paths: Annotated[
        list[Path], typer.Argument(metavar="POLICY... BOOK", help="Policy files, and last the folder of the book.")
    ],
    from_: From = None,
    until: Until = None,
    outage: Outage = None,
    json_: Json = False,
) -> None:
    """Take a book through time: what would be sent, to whom, when, and why."""
    from policies.simulate import Span
    from policies.simulate import simulate as told
    from policies.versions import Policies, Published

    if len(paths) < 2:
        raise typer.BadParameter("expected at least one policy file and then the folder of a book", param_hint="BOOK")
    start, end = optional_instant(from_, "--from"), optional_instant(until, "--until")
    check_span(start, end)
    outages = outages_of(outage or ())
    policies = Policies([Published(policy) for policy in compile_files(paths[:-1])])
    book = _read(paths[-1])
    if not book.loans:
        return
    _check_policies(policies, book, paths[-1])
    if start is None:
        start = min(loan.disbursed_at for loan in book.loans.values())
    with progress("simulating") as bar:
        people = len(book.persons)
        lines = told(policies, book, Span(start, end, outages), link_base(), lambda done: bar(done, people))
        first = list(islice(lines, 1))
    story = chain(first, lines)
    if json_:
        say_all(text for _, text in story)
    else:
        from scheduler.cli.story_text import HEADER, row

        say_all(columns(chain((HEADER,), (row(json.loads(text)) for _, text in story)) if first else ()))


def _read(folder: Path) -> Book:
    from policies.book import read_book

    with open_book(folder) as files:
        book, problems = read_book(files)
    for problem in problems:
        tell(book_line(problem))
    if book is None:
        raise Failure(f"nothing was simulated: correct the book in {folder} first")
    return book


def _check_policies(policies: Policies, book: Book, folder: Path) -> None:
    """Every loan must go by one policy; those that do not are told with their lines, as an import tells them."""
    from policies import book_conflicts as conflicts
    from policies.book import LIMIT
    from policies.book_rows import LOANS, RowReader
    from policies.facts import Loan
    from policies.versions import NoPolicy

    reasons: dict[str, str] = {}
    for loan in book.loans.values():
        try:
            policies.name_for(loan, book.persons[loan.borrower_id].region)
        except NoPolicy as error:
            reasons[loan.loan_id] = str(error)
    if not reasons:
        return
    with open_book(folder) as files:
        rows = RowReader(LOANS, files[LOANS])
        wrong = ((rows.line, row) for row in rows if isinstance(row, Loan) and row.loan_id in reasons)
        for line, loan in islice(wrong, LIMIT):
            tell(book_line(conflicts.no_policy(conflicts.Place(LOANS, line), loan, reasons[loan.loan_id])))
    if len(reasons) > LIMIT:
        tell(f"{len(reasons) - LIMIT} more problems not shown; correct these first")
    raise Failure(f"nothing was simulated: correct the book in {folder}, or give a policy for these loans")
