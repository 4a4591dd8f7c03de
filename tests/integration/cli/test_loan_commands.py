"""``duly loan``: how a loan stands, what was and would be, and why, now and as of an instant."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from tests.integration.cli.conftest import FROM, UNTIL

SPAN = ("--from", FROM, "--until", UNTIL)


@pytest.fixture
def ran(stored, policy, book):
    """A database after a run, and the story that was told."""
    for arguments in (("policy", "publish", policy), ("import", book), ("run", *SPAN)):
        assert stored(*arguments).code == 0
    return stored


@pytest.fixture
def story(ran):
    """The lines of the run."""
    return [json.loads(line) for line in ran("run", "--json", *SPAN).lines]


@pytest.fixture
def chased(ran, story) -> str:
    """A loan that is overdue at the end of the run, with steps to come."""
    ids = sorted({line["loan_id"] for line in story if line["episode"] is not None})
    for loan_id in ids:
        planned = [json.loads(line) for line in ran("loan", "timeline", loan_id, "--json").lines]
        if any(one["planned"] and one["outcome"] == "sent" and one["episode"] is not None for one in planned):
            return loan_id
    raise AssertionError("the book has no loan whose ladder goes on")


def bare(line):
    return {**line, "to": None, "subject": None, "body": None}


def test_the_past_of_a_timeline_is_what_the_run_told(ran, story, chased):
    timeline = [json.loads(line) for line in ran("loan", "timeline", chased, "--json").lines]
    past = [one for one in timeline if not one["planned"]]
    assert [{k: v for k, v in one.items() if k != "planned"} for one in past] == [
        bare(line) for line in story if line["loan_id"] == chased
    ]


def test_what_is_planned_is_what_a_run_further_on_does_where_nothing_new_happens(ran, chased, book, tmp_path, policy):
    """Known facts only: the same book without what becomes known after the end of the run."""
    end = datetime.fromisoformat(f"{UNTIL}T00:00:00+00:00")
    for name in ("borrowers.csv", "loans.csv", "instalments.csv"):
        (tmp_path / name).write_bytes((book / name).read_bytes())
    head, *rows = (book / "events.csv").read_text(encoding="utf-8").splitlines()
    at, known = head.split(",").index("at"), head.split(",").index("known_at")
    kept = [r for r in rows if datetime.fromisoformat(r.split(",")[known] or r.split(",")[at]) <= end]
    assert 0 < len(kept) < len(rows)
    (tmp_path / "events.csv").write_text("\n".join([head, *kept, ""]), encoding="utf-8")
    simulated = [json.loads(line) for line in ran("simulate", "--json", policy, tmp_path, "--from", FROM).lines]
    expected = [
        bare(line) for line in simulated if line["loan_id"] == chased and datetime.fromisoformat(line["at"]) >= end
    ]
    timeline = [json.loads(line) for line in ran("loan", "timeline", chased, "--json").lines]
    planned = [{k: v for k, v in one.items() if k != "planned"} for one in timeline if one["planned"]]
    assert planned == expected != []


def test_a_timeline_marks_where_the_plan_begins(ran, chased):
    ended = ran("loan", "timeline", chased)
    marks = [line for line in ended.lines if line.startswith("----")]
    assert len(marks) == 1 and "planned from here on" in marks[0]
    assert ended.lines[-1] != marks[0]


def test_a_timeline_as_of_an_instant_tells_nothing_later_as_done(ran, story, chased):
    lines = [line for line in story if line["loan_id"] == chased]
    at = lines[len(lines) // 2]["at"]
    timeline = [json.loads(line) for line in ran("loan", "timeline", chased, "--json", "--at", at).lines]
    past = [one for one in timeline if not one["planned"]]
    planned = [one for one in timeline if one["planned"]]
    instant = datetime.fromisoformat(at)
    assert past and all(datetime.fromisoformat(one["at"]) <= instant for one in past)
    assert planned and all(datetime.fromisoformat(one["at"]) > instant for one in planned)


def test_a_loan_is_shown_with_what_is_owed_and_what_stops_it(ran, chased):
    values = json.loads(ran("loan", "show", chased, "--json").out)
    assert list(values) == [
        "loan_id", "borrower_id", "product", "currency", "at", "disbursed_at", "policy", "set_aside", "overdue",
        "balance", "paid", "days_past_due", "instalments_overdue", "chased", "episode", "handed_off", "closed", "holds",
        "offers", "next", "instalments",
    ]  # fmt: skip
    past_due = [one for one in values["instalments"] if one["state"] == "past due"]
    assert values["days_past_due"] > 0 and len(past_due) == values["instalments_overdue"]
    assert [one["number"] for one in values["instalments"] if one["chased"]] == [values["chased"]]
    text = ran("loan", "show", chased)
    assert f"{values['overdue']} {values['currency']}" in text.out and "past due, chased" in text.out


def test_before_it_is_disbursed_a_loan_owes_nothing_yet(ran, chased):
    values = json.loads(ran("loan", "show", chased, "--json", "--at", "2020-01-01").out)
    assert values["balance"] is None and values["chased"] is None
    assert "disbursed at" in ran("loan", "show", chased, "--at", "2020-01-01").out


def test_why_explains_each_step_of_the_policy_by_rules_in_words(ran, chased, policy):
    canonical = json.loads(ran("policy", "show", "--json", policy).out)["canonical"]
    answers = [json.loads(line) for line in ran("loan", "why", chased, "--json").lines]
    assert {one["step"] for one in answers} == {step["step"] for step in canonical["steps"]}
    assert all(one["because"] and all(b["rule"] and b["words"] for b in one["because"]) for one in answers)
    assert any(one["planned"] and one["at"] for one in answers)


def test_why_says_of_a_step_to_come_when_it_would(ran, chased):
    timeline = [json.loads(line) for line in ran("loan", "timeline", chased, "--json").lines]
    planned = next(one for one in timeline if one["planned"] and one["outcome"] == "sent")
    ended = ran("loan", "why", chased, planned["step"])
    assert f"not yet: would be sent by {planned['channel']}" in ended.out
    answers = [json.loads(line) for line in ran("loan", "why", chased, planned["step"], "--json").lines]
    assert planned["at"] in [one["at"] for one in answers if one["planned"]]


def test_as_of_an_instant_to_come_the_plan_was_carried_out(ran, chased):
    planned = [json.loads(line) for line in ran("loan", "timeline", chased, "--json").lines]
    last = [one for one in planned if one["planned"]][-1]
    assert last["outcome"] == "hand_off"
    values = json.loads(ran("loan", "show", chased, "--json", "--at", "2027-01-01").out)
    assert values["handed_off"] == last["at"]


def test_why_says_what_ended_a_ladder(ran, chased):
    answers = ran("loan", "why", chased, "first-reminder", "--json", "--at", "2027-01-01").lines
    last = json.loads(answers[-1])
    assert (last["at"], last["outcome"], last["because"][0]["rule"]) == (None, None, "L8")
    assert "handed off" in last["because"][0]["words"]


def test_a_step_and_a_loan_that_are_not_there_are_named(ran, chased):
    step = ran("loan", "why", chased, "no-such-step")
    assert step.code == 1 and "no-such-step" in step.err and "early-warning" in step.err
    loan = ran("loan", "show", "no-such-loan")
    assert loan.code == 1 and "no-such-loan" in loan.err


def test_a_step_that_is_shown_as_done_at_an_instant_of_the_past_was_done_then(ran, story):
    """Also where the service began after the loan was overdue, or after a cure that it told of when it began."""
    told = {(line["loan_id"], line["step"], line["at"]) for line in story}
    cured_before = {
        line["loan_id"]
        for shown in sorted({line["loan_id"] for line in story})
        for line in map(json.loads, ran("loan", "timeline", shown, "--json").lines)
        if line["outcome"] == "cured" and datetime.fromisoformat(line["at"]) < datetime.fromisoformat(f"{FROM}T00:00Z")
    }
    assert cured_before
    settled = 0
    for loan_id in sorted(cured_before):
        episode = json.loads(ran("loan", "show", loan_id, "--json", "--at", "2026-02-20").out)["episode"]
        for step, one in (episode or {"settled": {}})["settled"].items():
            settled += 1
            assert (loan_id, step, one["at"]) in told
    assert settled


def test_what_the_service_missed_is_not_shown_as_done(stored, policy, book):
    """In the past of a run with outages each step stands as it was done, and what was planned then came of it."""
    outages = ("--outage", "2026-01-20/2026-02-03", "--outage", "2026-02-10T12:00:00Z/2026-02-14")
    for arguments in (("policy", "publish", policy), ("import", book)):
        assert stored(*arguments).code == 0
    lines = [json.loads(line) for line in stored("run", *SPAN, *outages, "--json").lines]
    told = {(line["loan_id"], line["step"], line["at"]) for line in lines}
    settled = 0
    for loan_id in sorted({line["loan_id"] for line in lines}):
        for at in ("2026-01-31", "2026-02-08", "2026-02-20"):
            episode = json.loads(stored("loan", "show", loan_id, "--json", "--at", at).out)["episode"]
            for step, one in (episode or {"settled": {}})["settled"].items():
                settled += 1
                assert (loan_id, step, one["at"]) in told
    assert settled > 10
