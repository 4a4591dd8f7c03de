"""The stories beside the checkout, told again with ``decide()``: one loan a line, agreed on by two other programs."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from policies.calendar import to_instant, zone
from policies.contract import Policy
from policies.facts import Event, Instalment, Instant, Loan, Person
from policies.language.check import compile_policy
from policies.outcome import CURED, HAND_OFF, REVIEW, SENT, SKIPPED, VOID, Line
from policies.simulate import Outages, Span, story
from policies.versions import Policies, Published
from tests.making import SHARED, minor

STORIES = SHARED / "cases" / "stories.jsonl"
REVIEWED = "handed_to_review"
WORDS = {SENT: "sent", SKIPPED: "skipped", VOID: "void", HAND_OFF: "handed_off", CURED: "cured"}

Told = list[list[str | None]]


def read() -> list[dict[str, Any]]:
    """Every case of the file, in its order; none, where the file is absent."""
    if not STORIES.exists():
        return []
    return [json.loads(line) for line in STORIES.read_text(encoding="utf-8").splitlines()]


def tell(case: dict[str, Any]) -> Told:
    """The story of a case as ``decide()`` tells it: ``[instant, step, outcome]`` in order."""
    home = zone(case["zone"])
    loan = Loan(
        "L", "P", "personal", "EUR", 0, _instant(case["disbursed_at"]),
        tuple(
            Instalment(i["number"], date.fromisoformat(i["due_on"]), minor(i["amount"])) for i in case["instalments"]
        ),
        policy="p",
    )  # fmt: skip
    person = Person("P", "Ana", "Ruiz", "en", case["zone"], "ZZ", email="ana@example.com")
    start, end = span_of(case)
    outages = Outages([(_instant(first), _instant(last)) for first, last in case["outages"]])
    events = sorted(events_of(case["events"]), key=lambda e: (e.known_at, e.at, e.event_id))
    published = Policies([Published(_policy(case["policy"]))])
    lines = story(person, (loan,), events, published, Span(start, end, outages))
    told = [(home.iso(line.at), line.step, _word(line)) for line in sorted(lines, key=lambda line: line.order)]
    return [[at, name, word] for at, name, word in told if word is not None]


def span_of(case: dict[str, Any]) -> tuple[Instant, Instant]:
    """When the service begins, and the first instant that is no longer told."""
    home = zone(case["zone"])
    begins = home.instant(date.fromisoformat(case["from"]).toordinal())
    return max(begins, _instant(case["disbursed_at"])), home.instant(date.fromisoformat(case["until"]).toordinal() + 1)


def _word(line: Line) -> str | None:
    if line.outcome == REVIEW:
        return REVIEWED if line.step is not None else None
    if line.outcome == "set_aside":
        return f"set aside: {line.because}"
    return WORDS.get(line.outcome)


def _instant(text: str) -> int:
    return to_instant(datetime.fromisoformat(text))


def policy_text(case: dict[str, Any]) -> str:
    """The policy of a case, written as a lender would write it; JSON is YAML."""
    steps = {}
    for one in case["steps"]:
        parts = {key: one[key] for key in ("at", "when", "within", "hand_off") if key in one}
        steps[one["id"]] = parts if "hand_off" in one else {**parts, "send": {"message": "note", "by": ["email"]}}
    written = {
        "policy": "p",
        "title": "A story",
        "currency": "EUR",
        "languages": ["en"],
        "rules": {"house": "off"},
        "calendar": "weekdays",
        "send_at": case["send_at"],
        "overdue_from": case.get("overdue_from", "0.01"),
        "steps": steps,
        "messages": {"note": {"email": {"en": {"subject": "A note", "body": "A note."}}}},
    }
    if not any("hand_off" in one for one in case["steps"]):
        written["end"] = "true"
    return json.dumps(written)


def _policy(case: dict[str, Any]) -> Policy:
    policy, problems = compile_policy("story.yaml", policy_text(case), executing=True)
    assert policy is not None, problems
    return policy


def events_of(told: list[dict[str, Any]]) -> list[Event]:
    """The events of a case; a second hold of a name releases the first, and a release of none is dropped."""
    found: list[Event] = []
    holding: dict[str, str] = {}
    payments: dict[str, str] = {}
    for number, one in enumerate(told, start=1):
        at, kind, event_id = _instant(one["at"]), one["type"], f"e{number:03}"
        if kind == "payment":
            payments[one["at"]] = event_id
            found.append(Event(event_id, at, at, kind, loan_id="L", amount_minor=minor(one["amount"])))
        elif kind == "reversal":
            paid = payments[one["of_payment_at"]]
            found.append(Event(event_id, at, at, kind, loan_id="L", amount_minor=minor(one["amount"]), ref=paid))
        elif kind == "returned":
            found.append(Event(event_id, at, at, kind, loan_id="L"))
        else:
            held = holding.pop(one["name"], None)
            if held is not None:
                found.append(Event(f"{event_id}-release", at, at, "release", ref=held))
            if kind == "hold":
                holding[one["name"]] = event_id
                until = None if one["until"] is None else date.fromisoformat(one["until"])
                found.append(Event(event_id, at, at, kind, loan_id="L", value=one["name"], until=until))
    return found
