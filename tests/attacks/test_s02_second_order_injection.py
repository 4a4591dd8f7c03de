"""S2: what stands in a borrower's name is never read as a template, on the whole way from the file to the message."""

from __future__ import annotations

import pytest

from tests.attacks.journey import POLICY, book

MARKUP = [
    "{{7*7}}", "${7*7}", "{% raw %}", "{{ borrower.last_name }}", "{%if%}", "#{7*7}", "<%= 7*7 %>", "{{ links.view }}",
    "{{'a'|upcase}}", "%(name)s", "{0.__class__}", "$(id)", "`id`", "<script>alert(1)</script>", "&lt;b&gt;",
    "=?utf-8?q?x?=", "\\u007b\\u007b7*7}}", "%s%s%n", "'; DROP TABLE loan; --", "\\N", "\\.", "=1+1", "@SUM(A1)",
]  # fmt: skip


def test_a_name_that_looks_like_code_is_printed_as_it_is(journey):
    people = [{"first_name": name, "last_name": f"Lee {name}"} for name in MARKUP]
    ended = journey(POLICY, book(*people))
    assert len(ended.files["sms"]) == len(ended.files["email"]) == len(MARKUP)
    for number, name in enumerate(MARKUP, 1):
        body = ended.sent(f"b-{number:03}", "sms")["body"]
        # A dot within a name has a blank behind it, so that no name is a link.
        assert body.replace(" ", "") == f"Dear {name} Lee {name}, please pay.".replace(" ", "")
        assert sum(f"\n\n{body}\n" in text for text in ended.files["sms"]) == 1, name
        assert ended.sent(f"b-{number:03}", "email")["subject"].replace(" ", "") == f"For {name}".replace(" ", "")
    assert not any("49" in line["body"] for line in ended.lines if line["body"])


@pytest.mark.parametrize("field", ["product", "segment", "tags"])
def test_a_loans_own_words_that_look_like_code_are_printed_as_they_are(journey, field):
    variable = {"product": "loan.product", "segment": "segment | default: '-'"}.get(field)
    shown = f"{{{{ {variable} }}}}" if variable else "{% for tag in tags %}{{ tag }}{% endfor %}"
    policy = POLICY.replace("please pay.", f"please pay for {shown}.")
    ended = journey(policy, book({}, **{field: "{{7*7}}{%raw%}"}))
    assert ended.sent("b-001", "sms")["body"] == "Dear Ann Lee, please pay for {{7*7}}{%raw%}."
