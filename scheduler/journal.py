"""Entries of the append-only journal: one a decision or act, canonical JSON, and no personal data.

The text of an entry is a leaf of the ledger's tree. People, loans, messages and texts are named in it by salted digests
alone (``ledger.commit``); names, addresses and texts are elsewhere, to be erased.
"""

from __future__ import annotations

import json
from datetime import date
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from typing import Any, NamedTuple

from policies.calendar import Zone, to_datetime
from policies.facts import Instant
from policies.outcome import KEYS, Because, Line, printed
from scheduler.ledger.commit import canonical, digest, loan_key, message_key, message_path, text_of
from scheduler.ledger.versions import versions_text

DECISION = "decision"
LOOKED = "looked"
HAND_OVER = "hand_over"
SET_ASIDE = "set_aside"
PUBLISHED = "published"
IMPORTED = "imported"
CLOCK_JUMP = "clock_jump"
CLOCK_ACCEPTED = "clock_accepted"
PAUSED = "paused"
RESUMED = "resumed"
MIGRATED = "migrated"
LEDGER_KEY = "ledger_key"
RECONCILED = "reconciled"


class Entry(NamedTuple):
    """One entry; ``text`` is its canonical JSON. The keys (32 hexadecimal digits) and places are to find it by."""

    at: Instant
    kind: str
    text: str
    borrower_key: str | None = None
    loan_key: str | None = None
    place: int = 0
    channel_place: int = 0


def entry(
    at: Instant, kind: str, values: dict[str, Any], *, borrower_key: str | None = None, loan_key: str | None = None
) -> Entry:
    """An entry of ``values`` (plain JSON values, no floats) with its instant, its kind and whom it is about."""
    whole: dict[str, Any] = {"at": to_datetime(at).isoformat(), "kind": kind, **values}
    if borrower_key is not None:
        whole["borrower"] = borrower_key
    if loan_key is not None:
        whole["loan"] = loan_key
    return Entry(at, kind, canonical(whole), borrower_key, loan_key)


class Look(NamedTuple):
    """What every entry of one look at a borrower says: who, when, on which facts, under which policies and rules.

    ``facts`` is the value of the chain of facts, ``policies`` the number of the newest version published, ``rules``
    the digest of all rule packs, ``unsent`` the keys of messages that had not left and were looked at again, and
    ``unsent_parts`` of these the keys of those of whose contact another message had left.
    """

    salt: bytes
    borrower: str
    at: Instant
    revision: int
    facts: str
    policies: int
    rules: str
    link: str
    unsent: tuple[str, ...] = ()
    unsent_parts: tuple[str, ...] = ()


def looked(look: Look, zone: Zone) -> Entry:
    """The entry of a look after which there was nothing to do."""
    values = {
        "at": zone.iso(look.at), "borrower": look.borrower, "facts": look.facts, "kind": LOOKED, "link": look.link,
        "now": look.at, "policies": look.policies, "revision": look.revision, "rules": look.rules,
    }  # fmt: skip
    if look.unsent:
        values["unsent"] = list(look.unsent)
    if look.unsent_parts:
        values["unsent_parts"] = list(look.unsent_parts)
    # The versions are JSON already, and the last key of all.
    return Entry(look.at, LOOKED, f'{canonical(values)[:-1]},"versions":{versions_text()}}}', look.borrower)


def of_line(line: Line, zone: Zone, look: Look) -> Entry:
    """The entry of one line of a decision."""
    # The keys stand in their canonical order and the text is put together here: a general encoder, set up afresh for
    # every line of a large wave, takes twice as long.
    salt, message_id = look.salt, line.message_id
    loan = loan_key(salt, line.loan_id)
    text = to = key = None
    if message_id is not None:
        key = message_key(salt, message_id)
        if line.body is not None:
            text = digest(salt, message_path(message_id, "text"), text_of(line.subject, line.body)).hex()
            to = None if line.to is None else digest(salt, message_path(message_id, "to"), line.to).hex()
    # Many lines of a wave have the same of what is no key, digest or revision; keys and digests need no escapes.
    written = (
        f"{_members('channel due episode', line.channel, _day(line.due), line.episode)}"
        f',"facts":"{look.facts}"'
        f"{_members('instalment kind language link', line.instalment, DECISION, line.language, look.link)}"
        f',"loan":"{loan}"{_members("message", line.message)}{_digest_member("message_key", key)}'
        f"{_members('now occurrence outcome', look.at, line.occurrence, line.outcome)}"
        f"{_members('planned policies policy', _iso(zone, line.planned), look.policies, line.policy)}"
        f',"revision":{look.revision}'
        f"{_members('rules send_by step', look.rules, _iso(zone, line.send_by), line.step)}"
        f"{_digest_member('text', text)}{_digest_member('to', to)}"
    )
    unsent = f',"unsent":{canonical(list(look.unsent))}' if look.unsent else ""
    if look.unsent_parts:
        unsent += f',"unsent_parts":{canonical(list(look.unsent_parts))}'
    until = "" if line.until is None else f',"until":"{zone.iso(line.until)}"'
    whole = (
        f'{{"at":"{zone.iso(line.at)}","because":{_because(line.because)},"borrower":"{look.borrower}"'
        f'{written}{unsent}{until},"versions":{versions_text()}}}'
    )
    return Entry(line.at, DECISION, whole, look.borrower, loan, line.place, line.channel_place)


@lru_cache(maxsize=4096)
def _members(names: str, *values: str | int | None) -> str:
    """The members of an object that have a value, each with a comma before it."""
    given = [(name, value) for name, value in zip(names.split(), values, strict=True) if value is not None]
    return "".join([f',"{name}":{_quoted(value) if isinstance(value, str) else value}' for name, value in given])


def _digest_member(name: str, digest: str | None) -> str:
    return "" if digest is None else f',"{name}":"{digest}"'


def _iso(zone: Zone, at: Instant | None) -> str | None:
    return None if at is None else zone.iso(at)


@lru_cache(maxsize=1024)
def _day(ordinal: int | None) -> str | None:
    return None if ordinal is None else date.fromordinal(ordinal).isoformat()


def _because(reasons: Because) -> str:
    if len(reasons) == 1 and len(reasons[0]) == 1 and "rule" in reasons[0]:
        return _rule_alone(reasons[0]["rule"])
    return canonical(reasons)


@lru_cache(maxsize=1024)
def _rule_alone(rule: str) -> str:
    return canonical([{"rule": rule}])


def line_of(
    text: str, borrower_id: str, loan_id: str, outcome: str, body: tuple[str, str | None, str] | None
) -> str:  # fmt: skip
    """The printed line of a decision's entry about this loan, under the outcome that its message came to.

    ``body`` is (to, subject, body) of the message, where the line sent one.
    """
    values = json.loads(text)
    line = {key: values.get(key) for key in KEYS}
    line |= {"borrower_id": borrower_id, "loan_id": loan_id, "outcome": outcome}
    line["to"], line["subject"], line["body"] = body or (None, None, None)
    return printed(line)
