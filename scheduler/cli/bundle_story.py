"""The words of a bundle: the story of a loan in order, each decision with its rules, and how to check it all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from policies.money import decimal_text
from scheduler.cli.output import printable
from scheduler.cli.story_text import local_time
from scheduler.cli.words import clause, rule_in_words
from scheduler.ledger.commit import loan_key

if TYPE_CHECKING:
    from scheduler.ledger.bundle import Shown
    from scheduler.ledger.evidence import Entry, Evidence

_LEFT_OUT: Final = "(left out)"
_NO_STORY: Final = ("decision", "looked", "published", "ledger_key")
_LEARNED: Final = ("at", "amount_minor", "channel", "value", "ref", "from", "until", "text")

README: Final = """\
Evidence for one loan, given out by duly
========================================

What was known, what was decided and why, what was said, and what became of it: for one loan, in files that prove
themselves. Nothing of duly is needed to check them, and no network.

Check it in five minutes
------------------------

1. Have Python 3.11 or later, and its package cryptography: python -m pip install cryptography
2. Run verify.py on the ZIP as you got it (or on a folder with its files and nothing else):

       python verify.py THE-BUNDLE.zip --key VERIFIER-KEY --checkpoint FILE

   VERIFIER-KEY is what the lender published as the key of its ledger (duly ledger key show), and FILE a checkpoint that
   you kept from before. Have both from somewhere else than this bundle. Without them the bundle can only be shown to
   agree with itself: a lender who made the whole ledger anew would not be noticed.
3. It says "all good", or names the first thing that is wrong: the file, and the entry, fact or field in it.
4. verify.py came with the bundle. It is one file of less than 250 lines that imports nothing but Python's own library
   and cryptography: read it, or take it from the project's own pages.
5. Read story.txt.

Where your checkpoint is of another size, the lender proves that both are of one ledger:
duly ledger consistency OLD NEW > proof.txt, and then verify.py ... --checkpoint FILE --proof proof.txt

What is in it
-------------

  story.txt        the decisions in order, each with its rules in words, for reading; it is signed, not proved
  entries.jsonl    the entries of the ledger about this loan, and about looks at its borrower, word for word, each with
                   its proof; so do the versions of policies that decided, and the keys of the ledger
  checkpoint.txt   the signed state of the ledger that all proofs lead to
  keys.txt         the keys of the ledger, each with the number of the entry that names it
  names.json       which loan and which borrower the entries are about
  facts.json       what was known of the person, the loan, and what happened; facts of the person's other loans stand
                   there as digests alone
  looks.json       which facts were new at which look, in the order in which they were learned
  messages.json    what was said and to whom, its link a placeholder; what the provider answered. The text is the
                   subject, a line feed, and the body
  policies/        each version of a policy that decided, as it was published, and in plain words
  packs/           the rules of law and of the house that every message was judged by
  manifest.txt     the SHA-256 of each file, signed by the ledger's key

How it holds together
---------------------

An entry is a leaf of a Merkle tree (RFC 6962). It names people, texts and facts by digests. Each value that is shown
has an opening beside it: 32 bytes that belong to it alone. SHA-256 over the opening and the value is the digest that
the entry holds. So whoever has a value and its opening can check it, and learns nothing of any other.

Left out
--------

Where "redacted" stands, a value was left out on purpose and its digest stands in its place: the proof holds, and the
value cannot be found from the digest. Where "kept" is false, the text was erased or overwritten before the bundle was
made. A value that was left out under one name may stand in a text under another; who made the bundle was told where.

What it does not show
---------------------

That nothing else was decided about the loan: whoever made the bundle can leave an entry out of it. Where that matters,
the whole ledger is to be looked at. That a fact is true, or that a person read what was sent. That what stands in
story.txt and in the .txt files of policies/ is told rightly: what is proved is the entries, values and .yaml files.
"""


def story(evidence: Evidence, given: Shown) -> str:
    """The story as text; of what is left out in ``given`` nothing is told."""
    name = given.names["loan"].get("value", _LEFT_OUT)
    said = {one["entry"]: one for one in given.messages}
    answered = {one["entry"]: one for message in given.messages for one in message["handed"]}
    learned = {
        min(look["entries"]): [given.facts[number - 1] for number in look["facts"]]
        for look in given.looks
        if look["entries"]
    }
    loan = loan_key(evidence.salt, evidence.loan_id)
    currency = next(
        (_given(one["fields"]["currency"]) for one in given.facts if "currency" in one.get("fields", ())), ""
    )
    lines = [
        f"The story of loan {name}",
        "",
        f"As the ledger {evidence.ledger.origin} tells it. Each instant has its offset from UTC, decisions that of the",
        "borrower. Below each decision: the rules that made it so, the binding one first.",
        "",
    ]
    for entry in evidence.entries:
        for fact in learned.get(entry.number, ()):
            lines += _fact(fact, currency)
        kind = entry.values["kind"]
        if kind == "decision" and entry.values["loan"] == loan:
            lines += _decision(entry, said.get(entry.number))
        elif kind == "hand_over":
            lines += _answer(entry, answered[entry.number])
        elif kind == "migrated":
            values = entry.values
            lines += [
                _head(entry, f"moved to another version of its policy, {values['to']}, from {values['from']}"),
                "",
            ]
        elif kind == "set_aside":
            lines += [_head(entry, "set aside, as it could not be decided"), ""]
        elif kind not in _NO_STORY:
            lines += [_head(entry, kind.replace("_", " ")), ""]
    return "\n".join(lines).rstrip() + "\n"


def _head(entry: Entry, text: str) -> str:
    return f"{local_time(entry.values['at'])}  entry {entry.number}: {printable(text)}"


def _decision(entry: Entry, message: dict[str, Any] | None) -> Iterator[str]:
    values = entry.values
    outcome = values["outcome"]
    step = values.get("step")
    what = f"{step}: {_DECIDED.get(outcome, outcome)}" if step else _DECIDED.get(outcome, outcome)
    channel = f" by {values['channel']}" if "channel" in values else ""
    until = f", until {local_time(values['until'])}" if "until" in values else ""
    whose = f", instalment {values['instalment']}" if "instalment" in values else ""
    yield _head(entry, f"{what}{channel}{until}{whose}")
    for rule in values["because"]:
        detail = clause(rule, outcome) if len(rule) > 1 else ""
        words = rule_in_words(rule["rule"])
        yield f"    {rule['rule']}: {printable(words)}{f' ({printable(detail)})' if detail else ''}"
    if "policy" in values:
        yield f"    policy: {values['policy']}"
    if message is not None:
        if "to" in message:
            yield f"    to: {printable(_given(message['to']))}"
        for line in _given(message["text"]).strip("\n").split("\n"):
            yield f"    | {printable(line)}"
    yield ""


_DECIDED: Final = {
    "sent": "to be sent",
    "offer": "offered",
    "hold": "held",
    "hand_off": "handed off",
    "review": "to review",
}


def _answer(entry: Entry, answer: dict[str, Any]) -> Iterator[str]:
    values = entry.values
    by = f" by {values['provider']}" if "provider" in values else ""
    told = "".join(f", {part} {_given(answer[part])}" for part in ("reference", "reason") if part in answer)
    yield _head(entry, f"handed over: {values['status']}{by}{told}")
    yield ""


def _given(sealed: dict[str, Any]) -> str:
    if "value" in sealed:
        return str(sealed["value"])
    return "(not kept)" if sealed.get("kept") is False else _LEFT_OUT


def _fact(fact: dict[str, Any], currency: str) -> Iterator[str]:
    if "fields" not in fact:
        yield f"    learned: something about another loan of the person (fact {fact['fact']})"
    elif fact["about"] == "event":
        fields = fact["fields"]
        told = "".join(f", {_learned(name, fields[name], currency)}" for name in _LEARNED if name in fields)
        yield printable(f"    learned: {_given(fields['type'])}{told} (fact {fact['fact']})")
    else:
        yield f"    learned: what is known of the {fact['about']} (fact {fact['fact']})"


def _learned(name: str, sealed: dict[str, Any], currency: str) -> str:
    if name == "amount_minor":
        plain = "value" in sealed and currency != _LEFT_OUT
        amount = f"{decimal_text(sealed['value'], currency)} {currency}" if plain else _given(sealed)
        return f"amount {amount}"
    return f"{name} {_given(sealed)}"
