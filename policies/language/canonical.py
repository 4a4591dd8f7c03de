"""The canonical form of a policy: everything that has meaning, defaults written in; and its digest.

Only texts, whole numbers, true and false, lists and mappings stand in it, and keys are ASCII, so that sorted
compact JSON is what RFC 8785 asks for. Lists whose order means nothing are sorted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from policies.contract import Offer, Share, Step
from policies.language import conditions
from policies.language.conditions import Group
from policies.language.model import PolicyFile
from policies.language.timing import clock_text, duration_text
from policies.money import decimal_text

COMPONENTS = {"penalties": "penalty", "interest": "interest", "principal": "principal"}
"""What an offer may waive, and the component of a loan that it means."""


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 of a value that holds only texts, whole numbers, true, false, lists and mappings with ASCII keys."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest_of(canonical: Mapping[str, Any]) -> str:
    """``sha256:`` and the hex digest of the canonical bytes."""
    return "sha256:" + hashlib.sha256(canonical_bytes(canonical)).hexdigest()


def canonical_form(
    file: PolicyFile, steps: tuple[Step, ...], offers: Mapping[str, Offer], whens: Mapping[str, Group],
    rules: tuple[str, ...], house: bool, overdue_from_minor: int,
) -> dict[str, Any]:  # fmt: skip
    """The canonical form of a policy that was compiled without an error."""
    applies = file.applies_to
    form: dict[str, Any] = {
        "policy": file.policy,
        "title": file.title or file.policy,
        "applies_to": {
            "product": "any" if applies.product is None else sorted(applies.product),
            "region": "any" if applies.region is None else sorted(applies.region),
        },
        "currency": file.currency,
        "actor": file.actor,
        "languages": list(file.languages),
        "rules": {**dict.fromkeys(rules, True), "house": house},
        "overdue_from": decimal_text(overdue_from_minor, file.currency),
        "lender": {} if file.lender is None else file.lender.model_dump(exclude_none=True),
        "calendar": file.calendar or "borrower",
        "review_after": file.review_after,
        "end": file.end,
        "steps": [_step(step, whens.get(step.name), file.currency) for step in steps],
        "offers": {name: _offer(offer, file.currency) for name, offer in offers.items()},
        "messages": {
            name: message.model_dump(exclude_none=True, by_alias=True) for name, message in file.messages.items()
        },
    }
    if not file.first_party_as_collector:
        # Written only where it is off, so that a policy keeps the identity that it had before the key was known.
        form["first_party_as_collector"] = False
    return form


def _step(step: Step, when: Group | None, currency: str) -> dict[str, Any]:
    sign = "-" if step.at.offset.amount < 0 else "+"
    form: dict[str, Any] = {
        "step": step.name,
        "at": {
            "anchor": step.at.anchor,
            "offset": f"{sign} {duration_text(step.at.offset)}",
            "time": clock_text(step.at.tod),
        },
    }
    if when is not None:
        form["when"] = conditions.canonical(when, currency)
    if step.within is not None:
        form["within"] = duration_text(step.within)
    if step.send is not None:
        channels = sorted(step.send.channels) if step.send.every else list(step.send.channels)
        form["send"] = {"message": step.send.message, "by": channels, "every": step.send.every}
    if step.offer is not None:
        form["offer"] = step.offer
    if step.hold is not None:
        form["hold"] = "until release" if step.hold.duration is None else duration_text(step.hold.duration)
    if step.hand_off is not None:
        form["hand_off"] = step.hand_off
    return form


def _offer(offer: Offer, currency: str) -> dict[str, Any]:
    form: dict[str, Any] = {
        "waive": {component: share_text(share, currency) for component, share in offer.waive},
        "instalments": offer.instalments,
        "expires": duration_text(offer.expires),
    }
    if offer.every is not None:
        form["every"] = duration_text(offer.every)
    if offer.first_after is not None:
        form["first_after"] = duration_text(offer.first_after)
    if offer.floor is not None:
        form["floor"] = f"{share_text(offer.floor, currency)} of {offer.floor_of}"
    return form


def share_text(share: Share, currency: str) -> str:
    """A share as ``50%``, an amount as decimal text."""
    if share.amount_minor is not None:
        return decimal_text(share.amount_minor, currency)
    percent = (share.share or Decimal(0)) * 100
    return f"{percent.normalize():f}%"
