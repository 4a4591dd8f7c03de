"""``duly policy``: check, read, compare, test, publish and list contracts."""

from __future__ import annotations

import errno
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.clock_option import REAL, OfClock
from scheduler.cli.failures import GOOD, WRONG, Failure
from scheduler.cli.output import columns, say, say_all, say_json, tell
from scheduler.cli.reading import optional_instant, place_line, read_policy, shown_text

if TYPE_CHECKING:
    from policies.contract import Policy
    from policies.problems import Problem

app = typer.Typer(help="Check, read, compare, test, publish and list policy contracts.", no_args_is_help=True)

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Policy files.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.command()
def check(files: Files, json_: Json = False) -> int:
    """Show every error and warning of each file at once."""
    errors = 0
    blank = ""
    for path in files:
        data, policy, problems = _compiled(path, notes=True)
        errors += sum(1 for problem in problems if problem.severity == "error")
        if json_:
            from policies.language.report import as_json

            say_all(as_json(problem) for problem in problems)
            continue
        if problems:
            from policies.language.report import report

            say(f"{blank}{report(problems, shown_text(data))}")
            blank = "\n"
        if policy is not None:
            say(f"{blank if problems else ''}{path}: {_summary(policy, problems)}")
            blank = "\n" if problems else ""
    if errors and not json_:
        tell(f"duly: {errors} error{'' if errors == 1 else 's'}; nothing can be published until they are corrected")
    return WRONG if errors else GOOD


def _summary(policy: Policy, problems: list[Problem]) -> str:
    steps = len(policy.steps)
    warnings = sum(1 for problem in problems if problem.severity == "warning")
    warned = f", {warnings} warning{'' if warnings == 1 else 's'}" if warnings else ""
    return f"good{warned}: {policy.name}, {steps} step{'' if steps == 1 else 's'}, {policy.digest}"


def _compiled(path: Path, *, notes: bool = False) -> tuple[bytes, Policy | None, list[Problem]]:
    from policies.language.check import compile_policy

    data, unreadable = read_policy(path)
    if unreadable is not None:
        return data, None, [unreadable]
    policy, problems = compile_policy(str(path), data, notes=notes)
    return data, policy, problems


def _good(path: Path) -> Policy:
    """The policy of a file; its problems are told, and it fails where there is an error."""
    from policies.language.report import report

    data, policy, problems = _compiled(path)
    if problems:
        tell(report(problems, shown_text(data)) if policy is None else "\n".join(map(place_line, problems)))
    if policy is None:
        raise Failure(f"{path} has errors; correct them first (duly policy check {path})")
    return policy


@app.command()
def schema() -> None:
    """Print the JSON Schema of a policy file, for editors."""
    import json

    from policies.language.schema import json_schema

    say(json.dumps(json_schema(), ensure_ascii=False, indent=2))


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy file.")],
    json_: Annotated[bool, typer.Option("--json", help="The canonical form and its digest, as JSON.")] = False,
) -> None:
    """Show what a policy says: its ladder, offers and messages; its canonical form with --json."""
    policy = _good(file)
    if json_:
        say_json({"policy": policy.name, "digest": policy.digest, "canonical": _sorted(policy.canonical)})
        return
    from scheduler.cli.policy_text import rendered

    say_all(rendered(policy))


def _sorted(value: object) -> object:
    """Keys in the order of RFC 8785, so that the digest can be taken of what is printed."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


@app.command()
def test(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Test files, *.test.yaml.")],
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Which steps, offers and texts the cases reach.")
    ] = False,
    json_: Json = False,
) -> int:
    """Run the cases of test files; a case that fails is shown with both stories side by side."""
    from policies.testing import run_tests

    passed = True
    for number, path in enumerate(files):
        data, unreadable = read_policy(path)
        if unreadable is not None:
            raise Failure(f"{path}: {unreadable.message}")
        report = run_tests(str(path), data, partial(_beside, path.parent))
        passed = passed and report.passed
        if json_:
            say_json(report.as_json())
        else:
            say(("\n" if number else "") + report.text(coverage=coverage))
    return GOOD if passed else WRONG


def _beside(folder: Path, name: str) -> bytes:
    from policies.language.source import MAX_BYTES

    path = folder / name
    # By a link a test of somebody else's would have a file of this machine shown in its report.
    if not path.resolve().is_relative_to(folder.resolve()):
        raise PermissionError(errno.EPERM, "it leads out of the folder of the test")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A policy file.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The file that would take its place.")],
    json_: Json = False,
) -> None:
    """Say in words what changed between two versions; nothing, where both mean the same."""
    from policies.language.diff import diff as changes

    before, after = _good(old), _good(new)
    for change in changes(before, after):
        if json_:
            say_json({"change": change})
        else:
            say(change)
    if before.digest == after.digest:
        tell("both mean the same")


@app.command()
def publish(
    files: Files,
    since: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="INSTANT", help="From when on it is current; a policy's first version always was."
        ),
    ] = None,
    clock: OfClock = REAL,
    json_: Json = False,
) -> None:
    """Publish policies to the database: all of the files, or none."""
    from scheduler.cli.publishing import publish_files

    begins = optional_instant(since, "--from")
    for one in publish_files(files, begins, clock):
        say_json(one.values()) if json_ else say(one.words())
        note = one.note(begins)
        if note is not None:
            tell(note)


@app.command("list")
def list_(clock: OfClock = REAL, json_: Json = False) -> None:
    """List what is published: every version of every policy, and when it is current."""
    from scheduler.cli.publishing import HEADER, published

    found = published(clock)
    if not found:
        tell("nothing is published yet; publish a file with: duly policy publish FILE")
    elif json_:
        for one in found:
            say_json(one.values())
    else:
        say_all(columns((HEADER, *(one.row() for one in found))))
