"""What a text says or leaves unsaid is found in every language with a word list, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policies.compliance import content
from policies.compliance.content import CLASSES, DISCLOSURES, FORBIDDEN, Found, classes_of, findings, missing

_TEXTS = yaml.safe_load(Path(__file__).with_name("contents.yaml").read_text(encoding="utf-8"))
_SAYS = yaml.safe_load(Path(__file__).with_name("statements.yaml").read_text(encoding="utf-8"))
BAD = [
    (language, kind, text)
    for language, texts in _TEXTS.items()
    for kind, bad in texts["bad"].items()
    for text in bad
]  # fmt: skip
GOOD = [(language, text) for language, texts in _TEXTS.items() for text in texts["good"]]


@pytest.mark.parametrize(("language", "kind", "text"), BAD, ids=[f"{one[0]}: {one[2]}" for one in BAD])
def test_a_forbidden_class_is_found(language: str, kind: str, text: str) -> None:
    found = [one for one in findings(text, language) if one.kind == kind]
    assert found
    assert all(text[one.start : one.end] == one.matched != "" for one in found)


@pytest.mark.parametrize(("language", "text"), GOOD, ids=[f"{one[0]}: {one[1]}" for one in GOOD])
def test_a_gentle_text_has_none(language: str, text: str) -> None:
    assert findings(text, language) == ()


@pytest.mark.parametrize("language", content.known_languages())
def test_each_language_has_texts_of_every_class(language: str) -> None:
    assert set(_TEXTS[language]["bad"]) == set(FORBIDDEN)
    assert sum(len(texts) for texts in _TEXTS[language]["bad"].values()) >= 20
    assert len(_TEXTS[language]["good"]) >= 10


def test_a_finding_says_where() -> None:
    text = "Pay now.\nOr you will be ARRESTED\u200b, we say."
    assert [one for one in findings(text, "en") if one.kind == "arrest_threat"] == [
        Found("arrest_threat", 24, 32, "ARRESTED")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "You will be arre\u200bsted",
        "YOU WILL BE \uff21\uff32\uff32\uff25\uff33\uff34\uff25\uff24",
        "you will be arr\u00e9sted",
        "\u201carrested\u201d",
    ],
)
def test_no_disguise_hides_a_threat(text: str) -> None:
    assert "arrest_threat" in {one.kind for one in findings(text, "en-GB")}


# --- disclosures --------------------------------------------------------------------------------------------------

OPT_OUT = [tuple(one) for says in _SAYS.values() for one in says["opt_out"]]


@pytest.mark.parametrize(("language", "channel", "text"), OPT_OUT)
def test_an_instruction_to_opt_out_is_recognised(language: str, channel: str, text: str) -> None:
    assert content.NO_OPT_OUT not in missing(text, language, channel, lender_name="Acme")


@pytest.mark.parametrize("language", content.known_languages())
def test_a_text_without_disclosures_misses_them_all(language: str) -> None:
    assert missing(_SAYS[language]["none"], language, "sms", lender_name="Acme Credit") == set(DISCLOSURES)


def test_who_cannot_answer_is_not_told_how_to_opt_out() -> None:
    assert content.NO_OPT_OUT not in missing(_SAYS["en"]["none"], "en", "letter", lender_name="Acme")
    assert content.NO_OPT_OUT not in missing(_SAYS["en"]["none"], "en", "call", lender_name="Acme")


@pytest.mark.parametrize("language", content.known_languages())
def test_each_disclosure_is_recognised(language: str) -> None:
    def unsaid(text: str) -> frozenset[str]:
        return missing(text, language, "sms", lender_name="Acme")

    assert content.NO_COLLECTOR not in unsaid(_SAYS[language]["debt_collector"])
    assert not unsaid(_SAYS[language]["initial"]) & {content.NO_INITIAL, content.NO_COLLECTOR}
    assert content.NO_INITIAL in unsaid(_SAYS[language]["debt_collector"])
    assert content.NO_RESIDUAL not in unsaid(_SAYS[language]["residual"])


def test_the_name_of_the_lender_is_looked_for_in_any_letters() -> None:
    def says_who(text: str, subject: str | None = None) -> bool:
        found = classes_of(text, "en", "email", lender_name="Acme Crédit", subject=subject)
        return content.NO_IDENTITY not in found

    assert says_who("This is ACME credit.")
    assert says_who("Your loan.", "A word from Acme Crédit")
    assert not says_who("This is your lender.")
    assert content.NO_IDENTITY in classes_of("Acme", "en", "email", lender_name=None)


def test_a_subject_shows_a_debt_and_a_body_may() -> None:
    shown = classes_of("Hello.", "en", "email", lender_name="Acme", subject="Your overdue debt")
    assert content.DEBT_VISIBLE in shown
    inside = classes_of("Your payment is overdue.", "en", "email", lender_name="Acme", subject="About your loan")
    assert content.DEBT_VISIBLE not in inside


def test_a_link_is_known_in_any_language() -> None:
    assert content.PAYMENT_LINK in classes_of("\u1201 https://pay.example/x", "am", "sms", lender_name="Acme")


def test_a_language_without_a_list_is_not_guessed() -> None:
    assert content.list_for("am") is None
    assert content.list_for("zh-Hant-TW") == "zh"
    assert content.list_for("tl") == "fil"
    assert classes_of("Acme: you idiot", "am", "sms", lender_name="Acme") == frozenset()


@given(st.text(max_size=300), st.sampled_from(content.known_languages()), st.sampled_from(["sms", "email", "letter"]))
def test_any_text_has_known_classes_at_places_in_it(text: str, language: str, channel: str) -> None:
    assert classes_of(text, language, channel, lender_name="Acme", subject=text) <= CLASSES
    for one in findings(text, language, subject=True):
        assert 0 <= one.start < one.end <= len(text)
        assert text[one.start : one.end] == one.matched


@given(st.sampled_from(BAD), st.sampled_from(GOOD))
def test_more_text_hides_nothing(bad: tuple[str, str, str], good: tuple[str, str]) -> None:
    language, kind, text = bad
    assert kind in {one.kind for one in findings(f"{good[1]}\n{text}\n{good[1]}", language)}
