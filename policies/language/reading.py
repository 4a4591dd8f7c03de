"""A policy file as models: what is wrong in it is reported at its place and left out."""

from __future__ import annotations

from typing import Final

from policies.language.findings import Findings
from policies.language.model import PolicyFile
from policies.language.shapes import Kind, find, load_as
from policies.language.source import Document, Map

__all__ = ["find", "load"]

_POLICY: Final = Kind(
    PolicyFile, "policy", {"policy": "unnamed", "currency": "USD", "languages": ["en"], "steps": {}}
)  # fmt: skip


def load(document: Document, findings: Findings) -> tuple[PolicyFile | None, frozenset[str]]:
    """The file as models, and the keys at its top that were replaced by a stand-in because they were wrong."""
    root = document.root
    if not isinstance(root, Map):
        findings.error(
            root, "not-a-policy", "this is no policy", expected="a mapping that begins with policy: NAME",
            remedy="write the keys of a policy",
        )  # fmt: skip
        return None, frozenset()
    return load_as(_POLICY, PolicyFile, root, findings)
