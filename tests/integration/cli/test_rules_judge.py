"""``duly rules judge`` on the cases of the specification and on our own: every answer is the expected one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CASES = Path(__file__).resolve().parents[3]
SHARED = CASES.parent / "shared" / "cases" / "compliance.yaml"
OWN = CASES / "tests" / "cases" / "rules.yaml"
KEYS = ["id", "decision", "until", "binding", "evaluated", "agrees"]

ONE = """\
cases:
- id: early
  jurisdiction: CN
  pack: cn
  location_evidence: [{evidence: household_register, tz: Asia/Shanghai}]
  proposed: {at: '2026-10-14T07:59:00+08:00', channel: sms, purpose: reminder}
  expected: {decision: defer_until, until: '2026-10-14T08:00:00+08:00', rule: CN-TIME-01}
"""


@pytest.mark.parametrize(("file", "least"), [(SHARED, 124), (OWN, 90)], ids=["shared", "own"])
def test_every_case_agrees(duly, file, least):
    if file is SHARED and not file.is_file():
        pytest.skip("../shared/cases/compliance.yaml is not beside this checkout")
    ended = duly("rules", "judge", file, "--json")
    lines = [json.loads(line) for line in ended.lines]
    assert [(line["id"], line.get("error")) for line in lines if not line["agrees"]] == []
    assert len(lines) >= least
    assert ended.code == 0
    assert f"{len(lines)} of {len(lines)} cases agree" in ended.err


def test_our_own_cases_lie_in_every_pack(duly):
    lines = [json.loads(line) for line in duly("rules", "judge", OWN, "--json").lines]
    rules = {rule for line in lines for rule in line["binding"]}
    families = {"US", "MA", "NYC", "CN", "GB", "EU", "IN", "AU", "KR", "ID", "PH", "MX", "BR", "HOUSE"}
    assert families <= {part for rule in rules for part in rule.split("-")}
    assert {"send", "defer_until", "suppress"} <= {line["decision"] for line in lines}


def test_a_line_of_json_has_these_keys(duly, tmp_path):
    file = tmp_path / "one.yaml"
    file.write_text(ONE, encoding="utf-8")
    ended = duly("rules", "judge", file, "--json")
    line = json.loads(ended.out)
    assert list(line) == KEYS
    assert (line["id"], line["decision"], line["until"]) == ("early", "defer_until", "2026-10-14T08:00:00+08:00")
    assert line["binding"] == ["CN-TIME-01"]
    assert "CN-FREQ-01" in line["evaluated"]
    assert ended.code == 0


def test_a_person_reads_the_same_in_columns(duly, tmp_path):
    file = tmp_path / "one.yaml"
    file.write_text(ONE, encoding="utf-8")
    ended = duly("rules", "judge", file)
    assert ended.lines[0].split("  ")[0] == "case"
    for word in ("early", "defer_until", "2026-10-14T08:00:00+08:00", "CN-TIME-01", "yes"):
        assert word in ended.lines[1]


def test_a_case_that_differs_is_told_with_what_it_expected(duly, tmp_path):
    file = tmp_path / "one.yaml"
    file.write_text(ONE.replace("T08:00:00+08:00', rule", "T09:00:00+08:00', rule"), encoding="utf-8")
    ended = duly("rules", "judge", file)
    assert ended.code == 1
    assert "no: expected defer_until 2026-10-14T09:00:00+08:00 by CN-TIME-01" in ended.lines[1]
    assert "0 of 1 cases agree" in ended.err


def test_a_case_that_is_not_understood_is_an_error_of_that_case_alone(duly, tmp_path):
    file = tmp_path / "two.yaml"
    file.write_text(
        ONE + ONE.removeprefix("cases:\n").replace("early", "other").replace("sms", "smz"), encoding="utf-8"
    )
    ended = duly("rules", "judge", file, "--json")
    first, second = (json.loads(line) for line in ended.lines)
    assert first["agrees"]
    assert (second["agrees"], second["decision"]) == (False, None)
    assert list(second) == [*KEYS, "error"]
    assert "did you mean 'sms'" in second["error"]
    assert ended.code == 1
    assert "1 could not be judged" in ended.err


def test_a_pack_that_there_is_not_is_named(duly, tmp_path):
    file = tmp_path / "one.yaml"
    file.write_text(ONE.replace("pack: cn", "pack: atlantis"), encoding="utf-8")
    ended = duly("rules", "judge", file, "--json")
    assert "there is no rule pack 'atlantis'" in json.loads(ended.out)["error"]
    assert ended.code == 1


@pytest.mark.parametrize("text", ["", "cases: []\n", "cases: &a []\n", "cases: [\n"])
def test_a_file_that_is_no_case_file_is_refused_as_a_whole(duly, tmp_path, text):
    file = tmp_path / "none.yaml"
    file.write_text(text, encoding="utf-8")
    ended = duly("rules", "judge", file)
    assert ended.code == 1
    assert ended.out == ""
    assert "nothing was judged" in ended.err


def test_a_file_that_is_not_there_is_named(duly, tmp_path):
    ended = duly("rules", "judge", tmp_path / "missing.yaml")
    assert ended.code == 1
    assert "missing.yaml" in ended.err
