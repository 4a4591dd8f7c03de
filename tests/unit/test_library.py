"""The contracts that the project ships: each is without fault, tested whole, and written to be read by anybody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policies import library
from policies.contract import Policy
from policies.language.check import compile_policy
from policies.language.segments import sms_segments
from policies.outcome import SENT, Line
from policies.testing import TestReport, run_tests

NAMES = ("cn-consumer-loan", "gb-personal-loan", "in-personal-loan", "us-personal-loan")
EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
MOST_SEGMENTS = {"GSM-7": 2, "UCS-2": 4}

THREATS = re.compile(
    r"\b(court order|lawsuit|sue|arrest|police|seiz\w+|garnish\w*|criminal\w*|prosecut\w+|blacklist\w*|"
    r"your (employer|boss|neighbours?|family) will|immediately|urgent|last chance|final warning|"
    r"demanda|embargo|policía)\b"
    r"|起诉|报警|失信|坐牢|通报|单位领导|最后警告|立即还款|पुलिस|गिरफ़्तार|मुकदमा|तुरंत",
    re.IGNORECASE,
)
STOPS = {"en": r"STOP|Reply R\b|unsubscribe", "es": r"STOP", "zh-CN": r"拒收请回复R|退订", "hi": r"STOP"}
A_WAY_TO_TALK = re.compile(r"https://\S+|\+?\d[\d -]{6,}|@")


def policy(name: str) -> Policy:
    found, problems = compile_policy(f"{name}.yaml", library.read(f"{name}.yaml"))
    assert found is not None and problems == [], problems
    return found


def report_of(name: str) -> TestReport:
    return run_tests(f"{name}.test.yaml", library.read(f"{name}.test.yaml"), library.read)


def sent(name: str) -> list[Line]:
    """Every message that a case of the contract's tests sends; between them, every text in every language."""
    return [line for result in report_of(name).results for line in result.story if line.outcome == SENT]


def test_the_library_holds_these_contracts() -> None:
    assert library.names() == NAMES


@pytest.mark.parametrize("name", ["no-such-loan.yaml", "../book.py", "__init__.py", "us-personal-loan"])
def test_nothing_but_the_library_is_read_from_it(name: str) -> None:
    with pytest.raises(FileNotFoundError):
        library.read(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_passes_the_check_without_a_warning(name: str) -> None:
    assert policy(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_does_what_its_tests_say(name: str) -> None:
    report = report_of(name)
    assert report.passed, report.text()
    assert len(report.results) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_every_step_condition_offer_and_text_of_a_contract_is_covered(name: str) -> None:
    report = report_of(name)
    assert report.every_step
    assert report.coverage is not None and report.coverage.missing() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_text_message_takes_few_segments(name: str) -> None:
    long = {}
    for line in sent(name):
        encoding, count = sms_segments(line.body or "") if line.channel == "sms" else ("GSM-7", 0)
        if count > MOST_SEGMENTS[encoding]:
            long[line.message, line.language] = (encoding, count)
    assert long == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_message_says_who_writes_where_to_turn_and_how_to_stop_it(name: str) -> None:
    lender = policy(name).lender["name"]
    for line in sent(name):
        text = line.body or ""
        assert lender in text, (line.message, line.channel, line.language)
        assert A_WAY_TO_TALK.search(text), (line.message, line.channel, line.language)
        if line.channel != "letter":
            assert re.search(STOPS[line.language or ""], text), (line.message, line.channel, line.language)


@pytest.mark.parametrize("name", NAMES)
def test_no_message_threatens_or_hurries(name: str) -> None:
    found = {
        (line.message, line.channel, line.language): THREATS.findall(f"{line.subject} {line.body}")
        for line in sent(name)
        if THREATS.search(f"{line.subject} {line.body}")
    }
    assert found == {}


@pytest.mark.parametrize("name", NAMES)
def test_languages_are_written_and_not_left_as_they_were(name: str) -> None:
    texts: dict[tuple[str, str], dict[str, str]] = {}
    for line in sent(name):
        texts.setdefault((line.message or "", line.channel or ""), {})[line.language or ""] = line.body or ""
    for bodies in texts.values():
        assert set(bodies) == set(policy(name).languages)
        assert len(set(bodies.values())) == len(bodies)


def test_the_contracts_differ_in_ladder_offers_and_words() -> None:
    policies = [policy(name) for name in NAMES]
    assert len({tuple(step.at for step in p.steps) for p in policies}) == len(NAMES)
    assert len({tuple((o.waive, o.instalments, o.expires) for o in p.offers.values()) for p in policies}) == len(NAMES)
    assert len({frozenset(message for message, _, _ in p.templates) for p in policies}) == len(NAMES)


def test_the_smallest_policy_is_twenty_lines_and_does_what_the_readme_says() -> None:
    text = (EXAMPLES / "first.yaml").read_bytes()
    assert text.count(b"\n") <= 20
    report = run_tests(
        "first.test.yaml", (EXAMPLES / "first.test.yaml").read_bytes(), lambda n: (EXAMPLES / n).read_bytes()
    )
    assert report.passed and report.every_step and report.problems == (), report.text()
