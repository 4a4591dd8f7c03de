"""Publish, import, run, list and look after a book: from files to messages by the command line alone."""

from __future__ import annotations

import json
import shutil

import pytest

from scheduler.cli.words import RULES
from scheduler.store.database import connect
from tests.integration.cli.conftest import FROM, UNTIL

SPAN = ("--from", FROM, "--until", UNTIL)


@pytest.fixture
def loaded(stored, policy, book):
    """A database with the policy and the book."""
    assert stored("policy", "publish", policy).code == 0
    assert stored("import", book).code == 0
    return stored


@pytest.fixture
def ran(loaded):
    """The same, after a run under the test clock."""
    ended = loaded("run", *SPAN, "--json")
    assert ended.code == 0, ended.err
    return loaded


def test_run_prints_the_lines_of_simulate(loaded, policy, book):
    simulated = loaded("simulate", "--json", policy, book, *SPAN)
    assert len(simulated.lines) > 50
    assert loaded("run", "--json", *SPAN).out == simulated.out


def test_run_prints_the_table_of_simulate(ran, policy, book):
    assert ran("run", *SPAN).out == ran("simulate", policy, book, *SPAN).out


def test_a_run_with_outages_prints_the_lines_of_simulate(loaded, policy, book):
    outages = ("--outage", "2026-02-01/2026-02-10", "--outage", "2026-03-01T12:00:00Z/2026-03-04")
    simulated = loaded("simulate", "--json", policy, book, *SPAN, *outages)
    assert loaded("run", "--json", *SPAN, *outages).out == simulated.out


def test_a_first_run_has_nothing_to_note(loaded):
    assert loaded("run", *SPAN).err == ""


@pytest.mark.parametrize(("until", "said"), [(UNTIL, "nothing is left to do"), ("2026-05-01", "it goes on from there")])
def test_a_run_that_begins_before_the_clock_of_the_database_says_so(ran, until, said):
    ended = ran("run", "--from", FROM, "--until", until)
    assert ended.code == 0
    assert f"stands at {UNTIL}T00:00:00+00:00 already" in ended.err and said in ended.err


def test_the_daemon_on_a_fast_clock_comes_to_the_end_of_the_span(loaded):
    ended = loaded("run", "--json", "--from", FROM, "--until", "2026-01-20", "--speed", 300_000)
    assert ended.code == 0, ended.err
    assert any(json.loads(line)["outcome"] == "sent" for line in ended.lines)


def test_a_policy_is_published_once(stored, policy):
    first, again = (json.loads(stored("policy", "publish", "--json", policy).out) for _ in range(2))
    assert list(first) == ["file", "policy", "digest", "from", "published"]
    assert (first["from"], first["published"], again["published"]) == (None, True, False)


def test_a_second_version_is_current_from_the_instant_given(stored, policy, newer):
    stored("policy", "publish", policy)
    ended = stored("policy", "publish", "--json", newer, "--from", "2026-06-01")
    assert json.loads(ended.out)["from"] == "2026-06-01T00:00:00+00:00"


@pytest.fixture
def newer(policy, tmp_path):
    """A second version of the policy."""
    path = tmp_path / "newer.yaml"
    path.write_text(policy.read_text(encoding="utf-8").replace("overdue_from: 1.00", "overdue_from: 2.00"), "utf-8")
    return path


def test_the_list_of_policies_has_each_version_and_when_it_is_current(stored, policy, newer):
    nothing = stored("policy", "list")
    assert (nothing.code, nothing.out) == (0, "") and "duly policy publish" in nothing.err
    stored("policy", "publish", policy)
    stored("policy", "publish", newer, "--from", "2026-06-01")
    begins = "2026-06-01T00:00:00+00:00"
    listed = [json.loads(line) for line in stored("policy", "list", "--json").lines]
    assert [list(one) for one in listed] == 2 * [["policy", "from", "until", "digest", "file"]]
    assert [(one["policy"], one["from"], one["until"]) for one in listed] == [
        ("us-personal-loan", None, begins), ("us-personal-loan", begins, None),
    ]  # fmt: skip
    assert [one["file"] for one in listed] == [str(policy), str(newer)]
    shown = stored("policy", "list").lines
    assert [line.split("  ")[1].strip() for line in shown[1:]] == ["the beginning", begins]


def test_a_published_version_does_not_move_and_that_is_said(stored, policy, newer):
    assert stored("policy", "publish", policy).err == stored("policy", "publish", policy).err == ""
    assert "--from changed nothing" in stored("policy", "publish", policy, "--from", "2026-06-01").err
    stored("policy", "publish", newer, "--from", "2026-06-01")
    assert stored("policy", "publish", newer, "--from", "2026-06-01").err == ""
    assert "--from changed nothing" in stored("policy", "publish", newer, "--from", "2026-07-01").err


def test_an_old_version_is_not_called_current_after_a_newer_one(stored, policy, newer):
    stored("policy", "publish", policy)
    stored("policy", "publish", newer, "--from", "2026-06-01")
    ended = stored("policy", "publish", policy)
    assert "from the beginning until 2026-06-01T00:00:00+00:00" in ended.out
    assert "a newer version of us-personal-loan is published" in ended.err


def test_all_files_are_published_or_none(stored, policy, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("policy: wrong\n", encoding="utf-8")
    ended = stored("policy", "publish", policy, wrong)
    assert (ended.code, ended.out) == (1, "")
    assert f"{wrong}:" in ended.err and "nothing was published" in ended.err
    assert json.loads(stored("status", "--json").out)["policies"] == 0


def test_an_import_tells_what_was_new_and_the_second_time_that_nothing_was(stored, policy, book):
    stored("policy", "publish", policy)
    first, again = (json.loads(stored("import", "--json", book).out) for _ in range(2))
    assert list(first) == ["borrowers", "loans", "instalments", "events"]
    assert first["borrowers"] == {"new": 12, "changed": 0, "unchanged": 0}
    assert again["borrowers"] == {"new": 0, "changed": 0, "unchanged": 12}


def test_each_bad_row_is_told_and_nothing_is_imported(stored, policy, book, tmp_path):
    folder = tmp_path / "book"
    shutil.copytree(book, folder)
    with (folder / "borrowers.csv").open("a", encoding="utf-8") as file:
        file.write("b-1,A,B,en,Mars/Base,US,,,\nb-2,A,B,en,America/New_York,US,12,,\n")
    stored("policy", "publish", policy)
    ended = stored("import", folder)
    assert (ended.code, ended.out) == (1, "")
    assert "borrowers.csv:14: zone: " in ended.err and "borrowers.csv:15: phone: " in ended.err
    problems = [json.loads(line) for line in stored("import", "--json", folder).lines]
    assert [(p["line"], p["severity"]) for p in problems] == [(14, "error"), (15, "error")]
    assert json.loads(stored("status", "--json").out)["borrowers"] == 0


def test_messages_hold_no_personal_data_unless_asked(ran):
    bare = [json.loads(line) for line in ran("messages", "--json").lines]
    full = [json.loads(line) for line in ran("messages", "--json", "--text").lines]
    assert len(bare) == len(full) > 20
    assert all(one["to"] is None and one["subject"] is None and one["body"] is None for one in bare)
    assert all(one["to"] and one["body"] for one in full)
    assert [{**one, "to": None, "subject": None, "body": None} for one in full] == bare


def test_messages_are_the_sent_lines_of_the_run(ran):
    told = [line for line in ran("run", "--json", *SPAN).lines if json.loads(line)["outcome"] == "sent"]
    assert ran("messages", "--json", "--text").lines == told


def test_messages_of_one_loan_one_status_and_the_newest(ran):
    every = [json.loads(line) for line in ran("messages", "--json").lines]
    loan = every[0]["loan_id"]
    of_loan = [json.loads(line) for line in ran("messages", "--json", "--loan", loan).lines]
    assert of_loan == [one for one in every if one["loan_id"] == loan]
    assert ran("messages", "--json", "--status", "failed").lines == []
    newest = [json.loads(line)["at"] for line in ran("messages", "--json", "--limit", 3).lines]
    assert len(newest) == 3 and newest[-1] == every[-1]["at"]


def test_status_says_in_ten_lines_that_all_is_well(ran):
    ended = ran("status")
    assert ended.code == 0
    assert len(ended.lines) == 10 and ended.lines[0].split() == ["well", "yes"]
    values = json.loads(ran("status", "--json").out)
    assert list(values) == [
        "well", "complaints", "database", "server", "schema", "now", "test_clock", "policies", "versions", "borrowers",
        "loans", "due", "due_since", "messages", "set_aside", "last_decision", "held", "halted",
        "paused", "ledgers", "adapters",
    ]  # fmt: skip
    assert values["well"] and values["borrowers"] == 12 and values["test_clock"]


def test_status_names_the_adapter_of_each_channel(stored, monkeypatch):
    monkeypatch.setenv("DULY_EMAIL_ADAPTER", "smtp")
    assert ["adapters", "sms by sandbox, email by smtp, letter by sandbox"] in [
        line.split(maxsplit=1) for line in stored("status").lines
    ]
    assert json.loads(stored("status", "--json").out)["adapters"] == {
        "sms": "sandbox", "email": "smtp", "letter": "sandbox",
    }  # fmt: skip


def test_status_is_not_well_where_borrowers_are_due_and_nobody_decides(loaded):
    ended = loaded("status")
    assert ended.code == 3
    assert ended.lines[0].startswith("well") and "nobody decides" in ended.lines[0]


def test_status_is_not_well_where_the_tables_are_not_there(duly, monkeypatch, empty_database_url):
    monkeypatch.setenv("DULY_DATABASE_URL", empty_database_url)
    ended = duly("status")
    assert ended.code == 3
    assert "duly db migrate" in ended.out
    assert duly("db", "migrate").code == 0
    assert duly("status").code == 0


def test_a_database_that_a_test_clock_moved_is_not_served(ran):
    ended = ran("run")
    assert ended.code == 4
    assert "a test clock has moved this database" in ended.err


def test_a_loan_that_cannot_be_decided_stands_aside_and_shows(loaded, database_url):
    with connect(database_url) as connection:
        connection.execute("UPDATE loan SET policy = 'withdrawn-policy' WHERE loan_id = 'l-00001-1'")
    ended = loaded("run", "--json", *SPAN)
    assert ended.code == 0 and "b-00001 among them" in ended.err
    assert {json.loads(line)["loan_id"] for line in ended.lines} > {"l-00001-1"}
    assert [json.loads(line)["outcome"] for line in ended.lines if "l-00001-1" in line] == ["set_aside"]
    status = loaded("status")
    assert status.code == 3 and "b-00001" in status.out
    assert json.loads(loaded("loan", "show", "l-00001-1", "--json").out)["set_aside"]
    assert "set_aside" in loaded("loan", "timeline", "l-00001-1").out
    why = loaded("loan", "why", "l-00001-1")
    assert why.code == 1 and "set aside" in why.err


def test_under_a_test_clock_no_adapter_reaches_people(loaded, monkeypatch):
    monkeypatch.setenv("DULY_EMAIL_ADAPTER", "smtp")
    monkeypatch.setenv("DULY_SMTP_HOST", "mail.example.com")
    monkeypatch.setenv("DULY_SMTP_FROM", "acme@example.com")
    ended = loaded("run", *SPAN)
    assert (ended.code, ended.out) == (1, "")
    assert "DULY_EMAIL_ADAPTER=sandbox" in ended.err


def test_a_database_of_somebody_elses_is_not_stopped(stored):
    ended = stored("db", "stop")
    assert ended.code == 1
    assert "DULY_DATABASE_URL" in ended.err


def test_the_url_of_a_database_hides_its_password(duly, monkeypatch):
    monkeypatch.setenv("DULY_DATABASE_URL", "postgresql://duly:a-secret@db.example:5432/duly")
    assert duly("db", "url").lines == ["postgresql://duly:***@db.example:5432/duly"]


def test_every_rule_that_is_told_can_be_said_in_words(ran):
    told = {one["rule"] for line in ran("run", "--json", *SPAN).lines for one in json.loads(line)["because"]}
    assert len(told) > 4
    assert told <= set(RULES)
