"""S4: no test of a ``when`` is computed, nests without end, or takes long: it is read, or refused at its place."""

from __future__ import annotations

import json

import pytest

from tests.attacks.journey import POLICY
from tests.attacks.policies import errors_of, line_of

AT = "    at: due + 1 day, 10:00\n"
LINE = line_of(AT) + 1
TESTS = {
    "a power": "9**9**9", "a power in a comparison": ">= 9**9**9", "a product of texts": "'a'*10**9",
    "a call": "__import__('os').system('id')", "a comprehension": "[x for x in range(10**9)]",
    "a lambda": ">= lambda: 1",
    "parentheses": "(" * 400, "closed parentheses": "(" * 200 + "1" + ")" * 200, "a chain": ">= 1 and " * 50,
    "a chain of signs": ">=" * 200, "a range of ranges": "1 .. 2 .. 3",
    "many dots": "." * 400, "blanks": ">=" + " " * 400,
    "60,000 characters": ">= " + "9" * 60_000, "60,000 blanks": ">= 1" + " " * 60_000 + "!", "an exponent": ">= 1e2",
    "a huge exponent": ">= 1e400", "NaN": ">= NaN", "infinity": "<= Infinity", "a hexadecimal": ">= 0x10",
    "an underscore": ">= 1_000", "another script": ">= ١٢", "a sign": ">= -1", "a plus": ">= +1", "a null": "null",
    "a fraction of a cent": ">= 0.001", "30 digits": ">= " + "9" * 30, "a range upside down": "5 .. 1",
    "a template": "{{ 7*7 }}", "a shell": ">= $(id)", "a format": "%d", "SQL": "1 OR 1=1",
}  # fmt: skip


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("fact", ["overdue", "days_past_due"])
def test_no_test_of_a_number_is_computed(duly, tmp_path, fact, name):
    text = POLICY.replace(AT, f"{AT}    when: {{{fact}: {json.dumps(TESTS[name])}}}\n", 1)
    errors = errors_of(duly, tmp_path / "policy.yaml", text)
    assert errors, name
    assert {one["line"] for one in errors} == {LINE}


@pytest.mark.parametrize(
    "when",
    [
        "{not: " * 40 + "{overdue: 1}" + "}" * 40,
        "{any: [" * 20 + "{overdue: 1}" + "]}" * 20,
        "{not: " * 30_000,
        "{all: [" + ", ".join(["{overdue: '>= 1.00'}"] * 9_000) + "]}",
        "{overdue: [" + ", ".join(["1.00"] * 15_000) + "]}",
        "{" + "x" * 100_000 + ": 1}",
        "{__class__: 1}",
        "{overdue.__class__: 1}",
        "{any: {any: {any: x}}}",
        "{product: [" + ", ".join(f"p{n}" for n in range(15_000)) + "]}",
    ],
    ids=range(10),
)
def test_no_nesting_and_no_length_of_conditions_takes_long(duly, tmp_path, when):
    errors_of(duly, tmp_path / "policy.yaml", POLICY.replace(AT, f"{AT}    when: {when}\n", 1))


@pytest.mark.parametrize(
    "at",
    [
        "due + 9**9 days", "due + 99999999999 days", "due + 1e9 days",
        "due" + " + 1 day" * 5_000, "due +" + " " * 190 + "+",
        "due - " + "a " * 90, "a-" * 99 + ",,", "due, " + "1" * 190, "due + 1 day, 24:00", "due + -1 days", "now",
        "today",
        "due + 1 century", "due + 0x10 days", "due + \u0661 days",
        "x" * 60_000, "due +" + " " * 60_000 + "!",
        "." * 60_000,
    ],
)  # fmt: skip
def test_no_time_of_a_step_is_computed_or_takes_long(duly, tmp_path, at):
    errors = errors_of(duly, tmp_path / "policy.yaml", POLICY.replace("due + 1 day, 10:00", json.dumps(at), 1))
    assert errors
    assert {one["line"] for one in errors} == {line_of(AT)}
