"""``duly replay``: exit 0 where all is alike, 3 where something differs or was read, 1 for a loan that is not there."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from policies import judging
from scheduler.replay import reading, running
from scheduler.store.database import connect


@pytest.fixture
def ran(stored, policy, book):
    """A database in which the small book ran through."""
    assert stored("policy", "publish", policy).code == 0
    assert stored("import", book).code == 0
    assert stored("run", "--from", "2026-01-05", "--until", "2026-04-05").code == 0
    return stored


def a_loan(url):
    with connect(url) as connection:
        return connection.execute(
            "SELECT l.loan_id FROM loan l JOIN journal j ON j.loan_key = l.key GROUP BY 1 ORDER BY count(*) DESC, 1"
        ).fetchone()[0]


def count(url, what, where="kind IN ('decision', 'looked')"):
    with connect(url) as connection:
        return connection.execute(f"SELECT count({what}) FROM journal WHERE {where}").fetchone()[0]  # noqa: S608


def test_a_whole_book_that_is_alike_ends_with_one_line_that_counts(ran, database_url):
    ended = ran("replay", "--all")
    assert (ended.code, ended.err) == (0, "")
    looks, entries = count(database_url, "DISTINCT (xact, borrower_key)"), count(database_url, "*")
    assert looks > 100
    (line,) = ended.lines
    assert line.startswith(f"all equal: {looks:,} looks, {entries:,} entries, ") and line.endswith(" of 12 borrowers")


def test_one_loan_is_replayed_with_the_others_of_its_borrower_alone(ran, database_url):
    ended = ran("replay", a_loan(database_url))
    assert ended.code == 0 and ended.out.startswith("all equal: ") and " of 1 borrower\n" in ended.out


def test_a_loan_that_is_not_there_is_said_so(ran):
    ended = ran("replay", "nobody-1")
    assert ended.code == 1 and ended.out == ""
    assert "there is no loan 'nobody-1' in the book" in ended.err


@pytest.mark.parametrize("arguments", [(), ("l", "--all")])
def test_either_a_loan_or_the_book_is_named(stored, arguments):
    ended = stored("replay", *arguments)
    assert ended.code == 2 and "name a loan, or give --all or --since" in ended.err


def test_a_difference_is_a_line_with_place_what_and_rules(ran, monkeypatch):
    monkeypatch.setattr(judging, "_because", lambda run, proposal: ({"rule": "L99"},))
    ended = ran("replay", "--all")
    assert ended.code == 3
    first = ended.lines[0]
    assert first.startswith("2026-0") and " step early-warning/1: reason differs [L2 -> L99]" in first
    assert "further differences, later in the same stories" in ended.out
    assert ended.lines[-1].partition(" differences: ")[0].replace(",", "").isdigit()


def test_a_difference_in_json_says_what_was_and_what_is(ran, monkeypatch):
    monkeypatch.setattr(judging, "_because", lambda run, proposal: ({"rule": "L99"},))
    ended = ran("replay", "--all", "--json")
    *found, last = map(json.loads, ended.lines)
    assert ended.code == 3 and last["kind"] == "sum" and not last["equal"] and last["differences"] == len(found)
    assert found[0]["kind"] == "difference" and found[0]["step"] == "early-warning"
    assert found[0]["recorded"] == {"because": [{"rule": "L2"}]} and found[0]["now"] == {"because": [{"rule": "L99"}]}


def test_a_changed_fact_is_a_line_of_its_borrower(ran, database_url):
    with connect(database_url) as connection:
        connection.execute("UPDATE person SET last_name = 'Else' WHERE borrower_id = 'b-00001'")
    ended = ran("replay", "--all")
    assert ended.code == 3
    assert ended.lines[0].endswith("  borrower b-00001: the facts in the database are not those that were decided on")
    assert "Else" not in ended.out


def test_a_hidden_read_is_a_line_with_its_place(ran, monkeypatch):
    original = judging._because

    def reads_the_clock(run, proposal):
        datetime.now(UTC)
        return original(run, proposal)

    monkeypatch.setattr(judging, "_because", reads_the_clock)
    ended = ran("replay", "--all")
    assert ended.code == 3
    line = reads_the_clock.__code__.co_firstlineno + 1
    assert f"unrecorded read: datetime.now (clock) at {__file__}:{line}, first for borrower " in ended.lines[0]
    assert ended.lines[-1].startswith("1 unrecorded read: ")
    found = [json.loads(one) for one in ran("replay", "--all", "--json").lines]
    assert (found[0]["kind"], found[0]["of"], found[0]["line"]) == ("unrecorded_read", "clock", line)


def test_other_versions_are_notes(ran, monkeypatch):
    from scheduler.replay import core

    monkeypatch.setattr(core, "digest_of_all", lambda: "ab" * 32)
    ended = ran("replay", "--all")
    assert ended.code == 0 and ended.lines[0].startswith("note: ")
    assert f", this is {'ab' * 32}" in ended.lines[0] and "recorded with rules " in ended.lines[0]


def test_since_compares_what_is_later(ran, database_url):
    ended = ran("replay", "--since", "2026-03-01", "--json")
    looks = count(
        database_url, "DISTINCT (xact, borrower_key)",
        "kind IN ('decision', 'looked') AND (entry::json ->> 'now')::bigint >= 1772323200000000",
    )  # fmt: skip
    (last,) = map(json.loads, ended.lines)
    assert ended.code == 0 and last["looks"] == looks > 10


def test_a_policy_that_cannot_be_read_any_more_ends_it_with_3(ran, database_url):
    with connect(database_url) as connection:
        connection.execute("UPDATE policy_version SET source = 'policy: x'")
    ended = ran("replay", "--all")
    assert ended.code == 3 and "cannot be read by this version of duly" in ended.err


def test_as_few_borrowers_as_one_chunk_holds_are_kept_at_once(ran, database_url, monkeypatch):
    kept = []
    original = reading.read_chunk
    monkeypatch.setattr(running, "AT_ONCE", 5)

    def read(connection, clock_id, some):
        kept.append(len(some))
        return original(connection, clock_id, some)

    monkeypatch.setattr(reading, "read_chunk", read)
    assert ran("replay", "--all").code == 0
    assert kept == [5, 5, 2]
