"""The JSON Schema for editors takes what ``duly policy check`` takes, and points at what is plainly wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from policies import library
from policies.language.schema import json_schema

ROOT = Path(__file__).resolve().parents[3]
CONTRACTS = {f"{name}.yaml": library.read(f"{name}.yaml") for name in library.names()}
FILES = {**CONTRACTS, "first.yaml": (ROOT / "docs" / "examples" / "first.yaml").read_bytes()}


def faults(policy: Any) -> list[str]:
    return [error.json_path for error in Draft202012Validator(json_schema()).iter_errors(policy)]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.BaseLoader], ids=["typed", "text"])
def test_the_contracts_that_we_ship_are_right_by_it(name: str, loader: Any) -> None:
    assert faults(yaml.load(FILES[name], loader)) == []  # noqa: S506 - both loaders make plain values


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"curency": "EUR"}, "$"),
        ({"steps": {"a": {"at": "due plus 1"}}}, "$.steps.a.at"),
        ({"currency": "euro"}, "$.currency"),
    ],
)
def test_what_is_plainly_wrong_is_found(change: dict[str, Any], path: str) -> None:
    right = yaml.safe_load(FILES["first.yaml"])
    assert path in faults({**right, **change})
