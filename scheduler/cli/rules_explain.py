"""``duly rules explain``: what every rule in force says of a contact with one borrower at one instant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.failures import Failure
from scheduler.cli.output import columns, say, say_all, say_json
from scheduler.cli.reading import optional_instant

if TYPE_CHECKING:
    from policies.compliance.guard import Verdict
    from scheduler.outlook import Outlook


def add_to(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(explain)


def explain(
    borrower: Annotated[str, typer.Option("--borrower", metavar="ID", help="The borrower's id.")],
    channel: Annotated[str, typer.Option("--channel", metavar="C", help="sms, email, letter, call …")],
    at: Annotated[str | None, typer.Option("--at", metavar="INSTANT", help="At this instant; else now.")] = None,
    purpose: Annotated[
        str, typer.Option("--purpose", metavar="P", help="Why: reminder, settlement_offer, statutory_notice …")
    ] = "reminder",
    json_: Annotated[bool, typer.Option("--json", help="One JSON object a loan.")] = False,
) -> None:
    """Print, for each loan of a borrower, every rule with its verdict on a contact, and what follows from all of them.

    The words of a message are not looked at: `duly policy check` does that.
    """
    from policies.compliance.vocabulary import CHANNELS, PURPOSES

    for name, value, known in (("--channel", channel, CHANNELS), ("--purpose", purpose, PURPOSES)):
        if value not in known:
            raise Failure(f"{name} {value!r} is not known; expected {', '.join(sorted(known))}")
    for number, outlook in enumerate(_outlooks(borrower, at)):
        verdict = _verdict(outlook, channel, purpose)
        if json_:
            say_json(_as_json(outlook, channel, verdict))
            continue
        say(("\n" if number else "") + _heading(outlook, channel, verdict))
        say_all(columns(_rows(outlook, verdict)))


def _outlooks(borrower: str, at: str | None) -> Iterator[Outlook]:
    from scheduler.cli.store import opened
    from scheduler.outlook import loans_of, look

    instant = optional_instant(at, "--at")
    with opened() as store:
        loans = loans_of(store.connection, store.clock_id, borrower)
        if not loans:
            raise Failure(f"there is no borrower {borrower!r} with a loan in the book")
        for loan_id in loans:
            now = store.now()
            when = now if instant is None else instant
            yield look(store.connection, store.clock_id, loan_id, when, store.settings.link_base, now=now)


def _verdict(outlook: Outlook, channel: str, purpose: str) -> Verdict:
    from policies.asking import book_of
    from policies.compliance.dossier import Asked
    from policies.compliance.guard import judge

    run = outlook.run
    if run is None:
        raise Failure(f"loan {outlook.loan.loan_id} cannot be looked at: {outlook.set_aside or 'not paid out by then'}")
    policy = run.ladder.policy
    facts = run.facts()
    asked = Asked(
        channel, purpose, "past_due" if run.position.overdue else "pre_due", policy.actor, run.loan.loan_id,
        address=run.situation.reach.addresses.get(channel), days_past_due=facts["days_past_due"],
        as_collector=policy.first_party_as_collector,
    )  # fmt: skip
    return judge([asked], run.situation.dossier, book_of(run), run.now, every=True)


def _heading(outlook: Outlook, channel: str, verdict: Verdict) -> str:
    home, said = outlook.home, verdict.decision
    if verdict.until is not None:
        said += f" until {home.iso(verdict.until)}"
    if verdict.rule is not None:
        said += f", by {verdict.rule.rule_id} ({verdict.rule.cite})"
    return f"{outlook.loan.loan_id}: {channel} at {home.iso(outlook.at)}: {said}"


def _rows(outlook: Outlook, verdict: Verdict) -> Iterator[tuple[str, ...]]:
    yield ("rule", "pack", "says", "until", "source")
    for result in verdict.results:
        says = result.outcome if result.by is None else f"{result.outcome} by {result.by}"
        until = "" if result.until is None else outlook.home.iso(result.until)
        yield (result.rule.rule_id, result.rule.pack, says, until, result.rule.cite)


def _as_json(outlook: Outlook, channel: str, verdict: Verdict) -> dict[str, Any]:
    home = outlook.home
    return {
        "at": home.iso(outlook.at),
        "borrower_id": outlook.loan.borrower_id,
        "loan_id": outlook.loan.loan_id,
        "channel": channel,
        "decision": verdict.decision,
        "until": None if verdict.until is None else home.iso(verdict.until),
        "binding": [rule.rule_id for rule in verdict.rules],
        "rules": [
            {
                "rule": result.rule.rule_id,
                "pack": result.rule.pack,
                "says": result.outcome,
                "until": None if result.until is None else home.iso(result.until),
                "by": result.by,
                "status": result.rule.status,
                "cite": result.rule.cite,
            }
            for result in verdict.results
        ],
    }
