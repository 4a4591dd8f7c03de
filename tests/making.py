"""Small makers for tests: policies, loans and instants, written the way the policy language writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from policies.calendar import zone
from policies.contract import (
    BUSINESS_DAY,
    DAY,
    MONTH,
    WEEK,
    At,
    Condition,
    Duration,
    Offer,
    Policy,
    Send,
    Step,
    StepHold,
)
from policies.facts import Instalment, Loan, Person

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
"""Designs, cases and data beside the checkout; a test that needs them skips where they are absent."""

_AT = re.compile(r"([a-z.\-0-9]+?)(?: ([+-]) (\d+ [a-z ]+?))?(?:, (\d\d:\d\d))?")
_UNITS = {"business day": BUSINESS_DAY, "day": DAY, "week": WEEK, "month": MONTH}


def minor(text: str) -> int:
    """Decimal text with two decimals or fewer, in minor units."""
    return int(Decimal(text) * 100)


def seconds(text: str) -> int:
    """``HH:MM`` as seconds since midnight."""
    return int(text[:2]) * 3600 + int(text[3:]) * 60


def duration(text: str) -> Duration:
    """``3 business days`` as a value."""
    amount, unit = text.split(" ", 1)
    return Duration(int(amount), _UNITS[unit.removesuffix("s")])


def at_of(text: str, send_at: str) -> At:
    """``due + 3 days, 18:00`` as a value."""
    found = _AT.fullmatch(text)
    assert found is not None, text
    anchor, sign, length, tod = found.groups()
    offset = Duration(0, DAY) if length is None else duration(length)
    if sign == "-":
        offset = Duration(-offset.amount, offset.unit)
    return At(anchor, offset, seconds(tod or send_at))


def step(name: str, at: str, **parts: Any) -> dict[str, Any]:
    """A step as ``policy`` takes it: ``within``, ``when`` (a Condition), ``by`` (channels), ``every``, ``offer`` …"""
    return {"name": name, "at": at, **parts}


def policy(steps: Iterable[Mapping[str, Any] | Step], **parts: Any) -> Policy:
    """A compiled policy without the language: each step without ``hand_off``, ``offer`` or ``hold`` sends ``note``.

    ``render`` prints every message; it gets the variables and answers with the body.
    """
    send_at: str = parts.pop("send_at", "10:00")
    render: Callable[[Mapping[str, Any]], str] = parts.pop("render", lambda values: "text")
    made = [one if isinstance(one, Step) else _step(place, one, send_at) for place, one in enumerate(steps)]
    channels = {c for s in made if s.send is not None for c in s.send.channels}
    values: dict[str, Any] = {
        "name": "p", "title": "A policy", "digest": "sha256:1", "canonical": {}, "products": None, "regions": None,
        "currency": "EUR", "actor": "lender", "languages": ("en",), "rules": (), "house": False,
        "send_at": seconds(send_at), "overdue_from_minor": 1, "lender": {}, "steps": tuple(made), "offers": {},
        "templates": {("note", c, "en"): lambda v: (None, render(v)) for c in channels}, "calendar": "weekdays",
        "end": True, "ladder": tuple(s for s in made if s.at.anchor == "due"),
        "side_steps": tuple(s for s in made if s.at.anchor != "due"),
    }  # fmt: skip
    return Policy(**{**values, **parts})


def _step(place: int, one: Mapping[str, Any], send_at: str) -> Step:
    quiet = "hand_off" in one or "offer" in one or "hold" in one
    channels = tuple(one.get("by", () if quiet else ("email",)))
    return Step(
        one["name"],
        place,
        at_of(one["at"], send_at),
        one.get("when"),
        duration(one["within"]) if "within" in one else None,
        Send("note", channels, bool(one.get("every", False))) if channels else None,
        one.get("offer"),
        StepHold(one["hold"]) if "hold" in one else None,
        one.get("hand_off"),
    )


def when(text: str, test: Callable[[Mapping[str, Any]], bool], *names: str) -> Condition:
    """A condition by its function; ``text`` is what ``because`` shows."""
    return Condition(test, names, text)


def offer(name: str = "deal", **parts: Any) -> Offer:
    """Terms that waive nothing and ask for everything at once, unless said otherwise."""
    values: dict[str, Any] = {
        "name": name, "waive": (), "instalments": 1, "every": None, "first_after": None, "floor": None,
        "floor_of": None, "expires": Duration(14, DAY),
    }  # fmt: skip
    return Offer(**{**values, **parts})


def person(borrower_id: str = "B", zone_name: str = "Europe/Madrid", **parts: Any) -> Person:
    """A borrower who can be reached by SMS and e-mail."""
    values: dict[str, Any] = {"region": "ZZ", "phone": "+15550100199", "email": "ana@example.com"}
    return Person(borrower_id, "Ana", "Ruiz", "en", zone_name, **{**values, **parts})


def loan(dues: Mapping[str, str], disbursed_at: int, loan_id: str = "L", **parts: Any) -> Loan:
    """A loan of instalments ``{due date: principal}``."""
    instalments = tuple(
        Instalment(number, date.fromisoformat(due), minor(amount))
        for number, (due, amount) in enumerate(dues.items(), start=1)
    )
    values: dict[str, Any] = {"borrower_id": "B", "product": "personal", "currency": "EUR", "principal_minor": 0}
    return Loan(loan_id=loan_id, disbursed_at=disbursed_at, instalments=instalments, **{**values, **parts})


def local(text: str, zone_name: str = "Europe/Madrid") -> int:
    """``2026-03-01 10:00`` on the wall in a zone, as an instant; a time twice means the first."""
    when_ = datetime.fromisoformat(text)
    midnight = when_.replace(hour=0, minute=0, second=0, microsecond=0)
    return zone(zone_name).instant(when_.toordinal(), (when_ - midnight) // timedelta(seconds=1))
