"""``duly loan``: how one loan stands, what was done and would be, and why; without personal data, unless asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.clock_option import REAL, OfClock
from scheduler.cli.failures import Failure
from scheduler.cli.output import say_all, say_json
from scheduler.cli.reading import optional_instant

if TYPE_CHECKING:
    from scheduler.outlook import Outlook

app = typer.Typer(help="How a loan stands, what was done and would be, and why.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The loan's id.")]
At = Annotated[str | None, typer.Option("--at", metavar="INSTANT", help="As of this instant; else now.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.command()
def show(loan_id: Id, at: At = None, clock: OfClock = REAL, json_: Json = False) -> None:
    """Show what is owed, what was done, what stops the ladder, and when it is looked at next."""
    from scheduler.cli.loan_facts import facts, shown

    values = facts(_look(loan_id, at, clock))
    _out([values] if json_ else (), lambda: shown(values))


@app.command()
def timeline(
    loan_id: Id,
    at: At = None,
    text: Annotated[bool, typer.Option("--text", help="With address and text, which are personal data.")] = False,
    clock: OfClock = REAL,
    json_: Json = False,
) -> None:
    """Tell what was decided, and below it what would come if nothing new happened."""
    from scheduler.cli.loan_story import shown, story

    outlook = _look(loan_id, at, clock)
    lines = story(outlook, text=text)
    _out(lines if json_ else (), lambda: shown(outlook, lines))


@app.command()
def why(
    loan_id: Id,
    step: Annotated[str | None, typer.Argument(metavar="STEP", help="One step; else each of the policy.")] = None,
    at: At = None,
    clock: OfClock = REAL,
    json_: Json = False,
) -> None:
    """Explain a step: what came of it and by which rules, or why not yet, and when it would."""
    from scheduler.cli.loan_why import explained, shown

    outlook = _look(loan_id, at, clock)
    if outlook.policy is None:
        raise Failure(f"loan {loan_id} is set aside, so no step can be explained: {outlook.set_aside or 'no policy'}")
    names = [one.name for one in outlook.policy.steps]
    told = {line["step"] for line in outlook.past}
    if step is not None and step not in names and step not in told:
        raise Failure(f"policy {outlook.policy.name} has no step {step!r}; it has {', '.join(names)}")
    answers = explained(outlook, names if step is None else [step], newest=step is None)
    _out(answers if json_ else (), lambda: shown(outlook, answers))


def _out(values: Iterable[dict[str, Any]], text: Callable[[], Iterable[str]]) -> None:
    found = list(values)
    for one in found:
        say_json(one)
    if not found:
        say_all(text())


def _look(loan_id: str, at: str | None, clock: str) -> Outlook:
    from scheduler.cli.store import opened
    from scheduler.outlook import NoSuchLoan, look

    when = optional_instant(at, "--at")
    with opened(clock) as store:
        now = store.now()
        try:
            return look(
                store.connection, store.clock_id, loan_id, now if when is None else when, store.settings.link_base,
                now=now,
            )  # fmt: skip
        except NoSuchLoan as error:
            raise Failure(f"there is no loan {loan_id!r} in the book; its id is the loan_id of loans.csv") from error
