"""Proofs that others found good or bad are found so here: the test vectors of inclusion and consistency."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from scheduler.ledger.tree import holds_consistency, holds_inclusion

VECTORS = Path(__file__).resolve().parents[3].parent / "shared" / "specs" / "merkle"

needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="the test vectors beside the checkout are absent")


def vectors(kind: str) -> list[Any]:
    files = sorted((VECTORS / kind).rglob("*.json"))
    return [pytest.param(file, id=file.relative_to(VECTORS).with_suffix("").as_posix()) for file in files]


def hash_in(vector: dict[str, Any], key: str) -> bytes:
    return b64decode(vector[key] or "")


def proof_in(vector: dict[str, Any]) -> list[bytes]:
    return [b64decode(one or "") for one in vector["proof"] or []]


@needs_vectors
@pytest.mark.parametrize("file", vectors("inclusion"))
def test_an_inclusion_proof_holds_exactly_where_it_should(file: Path) -> None:
    vector = json.loads(file.read_text(encoding="utf-8"))
    found = holds_inclusion(
        hash_in(vector, "leafHash"), vector["leafIdx"], vector["treeSize"], proof_in(vector), hash_in(vector, "root")
    )
    assert found is not vector["wantErr"], vector["desc"]


@needs_vectors
@pytest.mark.parametrize("file", vectors("consistency"))
def test_a_consistency_proof_holds_exactly_where_it_should(file: Path) -> None:
    vector = json.loads(file.read_text(encoding="utf-8"))
    found = holds_consistency(
        vector["size1"], vector["size2"], proof_in(vector), hash_in(vector, "root1"), hash_in(vector, "root2")
    )
    assert found is not vector["wantErr"], vector["desc"]


@needs_vectors
@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_there_are_good_and_bad_proofs_among_the_vectors(kind: str) -> None:
    found = {json.loads(one.values[0].read_text(encoding="utf-8"))["wantErr"] for one in vectors(kind)}
    assert found == {True, False}
