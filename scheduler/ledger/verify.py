"""Checks a bundle of evidence with Python 3.11 and its package ``cryptography`` alone; exits with 0 where all is good.

python verify.py BUNDLE.zip|FOLDER [--key VERIFIER_KEY] [--checkpoint FILE [--proof FILE]]
"""

import argparse
import json
import sys
import zipfile
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# As RFC 8785 has it, for text, whole numbers, lists and maps.
canonical = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def need(good: bool, complaint: str) -> None:
    """Raise ValueError with the complaint, unless all is good."""
    if not good:
        raise ValueError(complaint)


@contextmanager
def at(place: str) -> Iterator[None]:
    """Put the place before what is found wrong in the block, or cannot be read there."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{place}: {error if type(error) is ValueError else repr(error)}") from None


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf (RFC 6962, 2.1)."""
    return sha256(b"\x00" + data).digest()


def root_from_inclusion(leaf: bytes, number: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that a proof leads to from the leaf hash at ``number``, from 0, of ``size``. Raises ValueError."""
    need(0 <= number < size, f"a tree of {size} has no entry {number}")
    return _climb(number, size - 1, leaf, proof)[1]


def roots_from_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes) -> tuple[bytes, bytes]:
    """The old and the new root that a proof leads to; both must be those that were signed. Raises ValueError."""
    need(0 < old <= new, f"nothing leads from {old} entries to {new}")
    if old == new and not proof:
        return old_root, old_root
    begin, *path = proof if old & (old - 1) else [old_root, *proof]
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    return _climb(place, last, begin, path)


def _climb(place: int, last: int, begin: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots of the old tree and the new one above a node (RFC 9162, 2.1.3.2 and 2.1.4.2)."""
    old = new = begin
    for other in proof:
        need(last > 0 and len(other) == 32, "the proof does not fit")
        if place & 1 or place == last:
            old, new = sha256(b"\x01" + other + old).digest(), sha256(b"\x01" + other + new).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            new = sha256(b"\x01" + new + other).digest()
        place, last = place >> 1, last >> 1
    need(last == 0 and len(begin) == 32, "the proof does not fit")
    return old, new


def verifier(vkey: str) -> tuple[tuple[str, bytes], Ed25519PublicKey]:
    """The name, the id and the key of a verifier key (C2SP signed-note). Raises ValueError."""
    name, key_id, encoded = vkey.split("+", 2)
    key = b64decode(encoded, validate=True)
    own = sha256(name.encode() + b"\n" + key).digest()[:4]
    need(len(key) == 33 and key[0] == 1 and key_id == own.hex(), f"{vkey} is no verifier key of Ed25519")
    return (name, own), Ed25519PublicKey.from_public_bytes(key[1:])


def open_note(note: str, vkeys: Sequence[str]) -> tuple[str, list[str]]:
    """The text of a signed note (C2SP signed-note) and those of the verifier keys that signed it. Raises ValueError."""
    text, blank, rest = note.rpartition("\n\n")
    need(bool(blank) and rest.endswith("\n") and min(note.replace("\n", " ")) >= " ", "it is no signed note")
    text, signed, known = text + "\n", [], {verifier(vkey)[0]: vkey for vkey in vkeys}
    for line in rest[:-1].split("\n"):
        dash, name, encoded = line.split(" ")
        signature = b64decode(encoded, validate=True)
        need(dash == "\u2014" and bool(name) and len(signature) > 4, f"{line[:60]!r} is no signature")
        if (name, signature[:4]) in known:
            signed.append(known[name, signature[:4]])
            try:
                verifier(signed[-1])[1].verify(signature[4:], text.encode())
            except InvalidSignature:
                raise ValueError(f"the signature of {name} does not verify") from None
    need(bool(signed), "none of the keys that are known has signed it")
    return text, signed


def digest_of(given: dict[str, Any]) -> str:
    """The digest of a fact, of a value that is given with its opening, or that which stands in the place of either."""
    if "fields" in given:
        return sha256(canonical({name: digest_of(one) for name, one in given["fields"].items()}).encode()).hexdigest()
    begin = bytes.fromhex(given["opening"] if "opening" in given else given["digest"])
    need(len(begin) == 32 and ("value" in given) == ("opening" in given), "a value needs its opening of 32 bytes")
    return sha256(begin + canonical(given["value"]).encode()).hexdigest() if "opening" in given else begin.hex()


class Bundle:
    """The files of a bundle by name; each check answers with what it found good, and raises at the first fault."""

    def __init__(self, bundle: Path, key: str | None = None, checkpoint: Path | None = None, proof: Path | None = None):
        self.place, self.key, self.kept, self.proof = bundle, key, checkpoint, proof

    def bundle(self) -> str:
        if self.place.is_dir():
            paths = [path for path in self.place.rglob("*") if path.is_file()]
            found = [(path.relative_to(self.place).as_posix(), path.read_bytes()) for path in paths]
        else:
            with zipfile.ZipFile(self.place) as packed:
                found = [(name, packed.read(name)) for name in packed.namelist()]
        self.files = dict(found)
        need(len(self.files) == len(found), "it holds two files of one name")
        return f"{len(found)} files"

    def of(self, *kinds: str) -> dict[int, dict[str, Any]]:
        return {number: entry for number, entry in self.entries.items() if entry["kind"] in kinds}

    def keys_txt(self) -> str:
        self.keys = [(int(n), key) for n, key in map(str.split, self.files["keys.txt"].decode().splitlines())]
        self.vkeys = [key for _, key in self.keys if verifier(key) and self.key in (None, key)]
        need(bool(self.vkeys), "the key that you gave is not one of these")
        return "with the key that you gave" if self.key else "compared with nothing of yours: give the key with --key"

    def manifest_txt(self) -> str:
        lines = open_note(self.files["manifest.txt"].decode(), self.vkeys)[0].splitlines()
        named = {line[66:]: line[:64] for line in lines[2:]}
        for name in sorted(named.keys() | self.files.keys() - {"manifest.txt", "verify.py"}):
            found = sha256(self.files.get(name, b"")).hexdigest()
            need(lines[0] == "duly bundle 1" and found == named.get(name), f"{name} is not what was signed")
        return f"{len(named)} files are as they were signed"

    def checkpoint_txt(self) -> str:
        text, signed = open_note(self.files["checkpoint.txt"].decode(), self.vkeys)
        origin, size, root, *_ = text.splitlines()
        self.size, self.root = int(size), b64decode(root)
        able = [key for n, key in self.keys if not any(n < later < self.size for later, _ in self.keys)]
        need(bool({*able}.intersection(signed)), f"at {size} entries another key was the ledger's")
        if self.kept is None:
            return f"{size} entries of {origin}; compared with none that you kept: give it with --checkpoint"
        of, count, root, *_ = open_note(self.kept.read_text("utf-8"), [key for _, key in self.keys])[0].splitlines()
        (low, old), (high, new) = sorted([(int(count), b64decode(root)), (self.size, self.root)])
        need(of == origin and (low < high or old == new), f"{self.kept} is of another ledger, or the ledger was forked")
        if low == high or self.proof is None:
            return f"{size} entries; yours {'is the same' if low == high else f'has {count}: give --proof too'}"
        hashes = [b64decode(line) for line in self.proof.read_text().splitlines() if " " not in line]
        need(roots_from_consistency(low, high, hashes, old) == (old, new), f"{self.proof} does not prove {self.kept}")
        return f"{size} entries of {origin}, one ledger with the {count} of the checkpoint that you kept"

    def entries_jsonl(self) -> str:
        lines = [json.loads(line) for line in self.files["entries.jsonl"].splitlines()]
        self.entries = {line["number"]: json.loads(line["entry"]) for line in lines}
        need([line["number"] for line in lines] == sorted(self.entries), "the entries are not in their order")
        for line in lines:
            with at(f"entry {line['number']}"):
                leaf, proof = leaf_hash(line["entry"].encode()), [b64decode(one) for one in line["proof"]]
                found = root_from_inclusion(leaf, line["number"], self.size, proof)
                need(found == self.root, "it is not in the tree of the checkpoint")
        need([(n, e["key"]) for n, e in self.of("ledger_key").items()] == self.keys, "keys.txt names other keys")
        return f"{len(lines)} entries, each in the tree of the checkpoint"

    def names_json(self) -> str:
        names = json.loads(self.files["names.json"])
        self.loan, borrower = digest_of(names["loan"])[:32], digest_of(names["borrower"])[:32]
        for number, entry in self.entries.items():
            own = entry["kind"] == "decision" or entry.get("loan", self.loan) == self.loan
            need(own and entry.get("borrower", borrower) == borrower, f"entry {number} is about another loan or person")
        need(self.loan in [entry.get("loan") for entry in self.entries.values()], "loan: no entry is about it")
        return f"the entries are about loan {names['loan'].get('value', '(redacted)')!a}"

    def facts_json(self) -> str:
        digests, chain, seen, looked = {}, bytes(32), list[int](), list[int]()
        for fact in json.loads(self.files["facts.json"]):
            with at(f"fact {fact['fact']}"):
                digests[fact["fact"]] = bytes.fromhex(digest_of(fact))
        for look in json.loads(self.files["looks.json"]):
            new = look["facts"]
            chain = sha256(chain + b"".join(digests[one] for one in new)).digest() if new else chain
            for number in look["entries"]:
                need(self.entries[number]["facts"] == chain.hex(), f"entry {number} saw others; new to it were {new}")
            seen, looked = seen + new, looked + look["entries"]
        need(sorted(seen) == sorted(digests), "not each fact is in one look")
        need(sorted(looked) == sorted(self.of("decision", "looked")), "not each decision is in one look")
        return f"{len(seen)} facts are those that {len(looked)} entries were decided on"

    def messages_json(self) -> str:
        told = list[int]()
        for message in json.loads(self.files["messages.json"]):
            key = digest_of(message["id"])[:32]
            for one, *fields in ((message, "text", "to"), *((h, "reference", "reason") for h in message["handed"])):
                entry, where = self.entries[one["entry"]], f"entry {one['entry']}"
                told.append(one["entry"])
                need(entry["message_key"] == key, f"id: {where} is about another message")
                for field in fields:
                    good = digest_of(one[field]) == entry[field] if field in one else field not in entry
                    need(good, f"{field}: it is not what {where} says")
        own = [number for number, e in self.of("decision").items() if "text" in e and e["loan"] == self.loan]
        need(sorted(told) == sorted([*own, *self.of("hand_over")]), "not each message of the entries is here once")
        return f"{len(own)} messages are as they were decided and handed over"

    def policies(self) -> str:
        published = {entry["digest"]: entry["source"] for entry in self.of("published").values()}
        used = [entry.get(key, "") for entry in self.entries.values() for key in ("policy", "from", "to")]
        for digest in {digest for digest in used if digest.startswith("sha256:")}:
            source = f"sha256:{sha256(self.files[f'policies/{digest[7:]}.yaml']).hexdigest()}"
            need(published[digest] == source, f"{digest[7:]}.yaml is not what was published")
        packs = {name[6:-5]: sha256(data).hexdigest() for name, data in self.files.items() if name[:6] == "packs/"}
        rules = [entry["rules"] for entry in self.of("decision", "looked").values()]
        own = rules.count(sha256(canonical(packs).encode()).hexdigest())
        need(own > 0 or not packs, "packs: no entry was decided under these rules")
        return f"{len(published)} versions are as published, the packs those of {own} of {len(rules)} entries"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the arguments name; answers with the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind in (("bundle", Path), ("--key", str), ("--checkpoint", Path), ("--proof", Path)):
        parser.add_argument(name, type=kind)
    bundle = Bundle(**vars(parser.parse_args(arguments)))
    checks = "bundle keys.txt manifest.txt checkpoint.txt entries.jsonl names.json facts.json messages.json policies"
    for place in checks.split():
        try:
            with at(place):
                sys.stdout.write(f"good   {place}: {getattr(bundle, place.replace('.', '_'))()}\n")
        except ValueError as error:
            sys.stdout.write(f"WRONG  {error}\nnot good\n")
            return 1
    sys.stdout.write("all good\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
