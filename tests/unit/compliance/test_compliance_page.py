"""``docs/compliance.md`` is true: its list of rules is that of the packs, its words are those of the guard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policies.compliance import pack_model
from policies.compliance.document import BEGIN, generated
from policies.compliance.kinds import KINDS
from policies.compliance.lifts import WAYS
from policies.compliance.packs import PACK_NAMES, built_in
from policies.compliance.reading import SHARED, read_pack
from policies.compliance.vocabulary import (
    ADDRESS_KINDS,
    CHANNEL_CLASSES,
    CHANNELS,
    MODES,
    OUTCOMES,
    PURPOSES,
    RELATIONS,
    STAGES,
    STATUSES,
    SURE,
)

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "compliance.md").read_text(encoding="utf-8")
WRITTEN, _, _ = PAGE.partition(BEGIN)


def test_the_second_half_is_made_from_the_packs() -> None:
    fresh = "\n".join(generated(built_in().values())) + "\n"
    assert WRITTEN + fresh == PAGE, "run: duly rules list --docs, and put it below the line that says so"


def test_every_rule_is_listed_once_under_its_pack() -> None:
    listed = re.findall(r"^#### (.+)$", PAGE, re.MULTILINE)
    wanted = {rule.rule_id for pack in built_in().values() for rule in pack.rules}
    assert sorted(listed) == sorted(wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_explained_with_its_keys(kind: str) -> None:
    row = next(line for line in WRITTEN.splitlines() if line.startswith(f"| `{kind}` |"))
    model = getattr(pack_model, "".join(word.title() for word in kind.split("_")) + "File")
    own = {field.alias or name for name, field in model.model_fields.items()} - set(pack_model.RuleFile.model_fields)
    if kind == "lift":  # explained below the table
        row = WRITTEN
    assert [key for key in sorted(own) if f"`{key}" not in row and key not in ("days", "most")] == []


@pytest.mark.parametrize("key", [f.alias or n for n, f in pack_model.RuleFile.model_fields.items()])
def test_each_key_that_every_rule_has_is_explained(key: str) -> None:
    assert f"`{key}`" in WRITTEN


@pytest.mark.parametrize("key", [f.alias or n for n, f in pack_model.CountsFile.model_fields.items()])
def test_each_key_of_what_is_counted_is_explained(key: str) -> None:
    assert f"`{key}" in WRITTEN.split("What a cap `counts`", 1)[1].split("\n\n", 1)[0]


@pytest.mark.parametrize(
    "word",
    sorted({
        *CHANNEL_CLASSES, *CHANNELS, *PURPOSES, *STAGES, *RELATIONS, *MODES, *OUTCOMES, *ADDRESS_KINDS, *STATUSES,
        *SURE, *WAYS,
    }),
)  # fmt: skip
def test_each_word_of_a_pack_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in WRITTEN


def test_the_pack_on_the_page_is_good() -> None:
    text = re.search(r"```yaml\n(pack: .*?)```", WRITTEN, re.DOTALL)
    assert text is not None
    pack, problems = read_pack("page.yaml", text[1], tuple(built_in().values()))
    assert problems == [] and pack is not None and len(pack.rules) == 3


def test_each_pack_is_in_the_table_of_regions() -> None:
    table = PAGE.split("## Regions", 1)[1].split("## Rules", 1)[0]
    assert re.findall(r"^\| \[`(.+?)`\]", table, re.MULTILINE) == list(PACK_NAMES)


def test_the_page_says_that_it_is_no_legal_advice_before_it_says_anything_of_the_law() -> None:
    assert WRITTEN.index("This is no legal advice") < WRITTEN.index("## ")


def test_what_packs_share_is_told_once() -> None:
    assert all(PAGE.count(f"#### {rule_id}\n") == 1 for rule_id in SHARED)
