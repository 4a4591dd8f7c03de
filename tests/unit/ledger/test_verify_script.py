"""The program that goes with every bundle stands alone, and its proofs and notes are those of everybody else."""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scheduler" / "ledger" / "verify.py"
VECTORS = ROOT.parent / "shared" / "specs" / "merkle"

# The leaves and the roots of RFC 6962's own test tree, as its reference implementation has them.
LEAVES = [
    b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43", bytes(range(0x50, 0x58)),
    bytes(range(0x60, 0x70)),
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

# The worked example of the Go implementation of signed notes, on which C2SP's text rests; and one of another's.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NEUMANN_NOTE = (
    f"{NEUMANN_TEXT}\n\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOO_NOTE = (
    "This is an example message.\n\n\u2014 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


@pytest.fixture(scope="module")
def verify() -> ModuleType:
    """The program, loaded from its file as a regulator has it."""
    spec = importlib.util.spec_from_file_location("verify_of_a_bundle", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def vectors(kind: str) -> list[Path]:
    return sorted((VECTORS / kind).rglob("*.json"))


def hashes(vector: dict[str, Any], *names: str) -> list[bytes]:
    return [base64.b64decode(vector[name] or "") for name in names]


def proof_of(vector: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(one) for one in vector["proof"] or ()]


def accepts(check: Callable[[], bool]) -> bool:
    """Whether a check answers yes; a ValueError is a no, and no other error is an answer."""
    try:
        return check()
    except ValueError:
        return False


def mth(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return [*path(m, leaves[:k]), mth(leaves[k:])] if m < k else [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def test_it_is_one_file_of_less_than_250_lines_that_imports_nothing_but_cryptography_beside_the_standard_library() -> (
    None
):  # fmt: skip
    source = SCRIPT.read_text(encoding="utf-8")
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(str(node.module).partition(".")[0])
    assert len(source.splitlines()) < 250
    assert names - sys.stdlib_module_names == {"cryptography"}


def test_no_check_is_an_assertion_that_python_may_leave_out() -> None:
    assert not [node for node in ast.walk(ast.parse(SCRIPT.read_text())) if isinstance(node, ast.Assert)]


@pytest.mark.skipif(not VECTORS.is_dir(), reason=f"there are no vectors at {VECTORS}")
def test_there_are_vectors_of_both_kinds_good_and_bad() -> None:
    for kind in ("inclusion", "consistency"):
        wrong = [json.loads(path.read_text())["wantErr"] for path in vectors(kind)]
        assert len(wrong) > 20 and True in wrong and False in wrong


@pytest.mark.parametrize("file", vectors("inclusion"), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_foreign_proof_of_inclusion_is_judged_as_its_makers_say(verify: ModuleType, file: Path) -> None:
    vector = json.loads(file.read_text())
    leaf, root = hashes(vector, "leafHash", "root")
    number, size = vector["leafIdx"], vector["treeSize"]
    good = accepts(lambda: verify.root_from_inclusion(leaf, number, size, proof_of(vector)) == root)
    assert good is not vector["wantErr"]


@pytest.mark.parametrize("file", vectors("consistency"), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_foreign_proof_of_consistency_is_judged_as_its_makers_say(verify: ModuleType, file: Path) -> None:
    vector = json.loads(file.read_text())
    old, new = hashes(vector, "root1", "root2")
    sizes = vector["size1"], vector["size2"]
    good = accepts(lambda: verify.roots_from_consistency(*sizes, proof_of(vector), old) == (old, new))
    assert good is not vector["wantErr"]


@pytest.mark.parametrize("size", range(1, 9))
def test_every_proof_in_the_tree_of_rfc_6962_leads_to_its_root_and_not_from_another_leaf(
    verify: ModuleType, size: int
) -> None:  # fmt: skip
    root = bytes.fromhex(ROOTS[size - 1])
    for number in range(size):
        proof = path(number, LEAVES[:size])
        assert verify.root_from_inclusion(verify.leaf_hash(LEAVES[number]), number, size, proof) == root
        assert verify.root_from_inclusion(verify.leaf_hash(b"another"), number, size, proof) != root


@pytest.mark.parametrize(("old", "new"), [(old, new) for new in range(1, 9) for old in range(1, new + 1)])
def test_every_two_trees_of_rfc_6962_are_shown_to_be_of_one_ledger(verify: ModuleType, old: int, new: int) -> None:
    roots = bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1])
    proof = subproof(old, LEAVES[:new], True)
    assert verify.roots_from_consistency(old, new, proof, roots[0]) == roots
    other = bytes(32), roots[1]
    assert not accepts(lambda: verify.roots_from_consistency(old, new, proof, other[0]) == other)


@pytest.mark.parametrize(("note", "key"), [(NEUMANN_NOTE, NEUMANN), (FOO_NOTE, FOO)])
def test_the_worked_examples_of_signed_notes_verify(verify: ModuleType, note: str, key: str) -> None:
    assert verify.open_note(note, [NEUMANN, FOO]) == (note.partition("\n\n")[0] + "\n", [key])


@pytest.mark.parametrize(
    "note",
    [
        NEUMANN_NOTE.replace("answer", "Answer"),
        NEUMANN_NOTE.replace("x08go/ZJ", "x08go/ZK"),
        NEUMANN_NOTE.replace("PeterNeumann ", "PeterNeumann2 "),
        NEUMANN_NOTE.replace("\u2014", "-"),
        NEUMANN_NOTE.removesuffix("\n"),
        NEUMANN_NOTE.replace("\n\n", "\n"),
        NEUMANN_NOTE.replace("problem,", "problem\t"),
        NEUMANN_NOTE + "no signature\n",
        FOO_NOTE,
        "",
    ],
)
def test_a_note_that_was_changed_or_is_signed_by_nobody_known_is_refused(verify: ModuleType, note: str) -> None:
    assert note != NEUMANN_NOTE
    with pytest.raises(ValueError, match=r"."):
        verify.open_note(note, [NEUMANN])


@pytest.mark.parametrize("key", [NEUMANN.replace("c74f20a3", "c74f20a4"), NEUMANN.replace("ARpc", "ARpd"), "a+b", ""])
def test_a_verifier_key_that_is_none_is_refused(verify: ModuleType, key: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        verify.open_note(NEUMANN_NOTE, [key])


def test_a_value_is_shown_with_its_own_opening_of_32_bytes_or_not_at_all(verify: ModuleType) -> None:
    opening = bytes(range(32))
    digest = hashlib.sha256(opening + b"12345").hexdigest()
    assert verify.digest_of({"value": 12345, "opening": opening.hex()}) == digest
    assert verify.digest_of({"digest": digest, "redacted": True}) == digest
    # The same bytes, cut elsewhere: an opening that begins the number.
    for given in (
        {"value": 2345, "opening": (opening + b"1").hex()}, {"value": "another", "digest": digest}, {"digest": "00"}
    ):  # fmt: skip
        with pytest.raises(ValueError, match="32 bytes"):
            verify.digest_of(given)


def test_what_is_no_bundle_is_said_to_be_none_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "not.zip").write_bytes(b"not a ZIP")
    for place in (tmp_path / "not.zip", tmp_path / "nothing.zip", tmp_path):
        ended = subprocess.run([sys.executable, "-O", str(SCRIPT), str(place)], capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (1, "")
        assert "WRONG" in ended.stdout and ended.stdout.endswith("not good\n")
