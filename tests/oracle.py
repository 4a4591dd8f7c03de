"""What a plain reading of the rules sends for a book of one-instalment loans, each paid once and in full.

An oracle for ``simulate``: it shares no code with it, only the CSV files and the rules. It knows neither
holds nor part payments, so every step keeps its own time.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo


def sends(book: Path, days: Sequence[int], at: time) -> list[str]:
    """Every send of a ladder with a step ``days`` after ``due``, in order, one JSON object each.

    ``at`` is the borrower's local time. A step is sent while the loan is unpaid; one at or before ``due`` only
    if its time is after the disbursement.
    """
    zones = {row["borrower_id"]: ZoneInfo(row["zone"]) for row in _rows(book, "borrowers.csv")}
    asked = {row["loan_id"]: row for row in _rows(book, "instalments.csv")}
    paid = {row["loan_id"]: row for row in _rows(book, "events.csv")}
    found = []
    for loan in _rows(book, "loans.csv"):
        loan_id, borrower_id = loan["loan_id"], loan["borrower_id"]
        owed = sum((Decimal(asked[loan_id][part]) for part in ("principal", "interest", "fees")), Decimal())
        if Decimal(paid[loan_id]["amount"]) != owed:
            raise ValueError(f"loan {loan_id} is not paid in full by its one payment; this oracle cannot read it")
        due = date.fromisoformat(asked[loan_id]["due_on"])
        disbursed, closed = (datetime.fromisoformat(text) for text in (loan["disbursed_at"], paid[loan_id]["at"]))
        for place, day in enumerate(days):
            when = datetime.combine(due + timedelta(days=day), at, zones[borrower_id])
            if disbursed < when < closed:
                found.append((when, borrower_id, loan_id, place, day))
    return [
        json.dumps({"at": when.isoformat(), "borrower_id": borrower_id, "loan_id": loan_id, "step": step_name(day)})
        for when, borrower_id, loan_id, _, day in sorted(found)
    ]


def step_name(day: int) -> str:
    """The name that the oracle gives a step by its distance from ``due``: ``before-3``, ``on-0``, ``after-7``."""
    return f"{'before' if day < 0 else 'after' if day else 'on'}-{abs(day)}"


def _rows(book: Path, name: str) -> Iterator[dict[str, str]]:
    with (book / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
