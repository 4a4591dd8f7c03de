"""A refusal is found in many languages, forms and disguises; a message with the word in it need not be one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.compliance.plain import plain
from policies.compliance.words import Said, classify, languages

_TABLE = Path(__file__).with_name("said.txt").read_text(encoding="utf-8").splitlines()
ROWS = [tuple(line.split("|", 2)) for line in _TABLE if line and not line.startswith("#")]
KEYWORDS = [
    "STOP",
    "stop",
    "Unsubscribe",
    "REVOKE",
    "opt-out",
    "QUIT",
    "end",
    "退订",
    "ARRET",
    "parar",
    "berhenti",
    "СТОП",
]
TEXT_MEDIA = ["sms", "chat", "messenger", "push", "social"]


@pytest.mark.parametrize(("meaning", "channel", "text"), ROWS, ids=[f"{row[1]}: {row[2]}" for row in ROWS])
def test_what_is_written_says(meaning: str, channel: str, text: str) -> None:
    said = classify(text.replace("\\n", "\n"), channel)
    expected = {
        "-": None,
        "in": Said("opt_in", channel),
        "all": Said("opt_out", None),
    }.get(meaning, Said("opt_out", meaning))
    assert said == expected


def test_the_table_has_both_kinds_of_message() -> None:
    assert len(ROWS) > 300
    assert sum(1 for row in ROWS if row[0] == "-") > 80


@pytest.mark.parametrize(
    "word",
    # Twilio, AWS, Telnyx, and the seven words of 47 CFR 64.1200(a)(10)
    [
        *("STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"),
        *("ARRET", "OPT-OUT", "REMOVE", "TD", "STOP ALL", "opt out"),
    ],
)
def test_the_keywords_of_carriers_and_of_the_law(word: str) -> None:
    for text in (word, word.lower(), word.title(), f"  {word} \n", f"{word}.", f"{word}!!"):
        assert classify(text, "sms") == Said("opt_out", "sms")


HIDDEN = ["\u200b", "\u200d", "\ufeff", "\u00ad", "\u2060", "\u202e", "\ufe0f", "\u034f"]
AROUND = [
    " ",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\u2800",
    "\u3164",
    "\n",
    ".",
    "!",
    "\U0001f621",
    "\U0001f6d1",
    "*",
    '"',
    "\u2026",
]


@given(
    st.sampled_from(KEYWORDS), st.sampled_from(TEXT_MEDIA), st.lists(st.sampled_from(HIDDEN), max_size=6),
    st.lists(st.sampled_from(AROUND), max_size=4), st.lists(st.sampled_from(AROUND), max_size=4), st.randoms(),
)  # fmt: skip
def test_no_disguise_hides_a_keyword(
    word: str, channel: str, hidden: list[str], before: list[str], after: list[str], random: object
) -> None:
    letters = list(word)
    for one in hidden:
        letters.insert(random.randrange(len(letters) + 1), one)  # type: ignore[attr-defined]
    text = "".join([*before, *letters, *after])
    assert classify(text, channel) == Said("opt_out", channel)


@given(st.text(max_size=200), st.sampled_from(["Stop.", "please stop texting me", "STOP", "退订"]))
def test_a_refusal_wins_over_whatever_else_is_written(other: str, refusal: str) -> None:
    said = classify(f"{refusal}\n\n{other}", "sms")
    assert said is not None
    assert said.kind == "opt_out"


@given(st.text(max_size=300), st.sampled_from(["sms", "email", "call", "letter"]))
def test_any_text_is_read(text: str, channel: str) -> None:
    said = classify(text, channel)
    assert said is None or said.kind in ("opt_out", "opt_in")
    if channel != "sms":
        assert said is None or said.kind == "opt_out"


@given(st.text(max_size=200))
def test_a_plain_text_stays_as_it_is(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    "words", ["please do not ever please again even keep to ", "nu ma mai ", "un de la ", "不要再"]
)
def test_a_message_made_to_be_slow_is_read_to_its_end(words: str) -> None:
    text = words * (18_000 // len(words))
    assert classify(text + ". stop calling me", "email") == Said("opt_out", "call")


def test_what_stands_after_very_many_words_is_not_read() -> None:
    assert classify("thank you " * 3_000 + ". stop texting me", "email") is None


def test_a_refusal_by_a_medium_that_nobody_noted_is_of_all() -> None:
    assert classify("STOP", "") == classify("T", "") == Said("opt_out", None)
    assert classify("stop calling me", "") == Said("opt_out", "call")
    assert classify("START", "") is None


def test_languages_of_the_packs_and_of_the_union() -> None:
    packs = {"en", "es", "pt", "fr", "de", "it", "nl", "pl", "ro", "zh", "ko", "id", "fil", "hi"}
    union = {"bg", "cs", "da", "el", "et", "fi", "ga", "hr", "hu", "lt", "lv", "mt", "sk", "sl", "sv"}
    assert packs | union <= set(languages())
