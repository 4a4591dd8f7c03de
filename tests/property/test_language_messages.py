"""Templates that run as pieces give what the Liquid library gives, and a value stays a value in every channel."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policies.language.environment import environment
from policies.language.formats import clean_name, clean_text
from policies.language.mail import html_of
from policies.language.messages import CannotRender, pieces, whole
from policies.language.segments import is_gsm7, sms_segments
from policies.money import Money
from tests.unit.language.writing import changed, compiled, variables, with_sms

STRANGE = st.text(max_size=80) | st.sampled_from(
    ["{{ 7 }}", "{% if %}", "<b>x</b>", "a\r\nBcc: x@y.example", "http://evil.example/x", "www.evil.com", "evil.com",
     "\u202eabc", "a\u2028b", "x" * 300, "ﬃ", "İ", "ß", "\ud800", "\0", ""],
)  # fmt: skip
NAMES = st.fixed_dictionaries({"first_name": STRANGE, "last_name": STRANGE})
AMOUNTS = st.builds(Money, st.integers(0, 10**17), st.sampled_from(["USD", "JPY", "KWD", "INR"]))
DATES = st.dates(date(1970, 1, 1), date(9999, 12, 31))
LANGUAGES = st.sampled_from(["en", "es", "zh-CN", "hi", "ar", "de"])

OUTPUTS = st.sampled_from(
    ["borrower.first_name", "borrower.last_name | upcase", "borrower.first_name | downcase | upcase", "loan.loan_id",
     "overdue | money", "balance | money", "due | date", "days_past_due", "days_past_due | number", "segment",
     'segment | default: "none"', 'segment | default: "none" | upcase', "last_response_days | default: 7",
     "last_response_days | default: 7 | number", "lender.name", "links.view", "offer.total | money",
     "offer.expires | date", "offer.instalments", "product", "nothing.here", "offer.nothing", "'text'", "5"],
)  # fmt: skip
LITERALS = st.text(max_size=20).filter(lambda text: "{{" not in text and "{%" not in text and not text.endswith("{"))


@st.composite
def templates(draw: st.DrawFn) -> str:
    parts = []
    for _ in range(draw(st.integers(1, 5))):
        parts.append(draw(LITERALS))
        dash_left, dash_right = draw(st.sampled_from(["", "-"])), draw(st.sampled_from(["", "-"]))
        parts.append(f"{{{{{dash_left} {draw(OUTPUTS)} {dash_right}}}}}")
    parts.append(draw(LITERALS))
    return "".join(parts)


@st.composite
def contexts(draw: st.DrawFn) -> dict[str, Any]:
    given_variables = variables(
        borrower=draw(NAMES), overdue=draw(AMOUNTS), balance=draw(AMOUNTS), due=draw(DATES),
        segment=draw(st.none() | STRANGE), days_past_due=draw(st.integers(0, 10**6)),
        last_response_days=draw(st.none() | st.integers(0, 999)),
        loan={"loan_id": draw(STRANGE), "product": draw(STRANGE)}, product=draw(STRANGE),
    )  # fmt: skip
    if draw(st.booleans()):
        del given_variables["offer"]
    return given_variables


@settings(max_examples=300, deadline=None)
@given(templates(), contexts(), LANGUAGES)
def test_pieces_give_what_the_library_gives(template: str, context: dict[str, Any], language: str) -> None:
    parsed = environment(language).from_string(template)
    quick = pieces(parsed, language)
    assume(quick is not None)
    assert quick is not None
    try:
        expected = whole(parsed)(context)
    except CannotRender:
        with pytest.raises(CannotRender):
            quick(context)
        return
    assert quick(context) == expected


HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@settings(max_examples=200, deadline=None)
@given(NAMES)
def test_a_name_in_an_sms_is_one_line_without_hidden_characters(names: dict[str, str]) -> None:
    render = compiled(with_sms("Dear {{ borrower.first_name }} {{ borrower.last_name }}, pay.")).templates
    text = render[("note", "sms", "en")](variables(borrower=names))[1]
    assert HIDDEN.search(text) is None
    assert text.startswith("Dear ")
    assert text.endswith(", pay.")
    assert len(text) <= 12 + 2 * 64


@settings(max_examples=200, deadline=None)
@given(NAMES)
def test_a_name_in_an_e_mail_becomes_no_header_no_markup_and_no_link(names: dict[str, str]) -> None:
    mail = (
        'email: {en: {subject: "For {{ borrower.first_name }}", '
        'body: "Dear {{ borrower.first_name }} {{ borrower.last_name }},\\n\\nsee {{ links.view }}"}}'
    )
    policy = compiled(changed(("[sms]", "[email]"), ('sms: {en: "Please pay."}', mail)))
    subject, body = policy.templates[("note", "email", "en")](variables(borrower=names))
    assert subject is not None
    assert len(subject.splitlines()) == 1
    page = html_of(body)
    assert re.findall(r"<[^>]*>", page) == [
        "<p>", "</p>", "<p>", '<a href="https://pay.example.invalid/l/token">', "</a>", "</p>",
    ]  # fmt: skip


@given(STRANGE)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)
    assert len(clean_name(text)) <= 64


ALPHABET = st.sampled_from("aZ5 é€[{íç李😀\n")


@given(st.text(ALPHABET, max_size=400), ALPHABET)
def test_a_longer_text_never_has_fewer_segments(text: str, char: str) -> None:
    encoding, count = sms_segments(text)
    assert sms_segments(text + char)[1] >= count
    assert (encoding == "GSM-7") == all(is_gsm7(one) for one in text)


@given(st.text(ALPHABET, max_size=400))
def test_segments_are_as_many_as_a_plain_count_allows(text: str) -> None:
    encoding, count = sms_segments(text)
    if encoding == "GSM-7":
        units, single, joined = sum(2 if one in "^{}\\[~]|€\f" else 1 for one in text), 160, 153
    else:
        units, single, joined = len(text.encode("utf-16-le")) // 2, 70, 67
    least = -(-units // joined) if units > single else min(units, 1)
    # A pair that does not fit moves on whole, so that a segment may stay one short.
    most = -(-units // (joined - 1)) if units > single else least
    assert least <= count <= most
