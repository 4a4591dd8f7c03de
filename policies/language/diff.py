"""Says in words what changed between two versions of a policy; what means the same is no change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from policies.contract import Policy
from policies.language.timing import at_text, clock_text

_PLAIN: Final = (
    "title", "currency", "actor", "languages", "overdue_from", "calendar", "review_after", "end",
)  # fmt: skip
_NAMED: Final = {"applies_to": "applies_to", "rules": "rules", "lender": "lender"}


def diff(old: Policy, new: Policy) -> list[str]:
    """One sentence a change, in the order of the policy file; empty where both mean the same."""
    before, after = old.canonical, new.canonical
    found: list[str] = []
    if before["policy"] != after["policy"]:
        found.append(f"the policy is called {after['policy']}, no longer {before['policy']}")
    found.extend(_changed(name, before[name], after[name]) for name in _PLAIN if before[name] != after[name])
    held = [form.get("first_party_as_collector", True) for form in (before, after)]
    if held[0] != held[1]:
        found.append(_changed("first_party_as_collector", *held))
    for name, label in _NAMED.items():
        found.extend(_mapping(label, before[name], after[name]))
    found.extend(_steps(old, new))
    found.extend(_whole("offer", before["offers"], after["offers"]))
    found.extend(_messages(before["messages"], after["messages"]))
    return found


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value)


def _changed(label: str, before: Any, after: Any) -> str:
    return f"{label}: {_shown(before)} → {_shown(after)}"


def _mapping(label: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    found = []
    for name in [*before, *(name for name in after if name not in before)]:
        one, other = before.get(name), after.get(name)
        if one == other:
            continue
        if one is None:
            found.append(f"{label}.{name}: added, {_shown(other)}")
        elif other is None:
            found.append(f"{label}.{name}: removed, was {_shown(one)}")
        else:
            found.append(_changed(f"{label}.{name}", one, other))
    return found


def _steps(old: Policy, new: Policy) -> list[str]:
    before = {form["step"]: form for form in old.canonical["steps"]}
    after = {form["step"]: form for form in new.canonical["steps"]}
    words = {step.name: at_text(step.at.anchor, step.at.offset, step.at.tod) for step in new.steps}
    found = [f"step {name}: removed" for name in before if name not in after]
    for name, form in after.items():
        if name not in before:
            found.append(f"step {name}: added, at {words[name]}")
            continue
        found.extend(_step(name, before[name], form, old, new))
    kept = [name for name in before if name in after]
    now = [name for name in after if name in before]
    if kept != now:
        found.append(f"the order of the steps is now {', '.join(now)}")
    return found


def _step(name: str, before: dict[str, Any], after: dict[str, Any], old: Policy, new: Policy) -> list[str]:
    one = next(step for step in old.steps if step.name == name)
    other = next(step for step in new.steps if step.name == name)
    found = []
    if before["at"] != after["at"]:
        if {**before["at"], "time": ""} == {**after["at"], "time": ""}:
            found.append(_changed(f"step {name}, time of day", clock_text(one.at.tod), clock_text(other.at.tod)))
        else:
            was = at_text(one.at.anchor, one.at.offset, one.at.tod)
            found.append(_changed(f"step {name}, at", was, at_text(other.at.anchor, other.at.offset, other.at.tod)))
    if before.get("when") != after.get("when"):
        was = "always" if one.when is None else one.when.text
        found.append(_changed(f"step {name}, when", was, "always" if other.when is None else other.when.text))
    for key in ("within", "offer", "hold", "hand_off"):
        if before.get(key) != after.get(key):
            found.append(_changed(f"step {name}, {key}", before.get(key, "none"), after.get(key, "none")))
    if before.get("send") != after.get("send"):
        found.append(_changed(f"step {name}, send", _sent(before.get("send")), _sent(after.get("send"))))
    return found


def _sent(form: dict[str, Any] | None) -> str:
    if form is None:
        return "nothing"
    return f"{form['message']} by {' and '.join(form['by']) if form['every'] else ', else '.join(form['by'])}"


def _whole(label: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    found = [f"{label} {name}: removed" for name in before if name not in after]
    found.extend(f"{label} {name}: added" for name in after if name not in before)
    for name in before:
        if name in after:
            found.extend(_mapping(f"{label} {name}", before[name], after[name]))
    return found


def _messages(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    found = [f"message {name}: removed" for name in before if name not in after]
    found.extend(f"message {name}: added" for name in after if name not in before)
    for name in before:
        if name not in after:
            continue
        for channel in sorted({*before[name], *after[name]}):
            one, other = before[name].get(channel, {}), after[name].get(channel, {})
            for language in sorted({*one, *other}):
                if one.get(language) != other.get(language):
                    verb = "added" if language not in one else "removed" if language not in other else "new words"
                    found.append(f"message {name}, {channel} in {language}: {verb}")
    return found
