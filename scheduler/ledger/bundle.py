"""Makes the evidence for a loan into files, and the files into one ZIP that is the same whenever the evidence is.

A value is shown as ``{"value": …, "opening": …}``; one that is left out or erased as ``{"digest": …}`` with the reason,
and the proof holds all the same. ``verify.py``, which goes with it, checks every file.
"""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from io import BytesIO
from typing import Any, Final

from policies.compliance.packs import digest_of_all, pack_texts
from scheduler import journal
from scheduler.ledger.commit import BORROWER, digest, loan_path, message_key, message_path, opening, text_of
from scheduler.ledger.evidence import Evidence, Sent
from scheduler.ledger.facts import PERSON, Fact, fact_digest
from scheduler.ledger.notes import Signer, sign_note
from scheduler.ledger.redaction import Redaction, Values

FORM: Final = "duly bundle 1"
"""The first line of the manifest: no checkpoint begins so, and so no signature of one can pass for one of the other."""

MANIFEST: Final = "manifest.txt"
VERIFY: Final = "verify.py"
_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
_READABLE: Final = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Shown:
    """The evidence as it is given away: names, facts, looks and messages without what is left out.

    ``leftovers`` are, by field, the places where a value that is left out there stands word for word.
    """

    names: dict[str, Any]
    facts: list[dict[str, Any]]
    looks: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    leftovers: dict[str, tuple[str, ...]]


def shown(evidence: Evidence, redaction: Redaction) -> Shown:
    """What of the evidence is given away."""
    currency = next(
        (fact.fields["currency"] for look in evidence.looks for fact in look.facts if "currency" in fact.fields), "EUR"
    )
    return _Showing(evidence, redaction, Values(currency)).all()


class _Showing:
    """Goes through the values of the evidence, and keeps account of those left out."""

    def __init__(self, evidence: Evidence, redaction: Redaction, values: Values) -> None:
        self._evidence = evidence
        self._redaction = redaction
        self._values = values

    def all(self) -> Shown:
        one = self._evidence
        names = {
            "loan": self._sealed("loan_id", loan_path(one.loan_id), one.loan_id),
            "borrower": self._sealed("borrower_id", BORROWER, one.borrower_id),
        }
        facts: list[dict[str, Any]] = []
        looks = []
        for look in one.looks:
            first = len(facts) + 1
            facts += [{"fact": number, **self._fact(fact)} for number, fact in enumerate(look.facts, first)]
            looks.append({"entries": list(look.entries), "facts": list(range(first, len(facts) + 1))})
        messages = self._messages()
        for entry in one.entries:
            self._values.add("entries.jsonl", entry.text, hidden=False)
        for file_name, source in one.sources.values():
            self._values.add("policies", f"{file_name}\n{source.decode(errors='replace')}", hidden=False)
        return Shown(names, facts, looks, messages, self._values.leftovers())

    def _sealed(self, name: str, path: str, value: Any, *, hidden: bool | None = None) -> dict[str, Any]:
        """The value with its opening, or its digest alone."""
        hide = self._redaction.hides(name) if hidden is None else hidden
        self._values.add(name, value, hidden=hide)
        salt = self._evidence.salt
        if hide:
            return {"digest": digest(salt, path, value).hex(), "redacted": True}
        return {"value": value, "opening": opening(salt, path).hex()}

    def _fact(self, fact: Fact) -> dict[str, Any]:
        """A fact with its fields; one of another loan by its digest."""
        if fact.fields.get("loan_id", self._evidence.loan_id) != self._evidence.loan_id:
            return {"about": "another loan", "digest": fact_digest(self._evidence.salt, fact).hex()}
        about = fact.ref if fact.ref == PERSON else fact.ref.partition("/")[0]
        fields = {}
        for name, value in fact.fields.items():
            hide = self._redaction.hides_of_event(name, fact.fields)
            fields[name] = self._sealed(name, f"{fact.ref}#{name}", value, hidden=hide)
        return {"about": about, "fields": fields}

    def _messages(self) -> list[dict[str, Any]]:
        salt = self._evidence.salt
        by_key = {message_key(salt, one.message_id): one for one in self._evidence.messages}
        handed: dict[str, list[dict[str, Any]]] = {}
        found = []
        for entry in self._evidence.entries:
            said = entry.values
            if said["kind"] == journal.HAND_OVER:
                one, key = by_key[said["message_key"]], said["message_key"]
                handed.setdefault(key, []).append({"entry": entry.number, **self._of_hand_over(one, said)})
            elif said["kind"] == journal.DECISION and "text" in said and said["message_key"] in by_key:
                one, key = by_key[said["message_key"]], said["message_key"]
                found.append({"entry": entry.number, **self._message(one, said), "handed": handed.setdefault(key, [])})
        return found

    def _message(self, one: Sent, said: Mapping[str, Any]) -> dict[str, Any]:
        values = {"id": self._sealed("message_id", message_path(one.message_id, "id"), one.message_id)}
        text = None if one.body is None else text_of(one.subject, one.body)
        for part, name, value in (("to", "to", one.to), ("text", "body", text)):
            if part in said:
                values[part] = self._kept(one, part, name, value, said[part])
        return values

    def _of_hand_over(self, one: Sent, said: Mapping[str, Any]) -> dict[str, Any]:
        given = {"reference": one.reference, "reason": one.reason}
        return {part: self._kept(one, part, part, value, said[part]) for part, value in given.items() if part in said}

    def _kept(self, one: Sent, part: str, name: str, value: str | None, said: str) -> dict[str, Any]:
        """A part of a message; of one that was tried again, only what came last is kept."""
        path = message_path(one.message_id, part)
        if value is None or digest(self._evidence.salt, path, value).hex() != said:
            return {"digest": said, "kept": False}
        return self._sealed(name, path, value)


def files_of(evidence: Evidence, given: Shown) -> dict[str, bytes]:
    """The files of a bundle by name, without those that are words for a person."""
    lines = [
        _json({"number": one.number, "entry": one.text, "proof": [base64.b64encode(h).decode() for h in one.proof]})
        for one in evidence.entries
    ]
    files = {
        "checkpoint.txt": evidence.note.encode(),
        "keys.txt": "".join(f"{number} {key}\n" for number, key in evidence.keys).encode(),
        "entries.jsonl": "".join(f"{line}\n" for line in lines).encode(),
        "names.json": _document(given.names),
        "facts.json": _document(given.facts),
        "looks.json": _document(given.looks),
        "messages.json": _document(given.messages),
    }
    for policy, (_, source) in evidence.sources.items():
        files[f"policies/{hex_of(policy)}.yaml"] = source
    if any(one.values.get("rules") == digest_of_all() for one in evidence.entries if "now" in one.values):
        files |= {f"packs/{name}.yaml": data for name, data in pack_texts().items()}
    return files


def hex_of(policy: str) -> str:
    """The digest of a version without its prefix: how its files are named."""
    return policy.removeprefix("sha256:")


def packed(files: Mapping[str, bytes], signer: Signer) -> bytes:
    """The ZIP of the files, of ``verify.py``, and of the manifest, which names them all and is signed."""
    lines = [FORM, signer.verifier.name, *(f"{sha256(files[name]).hexdigest()}  {name}" for name in sorted(files))]
    note = sign_note("".join(f"{line}\n" for line in lines), signer)
    verify = resources.files("scheduler.ledger").joinpath(VERIFY).read_bytes()
    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted({**files, MANIFEST: note.encode(), VERIFY: verify}.items()):
            # The same time, system and rights everywhere; not packed, as another zlib packs otherwise.
            info = zipfile.ZipInfo(name, _LONG_AGO)
            info.create_system, info.external_attr = 3, _READABLE
            archive.writestr(info, data)
    return written.getvalue()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _document(value: Any) -> bytes:
    """For a person to read too."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
