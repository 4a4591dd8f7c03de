"""Whatever stands in a case file, it is read, or refused with the place of what is wrong."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from policies.compliance.case_known import Known
from policies.compliance.cases import read

KNOWN = Known(
    notes=("moratorium_start", "creditor_email_notice"), contents=("profanity",), flags=frozenset({"time_barred"}),
    options={"optout_scope": "optout_scope"},
)  # fmt: skip
RICH = {
    "id": "rich",
    "jurisdiction": "US",
    "pack": ["us"],
    "title": "all that a case may say",
    "actor": "lender",
    "location_evidence": [{"evidence": "zip", "tz": ["America/Chicago"], "observed_at": "2026-01-01",
                           "until": "2027-01-01"}],
    "state": {"days_past_due": 3, "holidays": ["2026-10-12"], "student_loan_group": ["L1"], "attorney": {"name": "A"},
              "e_consent": ["sms"], "known_location": {"tz": "America/Denver"}, "time_barred": True},
    "config": {"optout_scope": "program"},
    "prior_events": [
        {"at": "2026-10-01T10:00:00Z", "type": "call", "outcome": "busy", "debts": ["D1"], "person": "P1", "by": "us"},
        {"at": "2026-10-01T10:00:00Z", "type": "inbound", "channel": "sms", "text": "ok",
         "consents_reply_channels": ["email"]},
        {"at": "2026-10-01T10:00:00Z", "type": "designate_inconvenient", "dates": ["2026-10-14"],
         "windows": [{"days": ["mon"], "from": "15:00", "to": "17:00"}]},
        {"at": "2026-10-01T10:00:00Z", "type": "consent_calls", "until": "2026-10-20", "channel": "call"},
        {"at": "2026-10-01T10:00:00Z", "type": "medium_request", "channel": "call", "number": "n1"},
        {"at": "2026-10-01T10:00:00Z", "type": "moratorium_start", "kind": "standard", "days": 60},
        {"at": "2026-10-01T10:00:00Z", "type": "creditor_email_notice", "optout_by": "2026-11-20"},
    ],
    "proposed": {"at": "2026-10-14T11:00:00-04:00", "channel": ["sms"], "purpose": "offer", "relation": "spouse",
                 "content": ["profanity"], "offer_expires": "2026-10-15T11:00:00-04:00", "debts": ["D1"]},
    "expected": {"decision": "defer_until", "until": "2026-10-15T08:00:00-04:00", "rule": "R"},
}  # fmt: skip
ODD: list[object] = [
    None, "", "x", "*", "true", "-1", "25:00", "mon-fri", "2026-10-14", "9999-12-31", "2026-10-14T11:00:00", 7,
    [], {}, [[]], [{}], [None], {"a": 1}, ["mon", "funday"], {"tz": "America/New_York"}, {"from": "x"},
]  # fmt: skip


def paths(node: object, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where each value of a tree stands."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [one for key, value in items for one in ((*above, key), *paths(value, (*above, key)))]


def changed(path: tuple[str | int, ...], value: object) -> str:
    tree: dict[str, object] = copy.deepcopy(RICH)
    node: Any = tree
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return json.dumps({"cases": [tree]})


def test_the_rich_case_is_read() -> None:
    (case,), problems = read("c.yaml", json.dumps({"cases": [RICH]}), lambda names: KNOWN, KNOWN)
    assert (case.problems, problems) == ((), [])


@pytest.mark.parametrize("path", paths(RICH), ids=lambda path: ".".join(map(str, path)))
def test_whatever_stands_in_a_case_it_is_read_or_refused_with_its_place(path: tuple[str | int, ...]) -> None:
    for value in ODD:
        (case,), problems = read("c.yaml", changed(path, value), lambda names: KNOWN, KNOWN)
        assert problems == []
        assert all(problem.line and problem.column and problem.message for problem in case.problems)
