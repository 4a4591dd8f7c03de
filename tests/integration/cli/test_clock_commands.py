"""``duly clock``, and ``--clock`` on the commands that read and change a book."""

from __future__ import annotations

import json

import pytest

from scheduler.store.database import connect

TO = "2026-03-05"


@pytest.fixture
def spring(stored, policy, book):
    """A clock of that name with a policy and a book, at the beginning of the book."""
    made = stored("clock", "create", "spring", "--at", "2026-01-05", "--policy", policy, "--book", book)
    assert (made.code, made.out) == (0, "spring: stands at 2026-01-05T00:00:00+00:00\n")
    return stored


def test_an_advance_prints_what_a_run_prints(spring, policy, book):
    told = spring("clock", "advance", "spring", "--to", TO, "--json")
    assert told.code == 0 and len(told.lines) > 20
    assert "from 2026-01-05T00:00:00+00:00 to 2026-03-05T00:00:00+00:00" in told.err
    assert spring("policy", "publish", policy).code == 0
    assert spring("import", book).code == 0
    run = spring("run", "--from", "2026-01-05", "--until", "2026-03-05T00:00:00.000001Z", "--json")
    assert told.lines == run.lines
    assert (
        told.lines
        == spring(
            "simulate", policy, book, "--from", "2026-01-05", "--until", "2026-03-05T00:00:00.000001Z", "--json"
        ).lines
    )


def test_what_is_printed_is_what_this_advance_did(spring):
    spring("clock", "fork", "spring", "whole")
    first = spring("clock", "advance", "spring", "--by", "1 month", "--json").lines
    then = spring("clock", "advance", "spring", "--to", TO, "--json").lines
    assert first and then
    assert sorted(first + then) == sorted(spring("clock", "advance", "whole", "--to", TO, "--json").lines)
    table = spring("clock", "advance", "whole", "--by", "1 month")
    assert table.lines[0].split() == ["WHEN", "LOAN", "STEP", "OUTCOME", "BY", "WHY"]


def test_commands_speak_of_the_clock_that_is_named(spring, book):
    spring("clock", "advance", "spring", "--to", TO)
    assert spring("policy", "list").out == ""
    assert spring("policy", "list", "--clock", "spring", "--json").lines
    assert spring("messages", "--json").lines == []
    messages = [json.loads(line) for line in spring("messages", "--clock", "spring", "--json").lines]
    assert len(messages) > 5
    loan = messages[0]["loan_id"]
    for command in (("loan", "show"), ("loan", "timeline"), ("loan", "why")):
        assert spring(*command, loan).code == 1
        assert spring(*command, loan, "--clock", "spring").code == 0
    status = spring("status", "--clock", "spring")
    assert status.code == 0
    assert "2026-03-05T00:00:00+00:00, test clock spring" in status.out and "a test clock has no ledger" in status.out
    assert json.loads(spring("status", "--clock", "spring", "--json").out)["ledgers"] == []
    assert json.loads(spring("status", "--json").out)["borrowers"] == 0
    assert spring("replay", "--all", "--clock", "spring").code == 0
    assert " of 12 borrowers" in spring("replay", "--all", "--clock", "spring").out
    spring("clock", "fork", "spring", "copy")
    assert spring("clock", "advance", "copy", "--by", "2 weeks").code == 0
    assert spring("replay", "--all", "--clock", "copy").code == 0
    assert spring("import", book, "--clock", "spring").code == 0
    for command in (("status",), ("messages",), ("loan", "show", loan), ("import", book), ("policy", "list")):
        refused = spring(*command, "--clock", "sprin")
        assert (refused.code, refused.err) == (
            1, "duly: there is no test clock 'sprin'; did you mean spring? (duly clock list shows all)\n"
        )  # fmt: skip


def test_a_fork_and_its_original_are_listed_until_they_are_dropped(spring):
    assert json.loads(spring("clock", "fork", "spring", "copy", "--json").out) == {
        "clock": "copy", "now": "2026-01-05T00:00:00+00:00", "began": "2026-01-05T00:00:00+00:00", "target": None,
        "sandbox_only": False,
    }  # fmt: skip
    assert spring("clock", "fork", "real", "today").code == 0
    assert [json.loads(line)["clock"] for line in spring("clock", "list", "--json").lines] == [
        "copy",
        "spring",
        "today",
    ]
    assert "copied from the real clock" in spring("clock", "list").out
    for name in ("copy", "spring", "today"):
        assert spring("clock", "drop", name).out == f"{name}: dropped\n"
    gone = spring("clock", "list")
    assert (gone.code, gone.out) == (0, "") and "there is no test clock" in gone.err


def test_all_clocks_are_moved_by_one_command(spring):
    spring("clock", "fork", "spring", "later")
    spring("clock", "advance", "later", "--by", "3 days")
    moved = [json.loads(line) for line in spring("clock", "advance", "--all", "--by", "2 weeks", "--json").lines]
    assert {one["clock"]: one["now"][:10] for one in moved} == {"spring": "2026-01-19", "later": "2026-01-22"}
    back = spring("clock", "advance", "--all", "--to", "2026-01-20")
    assert back.code == 1 and "'later' stands at 2026-01-22" in back.err
    assert [json.loads(line)["now"][:10] for line in spring("clock", "list", "--json").lines] == [
        "2026-01-22",
        "2026-01-19",
    ]


def test_a_clock_that_was_cut_short_is_told_nothing_until_it_has_arrived(spring, book, policy, database_url):
    with connect(database_url) as connection:
        connection.execute("UPDATE named_clock SET target_at = '2026-03-05'")
    assert "on its way to 2026-03-05" in spring("clock", "list").out
    for command in (("import", book), ("policy", "publish", policy)):
        refused = spring(*command, "--clock", "spring")
        assert refused.code == 1 and "is on its way to 2026-03-05" in refused.err
    refused = spring("clock", "advance", "spring", "--by", "1 day")
    assert refused.code == 1 and "let it arrive first: duly clock advance spring" in refused.err
    assert spring("clock", "advance", "spring").code == 0
    assert spring("import", book, "--clock", "spring").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["advance", "spring", "--by", "a while"], "'a while' is no duration; expected a number and a unit"),
        (["advance", "spring", "--by", "9000 years"], "leads past the year 9000"),
        (["advance", "spring", "--to", "tomorrow"], "expected an instant such as"),
        (["advance", "spring", "--to", TO, "--by", "1 day"], "give one of --to and --by"),
        (["advance"], "name one test clock, or give --all"),
        (["advance", "spring", "--all"], "name one test clock, or give --all"),
        (["create", "other", "--at", "yesterday"], "expected an instant such as"),
    ],
)
def test_what_cannot_be_understood_is_a_usage_error(spring, arguments, said):
    refused = spring("clock", *arguments)
    assert refused.code == 2 and said in refused.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["advance", "spring"], "has nowhere to go; say where: --to INSTANT, or --by DURATION"),
        (["create", "spring"], "there is a test clock 'spring' already"),
        (["create", "Spring"], "cannot be the name of a test clock"),
        (["create", "real"], "'real' is the real clock"),
        (["create", "other", "--book", "nowhere"], "cannot be read"),
        (["create", "other", "--policy", "nowhere.yaml"], "nowhere.yaml: the file cannot be read"),
        (["drop", "autumn"], "there is no test clock 'autumn'"),
    ],
)
def test_what_cannot_be_done_is_said(spring, arguments, said):
    refused = spring("clock", *arguments)
    assert refused.code == 1 and said in refused.err
    assert [json.loads(line)["clock"] for line in spring("clock", "list", "--json").lines] == ["spring"]
