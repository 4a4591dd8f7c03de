"""What a decision of today says otherwise than the one recorded: entry by entry, with the first rule that differs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

_NAMED = {"because": "reason", "to": "address", "message_key": "message id"}
_PLACE = ("loan", "instalment", "step", "occurrence", "channel")


class Difference(NamedTuple):
    """One entry of a look that is another today.

    ``what`` names what differs: ``missing`` where nothing of the kind is decided today, ``new`` where nothing of the
    kind was recorded, ``facts`` where the facts in the database are not those that were decided on, else the keys of
    the entry. ``recorded`` and ``now`` hold these keys as they were and are; ``rules`` are the first rule of the
    reasons that differs, as it was and is. ``follows``: an earlier look of this borrower differs already.
    """

    borrower_id: str
    loan_id: str | None
    instalment: int | None
    step: str | None
    occurrence: int | None
    at: str
    what: tuple[str, ...]
    recorded: dict[str, Any]
    now: dict[str, Any]
    rules: tuple[str | None, str | None]
    follows: bool


class Place(NamedTuple):
    """Of which borrower and look differences are told; ``loans`` are the ids of loans by their keys."""

    borrower_id: str
    at: str
    loans: dict[str, str]
    follows: bool


def found(place: Place, recorded: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]) -> list[Difference]:
    """The differences between the entries of a look as recorded and as of now, both in their order."""
    waiting: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for values in now:
        waiting.setdefault(_key(values), []).append(values)
    pairs: list[tuple[dict[str, Any] | None, dict[str, Any] | None]] = []
    for values in recorded:
        same = waiting.get(_key(values))
        pairs.append((values, _best(values, same) if same else None))
    pairs += [(None, values) for rest in waiting.values() for values in rest]
    differing = [(old, new) for old, new in pairs if old != new]
    if not differing:
        return [_told(place, dict(recorded[0]), ("order",), {}, {}, (None, None))]
    return [_of_pair(place, old, new) for old, new in differing]


def of_facts(place: Place, recorded: str, now: str | None) -> Difference:
    """The facts there are now are not those that were decided on; ``now`` is none where there are none at all."""
    return _told(place, {}, ("facts",), {"facts": recorded}, {} if now is None else {"facts": now}, (None, None))


def of_fault(place: Place, loan: str | None, fault: str) -> Difference:
    """What was decided cannot be decided now, for a fault of this name."""
    values = {} if loan is None else {"loan": loan}
    return _told(place, values, ("fault",), {}, {"fault": fault}, (None, None))


def _key(values: dict[str, Any]) -> tuple[Any, ...]:
    return tuple([values.get(name) for name in _PLACE])


def _best(values: dict[str, Any], same: list[dict[str, Any]]) -> dict[str, Any]:
    """Of several entries of today at one place the same one, else the one of the same outcome, else the first."""
    for wanted in (values, None):
        for n, one in enumerate(same):
            if one == wanted or (wanted is None and one.get("outcome") == values.get("outcome")):
                return same.pop(n)
    return same.pop(0)


def _of_pair(place: Place, old: dict[str, Any] | None, new: dict[str, Any] | None) -> Difference:
    rules = _rules(old, new)
    if old is None or new is None:
        one = old or new or {}
        shown = {"outcome": one.get("outcome"), "because": one.get("because")}
        if old is None:
            return _told(place, one, ("new",), {}, shown, rules)
        return _told(place, one, ("missing",), shown, {}, rules)
    keys = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    return _told(
        place, old, tuple([_NAMED.get(key, key) for key in keys]), {key: old.get(key) for key in keys},
        {key: new.get(key) for key in keys}, rules,
    )  # fmt: skip


def _rules(old: dict[str, Any] | None, new: dict[str, Any] | None) -> tuple[str | None, str | None]:
    """The first reason that differs, by its rule; where none does, the rule that bound."""
    before, after = [one.get("because") or [] if one is not None else [] for one in (old, new)]
    for n in range(max(len(before), len(after))):
        was, now = (reasons[n] if n < len(reasons) else None for reasons in (before, after))
        if was != now:
            return _rule(was), _rule(now)
    bound = _rule(before[0]) if before else None
    return bound, bound


def _rule(reason: dict[str, Any] | None) -> str | None:
    return None if reason is None else str(reason.get("rule"))


def _told(
    place: Place, values: dict[str, Any], what: tuple[str, ...], recorded: dict[str, Any], now: dict[str, Any],
    rules: tuple[str | None, str | None],
) -> Difference:  # fmt: skip
    loan = values.get("loan")
    return Difference(
        place.borrower_id, None if loan is None else place.loans.get(loan, loan), values.get("instalment"),
        values.get("step"), values.get("occurrence"), place.at, what, recorded, now, rules, place.follows,
    )  # fmt: skip


def read(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Entries as values."""
    return [json.loads(text) for text in texts]
