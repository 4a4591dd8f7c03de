"""How a person can be reached: what they gave, less what they opted out of, the last word first."""

from __future__ import annotations

import pytest

from policies.compose import NO_ADDRESS, OPTED_OUT, language_of, message_id, reach
from policies.facts import Event
from tests.making import person, policy

NOW = 1_000


def _said(name: str, kind: str, at: int, channel: str, address: str | None = None) -> Event:
    return Event(name, at, at, kind, borrower_id="B", channel=channel, address=address)


def test_a_channel_without_an_address_is_closed() -> None:
    found = reach(person(phone=None), (), NOW)
    assert dict(found.addresses) == {"email": "ana@example.com"}
    assert found.closed["sms"] == found.closed["letter"] == NO_ADDRESS


@pytest.mark.parametrize(
    ("said", "is_open"),
    [
        ([], True),
        ([("a", "opt_out", 10)], False),
        ([("a", "opt_out", 10), ("b", "opt_in", 20)], True),
        ([("b", "opt_in", 20), ("a", "opt_out", 10)], True),  # in whatever order they are given
        ([("a", "opt_in", 10), ("b", "opt_out", 20)], False),
        ([("a", "opt_in", 10), ("b", "opt_out", 10)], False),  # at one instant the later id
        ([("a", "opt_out", NOW)], False),
        ([("a", "opt_out", NOW + 1)], True),  # not yet
    ],
)
def test_the_last_word_counts(said: list[tuple[str, str, int]], is_open: bool) -> None:
    found = reach(person(), [_said(name, kind, at, "sms") for name, kind, at in said], NOW)
    assert ("sms" in found.addresses) is is_open
    assert is_open or found.closed["sms"] == OPTED_OUT
    assert "email" in found.addresses


@pytest.mark.parametrize(("address", "is_open"), [("+15550100199", False), ("+15550100100", True)])
def test_an_opt_out_may_name_one_address(address: str, is_open: bool) -> None:
    found = reach(person(), [_said("a", "opt_out", 10, "sms", address)], NOW)
    assert ("sms" in found.addresses) is is_open


@pytest.mark.parametrize(
    ("wanted", "language"), [("es", "es"), ("es-MX", "es"), ("en-GB", "en"), ("pt-PT", "pt-BR"), ("de", "en")]
)
def test_a_person_reads_the_nearest_language_or_the_first(wanted: str, language: str) -> None:
    written = policy([{"name": "a", "at": "due"}], languages=("en", "es", "pt-BR"))
    reader = person()
    assert language_of(type(reader)("B", "Ana", "Ruiz", wanted, "Europe/Madrid", "ES"), written) == language


def test_a_message_has_an_id_of_its_own_and_always_the_same() -> None:
    ids = {
        message_id(loan_id, instalment, step, occurrence, channel)
        for loan_id in ("L1", "L2")
        for instalment in (1, 2)
        for step in ("a", "b")
        for occurrence in (1, 2)
        for channel in ("sms", "email")
    }
    assert len(ids) == 32
    assert message_id("L1", 1, "a", 1, "sms") == message_id("L1", 1, "a", 1, "sms")
