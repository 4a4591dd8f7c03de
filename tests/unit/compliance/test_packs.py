"""The packs that come with the project: whole, each rule with its source, none of the facts forgotten."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import pytest

from policies.compliance.content import CLASSES
from policies.compliance.describe import as_json, parameters
from policies.compliance.kinds import Content, Lift, Notice, Recent, Retention, Rule, Scope, Stop, Window
from policies.compliance.packs import (
    HOUSE,
    PACK_NAMES,
    UnknownPack,
    built_in,
    pack,
    packs_for_region,
    packs_of,
    resolve,
)
from policies.compliance.reading import SHARED, read_pack
from policies.compliance.stops import named
from policies.compliance.vocabulary import CHANNEL_CLASSES, STATUSES, SURE

ROOT = Path(__file__).resolve().parents[3]
FACTS = ROOT.parent / "shared" / "design" / "compliance-rules.md"
PACKS = ROOT / "policies" / "compliance" / "packs"
RULES = [rule for one in built_in().values() for rule in one.rules]

LEFT_OUT = {
    "US-FREQ-04": "what rebuts a presumption; it has no figure",
    "US-CRED-01": "about reports to a bureau, not about a contact; dates.notice_ends counts its days",
    "US-TCPA-06": "vacated, and never in force",
    "CN-FREQ-04": "found once without its context; must not be enforced before it is read",
    "CN-PI-01": "about the processing of data",
    "CN-PI-02": "about the contract with an agency",
    "CN-PI-04": "about decisions made by machine",
    "CN-LIM-01": "a defence, not a bar to contact; dates.limitation_end",
    "CN-AGY-01": "about the assessment of agencies",
    "CN-HARD-01": "relief that is negotiated",
    "EU-COMPL-01": "about a procedure for complaints",
    "EU-FORB-01": "about enforcement",
    "EU-GDPR-02": "about the processing of data",
    "EU-GDPR-03": "about decisions made by machine",
    "IN-LOG-01": "about records of calls and certificates of agents",
    "IN-DP-01": "about the processing of data",
}
"""Facts that no pack has, and why."""


@pytest.mark.parametrize("name", PACK_NAMES)
def test_a_pack_is_read_without_a_problem_and_lies_in_the_file_of_its_name(name: str) -> None:
    before = PACK_NAMES[: PACK_NAMES.index(name)]
    found, problems = read_pack(name, (PACKS / f"{name}.yaml").read_bytes(), tuple(pack(one) for one in before))
    assert problems == []
    assert found == pack(name) and found.name == name


def test_no_file_lies_beside_the_packs_that_is_none_of_them() -> None:
    assert {path.name for path in PACKS.iterdir()} == {f"{name}.yaml" for name in PACK_NAMES}


def test_every_rule_says_what_it_is_where_it_is_written_and_how_sure_that_is() -> None:
    assert len(RULES) > 150
    for rule in RULES:
        assert rule.text.endswith(".") and len(rule.text) < 260, rule.rule_id
        assert len(rule.cite) > 5 and rule.status in STATUSES and rule.sure in SURE, rule.rule_id
        assert ("policy of duly" in rule.cite or "house rule" in rule.cite) <= (rule.status == "policy"), rule.rule_id


def test_what_comes_from_memory_says_so_and_is_never_told_as_read() -> None:
    said = {rule.rule_id for rule in RULES if "from memory, to be verified" in rule.cite}
    assert {"US-PLACE-02", "US-EDEL-01", "GB-HOLD-01", "EU-GDPR-01", "AU-HARD-01", "IN-DL-01"} <= said


def test_every_pack_of_a_jurisdiction_says_that_it_is_no_legal_advice() -> None:
    assert [name for name in PACK_NAMES if name != HOUSE and "Not legal advice" not in pack(name).about] == []


def test_an_id_is_of_one_pack_only_but_for_the_policies_that_packs_share_word_for_word() -> None:
    owners: dict[str, set[str]] = {}
    forms = {}
    for rule in RULES:
        owners.setdefault(rule.rule_id, set()).add(rule.pack)
        if rule.rule_id in SHARED:
            assert replace(rule, pack="") == forms.setdefault(rule.rule_id, replace(rule, pack=""))
    assert {rule_id for rule_id, packs in owners.items() if len(packs) > 1} == SHARED == set(forms)


needs_facts = pytest.mark.skipif(not FACTS.is_file(), reason="../shared is not beside this checkout")


def rows() -> dict[str, list[str]]:
    """The facts by their id: the cells of each row of the tables."""
    found = {}
    for line in FACTS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"(US|CN|GB|EU|IN|AU|KR|ID|PH|MX|BR|POL)-[A-Z0-9-]+[0-9][a-z]?", cells[0]):
            found[cells[0]] = cells
    return found


@needs_facts
def test_every_fact_that_bears_on_a_contact_is_a_rule_or_is_left_out_for_a_reason() -> None:
    facts = set(rows())
    assert len(facts) > 140
    assert facts - {rule.rule_id for rule in RULES} == set(LEFT_OUT)


@needs_facts
def test_a_rule_is_as_sure_as_its_fact_and_says_from_memory_where_that_says_so() -> None:
    facts = rows()
    degrees = {"H": "high", "M": "medium", "L": "low"}
    checked = 0
    for rule_id in {rule.rule_id for rule in RULES} & facts.keys():
        mine = [rule for rule in RULES if rule.rule_id == rule_id]
        degree = degrees.get(facts[rule_id][-1])
        if degree is not None:
            checked += 1
            assert degree in {rule.sure for rule in mine}, rule_id
        if any("[M]" in cell for cell in facts[rule_id]):
            assert any("from memory" in rule.cite for rule in mine), rule_id
    assert checked > 100


def test_what_is_left_out_is_said_in_the_pack_that_lacks_it() -> None:
    said = " ".join(pack(name).about for name in PACK_NAMES)
    assert [rule_id for rule_id in LEFT_OUT if rule_id not in said] == []


# --- what the rules name ----------------------------------------------------------------------------------------------


def test_no_rule_of_hours_reaches_a_letter() -> None:
    letters = [rule.rule_id for rule in RULES if isinstance(rule, Window) and rule.channels & {"letter", "portal"}]
    assert letters == []
    everywhere = {rule.rule_id for rule in RULES if isinstance(rule, Window) and not rule.channels}
    assert everywhere == {"HOUSE-HOURS"}


def test_hours_reach_every_channel_of_a_class_or_none() -> None:
    for rule in RULES:
        if isinstance(rule, Window) and "call" in rule.channels and rule.rule_id != "US-TCPA-05":
            assert rule.channels >= set(CHANNEL_CLASSES["voice"]), rule.rule_id


def test_an_exception_is_named_by_a_rule_of_its_pack() -> None:
    named_by = {(rule.pack, name) for rule in RULES for name in rule.unless}
    unused = {(rule.pack, rule.rule_id) for rule in RULES if isinstance(rule, Lift)} - named_by
    assert unused == set()


def test_what_begins_a_stop_does_not_end_it() -> None:
    for rule in RULES:
        if isinstance(rule, Stop):
            assert [name for name in rule.begins if named(rule.ends, name)] == [], rule.rule_id


@pytest.mark.parametrize("kind", sorted(CLASSES - {"payment_link"}))
def test_every_class_of_content_that_the_text_checker_finds_is_forbidden_somewhere(kind: str) -> None:
    forbidding = [
        rule.rule_id
        for rule in RULES
        if isinstance(rule, Content)
        and rule.forbids != ("*",)
        and named(rule.forbids, kind)
        and not named(rule.but, kind)
    ]  # fmt: skip
    assert forbidding


def test_rules_that_decide_nothing_need_no_exception() -> None:
    assert [rule.rule_id for rule in RULES if isinstance(rule, Scope | Retention | Lift) and rule.unless] == []


def test_every_rule_can_be_told_in_words_and_as_json() -> None:
    for rule in RULES:
        assert parameters(rule)
        told = json.loads(json.dumps(as_json(rule)))
        assert told["rule"] == rule.rule_id and told["parameters"].keys() == parameter_names(rule)


def parameter_names(rule: Rule) -> set[str]:
    return {field.name for field in fields(rule)} - {field.name for field in fields(Rule)}


def test_notes_are_named_in_small_letters() -> None:
    names = {
        name
        for rule in RULES
        for name in (
            (*rule.begins, *rule.ends) if isinstance(rule, Stop)
            else (*rule.notice, *rule.bounced) if isinstance(rule, Notice)
            else rule.notes if isinstance(rule, Recent) else ()
        )
    }  # fmt: skip
    assert len(names) > 80
    assert [name for name in names if re.fullmatch(r"[a-z_]+\*?", name) is None] == []


@pytest.mark.parametrize(
    ("rule_id", "first", "last"),
    [
        ("US-TCPA-04", "2027-01-31", None), ("US-NYC-01", "2026-09-01", None), ("US-NYC-02", "2026-09-01", None),
        ("CN-TIME-01", "2025-02-28", None), ("CN-FREQ-03", "2026-01-30", None), ("KR-FREQ-01", "2024-10-17", None),
        ("US-FREQ-01", "2021-11-30", None), ("US-TCPA-02", "2025-04-11", None), ("US-TCPA-03", "2024-04-04", None),
        ("IN-TIME-02", "2026-07-01", None), ("MX-TIME-01", "2014-10-07", None),
    ],
)  # fmt: skip
def test_a_rule_is_in_force_from_the_day_that_the_facts_say(rule_id: str, first: str, last: str | None) -> None:
    found = {(rule.since, rule.until) for rule in RULES if rule.rule_id == rule_id}
    assert found == {(date.fromisoformat(first).toordinal(), last)}


# --- names and regions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "packs"),
    [
        ("us-reg-f", ("us-reg-f",)),
        ("us_federal", ("us-reg-f", "us-tcpa")),
        ("us_nyc", ("us-reg-f", "us-tcpa", "us-nyc")),
        ("us-ma", ("us-reg-f", "us-tcpa", "us-ma")),
        ("cn", ("cn-gbt-45251",)),
        ("gb", ("gb-conc",)),
        ("in", ("in-rbi",)),
        ("br_sp", ("br-sp",)),
        ("kr", ("kr",)),
    ],
)
def test_a_pack_is_found_by_its_name_or_an_alias_with_what_it_lies_over(name: str, packs: tuple[str, ...]) -> None:
    assert resolve(name) == packs


def test_an_unknown_pack_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownPack, match="there is no rule pack 'us_fedral'; did you mean 'us_federal'"):
        resolve("us_fedral")
    with pytest.raises(UnknownPack, match="did you mean 'us-reg-f'"):
        pack("us-reg")


@pytest.mark.parametrize(
    ("region", "packs"),
    [
        ("US", ("us-reg-f", "us-tcpa")),
        ("US-CA", ("us-reg-f", "us-tcpa")),
        ("US-MA", ("us-reg-f", "us-tcpa", "us-ma")),
        ("US-NY", ("us-reg-f", "us-tcpa", "us-nyc")),
        ("DE", ("eu",)),
        ("DE-BY", ("eu",)),
        ("GB", ("gb-conc",)),
        ("BR-SP", ("br-sp",)),
        ("BR-AL", ("br-sp",)),
        ("BR-RJ", ("br-rj",)),
        ("BR-MG", ()),
        ("ID", ("id",)),
        ("NG", ()),
        ("", ()),
    ],
)
def test_a_region_has_its_packs(region: str, packs: tuple[str, ...]) -> None:
    assert packs_for_region(region) == packs


def test_the_union_has_its_twenty_seven_states() -> None:
    assert len(pack("eu").regions) == 27


def test_the_packs_of_the_region_stand_beside_those_that_a_policy_names_and_the_house_rules() -> None:
    book = packs_of(("gb",), "US-MA")
    assert [one.name for one in book.packs] == ["gb-conc", "us-reg-f", "us-tcpa", "us-ma", "house"]
    assert [one.name for one in packs_of((), "NG").packs] == ["house"]


def test_the_house_rules_can_be_switched_off_and_the_regions_packs_cannot() -> None:
    assert [one.name for one in packs_of(("house", "us-reg-f"), "CN", house=False).packs] == [
        "us-reg-f",
        "cn-gbt-45251",
    ]
