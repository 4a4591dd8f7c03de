"""``duly loan show``: the facts of a loan as values, and the same for a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from policies.loan_run import LoanRun
from policies.money import decimal_text
from scheduler.cli.output import columns
from scheduler.cli.story_text import local_time
from scheduler.outlook import Outlook


def facts(outlook: Outlook) -> dict[str, Any]:
    """The JSON object of ``duly loan show --json``; amounts as decimal text, instants local to the borrower."""
    loan, policy, run = outlook.loan, outlook.policy, outlook.run
    values: dict[str, Any] = {
        "loan_id": loan.loan_id,
        "borrower_id": loan.borrower_id,
        "product": loan.product,
        "currency": loan.currency,
        "at": outlook.home.iso(outlook.at),
        "disbursed_at": outlook.home.iso(loan.disbursed_at),
        "policy": None if policy is None else {"policy": policy.name, "digest": policy.digest},
        "set_aside": outlook.set_aside,
    }
    blank = dict.fromkeys(
        ("overdue", "balance", "paid", "days_past_due", "instalments_overdue", "chased", "episode", "handed_off")
    )
    values |= blank if run is None else _position(outlook, run)
    values["closed"] = run is not None and run.state.closed
    values["holds"] = [] if run is None else _holds(outlook, run)
    values["offers"] = [] if run is None else _offers(outlook, run)
    values["next"] = next((line["at"] for line in outlook.planned), None)
    values["instalments"] = _instalments(outlook)
    return values


def _position(outlook: Outlook, run: LoanRun) -> dict[str, Any]:
    currency = outlook.loan.currency
    state, found = run.state, run.facts()
    episode = state.episode
    return {
        "overdue": decimal_text(found["overdue"], currency),
        "balance": decimal_text(found["balance"], currency),
        "paid": decimal_text(run.position.paid_minor, currency),
        "days_past_due": found["days_past_due"],
        "instalments_overdue": found["instalments_overdue"],
        "chased": run.number(run.position.chased),
        "episode": None
        if episode is None or state.running is None
        else {
            "episode": state.running + 1,
            "since": outlook.home.iso(episode.start),
            "settled": {
                name: {"outcome": settled.outcome, "at": outlook.home.iso(settled.at)}
                for name, settled in sorted(episode.settled.items(), key=lambda item: (item[1].at, item[0]))
            },
        },
        "handed_off": None if state.handed is None else outlook.home.iso(state.handed),
    }


def _holds(outlook: Outlook, run: LoanRun) -> list[dict[str, Any]]:
    return [
        {
            "hold": hold.hold_id,
            "reason": hold.reason,
            "from": outlook.home.iso(hold.start),
            "until": None if hold.end is None else outlook.home.iso(hold.end),
        }
        for hold in run.ladder.stops.holds
        if hold.end is None or hold.end > outlook.at
    ]


def _offers(outlook: Outlook, run: LoanRun) -> list[dict[str, Any]]:
    currency = outlook.loan.currency
    return [
        {
            "ref": made.ref,
            "offer": made.offer,
            "made": outlook.home.iso(made.at),
            "expires": outlook.home.iso(made.expires),
            "total": decimal_text(made.total, currency),
            "waived": decimal_text(made.waived, currency),
        }
        for made in run.state.offers
        if made.expires > outlook.at
    ]


def _instalments(outlook: Outlook) -> list[dict[str, Any]]:
    loan, run = outlook.loan, outlook.run
    found = []
    for place, one in enumerate(loan.instalments):
        amount = one.principal_minor + one.interest_minor + one.fees_minor
        unpaid = amount if run is None else run.position.unpaid[place]
        state = "paid" if not unpaid else "to come"
        if unpaid and run is not None and place < run.position.past_due:
            state = "past due"
        found.append(
            {
                "number": one.number,
                "due_on": one.due_on.isoformat(),
                "amount": decimal_text(amount, loan.currency),
                "unpaid": decimal_text(unpaid, loan.currency),
                "state": state,
                "chased": run is not None and run.position.chased == place,
            }
        )
    return found


def shown(values: dict[str, Any]) -> Iterator[str]:
    """The same, for a person."""
    yield from columns(_head(values))
    yield ""
    yield "Instalments"
    yield from columns(_rows(values), indent="  ")


def _head(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "loan", f"{values['loan_id']} of {values['borrower_id']}, {values['product']}"
    yield "as of", local_time(values["at"])
    policy = values["policy"]
    yield "policy", "none" if policy is None else f"{policy['policy']}, {policy['digest']}"
    if values["set_aside"] is not None:
        yield "set aside", values["set_aside"]
    if values["balance"] is None:
        yield "state", f"disbursed at {local_time(values['disbursed_at'])}"
    else:
        yield "overdue", _overdue(values)
        yield "balance", f"{values['balance']} {values['currency']}, {values['paid']} paid"
    episode = values["episode"]
    if episode is not None:
        done = "; ".join(f"{name} {one['outcome']} {one['at'][:10]}" for name, one in episode["settled"].items())
        yield "episode", f"{episode['episode']}, since {local_time(episode['since'])}{': ' if done else ''}{done}"
    if values["handed_off"] is not None:
        yield "handed off", local_time(values["handed_off"])
    if values["closed"]:
        yield "closed", "yes"
    for hold in values["holds"]:
        until = "until it is released" if hold["until"] is None else f"until {local_time(hold['until'])}"
        yield "hold", f"{hold['reason']} ({hold['hold']}), from {local_time(hold['from'])} {until}"
    for offer in values["offers"]:
        yield (
            "offer",
            (
                f"{offer['offer']}: {offer['total']} {values['currency']}, {offer['waived']} waived, "
                f"open until {local_time(offer['expires'])}"
            ),
        )
    yield "next", "nothing" if values["next"] is None else local_time(values["next"])


def _overdue(values: dict[str, Any]) -> str:
    count = values["instalments_overdue"]
    if not values["days_past_due"]:
        return "no"
    what = f"{count} instalment{'' if count == 1 else 's'}"
    return f"{values['overdue']} {values['currency']} of {what}, {values['days_past_due']} days past due"


def _rows(values: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    yield ("NO", "DUE", "AMOUNT", "UNPAID", "")
    for one in values["instalments"]:
        day = date.fromisoformat(one["due_on"])
        state = f"{one['state']}, chased" if one["chased"] else one["state"]
        yield (str(one["number"]), f"{day.isoformat()}", one["amount"], one["unpaid"], state)
