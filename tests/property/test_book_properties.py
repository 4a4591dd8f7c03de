"""What holds of every book: it comes back as it was made, in any order of columns, and wrong bytes never half pass."""

from __future__ import annotations

import csv
from datetime import date
from io import BytesIO, StringIO

import phonenumbers
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.book import read_book
from policies.book_events import EventRow
from policies.book_reach import a_phone
from policies.book_rows import FILES, InstalmentRow, stream_rows
from policies.book_values import FieldError, an_amount_e4, an_instant, in_minor
from policies.calendar import to_datetime
from policies.example import example_book
from policies.facts import Loan, Person
from policies.problems import Problem

SMALL = example_book(11, 6, start=date(2026, 1, 5))


def open_all(files: dict[str, bytes]) -> dict[str, BytesIO]:
    return {name: BytesIO(raw) for name, raw in files.items()}


@given(seed=st.integers(0, 2**64), persons=st.integers(0, 12), days=st.integers(1, 200))
@settings(max_examples=40, deadline=None)
def test_every_example_book_is_read_without_a_problem(seed: int, persons: int, days: int) -> None:
    files = example_book(seed, persons, start=date(2026, 1, 5), days=days)
    book, problems = read_book(open_all({name: text.encode() for name, text in files.items()}))
    assert problems == []
    assert book is not None
    assert len(book.persons) == persons
    assert len(book.events) == files["events.csv"].count("\n") - 1


def turned(text: str, order: list[int], line_end: str) -> str:
    """The same CSV with its columns in another order and other line ends; ``order`` sorts the columns."""
    rows = list(csv.reader(StringIO(text)))
    places = sorted(range(len(rows[0])), key=lambda index: (order[index % len(order)], index))
    out = StringIO()
    csv.writer(out, lineterminator=line_end).writerows([[row[place] for place in places] for row in rows])
    return out.getvalue()


@given(order=st.lists(st.integers(0, 99), min_size=14, max_size=14), line_end=st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=30, deadline=None)
def test_the_order_of_columns_and_the_line_ends_do_not_matter(order: list[int], line_end: str) -> None:
    other = {name: turned(text, order, line_end).encode() for name, text in SMALL.items()}
    assert read_book(open_all(other)) == read_book(open_all({name: text.encode() for name, text in SMALL.items()}))


MUTATION = st.tuples(
    st.sampled_from(FILES), st.integers(0, 10**6), st.integers(0, 3),
    st.one_of(st.binary(max_size=4), st.sampled_from([b'"', b",", b"\n", b"\r", b"\x00", b"\xed\xa0\x80", b"-", b"e"])),
)  # fmt: skip


@given(mutations=st.lists(MUTATION, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_wrong_bytes_never_crash_and_never_half_succeed(mutations: list[tuple[str, int, int, bytes]]) -> None:
    files = {name: text.encode() for name, text in SMALL.items()}
    for name, place, cut, put in mutations:
        at = place % (len(files[name]) + 1)
        files[name] = files[name][:at] + put + files[name][at + cut :]
    book, problems = read_book(open_all(files))
    assert (book is None) == bool(problems)
    for problem in problems:
        assert problem.message.isprintable()
        if problem.line:
            lines = files[problem.file].decode("utf-8", "replace").split("\n")
            assert 1 <= problem.line <= max(1, len(lines))
            assert problem.column >= 1
    # What streams reads row by row must be what the whole book was built of.
    rows = {name: list(stream_rows(name, BytesIO(raw))) for name, raw in files.items()}
    wrong = [item for items in rows.values() for item in items if isinstance(item, Problem)]
    if book is not None:
        assert wrong == []
        kinds = (Person, Loan, InstalmentRow, EventRow)
        for name, kind in zip(FILES, kinds, strict=True):
            assert all(isinstance(row, kind) for _, row in rows[name])  # type: ignore[misc]


@given(raw=st.binary(max_size=300), name=st.sampled_from(FILES))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_told_to_be_no_book(raw: bytes, name: str) -> None:
    book, problems = read_book({name: BytesIO(raw)})
    assert book is None
    assert problems


CODES = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Numbers near to real ones: an example of a country with some digits changed, added or taken away."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[draw(CODES)]
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    example = phonenumbers.example_number_for_type(draw(st.sampled_from(regions)), draw(st.sampled_from(kinds)))
    text = "+999" if example is None else phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    for place, digit in draw(st.lists(st.tuples(st.integers(1, 16), st.sampled_from("0123456789")), max_size=3)):
        text = text[:place] + digit + text[place + draw(st.integers(0, 2)) :]
    return text


@given(text=numbers())
@settings(max_examples=500, deadline=None)
def test_a_telephone_number_is_right_exactly_if_the_library_says_so(text: str) -> None:
    try:
        number = phonenumbers.parse(text, None)
        right = phonenumbers.is_valid_number(number)
        right = right and phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == text
    except phonenumbers.NumberParseException:
        right = False
    try:
        found = a_phone(text) == text
    except FieldError:
        found = False
    assert found == right


@given(minor=st.integers(0, 10**13), currency=st.sampled_from(["JPY", "USD", "KWD"]))
def test_an_amount_comes_back_as_it_was_written(minor: int, currency: str) -> None:
    digits = {"JPY": 0, "USD": 2, "KWD": 3}[currency]
    whole, part = divmod(minor, 10**digits)
    text = f"{whole}.{part:0{digits}}" if digits else str(whole)
    assert in_minor(an_amount_e4(text), currency) == minor


@given(at=st.integers(-2_200_000_000_000_000, 7_200_000_000_000_000), minutes=st.integers(-14 * 60, 14 * 60))
def test_an_instant_comes_back_as_it_was_written(at: int, minutes: int) -> None:
    local = to_datetime(at + minutes * 60_000_000).replace(tzinfo=None).isoformat()
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    assert an_instant(f"{local}{sign}{size // 60:02}:{size % 60:02}") == at
