"""A compiled ``when`` means what a plain reading of its words says, and is refused where no loan can pass."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.calendar import add, business_days
from policies.contract import BUSINESS_DAY, DAY, MONTH, WEEK, At, Duration
from policies.language.check import compile_policy
from policies.language.order import FIRST, LAST, _days, upside_down
from tests.unit.language.writing import changed, facts

MONEY = ("overdue", "balance", "principal", "penalties")
COUNTS = ("days_past_due", "promises_broken", "contacts_last_7_days", "last_response_days")
TEXTS = ("product", "segment", "region", "tags")
WORDS = ("a", "b", "US", "US-CA")

cents = st.integers(0, 600).map(lambda minor: f"{minor // 100}.{minor % 100:02}")
counts = st.integers(0, 6).map(str)
operators = st.sampled_from(["", ">= ", "> ", "<= ", "< ", "!= "])


def numeric(numbers: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    ranges = st.tuples(numbers, numbers).map(lambda pair: sorted(pair, key=Decimal)).map(" .. ".join)
    return st.builds(str.__add__, operators, numbers) | ranges | st.lists(numbers, min_size=1, max_size=3)


def words(values: tuple[str, ...]) -> st.SearchStrategy[Any]:
    one = st.sampled_from(values)
    return one | one.map("!= ".__add__) | st.lists(one, min_size=1, max_size=3)


tests = st.one_of(
    st.tuples(st.sampled_from(MONEY), numeric(cents)),
    st.tuples(st.sampled_from(COUNTS), numeric(counts)),
    st.tuples(st.sampled_from(["product", "segment", "tags"]), words(("a", "b"))),
    st.tuples(st.just("region"), words(("US", "US-CA"))),
).map(lambda pair: {pair[0]: pair[1]})
whens = st.recursive(
    tests,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=6,
)
situations = st.builds(
    facts,
    **{name: st.integers(0, 600) for name in MONEY},
    **{name: st.integers(0, 6) for name in COUNTS[:3]},
    last_response_days=st.none() | st.integers(0, 6),
    product=st.sampled_from("ab"),
    segment=st.none() | st.sampled_from("ab"),
    region=st.sampled_from(["US", "US-CA", "USA"]),
    tags=st.lists(st.sampled_from("abc"), unique=True).map(tuple),
)


def reads(when: dict[str, Any], known: dict[str, Any]) -> bool:
    """The meaning of ``when``, read from its words."""
    return all(one(name, test, known) for name, test in when.items())


def one(name: str, test: Any, known: dict[str, Any]) -> bool:
    if name == "any":
        return any(reads(part, known) for part in test)
    if name == "all":
        return all(reads(part, known) for part in test)
    if name == "not":
        return not reads(test, known)
    value = known[name]
    if value is None:
        return False
    if name in MONEY:
        value = Decimal(value) / 100
    if isinstance(test, list):
        return any(equal(name, value, item) for item in test)
    if " .. " in test:
        low, high = test.split(" .. ")
        return bool(Decimal(low) <= value <= Decimal(high))
    operator, _, right = test.rpartition(" ")
    if operator == "":
        return equal(name, value, test)
    if operator == "!=":
        return not equal(name, value, right)
    return {
        ">=": value >= Decimal(right), ">": value > Decimal(right), "<=": value <= Decimal(right),
        "<": value < Decimal(right),
    }[operator]  # fmt: skip


def equal(name: str, value: Any, text: str) -> bool:
    if name == "tags":
        return text in value
    if name == "region":
        return bool(value == text or value.startswith(text + "-"))
    return bool(value == (text if isinstance(value, str) else Decimal(text)))


def policy_of(when: dict[str, Any]) -> str:
    return changed(
        ("    send:", f"    when: {json.dumps(when)}\n    send:"), ("due + 1 day", "reminder.made + 1 day"),
        ("reminder.made", "offer.made"), ("[sms]}", "[sms]}\n  offering: {at: \"due, 10:00\", offer: fresh}"),
        ("end: true", "end: true\noffers:\n  fresh: {waive: {penalties: 100%}, expires: 14 days}"),
    )  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(whens, st.lists(situations, min_size=1, max_size=8))
def test_a_condition_means_what_its_words_say(when: dict[str, Any], known: list[dict[str, Any]]) -> None:
    policy, problems = compile_policy("p.yaml", policy_of(when), executing=True)
    assert policy is not None, problems
    condition = policy.steps[0].when
    assert condition is not None
    for situation in known:
        assert condition.test(situation) is reads(when, situation)


small = st.one_of(
    st.tuples(st.sampled_from(["days_past_due", "promises_broken"]), numeric(counts)),
    st.tuples(st.just("product"), words(("a", "b"))),
    st.tuples(st.just("tags"), words(("a", "b"))),
).map(lambda pair: {pair[0]: pair[1]})
conjunctions = st.lists(small | small.map(lambda test: {"not": test}), min_size=1, max_size=5).map(
    lambda parts: {"all": parts}
)
BOX = [
    facts(days_past_due=days, promises_broken=broken, product=name, tags=tags)
    for days, broken, name, tags in product(range(9), range(9), "abc", [(), ("a",), ("b",), ("a", "b"), ("c",)])
]


@settings(max_examples=200, deadline=None)
@given(conjunctions)
def test_a_conjunction_is_refused_exactly_where_no_loan_passes(when: dict[str, Any]) -> None:
    policy, problems = compile_policy("p.yaml", policy_of(when))
    possible = any(reads(when, situation) for situation in BOX)
    if possible:
        # A single test that nothing passes is an error also behind a `not`.
        assert {problem.found for problem in problems} <= {"days_past_due never", "promises_broken never"}
    else:
        assert [problem.code for problem in problems if problem.severity == "error"]
        assert policy is None


offsets = st.builds(Duration, st.integers(-15, 40), st.sampled_from([DAY, BUSINESS_DAY, WEEK, MONTH])).filter(
    lambda duration: duration.unit != MONTH or abs(duration.amount) <= 3
)
ats = st.builds(At, st.just("due"), offsets, st.sampled_from([0, 36_000, 64_800]))
calendars = st.sampled_from(["weekdays", "US", "AE"])


@settings(max_examples=60, deadline=None)
@given(offsets, calendars, st.lists(st.integers(FIRST, LAST - 1), min_size=20, max_size=20))
def test_the_search_names_the_days_that_the_calendar_names(offset: Duration, calendar: str, days: list[int]) -> None:
    found = _days(offset, calendar)
    assert all(found[day - FIRST] == add(day, offset, business_days(calendar)) for day in days)


@settings(max_examples=60, deadline=None)
@given(ats, ats, calendars, st.lists(st.integers(FIRST, LAST - 1), min_size=50, max_size=50))
def test_steps_are_out_of_order_exactly_where_a_due_date_shows_it(
    before: At, after: At, calendar: str, days: list[int]
) -> None:
    def time(at: At, day: int) -> tuple[int, int]:
        return add(day, at.offset, business_days(calendar)), at.tod

    found = upside_down(before, after, [calendar])
    if found is None:
        assert all(time(before, day) <= time(after, day) for day in days)
    else:
        assert time(after, found[0].toordinal()) < time(before, found[0].toordinal())
