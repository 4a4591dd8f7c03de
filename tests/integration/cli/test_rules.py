"""``duly rules list``, ``show`` and ``check``: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policies.compliance.packs import PACK_NAMES, built_in, packs_of, use_own

FIRST = (Path(__file__).resolve().parents[3] / "docs" / "examples" / "first.yaml").read_text(encoding="utf-8")

GOOD = """\
pack: ours
title: Ours
rules:
  OUR-1:
    text: Nobody is called on a Sunday.
    kind: window
    hours: {mon-sat: "08:00-20:00"}
    channels: voice
    status: policy
    sure: high
    cite: a letter
"""
BAD = GOOD.replace("channels: voice", "channels: fax").replace("    cite: a letter\n", "")


def test_the_list_has_every_pack_with_its_regions(duly):
    listed = duly("rules", "list")
    assert listed.code == 0
    assert [line.split()[0] for line in listed.lines] == ["pack", *PACK_NAMES]
    assert next(line for line in listed.lines if line.startswith("br-sp")).endswith("BR-SP, BR-AL")


def test_the_list_as_json_has_the_same_packs(duly):
    lines = [json.loads(line) for line in duly("rules", "list", "--json").lines]
    assert [line["pack"] for line in lines] == list(PACK_NAMES)
    assert list(lines[0]) == ["pack", "title", "regions", "over", "aliases", "zones", "rules", "about"]


def test_a_pack_is_shown_with_every_rule_and_its_source(duly):
    shown = duly("rules", "show", "us-reg-f")
    assert shown.code == 0
    for rule in built_in()["us-reg-f"].rules:
        assert any(line.startswith(f"{rule.rule_id}  ") for line in shown.lines), rule.rule_id
        assert any(line.strip().startswith("cite") and line.endswith(rule.cite) for line in shown.lines), rule.rule_id


def test_an_alias_shows_all_that_it_means(duly):
    lines = [json.loads(line) for line in duly("rules", "show", "us_ma", "--json").lines]
    assert list(dict.fromkeys(line["pack"] for line in lines)) == ["us-reg-f", "us-tcpa", "us-ma"]


def test_a_rule_as_json_says_what_it_asks(duly):
    lines = [json.loads(line) for line in duly("rules", "show", "ph", "--json").lines]
    hours = next(line for line in lines if line["rule"] == "PH-TIME-01")
    assert hours["kind"] == "window" and set(hours["parameters"]["hours"].values()) == {"06:00-22:00"}
    assert hours["unless"] == ["PH-TIME-02", "PH-TIME-02a"] and hours["status"] == "law" and hours["sure"] == "medium"


def test_an_unknown_pack_is_told_with_the_nearest(duly):
    ended = duly("rules", "show", "us_fedral")
    assert ended.code == 1 and "did you mean 'us_federal'" in ended.err and ended.lines == []


def test_a_good_pack_is_called_good(duly, tmp_path):
    file = tmp_path / "ours.yaml"
    file.write_text(GOOD)
    ended = duly("rules", "check", file)
    assert ended.code == 0 and ended.lines == [f"{file}: good: ours, 1 rule"]


def test_every_mistake_of_a_pack_is_shown_at_its_place(duly, tmp_path):
    file = tmp_path / "ours.yaml"
    file.write_text(BAD)
    ended = duly("rules", "check", file, "--json")
    problems = [json.loads(line) for line in ended.lines]
    assert ended.code == 1
    assert [(p["line"], p["column"], p["code"]) for p in problems] == [
        (4, 3, "missing-key"),
        (8, 15, "unknown-channel"),
    ]
    assert all(p["expected"] and p["remedy"] for p in problems)
    told = duly("rules", "check", file)
    assert told.code == 1 and "2 errors" in told.err
    assert f"{file}:8:15: error[unknown-channel]: there is no channel 'fax'" in told.lines


def test_a_file_that_is_not_there_is_told(duly, tmp_path):
    ended = duly("rules", "check", tmp_path / "none.yaml")
    assert ended.code == 1 and "cannot be read" in "\n".join(ended.lines)


@pytest.mark.parametrize("command", [("rules",), ("rules", "show"), ("rules", "check")])
def test_a_command_without_its_argument_is_a_matter_of_usage(duly, command):
    assert duly(*command).code == 2


def test_exceptions_parts_of_rules_and_ends_of_stops_are_judged_as_the_packs_mean_them(duly):
    ended = duly("rules", "judge", Path(__file__).resolve().parents[2] / "cases" / "packs.yaml", "--json")
    lines = [json.loads(line) for line in ended.lines]
    assert [line for line in lines if not line["agrees"]] == []
    assert ended.code == 0 and len(lines) > 40


CASE = """\
cases:
- id: sunday
  pack: ours
  location_evidence: [{evidence: residence_address, tz: Europe/London}]
  proposed: {at: '2026-10-18T11:00:00+01:00', channel: call, purpose: reminder}
  expected: {decision: defer_until, until: '2026-10-19T08:00:00+01:00', rule: OUR-1}
"""


@pytest.fixture
def ours(tmp_path, monkeypatch):
    """A pack of the lender's own in DULY_PACKS; taken off the shelf afterwards."""
    file = tmp_path / "ours.yaml"
    file.write_text(GOOD)
    monkeypatch.setenv("DULY_PACKS", str(file))
    yield file
    use_own([])


def test_a_pack_of_the_lenders_own_stands_beside_the_others(duly, ours, tmp_path):
    assert duly("rules", "list").lines[-1].split()[0] == "ours"
    assert duly("rules", "show", "ours").code == 0
    cases = tmp_path / "cases.yaml"
    cases.write_text(CASE)
    ended = duly("rules", "judge", cases, "--json")
    assert ended.code == 0 and json.loads(ended.lines[0])["binding"] == ["OUR-1"]


def test_a_policy_may_name_a_pack_of_the_lenders_own_and_only_that_makes_it_bind(duly, ours, tmp_path, monkeypatch):
    policy = tmp_path / "policy.yaml"
    policy.write_text(FIRST.replace("languages: [en]", "languages: [en]\nrules: [ours]"))
    assert duly("policy", "check", policy).code == 0
    assert [one.name for one in packs_of(("ours",), "NG").packs] == ["ours", "house"]
    assert [one.name for one in packs_of((), "NG").packs] == ["house"]
    use_own([])
    monkeypatch.delenv("DULY_PACKS")
    ended = duly("policy", "check", policy)
    assert ended.code == 1 and any("error[unknown-pack]" in line for line in ended.lines)


def test_a_pack_of_the_lenders_own_that_is_wrong_ends_every_command(duly, ours):
    ours.write_text(BAD)
    ended = duly("rules", "list")
    assert ended.code == 1 and ended.lines == []
    assert "has no 'cite'" in ended.err and "there is no channel 'fax'" in ended.err


def test_a_pack_that_is_not_there_is_named_with_its_variable(duly, monkeypatch, tmp_path):
    monkeypatch.setenv("DULY_PACKS", str(tmp_path / "none.yaml"))
    ended = duly("rules", "list")
    assert ended.code == 1 and "DULY_PACKS names" in ended.err
