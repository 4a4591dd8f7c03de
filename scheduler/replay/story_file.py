"""Histories as a file: what one or more borrowers' decisions rest on, with the policies, as one JSON document.

Such files lie in ``tests/histories/<version>/``: recorded once by a release, and replayed by every later one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from policies.facts import Event, Instalment, Loan, Person
from scheduler.replay.history import (
    EventThen,
    History,
    LoanThen,
    PersonThen,
    ReplayError,
    Version,
    Versions,
    Written,
)

FORM: Final = "duly-history/1"
"""The first thing in a file: what it is, and in which version of its form."""

_PERSON: Final = ("first_name", "last_name", "language", "zone", "region", "phone", "email", "address")
_LOAN: Final = ("loan_id", "product", "currency", "principal_minor", "disbursed_at", "policy", "segment")
_EVENT: Final = (
    "event_id", "at", "known_at", "type", "borrower_id", "loan_id", "amount_minor", "ref", "channel", "address",
    "value", "text",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Story:
    """What a file holds: a title, the version of duly that recorded it, policies by lender, and histories."""

    title: str
    recorded_with: str
    policies: dict[str, Versions]
    histories: tuple[History, ...]


def written(story: Story) -> str:
    """The text of a file; the same story has the same text. Transactions are numbered afresh, from 1."""
    numbers: dict[int, int] = {}
    for history in story.histories:
        for entry in history.entries:
            numbers.setdefault(entry.xact, len(numbers) + 1)
    values = {
        "form": FORM,
        "title": story.title,
        "recorded_with": story.recorded_with,
        "policies": {
            lender: [_version(one) for one in versions.all] for lender, versions in sorted(story.policies.items())
        },
        "histories": [_history(one, numbers) for one in story.histories],
    }
    return json.dumps(values, ensure_ascii=False, indent=1) + "\n"


def read(text: str) -> Story:
    """The story of a file. Raises ReplayError where it is none, of another form, or its policies cannot be read."""
    try:
        values = json.loads(text)
        form = values["form"]
    except (ValueError, TypeError, KeyError) as error:
        raise ReplayError(f"this is no recorded story ({type(error).__name__}); expected JSON with {FORM!r}") from error
    if form != FORM:
        raise ReplayError(f"the story has the form {form!r}; this version of duly reads {FORM!r}")
    return Story(
        values["title"],
        values["recorded_with"],
        {lender: Versions(map(_read_version, all_)) for lender, all_ in values["policies"].items()},
        tuple(map(_read_history, values["histories"])),
    )


# --- to plain values ----------------------------------------------------------------------------------------------


def _version(one: Version) -> dict[str, Any]:
    return {
        "number": one.number, "digest": one.digest, "file": one.file_name, "since": one.since,
        "source": one.source.decode(),
    }  # fmt: skip


def _history(history: History, numbers: dict[int, int]) -> dict[str, Any]:
    return {
        "lender_id": history.lender_id,
        "borrower_id": history.borrower_id,
        "salt": history.salt.hex(),
        "persons": [[one.revision, _given(one.person, _PERSON)] for one in history.persons],
        "loans": [[one.revision, _loan(one.loan)] for one in history.loans],
        "events": [[one.revision, _event(one.event)] for one in history.events],
        "entries": [[numbers[one.xact], one.text] for one in history.entries],
    }


def _given(value: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names if getattr(value, name) is not None}


def _loan(loan: Loan) -> dict[str, Any]:
    return {
        **_given(loan, _LOAN),
        "tags": list(loan.tags),
        "allocation": list(loan.allocation),
        "instalments": [
            [n.number, n.due_on.isoformat(), n.principal_minor, n.interest_minor, n.fees_minor]
            for n in loan.instalments
        ],
    }


def _event(event: Event) -> dict[str, Any]:
    bounds = {"from": event.start, "until": event.until}
    return {
        **_given(event, _EVENT),
        **{
            name: bound.isoformat() if isinstance(bound, date) else bound
            for name, bound in bounds.items()
            if bound is not None
        },
    }


# --- and back -----------------------------------------------------------------------------------------------------


def _read_version(values: dict[str, Any]) -> Version:
    return Version(
        values["number"], values["digest"], values["file"], values["source"].encode(), values["since"]
    )  # fmt: skip


def _read_history(values: dict[str, Any]) -> History:
    borrower_id = values["borrower_id"]
    return History(
        values["lender_id"],
        borrower_id,
        bytes.fromhex(values["salt"]),
        tuple([PersonThen(revision, Person(borrower_id, **said)) for revision, said in values["persons"]]),
        tuple([LoanThen(revision, _read_loan(borrower_id, said)) for revision, said in values["loans"]]),
        tuple([EventThen(revision, _read_event(said)) for revision, said in values["events"]]),
        tuple([Written(xact, text) for xact, text in values["entries"]]),
    )


def _read_loan(borrower_id: str, said: dict[str, Any]) -> Loan:
    lists = {name: tuple(said[name]) for name in ("tags", "allocation")}
    instalments = tuple([Instalment(n, date.fromisoformat(due), *amounts) for n, due, *amounts in said["instalments"]])
    return Loan(**{**said, **lists, "borrower_id": borrower_id, "instalments": instalments})


def _read_event(said: dict[str, Any]) -> Event:
    rest = {name: value for name, value in said.items() if name in _EVENT}
    return Event(**rest, start=_bound(said.get("from")), until=_bound(said.get("until")))


def _bound(value: int | str | None) -> int | date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value
