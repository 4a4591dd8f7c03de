"""Messages render as their template says, in every language, and no value becomes anything else than text."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from policies.language.formats import clean_name, clean_text, date_text, money_text
from policies.language.mail import html_of
from policies.language.messages import CannotRender
from policies.language.segments import sms_segments
from policies.money import Money
from tests.unit.language.writing import SMALL, changed, codes, compiled, problems_of, variables, with_sms


def rendered(template: str, **given: Any) -> str:
    return compiled(with_sms(template)).templates[("note", "sms", "en")](variables(**given))[1]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Dear {{ borrower.first_name }}.", "Dear Ann."),
        ("{{ overdue | money }} and {{balance|money}}", "$123.45 and $500.00"),
        ("due {{ due | date }}", "due Mar 1, 2026"),
        ("{{ days_past_due }} days", "9 days"),
        ("{{ times_delinquent | number }}", "1"),
        ("{{ borrower.last_name | upcase }} {{ loan.product | downcase }}", "LEE personal"),
        ('{{ segment | default: "none" }}', "none"),
        ("{{ last_response_days | default: 1200 | number }}", "1,200"),
        ("a{%- if days_past_due > 8 -%} late {%- else -%} soon {%- endif -%}b", "alateb"),
        ("{% unless tags contains 'vip' %}x{% endunless %}y", "xy"),
        ("{% case language %}{% when 'es', 'en' %}one{% else %}other{% endcase %}", "one"),
        ("{% for way in reachable_by %}{{ way }}{% unless forloop.last %}, {% endunless %}{% endfor %}", "sms, email"),
        ("{% if segment %}{{ segment }}{% else %}-{% endif %}", "-"),
        ("  spaced \n", "spaced"),
        ("50% { not a tag } }}", "50% { not a tag } }}"),
    ],
)
def test_a_template_renders_as_it_says(template: str, text: str) -> None:
    assert rendered(template) == text


@pytest.mark.parametrize(
    ("language", "money", "day"),
    [
        ("en", "$1,234.50", "Mar 1, 2026"),
        ("es", "1.234,50 US$", "1 mar 2026"),
        ("zh-CN", "US$1,234.50", "2026年3月1日"),
        ("en-GB", "US$1,234.50", "1 Mar 2026"),
    ],
)
def test_amounts_and_dates_are_written_as_the_language_does(language: str, money: str, day: str) -> None:
    assert money_text(Money(123_450, "USD"), language) == money
    assert date_text(date(2026, 3, 1), language) == day


def test_an_amount_has_the_decimals_of_its_currency() -> None:
    assert money_text(Money(1_234, "JPY"), "en") == "¥1,234"
    assert money_text(Money(1_234, "KWD"), "en") == "KWD1.234"
    assert money_text(Money(10**17 - 1, "USD"), "en") == "$999,999,999,999,999.99"


def test_a_value_is_never_read_as_a_template() -> None:
    name = "{{ 7 }}{% if %}${x}"
    person = {"first_name": name, "last_name": "Lee"}
    assert rendered("Dear {{ borrower.first_name }}.", borrower=person) == f"Dear {name}."
    assert rendered("{% if due %}{{ borrower.first_name }}{% endif %}", borrower=person) == name


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("Ann\r\nBcc: x@example.com", "Ann Bcc: x@example.com"),
        ("A\u0085n\u2028n\x0b", "A n n"),
        ("\u202eAnn\u2066", "Ann"),
        ("A\x00n\x07n\u200b", "Ann"),
        ("Ann\ud800", "Ann"),
        ("José 李 😀", "José 李 😀"),
    ],
)
def test_a_value_is_one_line_of_visible_text(written: str, clean: str) -> None:
    assert clean_text(written) == clean


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("Ann. Pay at http://evil.example", "Ann. Pay at http: / /evil. example"),
        ("www.evil.com", "www. evil. com"),
        ("J.R. Smith", "J.R. Smith"),
        ("Dr. Lee-O'Neill", "Dr. Lee-O'Neill"),
        ("W" * 500, "W" * 64),
    ],
)
def test_a_name_is_short_and_no_link(written: str, clean: str) -> None:
    assert clean_name(written) == clean


def test_a_subject_is_one_line_whatever_its_values_are() -> None:
    mail = 'email: {en: {subject: "For {{ loan.product }}", body: "Pay."}}'
    text = changed(("[sms]", "[email]"), ('sms: {en: "Please pay."}', mail))
    render = compiled(text).templates[("note", "email", "en")]
    subject, body = render(variables(loan={"loan_id": "1", "product": "a\r\nBcc: x@example.com\u2029b"}))
    assert (subject, body) == ("For a Bcc: x@example.com b", "Pay.")


@pytest.mark.parametrize("template", ["{{ offer.total | money }}", "{% if due %}{{ offer.total | money }}{% endif %}"])
def test_a_variable_that_is_not_there_is_told_and_names_no_person(template: str) -> None:
    offering = changed(
        ("    send:", "    offer: fresh\n    send:"), ('"Please pay."', f'"{template}"'),
        text=SMALL + "offers:\n  fresh: {waive: {penalties: 100%}, expires: 14 days}\n",
    )  # fmt: skip
    given = variables()
    del given["offer"]
    with pytest.raises(CannotRender, match="offer") as caught:
        compiled(offering).templates[("note", "sms", "en")](given)
    assert "Ann" not in str(caught.value)


@pytest.mark.parametrize("template", ["{{ overdue | money }}", "{% if due %}{{ overdue | money }}{% endif %}"])
def test_a_variable_of_a_wrong_type_is_told(template: str) -> None:
    with pytest.raises(CannotRender):
        rendered(template, overdue=12.5)


def test_loops_are_bounded_at_a_thousand_rounds() -> None:
    loops = "{% for a in tags %}{% for b in tags %}x{% endfor %}{% endfor %}y"
    assert len(rendered(loops, tags=("t",) * 31)) == 962
    with pytest.raises(CannotRender):
        rendered(loops, tags=("t",) * 32)


def test_a_text_is_bounded_at_twenty_thousand_characters() -> None:
    long = "{% for a in tags %}" + "x" * 900 + "{% endfor %}"
    text = changed(("[sms]", "[letter]"), ('sms: {en: "Please pay."}', f'letter: {{en: "{long}"}}'))
    render = compiled(text).templates[("note", "letter", "en")]
    assert len(render(variables(tags=("t",) * 22))[1]) == 19_800
    with pytest.raises(CannotRender):
        render(variables(tags=("t",) * 23))
    assert codes(with_sms("x" * 20_001)) == ["template-too-long"]


@pytest.mark.parametrize(
    "template",
    [
        "{{ " * 6_000,
        "{{" + " " * 15_000 + "}}",
        ("{{" + " " * 450 + "}}") * 40,
        "{% raw %}" * 2_000,
        "{% comment %}" * 1_500,
        "{% doc %}" * 2_000,
        "{% if due %}" * 800,
        "{% if " + "due and " * 3_000 + "due %}x{% endif %}",
        "{{ " + "a[" * 200 + "]" * 200 + " }}",
        "{% for i in (1..99999999999) %}x{% endfor %}",
        "{{ 'x' | times: 99999999 }}",
        "{{ " + "9" * 490 + " | number }}",
        "{% include '/etc/passwd' %}",
        "{{ borrower.__class__.__mro__ }}",
        "{{ ''.__class__ }}",
        "{% assign x = 'a' %}",
        "{{ today }}",
    ],
)
def test_a_hostile_template_is_an_error_and_no_crash(template: str) -> None:
    found = problems_of(with_sms(template))
    assert found
    assert all(problem.line == 12 for problem in found)


def test_every_branch_is_checked() -> None:
    template = (
        "{% if tags contains 'a' %}{{ a }}{% elsif language == 'en' %}{{ b }}{% else %}{{ c }}{% endif %}"
        "{% unless due %}{{ d }}{% endunless %}{% case product %}{% when 'x' %}{{ e }}{% else %}{{ f }}{% endcase %}"
        "{% for t in tags %}{{ g }}{% else %}{{ h }}{% endfor %}"
    )
    assert codes(with_sms(template)) == ["undefined-variable"] * 8


@pytest.mark.parametrize(
    ("text", "encoding", "count"),
    [
        ("", "GSM-7", 0),
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("a" * 152 + "€" * 77, "GSM-7", 3),
        ("é" * 160, "GSM-7", 1),
        ("í" * 70, "UCS-2", 1),
        ("ç" + "a" * 70, "UCS-2", 2),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 36, "UCS-2", 2),
        ("a" * 66 + "😀" * 34, "UCS-2", 3),
        ("李" * 134, "UCS-2", 2),
    ],
)
def test_an_sms_knows_its_segments(text: str, encoding: str, count: int) -> None:
    assert sms_segments(text) == (encoding, count)


def test_the_html_part_is_escaped_and_linked() -> None:
    text = 'Dear <b>Ann</b> & "co",\nsee https://pay.example/l?a=1&b=2.\n\nBye'
    assert html_of(text) == (
        '<p>Dear &lt;b&gt;Ann&lt;/b&gt; &amp; &quot;co&quot;,<br>\nsee <a href="https://pay.example/l?a=1&amp;b=2">'
        "https://pay.example/l?a=1&amp;b=2</a>.</p>\n<p>Bye</p>"
    )


@pytest.mark.parametrize("text", ["javascript:alert(1)", "data:text/html,x", 'https:"onload=x', "ftp://x.example"])
def test_nothing_but_http_addresses_becomes_a_link(text: str) -> None:
    assert "<a" not in html_of(text)
