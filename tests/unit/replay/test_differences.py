"""Entries of a look as recorded and as of now are paired by place, and what differs is named."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.replay.differences import Difference, Place, found, of_facts

PLACE = Place("b1", "2026-03-01T10:00:00+00:00", {"k1": "l1"}, False)


def entry(step: str = "a", channel: str = "sms", outcome: str = "sent", *rules: str, **more: Any) -> dict[str, Any]:
    because = [{"rule": rule} for rule in rules or ("L3",)]
    return {
        "loan": "k1", "instalment": 1, "step": step, "occurrence": 1, "channel": channel, "outcome": outcome,
        "because": because, "text": "t", **more,
    }  # fmt: skip


def one(recorded: list[dict[str, Any]], now: list[dict[str, Any]]) -> Difference:
    (difference,) = found(PLACE, recorded, now)
    return difference


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"text": "u"}, "text"),
        ({"outcome": "deferred"}, "outcome"),
        ({"until": "2026-03-02T10:00:00+00:00"}, "until"),
        ({"planned": "2026-03-02T10:00:00+00:00"}, "planned"),
        ({"send_by": "2026-03-02T10:00:00+00:00"}, "send_by"),
        ({"to": "x"}, "address"),
        ({"because": [{"rule": "L4"}]}, "reason"),
    ],
)
def test_what_differs_is_named_with_both_values(changed: dict[str, Any], what: str) -> None:
    told = one([entry()], [{**entry(), **changed}])
    assert told.what == (what,) and (told.loan_id, told.step, told.occurrence) == ("l1", "a", 1)
    assert told.now == changed and told.recorded == {name: entry().get(name) for name in changed}


@pytest.mark.parametrize(
    ("then", "now", "rules"),
    [
        (("L5", "L3"), ("L5", "L4"), ("L3", "L4")),
        (("L5", "L3"), ("L5",), ("L3", None)),
        (("L3",), ("L3", "L9"), (None, "L9")),
        (("L3",), ("L3",), ("L3", "L3")),
    ],
)
def test_the_first_rule_that_differs_is_told_else_the_one_that_bound(
    then: tuple[str, ...], now: tuple[str, ...], rules: tuple[str | None, str | None]
) -> None:
    assert one([entry("a", "sms", "sent", *then)], [entry("a", "sms", "sent", *now, text="u")]).rules == rules


def test_what_is_not_decided_any_more_is_missing_and_what_was_not_is_new() -> None:
    gone, come = found(PLACE, [entry("a"), entry("b")], [entry("a"), entry("c", "sms", "sent", "L4")])
    assert (gone.step, gone.what, gone.rules, gone.now) == ("b", ("missing",), ("L3", None), {})
    assert (come.step, come.what, come.rules, come.recorded) == ("c", ("new",), (None, "L4"), {})


def test_entries_of_one_place_are_paired_with_the_same_else_with_the_same_outcome() -> None:
    offer, sent = entry("a", "sms", "offer"), entry("a", "sms", "sent")
    told = one([offer, sent], [{**sent, "text": "u"}, offer])
    assert told.what == ("text",) and told.recorded == {"text": "t"}


def test_the_same_entries_in_another_order_differ_in_their_order() -> None:
    assert one([entry("a"), entry("b")], [entry("b"), entry("a")]).what == ("order",)


def test_an_unknown_loan_is_told_by_its_key() -> None:
    assert one([{**entry(), "loan": "k2"}], []).loan_id == "k2"


def test_other_facts_are_told_of_the_borrower() -> None:
    told = of_facts(PLACE, "aa", None)
    assert (told.borrower_id, told.loan_id, told.what, told.recorded, told.now) == (
        "b1", None, ("facts",), {"facts": "aa"}, {},
    )  # fmt: skip
