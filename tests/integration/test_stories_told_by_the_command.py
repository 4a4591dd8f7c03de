"""``duly simulate`` tells the agreed stories from files: a policy, and a folder of CSV."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from policies.calendar import to_datetime
from policies.facts import Event
from policies.outcome import REVIEW
from scheduler.cli.main import app
from tests import stories

CASES = stories.read()

pytestmark = pytest.mark.skipif(not CASES, reason="../shared/cases/stories.jsonl is not beside this checkout")

EVENT_COLUMNS = ("event_id", "at", "type", "borrower_id", "loan_id", "amount", "ref", "value", "until")


def _row(event: Event) -> dict[str, str]:
    whose = {"loan_id": event.loan_id} if event.loan_id is not None else {}
    return {
        "event_id": event.event_id,
        "at": to_datetime(event.at).isoformat(),
        "type": event.type,
        **{name: value for name, value in (("ref", event.ref), ("value", event.value)) if value is not None},
        **({"amount": f"{event.amount_minor // 100}.{event.amount_minor % 100:02}"} if event.amount_minor else {}),
        **({"until": event.until.isoformat()} if isinstance(event.until, date) else {}),
        **whose,
    }


def _write(path: Path, columns: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def write_book(folder: Path, case: dict[str, Any]) -> None:
    """The loan of a case as a lender's files."""
    folder.mkdir()
    person = {
        "borrower_id": "P", "first_name": "Ana", "last_name": "Ruiz", "language": "en", "zone": case["zone"],
        "region": "ZZ", "email": "ana@example.com",
    }  # fmt: skip
    loan = {
        "loan_id": "L", "borrower_id": "P", "product": "personal", "currency": "EUR", "principal": "1.00",
        "disbursed_at": case["disbursed_at"],
    }  # fmt: skip
    parts = [
        {"loan_id": "L", "number": str(i["number"]), "due_on": i["due_on"], "principal": i["amount"], "interest": "0",
         "fees": "0"}
        for i in case["instalments"]
    ]  # fmt: skip
    _write(folder / "borrowers.csv", tuple(person), [person])
    _write(folder / "loans.csv", tuple(loan), [loan])
    _write(folder / "instalments.csv", tuple(parts[0]), parts)
    events = [_row(event) for event in stories.events_of(case["events"])]
    _write(folder / "events.csv", EVENT_COLUMNS, events)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_story_is_told_the_same_from_files(case: dict[str, Any], tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(stories.policy_text(case["policy"]), encoding="utf-8")
    write_book(tmp_path / "book", case)
    start, end = (to_datetime(at).isoformat() for at in stories.span_of(case))
    outages = [part for first, last in case["outages"] for part in ("--outage", f"{first}/{last}")]
    command = ["simulate", str(policy), str(tmp_path / "book"), "--from", start, "--until", end, "--json", *outages]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.stderr
    told = []
    for line in map(json.loads, result.stdout.splitlines()):
        outcome = line["outcome"]
        word = stories.REVIEWED if outcome == REVIEW and line["step"] else stories.WORDS.get(outcome)
        if word is not None:
            told.append([line["at"], line["step"], word])
    assert told == case["story"]
