"""The identity of a policy is its meaning: what means the same has one digest, and what differs says so in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from policies.language.canonical import canonical_bytes
from policies.language.diff import diff
from policies.language.schema import json_schema
from tests.unit.language.writing import EXAMPLE, SMALL, changed, compiled

WITH_CONDITION = changed(("    send:", '    when: {overdue: ">= 10.00", product: [a, b]}\n    send:'))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("policy: example\n", "# a comment\npolicy: example\n"),
        ("USD", "'USD'"),
        ("policy: example\ncurrency: USD\n", "currency: USD\npolicy: example\n"),
        ("due + 1 day, 10:00", '"due +  1 day,   10:00"'),
        ("due + 1 day, 10:00", "due + 1 days, 10:00"),
        ("[sms]", '["sms"]'),
        ("end: true", "end: on"),
        ("end: true", "end: true\nactor: lender\nreview_after: 180\noverdue_from: 0.01\ntitle: example"),
        ("end: true", "end: true\nrules: [house]"),
        ("end: true", "end: true\nrules: {house: on}"),
        ('{overdue: ">= 10.00", product: [a, b]}', '{product: [b, a], overdue: ">=10"}'),
        ('{overdue: ">= 10.00", product: [a, b]}', '{all: [{product: [a, b]}, {overdue: "> 9.99"}]}'),
    ],
)
def test_another_way_of_writing_has_the_same_digest(old: str, new: str) -> None:
    one, other = compiled(WITH_CONDITION), compiled(changed((old, new), text=WITH_CONDITION))
    assert one.digest == other.digest
    assert diff(one, other) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("policy: example", "title: t\npolicy: example", ["title: example → t"]),
        ("policy: example", "title: example\npolicy: new", ["the policy is called new, no longer example"]),
        ("USD", "EUR", ["currency: USD → EUR"]),
        ("Acme Credit", "Acme", ["lender.name: Acme Credit → Acme"]),
        ("due + 1 day, 10:00", "due + 2 days, 10:00", ["step reminder, at: due + 1 day, 10:00 → due + 2 days, 10:00"]),
        ("due + 1 day, 10:00", "due + 1 day, 11:00", ["step reminder, time of day: 10:00 → 11:00"]),
        ("    send:", "    within: 2 days\n    send:", ["step reminder, within: none → 2 days"]),
        ("    send:", "    hold: {for: 3 days}\n    send:", ["step reminder, hold: none → 3 days"]),
        ('">= 10.00", product', '">= 20.00", product',
         ["step reminder, when: overdue 10.00 or more and product is one of a, b → "
          "overdue 20.00 or more and product is one of a, b"]),
        ("end: true", "end: true\noverdue_from: 5.00", ["overdue_from: 0.01 → 5.00"]),
        ("end: true", "end: true\nrules: {house: off}", ["rules.house: on → off"]),
        ("end: true", "end: true\ncalendar: weekdays", ["calendar: borrower → weekdays"]),
        ("end: true", "end: true\napplies_to: {region: CA}", ["applies_to.region: any → CA"]),
        ("Please pay.", "Pay now.", ["message note, sms in en: new words"]),
        ("reminder:", "first:", ["step reminder: removed", "step first: added, at due + 1 day, 10:00"]),
        ("    sms: {en", "    letter: {en: Dear}\n    sms: {en", ["message note, letter in en: added"]),
    ],
)  # fmt: skip
def test_another_meaning_has_another_digest_and_is_said_in_words(old: str, new: str, said: list[str]) -> None:
    one, other = compiled(WITH_CONDITION), compiled(changed((old, new), text=WITH_CONDITION))
    assert one.digest != other.digest
    assert diff(one, other) == said


def test_the_order_of_steps_has_meaning() -> None:
    second = "  second:\n    at: due + 1 day, 10:00\n    send: {message: note, by: [sms]}\n"
    one = compiled(changed(("end: true", second + "end: true")))
    other = compiled(changed(("  reminder:", second + "  reminder:")))
    assert diff(one, other) == ["the order of the steps is now second, reminder"]
    assert one.digest != other.digest


def test_offers_are_compared_term_by_term() -> None:
    one = compiled(EXAMPLE.read_text(encoding="utf-8"))
    other = compiled(changed(("floor: 80%", "floor: 90%"), ("instalments: 3", "instalments: 4"),
                             text=EXAMPLE.read_text(encoding="utf-8")))  # fmt: skip
    assert diff(one, other) == [
        "offer fresh-start.instalments: 3 → 4", "offer fresh-start.floor: 80% of principal → 90% of principal",
    ]  # fmt: skip


def values(node: Any) -> Iterator[Any]:
    yield node
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from values(value)
    elif isinstance(node, list):
        for value in node:
            yield from values(value)


@pytest.mark.parametrize("text", [SMALL, WITH_CONDITION, EXAMPLE.read_text(encoding="utf-8")])
def test_the_digest_is_over_rfc_8785_bytes(text: str) -> None:
    policy = compiled(text)
    # What these bytes need to be RFC 8785: no number but small whole ones, keys whose order is that of ASCII.
    assert {type(value) for value in values(policy.canonical)} <= {dict, list, str, int, bool}
    assert all(key.isascii() for value in values(policy.canonical) if isinstance(value, dict) for key in value)
    written = canonical_bytes(policy.canonical)
    assert json.loads(written) == policy.canonical
    assert policy.digest == "sha256:" + hashlib.sha256(written).hexdigest()


def test_steps_are_a_list_in_the_canonical_form() -> None:
    assert [step["step"] for step in compiled(SMALL).canonical["steps"]] == ["reminder"]


def test_the_digest_of_a_policy_does_not_change_between_versions_of_the_program() -> None:
    assert compiled(SMALL).digest == "sha256:48b9cda30de0401727fc508823f2d6f058764897fa26a601fe207aa8885d2b8e"


def test_editors_get_a_schema_of_every_key() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["additionalProperties"] is False
    assert {"policy", "steps", "messages", "offers", "rules"} <= set(schema["properties"])
    assert set(schema["$defs"]["Step"]["properties"]) == {
        "at", "when", "within", "send", "offer", "hold", "hand_off",
    }  # fmt: skip
    when = schema["$defs"]["When"]
    assert when["additionalProperties"] is False
    assert when["properties"]["not"] == {"$ref": "#/$defs/When"}
    assert {"type": "null"} not in list(values(schema))


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    schema = json_schema()
    references = [value["$ref"] for value in values(schema) if isinstance(value, dict) and "$ref" in value]
    assert references
    assert all(reference.removeprefix("#/$defs/") in schema["$defs"] for reference in references)
