"""The reference for lenders: every example on its page is read, checked and run, and its lists are complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from policies.compliance.packs import packs_of
from policies.language.check import compile_policy
from policies.language.environment import FILTERS, TAGS
from policies.language.report import report
from policies.language.variables import VARIABLES
from policies.language.vocabulary import FACTS, HAND_OFFS
from policies.outcome import OUTCOMES
from policies.problems import Problem
from policies.testing import run_tests
from policies.testing_expected import DETAILS

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
PAGE: Final = (DOCS / "policy-language.md").read_text(encoding="utf-8")

_FENCE: Final = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
FENCES: Final = [
    (match["kind"], match["body"], PAGE[: match.start()].count("\n") + 2) for match in _FENCE.finditer(PAGE)
]
POLICIES: Final = {
    body.split("\n")[0].removeprefix("policy: "): body for kind, body, _ in FENCES if kind == "yaml policy"
}
TESTS: Final = [(body, line) for kind, body, line in FENCES if kind == "yaml test"]
STEPS: Final = [(body, line) for kind, body, line in FENCES if kind == "yaml steps"]

AROUND_STEPS: Final = """
policy: around
currency: USD
languages: [en]
send_at: "10:00"
lender: {name: Northwind Credit}
messages:
  note: {sms: {en: note}, email: {en: {subject: note, body: note}}, letter: {en: note}}
MORE
steps:
"""
AN_OFFER: Final = """
  terms:
    sms: {en: "{{ offer.total | money }}"}
    email: {en: {subject: terms, body: "{{ offer.total | money }}"}}
    letter: {en: "{{ offer.total | money }}"}
offers:
  deal: {waive: {penalties: 100%}, expires: 7 days}
"""


def faults(problems: list[Problem]) -> list[Problem]:
    """What is wrong, less the message that some step of a part does not use."""
    return [problem for problem in problems if problem.code != "unused-message"]


def test_every_example_in_yaml_says_what_it_is() -> None:
    kinds = {kind for kind, _, _ in FENCES if kind}
    assert kinds == {"yaml policy", "yaml test", "yaml steps"}
    assert len(POLICIES) >= 3 and len(TESTS) == 13 and len(STEPS) >= 2


@pytest.mark.parametrize("name", POLICIES)
def test_each_whole_policy_on_the_page_passes_the_check_without_a_warning(name: str) -> None:
    policy, problems = compile_policy(f"{name}.yaml", POLICIES[name])
    assert policy is not None and problems == [], report(problems, POLICIES[name])


@pytest.mark.parametrize(("body", "line"), STEPS)
def test_each_piece_of_a_ladder_on_the_page_passes_the_check(body: str, line: int) -> None:
    more = AN_OFFER.strip("\n") if "offer" in body else ""
    text = AROUND_STEPS.replace("MORE", more) + "".join(f"  {row}\n" for row in body.splitlines())
    policy, problems = compile_policy(f"line {line}", text)
    assert policy is not None and faults(problems) == [], report(problems, text)


@pytest.mark.parametrize(("body", "line"), TESTS)
def test_each_story_on_the_page_is_told_by_decide(body: str, line: int) -> None:
    found = run_tests(f"line {line}", body.encode(), lambda name: POLICIES[name.removesuffix(".yaml")].encode())
    assert found.passed, found.text()


def test_the_first_policy_is_the_one_that_is_shipped() -> None:
    assert POLICIES["first"] == (DOCS / "examples" / "first.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", range(1, 14))
def test_each_rule_has_its_place_its_reason_and_all_but_two_their_story(number: int) -> None:
    section = PAGE.split(f"### L{number} ", 1)[1].split("\n### ", 1)[0]
    assert "*Why:*" in section
    assert ("```yaml test" in section) == (number not in (11, 12))


HOUSE = [rule.rule_id for rule in packs_of((), "ZZ", house=True).rules]


@pytest.mark.parametrize(
    "word",
    [
        *FACTS, *FILTERS, *TAGS, *OUTCOMES, *HAND_OFFS, *DETAILS, *HOUSE, "offer.made",
        "offer.expires", "CHANNEL-NO-ADDRESS", "CHANNEL-OPTED-OUT", "OFFER-FLOOR", "SET-ASIDE",
    ],
)  # fmt: skip
def test_each_word_of_the_language_is_on_the_page(word: str) -> None:
    assert re.search(rf"`[^`\n]*(?<![\w-]){re.escape(word)}(?![\w-])[^`\n]*`", PAGE), word


def test_each_variable_of_a_message_is_on_the_page() -> None:
    names = [f"{name}.{field}" for name, variable in VARIABLES.items() for field in variable.fields or {}]
    assert [name for name in names if f"`{name}`" not in PAGE] == []


def test_each_link_within_the_page_has_its_heading() -> None:
    anchors = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", PAGE, re.M)
    }
    wanted = set(re.findall(r"\]\(#([^)]*)\)", PAGE))
    assert wanted and wanted <= anchors
