"""Small policies for tests of the language: one text, changed in one place."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from policies.contract import Policy
from policies.language.check import compile_policy
from policies.language.report import report
from policies.money import Money
from policies.problems import Problem

EXAMPLE = Path(__file__).resolve().parent / "us-personal-loan.yaml"

SMALL = """\
policy: example
currency: USD
languages: [en]
lender: {name: Acme Credit, reply_to: help@acme.example, phone: "+1 555 010 0199"}
steps:
  reminder:
    at: due + 1 day, 10:00
    send: {message: note, by: [sms]}
end: true
messages:
  note:
    sms: {en: "Please pay."}
"""


def changed(*pairs: tuple[str, str], text: str = SMALL) -> str:
    """The text with each first occurrence replaced; a pair that is not found is a mistake in the test."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def compiled(text: str | bytes) -> Policy:
    """The policy of a text that has no error."""
    policy, problems = compile_policy("policy.yaml", text)
    assert policy is not None, report(problems)
    return policy


def problems_of(text: str | bytes) -> list[Problem]:
    """Every finding in a text."""
    return compile_policy("policy.yaml", text)[1]


def codes(text: str | bytes) -> list[str]:
    """The code of every finding in a text."""
    return [problem.code for problem in problems_of(text)]


def with_sms(template: str, languages: str = "[en]") -> str:
    """The small policy with this SMS in English, quoted as JSON, which YAML reads as it is."""
    return changed(('"Please pay."', json.dumps(template, ensure_ascii=False)), ("[en]", languages))


def facts(**given: Any) -> dict[str, Any]:
    """Facts of a loan in the middle of an episode, as conditions get them."""
    return {
        "overdue": 12_345, "balance": 50_000, "principal": 40_000, "penalties": 500, "days_past_due": 9,
        "instalments_overdue": 1, "times_delinquent": 1, "promises_kept": 0, "promises_broken": 0,
        "offers_declined": 0, "contacts_last_7_days": 1, "last_response_days": None, "reachable_by": ("sms", "email"),
        "product": "personal", "segment": None, "region": "US-CA", "language": "en", "tags": (), **given,
    }  # fmt: skip


def variables(**given: Any) -> dict[str, Any]:
    """Variables as a renderer gets them."""
    known = facts()
    for name in ("overdue", "balance", "principal", "penalties"):
        known[name] = Money(known[name], "USD")
    return {
        **known,
        "borrower": {"first_name": "Ann", "last_name": "Lee"},
        "loan": {"loan_id": "L-1", "product": "personal"},
        "due": date(2026, 3, 1),
        "links": {"view": "https://pay.example.invalid/l/token"},
        "lender": {"name": "Acme Credit", "reply_to": "help@acme.example", "phone": "+1 555 010 0199"},
        "offer": {
            "total": Money(90_000, "USD"), "waived": Money(1_000, "USD"), "instalments": 3,
            "first_amount": Money(30_000, "USD"), "first_on": date(2026, 4, 1), "last_on": date(2026, 6, 1),
            "expires": date(2026, 4, 15),
        },
        **given,
    }  # fmt: skip
