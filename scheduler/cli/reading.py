"""Reads what a command is given: policy files, a book's folder, instants and outages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import typer

from scheduler.cli.failures import Failure
from scheduler.cli.output import printable, tell

if TYPE_CHECKING:
    from policies.contract import Policy
    from policies.problems import Problem
    from policies.simulate import Outages


def read_policy(path: Path) -> tuple[bytes, Problem | None]:
    """A policy file's bytes, not more than can be one; where it cannot be read, the problem that says so."""
    from policies.language.source import MAX_BYTES
    from policies.problems import ERROR, Problem

    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1), None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        return b"", Problem(
            str(path), 1, 1, ERROR, "file-unreadable", f"the file cannot be read: {reason}", found=str(path),
            expected="a policy file", remedy="check the path",
        )  # fmt: skip


def shown_text(data: bytes) -> str:
    """A file's text for excerpts; what is no UTF-8 is shown as such."""
    return data.decode("utf-8", "replace")


def compile_files(paths: Sequence[Path]) -> list[Policy]:
    """The policies to execute. Warnings are told; where one file has an error, all problems are, and it fails."""
    from policies.language.check import compile_policy
    from policies.language.report import describe
    from policies.problems import ERROR

    policies, failed = [], False
    for path in paths:
        data, unreadable = read_policy(path)
        policy, problems = (None, [unreadable]) if unreadable else compile_policy(str(path), data, executing=True)
        for problem in problems:
            failed = failed or problem.severity == ERROR
            tell(place_line(problem) if problem.severity != ERROR else describe(problem, shown_text(data)))
        if policy is not None:
            policies.append(policy)
    if failed:
        raise Failure("nothing was done: correct the policy first (duly policy check shows the same)")
    return policies


def place_line(problem: Problem) -> str:
    """One problem on one line."""
    place = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
    return printable(f"{place}: {problem.severity}[{problem.code}]: {problem.message}")


def book_line(problem: Problem) -> str:
    """One problem of a book: ``file:line: column: what was found``, then what was expected and what to do."""
    place = f"{problem.file}:{problem.line}: " if problem.line else f"{problem.file}: " if problem.file else ""
    said = [f"expected {problem.expected}"] if problem.expected else []
    said += [problem.remedy] if problem.remedy else []
    return printable("; ".join([f"{place}{problem.message}", *said]))


@contextmanager
def open_book(folder: Path) -> Iterator[dict[str, BinaryIO]]:
    """The CSV files of a book, open, by name; raises Failure where the folder is none, or holds none."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise Failure(f"{folder} {what}; expected the folder of a book, with borrowers.csv, loans.csv …")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".csv")
    if not paths:
        raise Failure(f"{folder} holds no CSV file; expected borrowers.csv, loans.csv, instalments.csv, events.csv")
    with ExitStack() as stack:
        yield {path.name: stack.enter_context(path.open("rb")) for path in paths}


def instant_of(text: str, name: str) -> int:
    """An instant, or a date as 00:00 UTC of it, in microseconds since 1970; else a usage error that names ``name``."""
    from policies.book_values import FieldError, instant_or_date
    from policies.calendar import zone

    try:
        when = instant_or_date(text)
    except FieldError as error:
        expected = "an instant such as 2026-03-01T09:00:00+01:00, or a date such as 2026-03-01 (00:00 UTC)"
        raise typer.BadParameter(f"{error}; expected {expected}", param_hint=name) from error
    return when if isinstance(when, int) else zone("UTC").instant(when.toordinal())


def optional_instant(text: str | None, name: str) -> int | None:
    """The same, where the option may be absent."""
    return None if text is None else instant_of(text, name)


def outages_of(texts: Sequence[str]) -> Outages:
    """``FROM/TO``, each an instant or a date."""
    from policies.simulate import Outages

    spans = []
    for text in texts:
        start, slash, end = text.partition("/")
        if not slash:
            raise typer.BadParameter(f"{text!r} has no '/'; expected FROM/TO", param_hint="--outage")
        span = (instant_of(start, "--outage"), instant_of(end, "--outage"))
        if span[0] >= span[1]:
            raise typer.BadParameter(f"{text!r} ends before it begins; expected FROM/TO", param_hint="--outage")
        spans.append(span)
    return Outages(spans)


def check_span(start: int | None, until: int | None) -> None:
    """Refuse a span that ends before it begins."""
    if start is not None and until is not None and until <= start:
        raise typer.BadParameter("--until is not after --from", param_hint="--until")
