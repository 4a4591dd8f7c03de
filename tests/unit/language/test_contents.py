"""A text is checked by its words before anybody gets it: in every branch, by the rules of the policy's own packs."""

from __future__ import annotations

import pytest

from policies import library
from policies.compliance import content
from policies.contract import Policy
from policies.language.check import compile_policy
from policies.problems import Problem

STOP = "Reply STOP to end texts."
NEVER = {*content.FORBIDDEN, content.DEBT_VISIBLE}


def written(
    sms: str, *, region: str | None = "US", actor: str = "lender", rules: str = "[house]", language: str = "en",
    at: str = "due + 1 day", more: str = "",
) -> str:  # fmt: skip
    place = "" if region is None else f"applies_to: {{region: {region}}}\n"
    return (
        f"policy: example\n{place}currency: USD\nactor: {actor}\nlanguages: [{language}]\nrules: {rules}\n"
        f"lender: {{name: Acme Credit}}\nsteps:\n  reminder:\n    at: {at}, 10:00\n"
        f"    send: {{message: note, by: [sms]}}\n{more}end: true\nmessages:\n  note:\n    sms:\n"
        f"      {language}: >-\n        {sms}\n"
    )


def checked(text: str) -> tuple[Policy | None, list[Problem]]:
    return compile_policy("example.yaml", text)


def codes(text: str) -> list[str]:
    return [one.code for one in checked(text)[1]]


def classes(text: str) -> frozenset[str]:
    policy, problems = checked(text)
    assert policy is not None, problems
    return policy.contents["note", "sms", "en"]


def test_what_the_packs_of_the_region_ask_for_is_asked_for_though_nobody_named_them() -> None:
    assert codes(written("Acme Credit: please pay.")) == ["missing-disclosure"]
    assert codes(written(f"Acme Credit: please pay. {STOP}")) == []


def test_a_policy_of_no_region_has_the_facts_and_no_error() -> None:
    policy, problems = checked(written("Acme Credit: please pay, or go to jail.", region=None))
    assert problems == []
    assert policy is not None
    assert {content.NO_OPT_OUT, "arrest_threat"} <= policy.contents["note", "sms", "en"]


def test_a_pack_that_is_named_asks_without_a_region() -> None:
    assert codes(written("Acme Credit: please pay.", region=None, rules="[us-reg-f]")) == ["missing-disclosure"]


@pytest.mark.parametrize(
    "text",
    [
        "Acme Credit. {% if loan.product == 'payday' %}" + STOP + "{% endif %}",
        "Acme Credit. {% unless days_past_due > 3 %}" + STOP + "{% endunless %}",
        "Acme Credit. {% if days_past_due > 3 %}" + STOP + "{% elsif days_past_due > 1 %}" + STOP + "{% endif %}",
        "Acme Credit. {% case loan.product %}{% when 'payday' %}" + STOP + "{% else %}Hello.{% endcase %}",
        "Acme Credit. {% for tag in tags %}" + STOP + "{% endfor %}",
        "Acme Credit. {% if days_past_due > 3 %}{% if times_delinquent > 3 %}Hello.{% endif %}{% else %}"
        + STOP + "{% endif %}",
    ],
)  # fmt: skip
def test_a_disclosure_of_some_branches_is_missing(text: str) -> None:
    assert codes(written(text)) == ["missing-disclosure"]


@pytest.mark.parametrize(
    "text",
    [
        "Acme Credit. {% if days_past_due > 3 %}Hello. " + STOP + "{% else %}" + STOP + "{% endif %}",
        "Acme Credit. {% case loan.product %}{% when 'payday' %}" + STOP + "{% else %}" + STOP + "{% endcase %}",
        "Acme Credit. {% for tag in tags %}{{ tag }}{% else %}none{% endfor %} " + STOP,
        "Acme Credit. {{ loan.product | default: 'Loan' }} " + STOP,
    ],
)
def test_a_disclosure_of_every_branch_is_made(text: str) -> None:
    assert codes(written(text)) == []


def test_a_disclosure_outside_of_many_branches_is_made_and_one_inside_is_not() -> None:
    branches = "{% if days_past_due > 3 %}a{% else %}b{% endif %}" * 12
    assert codes(written(f"Acme Credit. {branches} {STOP}")) == []
    inside = branches + "{% if days_past_due > 3 %}" + STOP + "{% else %}" + STOP + "{% endif %}"
    assert codes(written(f"Acme Credit. {inside}")) == ["missing-disclosure"]


@pytest.mark.parametrize(
    "text",
    [
        "{% if days_past_due > 90 %}You will be arrested.{% endif %}",
        "{% if days_past_due > 90 %}Hello.{% else %}Go to jail.{% endif %}",
        "{% for tag in tags %}Prison.{% endfor %}",
        "{{ loan.product | default: 'jail' }}",
        "You will be ar{% if days_past_due > 90 %}rested{% endif %}.",
        "{% if days_past_due > 3 %}a{% endif %}" * 12 + "{% if days_past_due > 90 %}jail{% endif %}",
    ],
)
def test_a_threat_in_any_branch_is_found(text: str) -> None:
    assert codes(written(f"Acme Credit. {text} {STOP}")) == ["forbidden-content"]


def test_what_is_published_already_is_executed_with_a_warning_and_the_guard_sees_to_it() -> None:
    policy, problems = compile_policy("example.yaml", written("Acme Credit: pay or go to jail."), executing=True)
    assert [(one.code, one.severity) for one in problems] == [
        ("missing-disclosure", "warning"), ("forbidden-content", "warning"),
    ]  # fmt: skip
    assert policy is not None
    assert {content.NO_OPT_OUT, "arrest_threat"} <= policy.contents["note", "sms", "en"]


def test_the_place_is_that_of_the_word() -> None:
    (problem,) = checked(written(f"Acme Credit. {{{{ borrower.first_name }}}}, you go to jail. {STOP}"))[1]
    assert (problem.line, problem.column) == (17, 59)
    assert problem.found == "jail"
    assert "US-CONT-02" in str(problem.expected)


def test_what_a_rule_asks_of_an_agency_is_not_asked_of_a_lender() -> None:
    text = f"Acme Credit: please pay. {STOP}"
    assert codes(written(text)) == []
    told = checked(written(text, actor="agency"))[1]
    assert {one.code for one in told} == {"missing-disclosure"}
    assert any("debt collector" in one.message for one in told)
    full = (
        f"Acme Credit: this is an attempt to collect a debt and any information obtained will be used for that "
        f"purpose. {STOP}"
    )
    assert codes(written(full, actor="agency")) == []


def test_only_the_first_message_says_what_a_first_message_says() -> None:
    full = "Acme Credit attempts to collect a debt; information obtained will be used for that purpose."
    policy = written(f"{full} {STOP}", actor="agency", more=(
        "  second:\n    at: due + 5 days, 10:00\n    send: {message: later, by: [sms]}\n"
    ))  # fmt: skip
    later = f"  later:\n    sms: {{en: 'Acme Credit, a debt collector: please pay. {STOP}'}}\n"
    assert codes(policy + later) == []
    assert codes(policy + later.replace(", a debt collector", "")) == ["missing-disclosure"]


def test_a_message_before_the_due_date_is_not_yet_collection() -> None:
    assert codes(written(f"Acme Credit: a payment is coming. {STOP}", actor="agency", at="due - 3 days")) == []


def test_a_language_without_words_is_told_of_once() -> None:
    assert codes(written("Acme Credit: STOP", language="pl")) == ["no-word-list"]


def test_the_name_of_the_lender_is_known_where_it_is_a_variable() -> None:
    assert content.NO_IDENTITY not in classes(written(f"{{{{ lender.name }}}}: pay. {STOP}", region=None))
    assert content.NO_IDENTITY in classes(written(f"Pay. {STOP}", region=None))


@pytest.mark.parametrize("name", library.names())
def test_no_text_of_the_library_says_what_a_rule_forbids_somewhere(name: str) -> None:
    policy, problems = compile_policy(name, library.read(f"{name}.yaml"))
    assert policy is not None
    assert [one for one in problems if one.code in ("forbidden-content", "missing-disclosure", "no-word-list")] == []
    assert set(policy.contents) == set(policy.templates)
    for key, found in policy.contents.items():
        assert not found & NEVER, (key, found & NEVER)
        assert not found & {content.NO_IDENTITY, content.NO_OPT_OUT}, key
