"""``duly rules judge``: a file of cases by the guard, and whether it says what each case expects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.failures import GOOD, WRONG, Failure
from scheduler.cli.output import columns, say_all, say_json, tell
from scheduler.cli.reading import read_policy, shown_text

if TYPE_CHECKING:
    from policies.compliance.case_judge import Judged
    from policies.compliance.cases import Case
    from policies.facts import Instant

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def add_to(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(judge)


def judge(
    file: Annotated[Path, typer.Argument(metavar="CASES.yaml", help="A file of cases (docs/case-files.md).")],
    json_: Json = False,
) -> int:
    """Judge each case of a file by exactly the packs that it names, and say whether the answer is the expected one."""
    from policies.compliance.case_judge import judge_case
    from policies.compliance.case_packs import book_of

    cases = _cases(file)
    judged = []
    for case in cases:
        by_rules = not case.problems and case.dates is None
        judged.append(judge_case(case, book_of(case.packs) if by_rules else None))
    if json_:
        for case, found in zip(cases, judged, strict=True):
            say_json(as_json(found, case))
    else:
        say_all(columns(_rows(cases, judged)))
    agreeing = sum(1 for found in judged if found.agrees)
    errors = sum(1 for found in judged if found.error is not None)
    said = f"duly: {agreeing} of {len(judged)} cases agree"
    if errors:
        said += f"; {errors} could not be judged"
    tell(said)
    return GOOD if agreeing == len(judged) else WRONG


def _cases(file: Path) -> list[Case]:
    from policies.compliance.case_packs import every, words_of
    from policies.compliance.cases import read
    from policies.language.report import report

    data, unreadable = read_policy(file)
    if unreadable is not None:
        problems = [replace(unreadable, expected="a file of cases")]
        cases: list[Case] = []
    else:
        cases, problems = read(str(file), data, words_of, every())
    if problems:
        tell(report(problems, shown_text(data)))
        raise Failure(f"{file}: nothing was judged; correct the file first")
    return cases


def as_json(found: Judged, case: Case) -> dict[str, Any]:
    """A case as one JSON object; ``until`` with the offset that the case writes, the date of a calculation."""
    until = None if found.until is None else _iso(found.until, case.offset)
    line: dict[str, Any] = {
        "id": found.id,
        "decision": found.decision,
        "until": found.dates[0][1].isoformat() if found.dates else until,
        "binding": list(found.binding),
        "evaluated": list(found.evaluated),
        "agrees": found.agrees,
    }
    if found.error is not None:
        line["error"] = found.error
    return line


def _iso(at: Instant, offset: int) -> str:
    return _local(at, offset).isoformat(timespec="seconds")


def _local(at: Instant, offset: int) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).astimezone(
        timezone(timedelta(seconds=offset))
    )


def _rows(cases: list[Case], judged: list[Judged]) -> Iterator[tuple[str, ...]]:
    yield "case", "decision", "until", "rules binding", "rules evaluated", "agrees"
    for case, found in zip(cases, judged, strict=True):
        if found.error is not None:
            yield found.id, "error", "-", "-", "-", f"no: {found.error}"
            continue
        agrees = "yes" if found.agrees else f"no: expected {_expected(case)}"
        if found.decision is None:
            dates = ", ".join(f"{name} {when.isoformat()}" for name, when in found.dates)
            yield found.id, "dates", dates, "-", "-", agrees
            continue
        until = "-" if found.until is None else _iso(found.until, case.offset)
        yield found.id, found.decision, until, _names(found.binding), str(len(found.evaluated)), agrees


def _names(rules: tuple[str, ...]) -> str:
    return " ".join(rules) or "-"


def _expected(case: Case) -> str:
    expected = case.expected
    if expected.dates:
        return ", ".join(f"{name} {when.isoformat()}" for name, when in expected.dates.items())
    until = "" if expected.until is None else f" {_iso(expected.until, case.offset)}"
    rules = f" by {' '.join(expected.rules)}" if expected.rules else ""
    return f"{expected.decision}{until}{rules}"
