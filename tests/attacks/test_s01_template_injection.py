"""S1: a policy's texts reach no Python, no file and no clock, and none of them takes long or fills the memory."""

from __future__ import annotations

import json

import pytest

from tests.attacks.journey import POLICY, SPAN, book, write_book
from tests.attacks.policies import errors_of, line_of, with_text

ESCAPES = [
    "{{ ''.__class__ }}", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ borrower.__class__ }}",
    "{{ borrower['__class__'] }}", "{{ borrower.first_name.__init__.__globals__ }}", "{{ lender.__dict__ }}",
    "{{ self }}", "{{ self._TemplateReference__context }}", "{{ config }}", "{{ request.environ }}", "{{ cycler }}",
    "{{ joiner }}", "{{ namespace }}", "{{ lipsum.__globals__ }}", "{{ forloop }}", "{{ due.year }}", "{{ due.ctime }}",
    "{{ overdue.amount_minor }}", "{{ overdue | attr('amount_minor') }}", "{{ borrower | map: 'x' }}",
    "{{ 'x' | attr('__class__') }}", "{{ 7*7 }}", "{{ 7 | times: 7 }}", "{{ 'id' | system }}",
    "{{ 'a' | upcase: 'b' }}",
    "{{ now }}", "{{ today }}", "{{ 'now' | date }}", "{{ 'now' | date: '%s' }}", "{{ nonsense }}", "{{ env.HOME }}",
    "{% include '/etc/passwd' %}", "{% render 'other' %}", "{% layout 'x' %}", "{% extends 'x' %}", "{% import os %}",
    "{% assign x = 'a' %}", "{% capture x %}a{% endcapture %}", "{% increment x %}", "{% cycle 'a', 'b' %}",
    "{% tablerow a in tags %}{% endtablerow %}", "{% raw %}{{ x }}{% endraw %}", "{% liquid echo 'a' %}",
    "{% echo 'a' %}", "{% comment %}x{% endcomment %}", "{% macro x() %}{% endmacro %}", "{% set x = 1 %}",
    "{% debug %}", "{% # a %}", "{% if borrower.__class__ %}x{% endif %}", "{% for x in borrower %}{{ x }}{% endfor %}",
    "{% for x in (1..9) %}x{% endfor %}", "{% case 1.5 %}{% when 1 %}{% endcase %}", "{% call x %}", "{% ${7*7} %}",
]  # fmt: skip
BOMBS = [
    "{{ " * 6_000, "{% " * 6_000, "{{" + " " * 15_000 + "}}", ("{{" + " " * 450 + "}}") * 40, "{{ 'x' | " * 2_000,
    "{% raw %}" * 2_000, "{% comment %}" * 1_500, "{% if due %}" * 800, "{% for a in tags %}" * 900 + "x",
    "{% if " + "due and " * 3_000 + "due %}x{% endif %}", "{{ " + "a[" * 200 + "]" * 200 + " }}",
    "{% for i in (1..99999999999) %}x{% endfor %}", "{{ " + "9" * 490 + " | number }}", "{{ 'x' | times: 99999999 }}",
    "{{ a" + ".b" * 240 + " }}", "{{ '" + "\\" * 400 + " }}", "{% case x %}" + "{% when 1 %}" * 1_500, "x" * 200_000,
    "{{ loan.product" + " | upcase" * 50 + " }}" + "}" * 10_000 + "{{", "%{" * 9_000 + "{{", "{" * 19_000 + "{",
    "{% if due %}{% else %}" * 400,
]  # fmt: skip


@pytest.mark.parametrize("template", ESCAPES)
def test_no_text_of_a_policy_reaches_more_than_its_variables(duly, tmp_path, template):
    errors = errors_of(duly, tmp_path / "policy.yaml", with_text(f"Dear you, {template}"))
    assert errors
    assert {one["line"] for one in errors} == {line_of("sms: {en")}
    assert all(one["column"] > 10 for one in errors)


@pytest.mark.parametrize("number", range(len(BOMBS)))
def test_no_text_of_a_policy_takes_long_to_check(duly, tmp_path, number):
    errors = errors_of(duly, tmp_path / "policy.yaml", with_text(BOMBS[number]))
    assert not BOMBS[number].startswith("{{") or errors
    assert {one["line"] for one in errors} <= {line_of("sms: {en")}


def test_a_text_that_only_a_borrowers_own_values_blow_up_sets_that_loan_aside_and_no_other(stored, tmp_path):
    loops = "{% for a in tags %}{% for b in tags %}{% for c in tags %}{% endfor %}{% endfor %}{% endfor %}"
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.replace("see {{ links.view }}", f"pay{loops}."), encoding="utf-8")
    files = book({}, {})
    many = ";".join(f"t{number}" for number in range(40))
    head, first, second = files["loans.csv"].splitlines()
    files["loans.csv"] = f"{head},tags\n{first},{many}\n{second},new\n"
    assert stored("policy", "publish", path).code == 0
    assert stored("import", write_book(tmp_path / "book", files)).code == 0
    ended = stored("run", "--json", *SPAN)
    assert ended.code == 0
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert {one["outcome"] for one in lines if one["loan_id"] == "l-001"} == {"set_aside"}
    assert [one["outcome"] for one in lines if one["loan_id"] == "l-002"][:2] == ["sent", "sent"]
    assert "b-001" in stored("status").out
