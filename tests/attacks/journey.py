"""The way of a text from an outsider's files to the message that leaves: import, publish, run, by commands alone."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPAN = ("--from", "2026-02-01", "--until", "2026-04-15")

POLICY = """\
policy: plain
currency: GBP
languages: [en]
rules: {house: off}
lender: {name: Acme Credit, reply_to: help@acme.example, phone: "+44 20 7946 0000"}
steps:
  reminder:
    at: due + 1 day, 10:00
    send: {message: note, by: {all: [sms, email]}}
end: true
messages:
  note:
    sms: {en: "Dear {{ borrower.first_name }} {{ borrower.last_name }}, please pay."}
    email:
      en:
        subject: "For {{ borrower.first_name }}"
        body: "Dear {{ borrower.first_name }} {{ borrower.last_name }}, see {{ links.view }}"
"""

BORROWER = {
    "first_name": "Ann", "last_name": "Lee", "language": "en", "zone": "Europe/London", "region": "ZZ",
    "phone": "+442079460001", "email": "ann@example.com",
}  # fmt: skip
LOAN = {"product": "personal", "currency": "GBP", "principal": "100.00", "disbursed_at": "2026-01-01T10:00:00Z"}
INSTALMENT = {"number": "1", "due_on": "2026-03-01", "principal": "100.00", "interest": "0.00", "fees": "0.00"}
EVENT_COLUMNS = ("event_id", "at", "type", "borrower_id", "loan_id", "amount", "ref", "channel", "value", "text")


def table(rows: Iterable[Mapping[str, str]]) -> str:
    """Rows as a CSV file; the first one has every column."""
    made = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(made[0]), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(made)
    return text.getvalue()


def book(*people: Mapping[str, str], events: Iterable[Mapping[str, str]] = (), **loan: str) -> dict[str, str]:
    """A book of a borrower and a loan for each mapping of what differs from Ann Lee; ``loan`` for every loan."""
    ids = [f"{number:03}" for number in range(1, len(people) + 1)]
    files = {
        "borrowers.csv": table(
            {"borrower_id": f"b-{i}", **BORROWER, **one} for i, one in zip(ids, people, strict=True)
        ),
        "loans.csv": table({"loan_id": f"l-{i}", "borrower_id": f"b-{i}", **LOAN, **loan} for i in ids),
        "instalments.csv": table({"loan_id": f"l-{i}", **INSTALMENT} for i in ids),
    }  # fmt: skip
    told = [{**dict.fromkeys(EVENT_COLUMNS, ""), **one} for one in events]
    return {**files, "events.csv": table(told)} if told else files


def write_book(folder: Path, files: Mapping[str, str]) -> Path:
    """The files of a book in a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


@dataclass(frozen=True, slots=True)
class Journey:
    """Where it ended: what each command said, the lines of the run, and the sandbox's files."""

    said: str
    lines: list[dict[str, Any]]
    files: dict[str, list[str]]

    @classmethod
    def travel(cls, duly: Callable[..., Any], folder: Path, policy: str, files: Mapping[str, str]) -> Journey:
        """Publish, import, run; each must end well."""
        path = folder / "policy.yaml"
        path.write_text(policy, encoding="utf-8")
        said = ""
        for command in (("policy", "publish", path), ("import", write_book(folder / "book", files))):
            ended = duly(*command)
            assert ended.code == 0, ended.err
            said += ended.out + ended.err
        ended = duly("run", "--json", *SPAN)
        assert ended.code == 0, ended.err
        lines = [json.loads(line) for line in ended.out.split("\n") if line]
        messages = folder / "home" / "messages"
        found = {
            channel: [path.read_text(encoding="utf-8") for path in sorted(messages.glob(f"{channel}/*/*.txt"))]
            for channel in ("sms", "email", "letter")
        }
        return cls(said + ended.err, lines, found)

    def sent(self, borrower_id: str, channel: str) -> dict[str, Any]:
        """The one line that says what was sent to a borrower by a channel."""
        (line,) = [
            one
            for one in self.lines
            if (one["borrower_id"], one["channel"], one["outcome"]) == (borrower_id, channel, "sent")
        ]
        return line
